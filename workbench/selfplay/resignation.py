"""When a side resigns: the threshold is calibrated on games that are played out.

Silver et al. 2017 (AlphaGo Zero), Methods, "Self-play": a share of the games is played to the end,
and the threshold is set so that few that would have resigned in them did not lose.
"""

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.config import ResignationConfig
from envs.base import State

MOST = -0.5  # nobody who expects more gives up, whatever the evidence
EVIDENCE = 1_000  # sides of games that were played out, the latest


class Resignation:
    """Who gives up, and how often that is wrong; part of a checkpoint."""

    def __init__(self, config: ResignationConfig, num_games: int, rng: np.random.Generator) -> None:
        """`rng` draws which games are played out."""
        self._config = config
        self._rng = rng
        self._lowest = np.ones((num_games, 2), np.float32)  # each side's worst expectation so far
        self._played_out = np.zeros(num_games, np.bool_)
        self._evidence: deque[tuple[float, bool]] = deque(maxlen=EVIDENCE)  # lowest, lost
        self.threshold = -np.inf
        for game in range(num_games):
            self.begin(game)

    def begin(self, game: int) -> None:
        """Forgets the game that was; another begins."""
        self._lowest[game] = 1
        self._played_out[game] = self._rng.random() < self._config.played_out_share

    def gives_up(
        self, values: npt.NDArray[np.float32], to_play: npt.NDArray[np.int8]
    ) -> npt.NDArray[np.bool_]:
        """Returns `[G]`: whether the side to move gives up.

        Args:
            values: `[G]`, player 0's, as found by the search.
            to_play: `[G]`
        """
        games = np.arange(len(values))
        own = np.where(to_play == 0, values, -values)
        self._lowest[games, to_play] = np.minimum(self._lowest[games, to_play], own)
        given: npt.NDArray[np.bool_] = (own < self.threshold) & ~self._played_out
        return given

    def end(self, game: int, value: float) -> None:
        """Learns from a game that was played out; `value` is player 0's result."""
        if not self._played_out[game]:
            return
        for player, result in enumerate((value, -value)):
            self._evidence.append((float(self._lowest[game, player]), result < 0))
        self.threshold = self._calibrated()

    def _calibrated(self) -> float:
        lowest, lost = (np.array(column) for column in zip(*sorted(self._evidence), strict=True))
        # One more that was wrong than were: a threshold needs evidence before anybody gives up.
        wrong = (1 + np.cumsum(~lost)) / (1 + np.arange(1, len(lost) + 1))
        within = np.flatnonzero(wrong <= self._config.max_false_share)
        return min(MOST, float(lowest[within[-1]])) if len(within) else -np.inf

    def state_dict(self) -> dict[str, Any]:
        """All of it, except for the generator, which the games share."""
        return {
            "lowest": self._lowest,
            "played_out": self._played_out,
            "evidence": [[lowest, float(lost)] for lowest, lost in self._evidence],
        }

    def load_state_dict(self, state: State) -> None:
        """Brings `state_dict` back."""
        self._lowest[:] = state["lowest"]
        self._played_out[:] = state["played_out"]
        self._evidence.clear()
        self._evidence.extend((lowest, bool(lost)) for lowest, lost in state["evidence"])
        self.threshold = self._calibrated() if self._evidence else -np.inf
