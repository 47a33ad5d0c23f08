"""Worlds without any change: what an agent unpacks is what the world gave."""

from contextlib import closing
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from envs.base import WorldFailure
from envs.plain_worlds import Packed, PlainConfig

SPACES = [
    spaces.Box(-3, 3, (4,), np.float64),
    spaces.Box(0, 255, (5, 6, 3), np.uint8),
    spaces.Discrete(7),
    spaces.MultiDiscrete([3, 4]),
    spaces.MultiBinary(5),
    spaces.Dict(
        {"a": spaces.Discrete(3), "b": spaces.Box(-1, 1, (2, 3)), "c": spaces.MultiBinary(2)}
    ),
]


def world_of(space: spaces.Space[Any]) -> Any:
    world: Any = gymnasium.Env()
    world.observation_space, world.action_space = space, spaces.Discrete(2)
    return world


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_what_is_packed_comes_back(space: spaces.Space[Any]) -> None:
    space.seed(3)
    packed = Packed(world_of(space))
    given = [space.sample() for _ in range(3)]
    back, masks = packed.unpack(np.stack([packed.read(one) for one in given]))
    assert masks is None
    for i, one in enumerate(given):
        pairs = [(back, one)]
        if isinstance(one, dict):
            assert back.keys() == one.keys()
            pairs = [(back[key], one[key]) for key in one]
        for arrays, expected in pairs:
            assert np.array_equal(arrays[i], expected)
            assert arrays.dtype == np.asarray(expected).dtype


def test_allowed_actions_are_packed_too() -> None:
    world = world_of(spaces.Discrete(4))
    world.action_masks = lambda: np.array([False, True])
    packed = Packed(world)
    obs, masks = packed.unpack(np.stack([packed.read(2), packed.read(3)]))
    assert obs.tolist() == [2, 3]
    assert masks is not None
    assert masks.tolist() == [[False, True]] * 2


@pytest.mark.parametrize("space", [spaces.Text(4), spaces.Sequence(spaces.Discrete(2))], ids=str)
def test_what_has_no_fixed_size_is_refused(space: spaces.Space[Any]) -> None:
    with pytest.raises(ValueError, match=f"hold a {type(space).__name__}"):
        Packed(world_of(space))


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"its shape is \(3,\), not \(4,\)"):
        Packed(world_of(SPACES[0])).read(np.zeros(3))


def test_numbers_reach_the_world() -> None:
    """An action of Pendulum is a torque, and its reward follows from it: see its documentation."""
    with closing(PlainConfig(kind="gymnasium", id="Pendulum-v1", num_envs=2).make()) as env:
        env.reset(3)
        (cos, sin, speed), _ = env.spec.plain.unpack(env.recv().obs)[0]  # type: ignore[union-attr]
        env.send(np.array([[0.5], [-2.0]], np.float32))
        angle = np.arctan2(sin, cos)
        expected = -(angle**2 + 0.1 * speed**2 + 0.001 * 0.5**2)
        assert env.recv().reward[0] == pytest.approx(expected, rel=1e-5)
        assert env.spec.action_names == ("numbers",)


def test_what_agents_see_cannot_be_changed_by_keys() -> None:
    with pytest.raises(ValueError, match="without stack; wrappers can change it"):
        PlainConfig(kind="gymnasium", id="CartPole-v1", stack=4)


def test_a_world_that_fails_is_named() -> None:
    with closing(PlainConfig(kind="gymnasium", id="CartPole-v1").make()) as env:
        env.reset(3)
        env.recv()
        env.send(np.array([7]))
        with pytest.raises(WorldFailure, match="gymnasium/CartPole-v1, in step: AssertionError"):
            env.recv()
