"""A family of worlds as a stranger would add one: this file, and a line in `envs.ENVS`."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from envs.base import EnvConfig, EnvSpec
from envs.replayed import Outcome, ReplayedEnvs, Worlds


class CorridorConfig(EnvConfig):
    """A corridor whose end is worth 1; an episode is cut off after 20 steps."""

    kind: Literal["corridor"]
    cells: int = Field(default=4, ge=2, le=100)
    num_envs: int = Field(default=4, ge=1, le=64)

    def make(self) -> ReplayedEnvs:
        return ReplayedEnvs(Corridors(self))


class Corridors(Worlds):
    """An action is a step back or ahead."""

    def __init__(self, config: CorridorConfig) -> None:
        self._cells = np.zeros(config.num_envs, np.int64)
        self._steps = np.zeros(config.num_envs, np.int64)
        self._end = config.cells - 1
        self.spec = EnvSpec("corridor", config.num_envs, (1, 8, 8), 1, ("back", "ahead"))

    def begin(self, i: int, seed: int) -> None:
        self._cells[i] = self._steps[i] = 0

    def step(self, i: int, action: int) -> Outcome:
        self._cells[i] = max(0, self._cells[i] + (1 if action else -1))
        self._steps[i] += 1
        there = bool(self._cells[i] == self._end)
        return float(there), there, bool(self._steps[i] == 20) and not there

    def draw(self, rows: Sequence[int]) -> npt.NDArray[np.uint8]:
        bright = (255 * self._cells[list(rows)] // self._end).astype(np.uint8)
        return np.broadcast_to(bright[:, None, None, None], (len(bright), 1, 8, 8))

    def render(self) -> npt.NDArray[np.uint8]:
        gray = np.repeat(np.repeat(self.draw([0])[0, 0], 16, 0), 16, 1)
        return np.repeat(gray[..., None], 3, 2)

    def close(self) -> None:
        pass
