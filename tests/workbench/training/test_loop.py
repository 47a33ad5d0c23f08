"""The clocks of env_steps that say when something is due."""

import numpy as np
import pytest

from workbench.training.loop import Every


def moments(clock: Every, env_steps: list[int]) -> list[int]:
    return [now for now in env_steps if clock(now)]


def test_it_is_due_once_for_each_multiple_that_was_reached() -> None:
    assert moments(Every(100, 0), [64, 128, 192, 256, 300, 301, 640]) == [128, 256, 300, 640]


def test_a_start_may_be_due_and_going_on_is_not() -> None:
    ticks = [4, 8, 12, 16, 20]
    assert moments(Every(10, 0, at_start=True), ticks) == [4, 12, 20]
    assert moments(Every(10, 8, at_start=True), ticks[2:]) == [12, 20]


def test_none_is_never_due() -> None:
    assert moments(Every(None, 0), [1, 10**12]) == []


@pytest.mark.parametrize("period", [1, 7, 64, 1000])
def test_it_goes_on_alike_wherever_it_was_stopped(period: int) -> None:
    """Nothing is saved but the env_steps."""
    rng = np.random.default_rng(period)
    env_steps = np.cumsum(rng.integers(1, 100, 200)).tolist()
    due = moments(Every(period, 0), env_steps)
    for stop in range(0, 200, 9):
        before, after = env_steps[:stop], env_steps[stop:]
        again = moments(Every(period, env_steps[stop - 1] if stop else 0), after)
        assert [now for now in due if now in before] + again == due
