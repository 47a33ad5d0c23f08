"""Every world passes the same suite: the episode-boundary convention, determinism, exact resume."""

import zlib
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest

import envs.atari
from envs import make_envs, make_rendered_env
from envs.atari import AtariConfig
from envs.base import EnvConfig, EnvSpec, State, Step, VectorEnv
from envs.crafter import CrafterConfig
from envs.doom import DoomConfig
from envs.grid import MiniGridConfig
from envs.gymnasium_worlds import GymnasiumConfig
from envs.probes import ProbeConfig, ProbeName
from workbench.runs import checkpoint

TICKS = 300
RENDERED_TICKS = 130  # of Atari, whose episodes and segments end in these
FEW_RENDERED_TICKS = 40


class Case(NamedTuple):
    """A world, another one that must refuse its states, and how the emulator's limits are set."""

    config: EnvConfig
    other: EnvConfig
    is_random: bool = True
    max_frames: int = 108_000


# Short, so that recordings have both seeded resets and native autoresets.
RESEED_PERIOD_TICKS = 100


def _atari(game: str, protocol: str, num_envs: int, max_frames: int, **settings: Any) -> Case:
    config = AtariConfig(kind="atari", game=game, protocol=protocol, num_envs=num_envs, **settings)
    other = {"game": "boxing"} if protocol == "machado" else {"protocol": "machado"}
    return Case(config, AtariConfig(**config.model_dump() | other), max_frames=max_frames)


def _grid(env_id: str, **settings: Any) -> Case:
    config = MiniGridConfig(kind="minigrid", env_id=env_id, **{"num_envs": 3, **settings})
    return Case(config, config.model_copy(update={"env_id": "MiniGrid-Empty-8x8-v0"}))


def _doom(scenario: str, **settings: Any) -> Case:
    config = DoomConfig(kind="doom", scenario=scenario, num_envs=2, **settings)
    return Case(config, config.model_copy(update={"scenario": "VizdoomTakeCover-v1"}))


def _crafter(**settings: Any) -> Case:
    # Without food one dies after about 200 steps, so two envs end at least two episodes.
    return Case(
        CrafterConfig(kind="crafter", num_envs=2, **settings),
        ProbeConfig(kind="probe", probe="endless", num_envs=2),
    )


def _gymnasium(env_id: str, **settings: Any) -> Case:
    config = GymnasiumConfig(kind="gymnasium", id=env_id, **{"num_envs": 3, **settings})
    return Case(config, GymnasiumConfig(kind="gymnasium", id="MountainCar-v0", num_envs=3))


def _probe(name: str) -> Case:
    other = "constant" if name == "endless" else "endless"
    return Case(
        ProbeConfig(kind="probe", probe=name, num_envs=3),
        ProbeConfig(kind="probe", probe=other, num_envs=3),
        is_random=name in ("obs_value", "obs_action", "recall"),
    )


CASES = {
    **{f"probe-{name}": _probe(name) for name in get_args(ProbeName)},
    # Pong is cut off every 60 steps, Breakout soon ends by itself. Few envs, for loading a ROM,
    # which a seeded reset does too, takes 0.1 s.
    "pong-machado": _atari("pong", "machado", 1, max_frames=240),
    "pong-classic": _atari("pong", "classic", 1, max_frames=240),
    "breakout-machado": _atari("breakout", "machado", 2, max_frames=1_000),
    "breakout-classic": _atari("breakout", "classic", 2, max_frames=1_000),
    "pong-one-frame": _atari("pong", "machado", 1, max_frames=240, stack=1),
    "pong-flickering": _atari("pong", "machado", 1, max_frames=240, flicker=0.5),
    "grid-partial": _grid("MiniGrid-DoorKey-5x5-v0"),
    "grid-full": _grid("MiniGrid-Dynamic-Obstacles-6x6-v0", view="full"),
    "grid-stacked": _grid("MiniGrid-LavaGapS5-v0", stack=3, view_size=5, tile_size=6),
    "grid-babyai": _grid("BabyAI-GoToObj-v0", stack=2),
    "grid-mission": _grid("BabyAI-GoToLocal-v0", mission_words=6, stack=2),
    "gymnasium-vector": _gymnasium("CartPole-v1", stack=2),
    "gymnasium-tuple": _gymnasium("Blackjack-v1"),
    "gymnasium-dict": _gymnasium("minigrid:BabyAI-GoToObj-v0", max_episode_steps=40),
    "gymnasium-picture": _gymnasium(
        "minigrid:MiniGrid-Empty-Random-5x5-v0",
        wrappers=("minigrid.wrappers:RGBImgPartialObsWrapper", "minigrid.wrappers:ImgObsWrapper"),
        kwargs={"max_steps": 30},
        grayscale=True,
        height=20,
        width=24,
        stack=4,
    ),
    "crafter": _crafter(stack=2),
    "doom": _doom("VizdoomBasic-v1"),
    "doom-gray-stacked": _doom("VizdoomBasic-v1", grayscale=True, stack=4, frame_skip=10),
}


