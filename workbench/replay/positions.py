"""Replay of board positions, each with its search policy and game outcome."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from agents.alphazero import Positions
from envs.base import SavedGenerator
from envs.board.base import GameSpec
from workbench.config import PositionReplayConfig

# The window of what is learned from grows as in KataGo (Wu 2019, appendix C).
WINDOW_EXPONENT, WINDOW_GROWTH = 0.75, 0.4


class Learnable(NamedTuple):
    """P positions to learn from, each seen by its side to move."""

    obs: npt.NDArray[np.uint8]  # [P, C, H, W]
    policy: npt.NDArray[np.float32]  # [P, A]
    outcome: npt.NDArray[np.float32]  # [P, 3] chances of WIN, DRAW and LOSS


class PositionReplay:
    """A ring of positions. Each sample is turned by a random symmetry of the game."""

    def __init__(
        self, config: PositionReplayConfig, spec: GameSpec, rng: np.random.Generator
    ) -> None:
        """`rng` draws samples and symmetries."""
        self._config = config
        self._spec = spec
        self._rng = SavedGenerator(rng.bit_generator)
        self._columns = {
            name: np.zeros((config.capacity_positions, *shape), dtype)
            for name, (dtype, shape) in stored_columns(spec).items()
        }
        self.added = 0

    @property
    def window(self) -> int:
        """The number of latest positions that are sampled (Wu 2019, KataGo, appendix C)."""
        config = self._config
        more = self.added / config.window_positions
        if more <= 1:
            return self.added
        growth = WINDOW_GROWTH * (more**WINDOW_EXPONENT - 1) / WINDOW_EXPONENT
        size = config.window_positions * (1 + growth)
        return min(int(size), self.added, config.capacity_positions)

    def add(self, positions: Learnable) -> None:
        """Adds P positions; P is at most the capacity."""
        count = len(positions.obs)
        rows = (self.added + np.arange(count)) % self._config.capacity_positions
        for name, column in self._columns.items():
            column[rows] = getattr(positions, name)
        self.added += count

    def sample(self, batch_size: int) -> Positions:
        """Draws a batch from the window, with replacement."""
        spec = self._spec
        age = self._rng.integers(self.window, size=batch_size)
        symmetry = self._rng.integers(len(spec.symmetric_cells), size=batch_size)
        drawn = self._of_age(age)
        return _batch(
            drawn._replace(
                obs=turned(spec, drawn.obs, symmetry),
                policy=np.take_along_axis(drawn.policy, spec.symmetric_actions[symmetry], 1),
            )
        )

    def spread(self, count: int, of_latest: int) -> Positions:
        """Returns up to `count` of the latest positions, evenly spaced and not turned."""
        kept = min(self.added, of_latest, self._config.capacity_positions)
        age = np.linspace(0, kept, min(count, kept), endpoint=False).astype(np.int64)
        return _batch(self._of_age(age))

    def _of_age(self, age: npt.NDArray[np.int64]) -> Learnable:
        """Returns the stored positions of age `[B]`; the latest has age 0."""
        rows = (self.added - 1 - age) % self._config.capacity_positions
        return Learnable(**{name: column[rows] for name, column in self._columns.items()})

    def state_dict(self) -> dict[str, Any]:
        """Returns all positions and the generator's state."""
        used = min(self.added, self._config.capacity_positions)
        columns = {name: column[:used] for name, column in self._columns.items()}
        return {**columns, "added": self.added, **self._rng.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back; ignores columns of earlier versions.

        Raises:
            ValueError: it is of a replay of other shapes.
        """
        for name, column in self._columns.items():
            column[: len(state[name])] = state[name]
        self.added = state["added"]
        self._rng.load_state_dict(state)


def stored_columns(spec: GameSpec) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    """Returns the dtype and the shape of one row of each column, named as in `Learnable`."""
    return {
        "obs": (np.uint8, spec.obs_shape),
        "policy": (np.float16, (spec.num_actions,)),  # precise enough, and half as large
        "outcome": (np.float32, (3,)),
    }


def position_replay_bytes(config: PositionReplayConfig, spec: GameSpec, positions: int) -> int:
    """Returns the bytes of all columns after `positions` were added."""
    columns = stored_columns(spec).values()
    row = sum(np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in columns)
    return row * min(config.capacity_positions, positions)


def _batch(stored: Learnable) -> Positions:
    """Returns stored positions as float32 tensors for a learner."""
    precise = stored._replace(policy=stored.policy.astype(np.float32))
    return Positions(*map(torch.from_numpy, precise))


def turned(
    spec: GameSpec, obs: npt.NDArray[np.uint8], symmetry: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Returns `obs` `[B, C, H, W]`, each turned by the symmetry with the number `[B]`."""
    cells = spec.symmetric_cells[symmetry][:, None]
    flat = obs.reshape(*obs.shape[:2], -1)
    return np.take_along_axis(flat, cells, 2).reshape(obs.shape)
