"""Random actions in place of greedy ones, by a share that falls as training goes on."""

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
    """The exploration of value learners: epsilon falls linearly over env_steps, then stays."""

    def __init__(
        self,
        *,
        start: float,
        end: float,
        decay_env_steps: int,
        num_actions: int,
        rng: np.random.Generator,
    ) -> None:
        """Begins at `start`; `rng` draws which actions are replaced, and by what."""
        self._start = start
        self._end = end
        self._decay_env_steps = decay_env_steps
        self._num_actions = num_actions
        self._rng = rng
        self._env_steps = 0

    @property
    def epsilon(self) -> float:
        """The share of random actions at this moment of training."""
        progress = min(1.0, self._env_steps / self._decay_env_steps)
        return self._start + progress * (self._end - self._start)

    def explore(self, action: Actions) -> Actions:
        """Returns `[N]` actions to take instead of the greedy ones; advances the schedule."""
        explored = replace_at_random(action, self.epsilon, self._num_actions, self._rng)
        self._env_steps += len(action)
        return explored

    def state_dict(self) -> dict[str, Any]:
        """The generator's position and that in the schedule."""
        return {"rng": self._rng.bit_generator.state, "env_steps": self._env_steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back."""
        self._rng.bit_generator.state = state["rng"]
        self._env_steps = state["env_steps"]