@dataclass
class Recording:
    """A stream under random actions, and what is needed to check and repeat it."""

    spec: EnvSpec
    actions: np.ndarray  # [T, N]
    steps: list[Step] = field(default_factory=list)  # T + 1, as handed out
    digests: list[list[int]] = field(default_factory=list)  # of these when they were handed out
    early_state: State = field(default_factory=dict)  # of when it was six steps old


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    case = CASES[request.param]
    monkeypatch.setattr(envs.atari, "MAX_FRAMES_PER_EPISODE", case.max_frames)
    monkeypatch.setattr(envs.atari, "RESEED_PERIOD_TICKS", RESEED_PERIOD_TICKS)
    return request.param


def random_actions(env: VectorEnv, seed: int) -> np.ndarray:
    shape = (TICKS, env.spec.num_envs)
    return np.random.default_rng(seed).integers(env.spec.num_actions, size=shape)


@cache
def record(name: str) -> Recording:
    """Plays a case once per session, and then resets the env once more."""
    env = make_envs(CASES[name].config)
    recording = Recording(env.spec, random_actions(env, seed=1))
    env.reset(seed=7)
    for actions in [*recording.actions, None]:
        step = env.recv()
        recording.steps.append(step)
        recording.digests.append(digest(step))
        if actions is not None:
            env.send(actions)
        if len(recording.steps) == 6:
            recording.early_state = env.state_dict()
    env.reset(seed=8)
    env.recv()
    env.close()
    return recording


def digest(step: Step) -> list[int]:
    return [zlib.crc32(np.ascontiguousarray(array)) for array in step]


def assert_same(step: Step, expected: Step, tick: int) -> None:
    for key, array, wanted in zip(Step._fields, step, expected, strict=True):
        assert array.dtype == wanted.dtype
        assert np.array_equal(array, wanted), f"{key} differs at tick {tick}"


def through_disk(state: State, directory: Path, env_steps: int) -> Any:
    path = checkpoint.save(directory, env_steps, model={}, resume={"env": state}, facts={})
    return checkpoint.load_resume(path)["env"]


def test_arrays_are_as_the_spec_says(name: str) -> None:
    spec = record(name).spec
    n = CASES[name].config.num_envs
    assert spec.num_envs == n
    assert spec.obs_shape[0] == spec.stack * spec.frame_channels
    assert spec.frame_shape == (spec.frame_channels, *spec.obs_shape[1:])
    assert spec.num_actions == len(set(spec.action_names)) > 0
    assert all(action == action.lower() for action in spec.action_names)
    for step in record(name).steps:
        assert step.obs.shape == (n, *spec.obs_shape)
        assert step.obs.dtype == np.uint8
        assert step.reward.dtype == step.discount.dtype == np.float32
        assert step.first.dtype == step.last.dtype == np.bool_
        assert all(array.shape == (n,) for array in step[1:])


def test_episodes_join_as_the_convention_says(name: str) -> None:
    steps = record(name).steps
    assert steps[0].first.all()
    assert sum(step.last.sum() for step in steps) >= 2
    for step, following in pairwise(steps):
        assert np.array_equal(step.last, following.first)
    for step in steps:
        assert not (step.first & step.last).any()
        assert np.isin(step.discount, (0.0, 1.0)).all()
        assert (step.reward[step.first] == 0).all()
        assert (step.discount[step.first] == 1).all()


def test_only_a_lost_life_of_classic_atari_zeroes_the_discount_before_the_end(name: str) -> None:
    early = [bool(((step.discount == 0) & ~step.last).any()) for step in record(name).steps]
    assert any(early) == (name == "breakout-classic")


