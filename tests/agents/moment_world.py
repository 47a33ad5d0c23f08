"""A world whose episodes are over at once, so that nothing of it has to be brought back."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

ACTIONS = {
    "numbered": spaces.Discrete(3),
    "multi": spaces.MultiDiscrete([2, 3]),
    "box": spaces.Box(-2, 2, (2,), np.float32),
}


class Moment(gymnasium.Env[Any, Any]):
    """One step, which is worth the sum of the action."""

    def __init__(self, action: str = "numbered") -> None:
        self.observation_space = spaces.Box(-1, 1, (2,), np.float32)
        self.action_space = ACTIONS[action]

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.array([0.5, -0.5], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.array([1, -1], np.float32), float(np.sum(action)), True, False, {}

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """The second of three actions is not allowed."""
        return np.array([True, False, True])
