"""Random actions: how many, and which."""

import numpy as np
import pytest

from agents.exploration import replace_at_random

GREEDY = np.zeros(100_000, np.int64)


def test_random_actions_are_uniform_and_as_many_as_asked_for():
    action = replace_at_random(GREEDY, 0.4, 4, np.random.default_rng(1))
    counts = np.bincount(action, minlength=4) / len(action)
    # A random action may be the greedy one. Five standard deviations.
    assert counts == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=5 * (0.25 / len(action)) ** 0.5)


def test_each_env_may_have_its_own_share():
    epsilon = np.repeat([0.0, 1.0], 50_000)
    action = replace_at_random(GREEDY, epsilon, 4, np.random.default_rng(1))
    assert not action[:50_000].any()
    assert np.bincount(action[50_000:]).min() > 12_000
