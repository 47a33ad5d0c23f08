"""A world as a person would write it: find the treasure that the order names."""

import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class Treasure(gymnasium.Env[dict[str, Any], np.ndarray]):
    """Two chests; the order names the one to open. `fault` makes it break a rule."""

    def __init__(self, fault: str = "", *, forgets_seed: bool = False) -> None:
        self.observation_space = spaces.Dict(
            {"order": spaces.Text(20), "time": spaces.Box(0, 1, (1,))}
        )
        self.action_space = spaces.MultiDiscrete([2, 2])
        if fault == "continuous":
            self.action_space = spaces.Box(-1, 1, (2,))
        if fault == "make":
            raise RuntimeError("no key\nto this world")
        self.fault, self.forgets_seed = fault, forgets_seed

    def _observe(self) -> dict[str, Any]:
        time_left = 2.0 if self.fault == "outside" else self.t / 4
        return {
            "order": f"open the {('red', 'blue')[self.order]} chest",
            "time": np.array([time_left], np.float32),
        }

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=time.time_ns() if self.forgets_seed else seed)
        self.t, self.order = 0, int(self.np_random.integers(2))
        if self.fault == "reset":
            raise KeyError("a map")
        return self._observe(), {}

    def step(self, action: np.ndarray) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self.t += 1
        if self.fault == "step":
            raise ZeroDivisionError("in the treasury")
        opened = bool(action[0])
        reward = float(opened and action[1] == self.order)
        if self.fault == "nan":
            reward = float("nan")
        return self._observe(), reward, opened, self.t == 4, {}
