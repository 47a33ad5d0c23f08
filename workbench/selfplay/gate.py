"""Gating: the best network so far plays the games until a later one beats it."""

from typing import Any

import numpy as np

from agents.alphazero import AlphaZero, AlphaZeroConfig, SearchPlayer
from envs.base import State
from envs.board.base import BoardGame
from workbench.config import GateConfig
from workbench.evaluation.match import first_players_scores, play_match, random_openings

OPENING_PLIES = 2  # random moves before each pair of games, so that no two pairs are alike


class Gate:
    """The frozen best network and the matches against it; part of a checkpoint.

    As in AlphaGo Zero (Silver et al. 2017, Methods, "Evaluator") and KataGo's gatekeeper; searches
    are the short ones of self-play.
    """

    def __init__(
        self, config: GateConfig, play: AlphaZeroConfig, agent: AlphaZero, game: BoardGame
    ) -> None:
        """The network as it is now is the best so far."""
        self.period_env_steps = config.period_env_steps
        self._config, self._play = config, play
        self._agent, self._game = agent, game
        self.best = agent.frozen()
        self._accepted = 0
        self._rejected_in_a_row = 0

    def challenge(self) -> dict[str, float]:
        """Plays the match and returns what came of it; draws from no generator of training."""
        config, play = self._config, self._play
        rng = np.random.default_rng(0)
        openings = random_openings(self._game, OPENING_PLIES, config.games // 2, rng)
        latest, best = (
            SearchPlayer(evaluate, play.search, self._game, play.fast_simulations)
            for evaluate in (self._agent.evaluate, self.best)
        )
        games = play_match(self._game, (latest, best), openings)
        score = float(np.mean(first_players_scores(games)))
        if score >= config.min_score:
            self.best.network.load_state_dict(self._agent.average.state_dict())
            self._accepted += 1
            self._rejected_in_a_row = 0
        else:
            self._rejected_in_a_row += 1
        return {
            "gate_score": score,
            "gate_accepted": self._accepted,
            "gate_rejected_in_a_row": self._rejected_in_a_row,
        }

    def state_dict(self) -> dict[str, Any]:
        """The best network's weights and how it came to them."""
        return {
            "best": self.best.network.state_dict(),
            "accepted": self._accepted,
            "rejected_in_a_row": self._rejected_in_a_row,
        }

    def load_state_dict(self, state: State) -> None:
        """Brings `state_dict` back."""
        self.best.network.load_state_dict(state["best"])
        self._accepted = state["accepted"]
        self._rejected_in_a_row = state["rejected_in_a_row"]
