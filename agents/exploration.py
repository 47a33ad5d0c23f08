"""Epsilon-greedy exploration: the share of random actions falls during training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Actions = npt.NDArray[np.int64]


def replace_at_random(
    action: Actions,
    epsilon: float | npt.NDArray[np.float64],
    num_actions: int,
    rng: np.random.Generator,
) -> Actions:
    """Returns `[N]` actions: random with probability `epsilon` (one, or `[N]`), else `action`."""
    random = rng.random(len(action)) < epsilon
    drawn = rng.integers(num_actions, size=len(action))
    return np.where(random, drawn, action)


class EpsilonGreedy:
    """Epsilon-greedy exploration: epsilon falls linearly over env_steps, then stays."""

    def __init__(
        self,
        *,
        start: float,
        end: float,
        decay_env_steps: int,
        num_actions: int,
        rng: np.random.Generator,
    ) -> None:
        """Starts at `start`; `rng` chooses which actions to replace, and the new ones."""
        self._start = start
        self._end = end
        self._decay_env_steps = decay_env_steps
        self._num_actions = num_actions
        self._rng = rng
        self._env_steps = 0

    @property
    def epsilon(self) -> float:
        """The current share of random actions."""
        progress = min(1.0, self._env_steps / self._decay_env_steps)
        return self._start + progress * (self._end - self._start)

    def explore(self, action: Actions) -> Actions:
        """Returns `[N]` actions to take instead of the greedy ones; advances the schedule."""
        explored = replace_at_random(action, self.epsilon, self._num_actions, self._rng)
        self._env_steps += len(action)
        return explored

    def state_dict(self) -> dict[str, Any]:
        """The state of the generator and of the schedule."""
        return {"rng": self._rng.bit_generator.state, "env_steps": self._env_steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores `state_dict`."""
        self._rng.bit_generator.state = state["rng"]
        self._env_steps = state["env_steps"]
