"""Random actions: how many, which, and how their share falls."""

import numpy as np
import pytest

from agents.exploration import EpsilonGreedy, replace_at_random

GREEDY = np.zeros(100_000, np.int64)


def make(**changes) -> EpsilonGreedy:
    settings = {"start": 1.0, "end": 0.1, "decay_env_steps": 100, "num_actions": 4} | changes
    return EpsilonGreedy(**settings, rng=np.random.default_rng(0))


def test_the_share_falls_linearly_and_then_stays():
    exploration, seen = make(), []
    for _ in range(6):
        seen.append(exploration.epsilon)
        exploration.explore(np.zeros(30, np.int64))
    assert seen == pytest.approx([1.0, 0.73, 0.46, 0.19, 0.1, 0.1])


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


def test_it_goes_on_alike_when_brought_back():
    one, other = make(), make(start=1.0)
    one.explore(np.zeros(50, np.int64))
    other.load_state_dict(one.state_dict())
    assert other.epsilon == one.epsilon
    for _ in range(3):
        assert np.array_equal(one.explore(GREEDY), other.explore(GREEDY))
