"""Positions of board games, with what search made of them, in a ring."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from agents.alphazero import Positions
from envs.board.base import GameSpec
from workbench.config import PositionReplayConfig

# The window of what is learned from grows as in KataGo (Wu 2019, appendix C).
WINDOW_EXPONENT, WINDOW_GROWTH = 0.75, 0.4


class Learnable(NamedTuple):
    """P positions to learn from."""

    obs: npt.NDArray[np.uint8]  # [P, C, H, W]
    policy: npt.NDArray[np.float32]  # [P, A]
    outcome: npt.NDArray[np.float32]  # [P, 3] chances of a win, a draw and a loss
    end: npt.NDArray[np.uint8]  # [P, C, H, W] the last board of its game, as the same side saw it
    ended: npt.NDArray[np.bool_]  # [P] whether the game was played to that end


class PositionReplay:
    """A ring of positions; each sample is turned by one of the game's symmetries."""

    def __init__(
        self, config: PositionReplayConfig, spec: GameSpec, rng: np.random.Generator
    ) -> None:
        """`rng` draws samples and symmetries."""
        capacity = config.capacity_positions
        self._config = config
        self._spec = spec
        self._rng = rng
        self._obs = np.zeros((capacity, *spec.obs_shape), np.uint8)
        self._policy = np.zeros((capacity, spec.num_actions), np.float16)
        self._outcome = np.zeros((capacity, 3), np.float32)
        self._end = np.zeros((capacity, *spec.obs_shape), np.uint8)
        self._ended = np.zeros(capacity, np.bool_)
        self.added = 0

    @property
    def window(self) -> int:
        """How many of the latest positions are learned from: Wu 2019 (KataGo), appendix C."""
        config = self._config
        more = self.added / config.window_positions
        if more <= 1:
            return self.added
        growth = WINDOW_GROWTH * (more**WINDOW_EXPONENT - 1) / WINDOW_EXPONENT
        size = config.window_positions * (1 + growth)
        return min(int(size), self.added, config.capacity_positions)

    def add(self, positions: Learnable) -> None:
        """Adds P positions, P at most the capacity."""
        rows = (self.added + np.arange(len(positions.obs))) % len(self._obs)
        self._obs[rows] = positions.obs
        self._policy[rows] = positions.policy
        self._outcome[rows] = positions.outcome
        self._end[rows] = positions.end
        self._ended[rows] = positions.ended
        self.added += len(rows)

    def sample(self, batch_size: int) -> Positions:
        """Draws from the window with replacement."""
        age = self._rng.integers(self.window, size=batch_size)
        rows = (self.added - 1 - age) % len(self._obs)
        spec = self._spec
        turn = self._rng.integers(len(spec.symmetric_cells), size=batch_size)
        policy = np.take_along_axis(self._policy[rows], spec.symmetric_actions[turn], 1)
        return Positions(
            torch.from_numpy(turned(spec, self._obs[rows], turn)),
            torch.from_numpy(policy.astype(np.float32)),
            torch.from_numpy(self._outcome[rows]),
            torch.from_numpy(turned(spec, self._end[rows], turn)),
            torch.from_numpy(self._ended[rows]),
        )

    def spread(self, count: int, of_latest: int) -> Positions:
        """Returns up to `count` positions, evenly over the latest ones, as they were played."""
        kept = min(self.added, of_latest, len(self._obs))
        age = np.linspace(0, kept, min(count, kept), endpoint=False).astype(np.int64)
        rows = (self.added - 1 - age) % len(self._obs)
        return Positions(
            torch.from_numpy(self._obs[rows]),
            torch.from_numpy(self._policy[rows].astype(np.float32)),
            torch.from_numpy(self._outcome[rows]),
            torch.from_numpy(self._end[rows]),
            torch.from_numpy(self._ended[rows]),
        )

    def state_dict(self) -> dict[str, Any]:
        """All positions in use and the generator."""
        used = min(self.added, len(self._obs))
        return {
            "obs": self._obs[:used],
            "policy": self._policy[:used],
            "outcome": self._outcome[:used],
            "end": self._end[:used],
            "ended": self._ended[:used],
            "added": self.added,
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back; raises ValueError if it belongs to another replay."""
        used = len(state["obs"])
        self._obs[:used] = state["obs"]
        self._policy[:used] = state["policy"]
        self._outcome[:used] = state["outcome"]
        self._end[:used] = state["end"]
        self._ended[:used] = state["ended"]
        self.added = state["added"]
        self._rng.bit_generator.state = state["rng"]


def position_replay_bytes(config: PositionReplayConfig, spec: GameSpec, positions: int) -> int:
    """Returns the bytes of what `state_dict` holds once `positions` were added."""
    row = 2 * math.prod(spec.obs_shape) + 2 * spec.num_actions + 3 * 4 + 1
    return row * min(config.capacity_positions, positions)


def turned(
    spec: GameSpec, obs: npt.NDArray[np.uint8], turn: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Returns `obs` `[B, C, H, W]`, each turned by the symmetry whose number is in `turn` `[B]`."""
    cells = spec.symmetric_cells[turn][:, None]
    flat = obs.reshape(*obs.shape[:2], -1)
    return np.take_along_axis(flat, cells, 2).reshape(obs.shape)
