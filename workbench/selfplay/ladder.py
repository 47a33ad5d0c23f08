"""A run's strength during training: each network rated in Elo against earlier ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agents.alphazero import AlphaZero, Evaluator
from workbench.evaluation.match import Game
from workbench.evaluation.ratings import Results, rate

RESAMPLES = 200  # players become many, and training waits
RUNGS = 2  # networks that stay, to be met by the next


class Ladder:
    """Fixed players, and the networks of one training as they were measured; part of a checkpoint.

    Attributes:
        rungs: the networks measured last, oldest first.
    """

    def __init__(self, num_anchors: int, agent: AlphaZero) -> None:
        """The anchors are players 0 to `num_anchors` - 1, of whom the last is rated 0.

        Without anchors, the mean of all networks is 0.
        """
        self.rungs: list[Evaluator] = []
        self._agent = agent
        self._num_players = self._num_anchors = num_anchors
        self._games: list[list[float]] = []  # who moved first, who second, first's score, opening

    def climb(
        self, anchors: Sequence[Sequence[Game]], rungs: Sequence[Sequence[Game]], first_seat: int
    ) -> dict[str, float]:
        """Adds the network as it is now, and returns its rating with its 95 % interval.

        Args:
            anchors: its games against each anchor, see `play_match`.
            rungs: its games against each of `rungs`.
            first_seat: who has the first move of the game.
        """
        latest = self._num_players
        rivals = [*range(self._num_anchors), *range(latest - len(rungs), latest)]
        for rival, match in zip(rivals, [*anchors, *rungs], strict=True):
            for number, game in enumerate(match):
                seats = (latest, rival) if number % 2 == 0 else (rival, latest)
                score = game.score if first_seat == 0 else 1 - game.score
                self._games.append([seats[first_seat], seats[1 - first_seat], score, number // 2])
        self._num_players += 1
        self.rungs = [*self.rungs, self._agent.frozen()][-RUNGS:]
        games = np.array(self._games).reshape(-1, 4)
        first, second, _, opening = games.T.astype(np.int64)
        results = Results(first, second, games[:, 2], opening)
        anchor = self._num_anchors - 1 if self._num_anchors else None
        ratings = rate(results, self._num_players, anchor=anchor, resamples=RESAMPLES)
        return {
            "elo": float(ratings.elo[latest]),
            "elo_low": float(ratings.low[latest]),
            "elo_high": float(ratings.high[latest]),
        }

    def state_dict(self) -> dict[str, Any]:
        """The networks that stay, and all games."""
        return {
            "rungs": [rung.network.state_dict() for rung in self.rungs],
            "num_players": self._num_players,
            "games": [list(game) for game in self._games],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back."""
        self.rungs = [self._agent.frozen() for _ in state["rungs"]]
        for rung, weights in zip(self.rungs, state["rungs"], strict=True):
            rung.network.load_state_dict(weights)
        self._num_players = state["num_players"]
        self._games = [list(game) for game in state["games"]]
