"""Epsilon-greedy exploration: a share of the actions is random."""

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