def test_a_stack_holds_the_last_frames_of_the_episode_and_zeros_before(name: str) -> None:
    spec = record(name).spec
    zeros = [np.zeros(spec.frame_shape, np.uint8)] * spec.stack
    frames = [list(zeros) for _ in range(spec.num_envs)]
    for step in record(name).steps:
        for i in range(spec.num_envs):
            if step.first[i]:
                frames[i] = list(zeros)
            frames[i] = [*frames[i][1:], step.obs[i, -spec.frame_channels :]]
            assert np.array_equal(step.obs[i], np.concatenate(frames[i]))


def test_arrays_are_never_written_after_they_were_handed_out(name: str) -> None:
    recording = record(name)
    assert [digest(step) for step in recording.steps] == recording.digests


def test_seed_and_actions_fix_the_stream_and_actions_at_last_rows_do_not_matter(name: str) -> None:
    recording = record(name)
    env = make_envs(CASES[name].config)
    env.reset(seed=99)  # what was played before does not matter either
    env.recv()
    env.send(recording.actions[0])  # nor a tick that is still under way
    env.reset(seed=7)
    for tick, expected in enumerate(recording.steps):
        assert_same(env.recv(), expected, tick)
        if tick < TICKS:
            actions = recording.actions[tick]
            others = (actions + 1) % env.spec.num_actions
            env.send(np.where(expected.last, others, actions))
    env.close()


def test_another_seed_gives_another_stream(name: str) -> None:
    recording = record(name)
    env = make_envs(CASES[name].config)
    env.reset(seed=8)
    differs = False
    for actions, expected in zip(recording.actions, recording.steps, strict=False):
        step = env.recv()
        differs = differs or not np.array_equal(step.obs, expected.obs)
        if differs:
            break
        env.send(actions)
    env.close()
    assert differs == CASES[name].is_random


def test_envs_of_one_world_differ_from_each_other(name: str) -> None:
    steps = record(name).steps
    differs = any(not np.array_equal(step.obs[0], step.obs[-1]) for step in steps)
    assert differs == (CASES[name].is_random and CASES[name].config.num_envs > 1)


def test_a_stream_resumed_again_and_again_equals_the_uninterrupted_one(
    name: str, tmp_path: Path
) -> None:
    recording = record(name)
    lasts = [tick for tick, step in enumerate(recording.steps) if step.last.any()]
    # From the very first tick, at an episode's end, after it, and later on.
    points = {0, lasts[0], lasts[0] + 1, TICKS // 2}
    env = make_envs(CASES[name].config)
    env.reset(seed=7)
    for tick, expected in enumerate(recording.steps):
        assert_same(env.recv(), expected, tick)
        if tick in points:
            with pytest.raises(ValueError, match="between send and recv"):
                env.state_dict()
        if tick < TICKS:
            env.send(recording.actions[tick])
        if tick in points:
            state = through_disk(env.state_dict(), tmp_path, tick)
            if tick > lasts[0]:  # else into an env that has played already
                env.close()
                env = make_envs(CASES[name].config)
            env.load_state_dict(state)
    env.close()


@pytest.mark.parametrize("what", ["another world", "another number of envs"])
def test_the_state_of_another_env_is_refused(name: str, what: str) -> None:
    case = CASES[name]
    config = case.other
    if what == "another number of envs":
        config = case.config.model_copy(update={"num_envs": case.config.num_envs % 2 + 1})
    env = make_envs(config)
    with pytest.raises(ValueError, match="the saved env"):
        env.load_state_dict(record(name).early_state)
    env.close()


def test_a_rendered_env_shows_the_same_stream_as_one_env(name: str) -> None:
    config = CASES[name].config
    plain = make_envs(config.model_copy(update={"num_envs": 1}))
    rendered = make_rendered_env(config)
    assert rendered.spec == plain.spec
    rendered.reset(seed=4)
    rendered.recv()
    rendered.send(np.zeros(1, np.int64))
    plain.reset(seed=3)
    rendered.reset(seed=3)
    shape = None
    ticks = RENDERED_TICKS if config.kind == "atari" else FEW_RENDERED_TICKS
    for tick, actions in enumerate(random_actions(plain, seed=2)[:ticks]):
        assert_same(rendered.recv(), plain.recv(), tick)
        picture = rendered.render()
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert shape in (None, picture.shape)
        shape = picture.shape
        plain.send(actions)
        rendered.send(actions)
    plain.close()
    rendered.close()
