"""Plays a network against itself, and collects positions to learn from."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.alphazero import AlphaZeroConfig
from agents.search import Evaluate, Search
from envs.board.base import DRAW, LOSS, WIN, BoardGame, Position
from workbench.evaluation.match import play_at_random
from workbench.replay import Learnable
from workbench.selfplay.resignation import Resignation


class Moves(NamedTuple):
    """The result of one move in every game."""

    learnable: Learnable | None  # the positions of the games that ended; None: there are none
    games: list[dict[str, float]]  # metrics of each game that ended
    facts: dict[str, float]  # metrics of the searches


class Seen(NamedTuple):
    """A searched position of a game that goes on."""

    obs: npt.NDArray[np.uint8]  # [C, H, W]
    policy: npt.NDArray[np.float32]  # [A]
    value: float  # player 0's, of the search
    to_play: int


class SelfPlay:
    """G games of a network against itself; part of a checkpoint."""

    def __init__(
        self,
        config: AlphaZeroConfig,
        game: BoardGame,
        evaluate: Evaluate,
        num_games: int,
        rng: np.random.Generator,
    ) -> None:
        """`evaluate` asks the network; `rng` draws all randomness of the games."""
        self._config, self._game, self._rng = config, game, rng
        self._search = search = Search(config.search, game, evaluate, num_games)
        self._seen: list[list[Seen]] = [[] for _ in range(num_games)]
        self._resignation: Resignation | None = None
        if config.resignation is not None:
            self._resignation = Resignation(config.resignation, num_games, rng)
        for g in range(num_games):
            search.place(g, self._opening())

    def _opening(self) -> Position:
        """Returns a random opening, so that games differ."""
        while True:
            plies = int(self._rng.integers(self._config.random_plies, endpoint=True))
            position = play_at_random(self._game, plies, self._rng)
            if not self._game.status([position]).over[0]:
                return position

    def move(self, *, full: bool) -> Moves:
        """Makes one move in every game; a new game replaces each one that ends.

        If `full`, searches are long and their positions are learned from; else they are short (Wu
        2019, KataGo, section 3.1). All games search equally long, so batches stay full.
        """
        config, search, rng = self._config, self._search, self._rng
        evaluations, batches = search.evaluations, search.batches
        simulations = config.simulations if full else config.fast_simulations
        search.run(simulations, noise=rng if full else None)
        roots = list(search.roots)
        policies = np.stack([search.policy(g) for g in range(len(roots))])
        values = np.array([search.value(g) for g in range(len(roots))], np.float32)
        to_play = self._game.status(roots).to_play
        if full:
            for g, obs in enumerate(self._game.observe(roots)):
                self._seen[g].append(Seen(obs, policies[g], float(values[g]), int(to_play[g])))
        resigned = np.zeros(len(roots), np.bool_)
        if self._resignation is not None:
            resigned = self._resignation.gives_up(values, to_play)
        draws = rng.random(len(roots))
        for g in np.flatnonzero(~resigned).tolist():
            plies = len(self._game.history(roots[g]))
            search.play(g, self._choose(g, policies[g], plies, draws[g]))
        status = self._game.status(search.roots)
        results = np.where(resigned, np.where(to_play == 0, -1, 1), status.value)
        ended = np.flatnonzero(status.over | resigned).tolist()
        per_move = (search.evaluations - evaluations) / len(roots)
        facts = {
            "evaluations_per_move": per_move,
            "batch_fill": per_move / max(1, search.batches - batches),
        }
        told = [self._told(g, results[g], resigned[g]) for g in ended]
        moves = Moves(self._learnable(ended, results), told, facts)
        for g in ended:
            if self._resignation is not None:
                self._resignation.end(g, float(results[g]))
                self._resignation.begin(g)
            search.place(g, self._opening())
            self._seen[g] = []
        return moves

    def _told(self, game: int, result: float, resigned: bool) -> dict[str, float]:
        facts = {
            "game_plies": len(self._game.history(self._search.roots[game])),
            "player_0_score": (1 + float(result)) / 2,
            "draws": float(result == 0),
        }
        if self._resignation is not None:
            facts["resigned"] = float(resigned)
        return facts

    def _choose(self, game: int, policy: npt.NDArray[np.float32], plies: int, draw: float) -> int:
        config = self._config
        if plies >= config.temperature_plies:
            return self._search.best(game)
        weights = policy.astype(np.float64) ** (1 / config.temperature)
        cumulative = weights.cumsum()
        return int(np.searchsorted(cumulative, draw * cumulative[-1], side="right"))

    def _learnable(self, games: list[int], value: npt.NDArray[np.float32]) -> Learnable | None:
        """Returns the searched positions of `games`, which are over with player 0's `value`."""
        all_seen = [seen for g in games for seen in self._seen[g]]
        if not all_seen:
            return None
        obs, policy, searched, to_play = map(np.array, zip(*all_seen, strict=True))
        sign = np.where(to_play == 0, 1.0, -1.0)
        result = sign * np.repeat(value[games], [len(self._seen[g]) for g in games])
        share = self._config.root_value_share
        target = (1 - share) * chances(result) + share * chances(sign * searched)
        return Learnable(obs, policy, target.astype(np.float32))

    def state_dict(self) -> dict[str, Any]:
        """Returns the trees, the searched positions, the generator and the resignation."""
        seen = [one for per_game in self._seen for one in per_game]
        spec, resignation = self._game.spec, self._resignation
        obs = np.array([one.obs for one in seen], np.uint8).reshape(-1, *spec.obs_shape)
        policy = np.array([one.policy for one in seen], np.float32).reshape(-1, spec.num_actions)
        return {
            "search": self._search.state_dict(),
            "rng": self._rng.bit_generator.state,
            "counts": [len(per_game) for per_game in self._seen],
            "obs": obs,
            "policy": policy,
            "value": [one.value for one in seen],
            "to_play": [one.to_play for one in seen],
            **({"resignation": resignation.state_dict()} if resignation else {}),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back; raises ValueError if it has another number of games."""
        self._search.load_state_dict(state["search"])
        self._rng.bit_generator.state = state["rng"]
        if self._resignation is not None:
            self._resignation.load_state_dict(state["resignation"])
        obs, policy = np.array(state["obs"]), np.array(state["policy"])
        seen = map(Seen, obs, policy, state["value"], state["to_play"])
        self._seen = [list(islice(seen, count)) for count in state["counts"]]


def chances(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns chances `[B, 3]` with `value` `[B]`: those with the highest chance of a draw."""
    columns = {WIN: value.clip(min=0), DRAW: 1 - abs(value), LOSS: (-value).clip(min=0)}
    return np.stack([columns[i] for i in range(3)], 1)
