"""People's own worlds: where they come from, what is refused, and how they are brought back."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from envs import make_envs, make_rendered_env
from envs.gymnasium_worlds import GymnasiumConfig
from tests.envs import own_world

FILE = own_world.__file__


def world(env_id: str = "Treasure", **settings: Any) -> GymnasiumConfig:
    settings = {"module": FILE, "num_envs": 2} | settings
    return GymnasiumConfig(kind="gymnasium", id=env_id, **settings)


def test_a_class_in_a_file_needs_no_registration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(Path(FILE).read_text())
    monkeypatch.chdir(tmp_path)
    config = world(module="mine.py")
    assert config.module == str(tmp_path / "mine.py")
    monkeypatch.chdir("/")
    env = make_envs(config)
    assert env.spec.name == "gymnasium/Treasure"
    assert env.spec.action_names == ("0,0", "0,1", "1,0", "1,1")
    assert [part.kind for part in env.spec.parts] == ["text", "vector"]
    env.reset(0)
    assert env.recv().obs.shape == (2, 1, 1, 24 * 2 + 4)
    env.close()
    assert sys.modules.pop(config.module)


def test_rewards_and_ends_are_those_of_the_world() -> None:
    env = make_envs(world(num_envs=1))
    env.reset(3)
    rewards = []
    for action in (0, 0, 0, 0):  # the chest stays shut until time is up
        assert not env.recv().last[0]
        env.send(np.array([action]))
    cut_off = env.recv()
    assert (cut_off.last[0], cut_off.discount[0]) == (True, 1)
    for _ in range(20):
        env.send(np.array([2]))  # the red one, again and again
        step = env.recv()
        if step.last[0]:
            assert step.discount[0] == 0
            rewards.append(step.reward[0])
    env.close()
    assert set(rewards) == {0.0, 1.0}


def test_a_world_that_draws_nothing_shows_what_the_agent_sees() -> None:
    env = make_rendered_env(world())
    env.reset(0)
    env.recv()
    picture = env.render()
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert picture.shape[0] >= 200
    env.close()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"id": "Trasure"}, "Gymnasium knows no world 'Trasure'"),
        ({"id": "CartPoel-v1", "module": None}, "did you mean 'CartPole-v1'"),
        ({"id": "nowhere:X-v0", "module": None}, "the module 'nowhere' cannot be imported"),
        ({"module": "nowhere_at_all"}, "the module 'nowhere_at_all' cannot be imported"),
        ({"module": "/nowhere/mine.py"}, "there is no file /nowhere/mine.py"),
        ({"kwargs": {"colour": 1}}, "Treasure cannot be made: TypeError: .*colour"),
        ({"kwargs": {"fault": "make"}}, "Treasure cannot be made: RuntimeError: no key to this"),
        ({"wrappers": ("gymnasium.wrappers:Nothing",)}, "Treasure cannot be made: AttributeError"),
        ({"kwargs": {"fault": "continuous"}}, "its actions are continuous"),
        ({"kwargs": {"fault": "reset"}}, "gymnasium/Treasure, in reset: KeyError: 'a map'"),
        ({"kwargs": {"fault": "step"}}, r"in step\(.*\): ZeroDivisionError: in the treasury"),
        ({"kwargs": {"fault": "nan"}}, r"in step\(.*\): ValueError: the reward is nan"),
        ({"kwargs": {"fault": "outside"}}, "time: its number 0 is 2, outside 0..1"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(settings: dict[str, Any], reason: str) -> None:
    settings = {"id": "Treasure"} | settings
    with pytest.raises(ValueError, match=reason) as raised:
        make_envs(world(settings.pop("id"), **settings))
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import gymnasium\n1 / 0\n")
    for _ in range(2):  # and it is run anew when it was mended
        with pytest.raises(ValueError, match=r"broken\.py cannot be run: ZeroDivisionError"):
            make_envs(world(module=str(tmp_path / "broken.py")))


def test_a_size_needs_both_sides() -> None:
    with pytest.raises(ValidationError, match="height and width go together"):
        world(height=84)


def play(env: Any, ticks: int, seed: int) -> list[Any]:
    """Steps under random actions; the env is left between send and recv."""
    rng = np.random.default_rng(seed)
    steps = []
    for _ in range(ticks):
        steps.append(env.recv())
        env.send(rng.integers(2, size=env.spec.num_envs))  # never opens a chest
    return steps


@pytest.mark.parametrize("forgets_seed", [False, True])
def test_episodes_that_do_not_come_back_are_cut_off(forgets_seed: bool) -> None:
    config = world(num_envs=16, kwargs={"forgets_seed": forgets_seed})
    env = make_envs(config)
    env.reset(0)
    before = play(env, 7, seed=1)[-1]
    assert not before.last.any()
    state = env.state_dict()
    expected = env.recv()
    env.close()
    env = make_envs(config)
    env.load_state_dict(state)
    resumed, after = play(env, 2, seed=2)
    env.close()
    if not forgets_seed:
        assert all(np.array_equal(*pair) for pair in zip(resumed, expected, strict=True))
        return
    # Half of the orders came out the same by chance: nobody can tell that they are others.
    cut_off = (resumed.obs == before.obs).all((1, 2, 3))
    assert 2 < cut_off.sum() < 14
    assert resumed.last[cut_off].all()
    assert (resumed.discount[cut_off] == 1).all()
    assert (resumed.reward[cut_off] == 0).all()
    assert np.array_equal(after.first, resumed.last)
