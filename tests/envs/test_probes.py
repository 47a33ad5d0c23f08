"""The rewards, observations and ends of each probe, worked out by hand."""

import numpy as np
import pytest

from envs.base import Step
from envs.probes import PROBES, ProbeConfig, ProbeEnvs, ProbeName


def play(probe: ProbeName, actions: list[int], num_envs: int = 1, seed: int = 0) -> list[Step]:
    """Returns the steps of one env more than there are actions; each goes to all envs."""
    env = ProbeEnvs(ProbeConfig(kind="probe", probe=probe, num_envs=num_envs))
    env.reset(seed)
    steps = [env.recv()]
    for action in actions:
        env.send(np.full(num_envs, action))
        steps.append(env.recv())
    return steps


def rewards(steps: list[Step]) -> list[float]:
    return [float(step.reward[0]) for step in steps]


def discounts(steps: list[Step]) -> list[float]:
    return [float(step.discount[0]) for step in steps]


def brightness(steps: list[Step]) -> list[int]:
    return [int(step.obs[0, -1, 0, 0]) for step in steps]


def test_constant_pays_1_each_episode_of_one_step() -> None:
    steps = play("constant", [0, 0, 0])
    assert rewards(steps) == [0, 1, 0, 1]
    assert discounts(steps) == [1, 0, 1, 0]
    assert brightness(steps) == [128] * 4


def test_obs_value_pays_by_what_was_seen() -> None:
    steps = play("obs_value", [0], num_envs=64)
    bright = steps[0].obs[:, 0, 0, 0] == 255
    assert 10 < bright.sum() < 54
    assert np.array_equal(steps[1].reward, np.where(bright, 1, -1))


def test_delayed_reward_pays_at_the_end_of_two_steps() -> None:
    steps = play("delayed_reward", [0, 0, 0, 0, 0])
    assert rewards(steps) == [0, 0, 1, 0, 0, 1]
    assert discounts(steps) == [1, 1, 0, 1, 1, 0]
    assert brightness(steps) == [0, 255, 255, 0, 255, 255]


def test_action_value_pays_for_action_1() -> None:
    # The second and the fourth action go to rows that are `last`.
    assert rewards(play("action_value", [1, 1, 0, 1, 1])) == [0, 1, 0, -1, 0, 1]


@pytest.mark.parametrize("action", [0, 1])
def test_obs_action_pays_for_naming_what_is_seen(action: int) -> None:
    steps = play("obs_action", [action], num_envs=64)
    bright = steps[0].obs[:, 0, 0, 0] == 255
    assert np.array_equal(steps[1].reward, np.where(bright == (action == 1), 1, -1))


def test_endless_pays_1_for_ever_and_is_only_cut_off() -> None:
    steps = play("endless", [0] * 11)
    assert rewards(steps) == [0, 1, 1, 1, 1, 1] * 2
    assert discounts(steps) == [1] * 12
    assert [tick for tick, step in enumerate(steps) if step.last[0]] == [5, 11]


def test_recall_pays_at_the_end_for_naming_what_only_the_first_obs_shows() -> None:
    for action in (0, 1):
        # What is done before the end pays nothing: here, the wrong action.
        steps = play("recall", [1 - action] * 3 + [action], num_envs=64)
        cue = steps[0].obs[:, 0, 0, 0]
        assert set(cue.tolist()) == {0, 255}
        assert all((step.obs == 128).all() for step in steps[1:])
        assert rewards(steps[:4]) == [0, 0, 0, 0]
        assert np.array_equal(steps[4].reward, (cue == 255) == action)
        assert discounts(steps) == [1, 1, 1, 1, 0]
        assert [step.last.all() for step in steps] == [False] * 4 + [True]


def test_counter_shows_its_last_four_times() -> None:
    steps = play("counter", [0, 1] * 6)
    assert steps[2].obs[0, :, 0, 0].tolist() == [0, 10, 11, 12]
    assert steps[9].obs[0, :, 0, 0].tolist() == [16, 17, 18, 19]
    assert steps[10].obs[0, :, 0, 0].tolist() == [0, 0, 0, 10]
    assert rewards(steps) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    assert discounts(steps) == [1] * 13
    assert steps[9].last[0]


@pytest.mark.parametrize("probe", PROBES)
def test_a_frame_has_one_brightness_and_renders_larger(probe: ProbeName) -> None:
    env = ProbeEnvs(ProbeConfig(kind="probe", probe=probe, num_envs=1))
    env.reset(0)
    frame = env.recv().obs[0, -1]
    assert (frame == frame[0, 0]).all()
    assert (env.render() == frame[0, 0]).all()
    assert env.render().shape == (128, 128, 3)
