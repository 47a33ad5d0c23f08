import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from agents.base import Decision, Memory
from agents.dqn import DQN, DQNConfig
from agents.ppo import PPO, PPOConfig
from envs import make_rendered_env
from envs.atari import AtariConfig
from envs.base import EnvConfig, Step
from envs.probes import ProbeConfig
from workbench.errors import WorkError
from workbench.evaluation.episodes import EVAL_SEED_OFFSET
from workbench.recording.episode import FPS, Recording, appearing_whole, open_video, record_episode
from workbench.recording.frame import NEGATIVE, PANEL_WIDTH, POSITIVE

COUNTER = ProbeConfig(kind="probe", probe="counter")
PONG = AtariConfig(kind="atari", game="pong", num_envs=1)
SCREEN_WIDTH = 384  # of a probe in a video: 128 pixels, three times enlarged


class BrightnessActor:
    """Values tell the brightness of the newest frame; prefers each action in turn."""

    def __init__(self, fails_at: int | None = None, diverges_at: int | None = None) -> None:
        self.ticks = 0
        self.fails_at = fails_at
        self.diverges_at = diverges_at

    def initial_memory(self, num_envs: int) -> Memory:
        return ()

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        assert not explore
        if self.ticks == self.fails_at:
            raise RuntimeError("the actor broke")
        brightness = float(step.obs[0, -1, 0, 0])
        values = np.array([[brightness, -brightness]], np.float32)
        if self.ticks % 2:
            values = values[:, ::-1].copy()
        if self.ticks == self.diverges_at:
            values[0, 1] = np.nan
        self.ticks += 1
        return Decision(values.argmax(1), values), memory


class RememberingActor:
    """Has a policy, and a memory of two units that goes from 0 to 0.6 and to -0.8 in ten ticks."""

    def __init__(self, breaks: str | None = None) -> None:
        self.breaks = breaks

    def initial_memory(self, num_envs: int) -> Memory:
        return torch.zeros(1, num_envs, 2), torch.full((1, num_envs, 2), 9.0)

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        h, c = memory
        h = h + torch.tensor([0.06, -0.08])
        ticks = round(float(h[0, 0, 0]) / 0.06)
        values = np.array([[-ticks]], np.float32)
        policy = np.array([[0.12344, 0.87656]], np.float32)
        if ticks == 5:
            if self.breaks == "values":
                values[0] = np.inf
            elif self.breaks == "policy":
                policy[0] = np.nan
            elif self.breaks == "memory":
                h[0, 0, 1] = np.nan
        return Decision(np.array([1]), values, policy), (h, c)


def record(actor: Any, config: EnvConfig, directory: Path, **changes: Any) -> Recording:
    arguments = {
        "seed": 3,
        "directory": directory,
        "name": "episode",
        "title": "a title  step 1,000",
        "max_env_steps": 1_000,
    }
    env = make_rendered_env(config)
    env.spec = replace(env.spec, eval_epsilon=changes.pop("epsilon", 0.0))
    recording = record_episode(actor, env, **(arguments | changes))
    env.close()
    return recording


def read_trace(recording: Recording) -> Any:
    return json.loads(recording.trace.read_text())


def read_frames(recording: Recording) -> list[np.ndarray]:
    with av.open(str(recording.video)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def replay_screens(config: EnvConfig, trace: Any) -> list[np.ndarray]:
    """The real screens of the recorded episode, from its seed and its actions alone."""
    env = make_rendered_env(config)
    env.reset(trace["seed"])
    screens = []
    for step in trace["steps"]:
        env.recv()
        screens.append(env.render())
        env.send(np.array([step["action"] or 0]))
    env.recv()
    env.close()
    return screens


@pytest.fixture(scope="module")
def pong(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    env = make_rendered_env(PONG)
    config = DQNConfig(kind="dqn", network="flat")
    agent = DQN(config, env.spec, torch.device("cpu"), np.random.default_rng(0))
    env.close()
    # Random actions move the paddle, so that neighbouring screens differ.
    directory = tmp_path_factory.mktemp("pong")
    return record(agent, PONG, directory, epsilon=0.8, max_env_steps=60)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(BrightnessActor(), COUNTER, tmp_path_factory.mktemp("counted") / "videos")


def test_a_whole_episode_is_recorded(counted):
    recording = counted
    assert recording.video.parent.name == "videos"
    assert recording.video == recording.trace.with_suffix(".mp4")
    assert recording.trace.name == "episode.json"
    assert recording.episode_return == sum(range(1, 10))
    assert recording.episode_length == 9
    trace = read_trace(recording)
    assert trace["game"] == "probe/counter"
    assert trace["title"] == "a title  step 1,000"
    assert (trace["seed"], trace["env"]) == (EVAL_SEED_OFFSET + 3, 0)
    assert (trace["epsilon"], trace["fps"]) == (0.0, FPS)
    assert trace["action_names"] == ["action0", "action1"]
    assert trace["episode_return"] == recording.episode_return
    assert trace["episode_length"] == recording.episode_length
    assert trace["cut"] is False


def test_the_trace_tells_what_each_action_brought(counted):
    steps = read_trace(counted)["steps"]
    assert [step["t"] for step in steps] == list(range(10))
    # Acting at time t brings t + 1; nothing is done at the end.
    assert [step["reward"] for step in steps] == [*range(1, 10), 0]
    assert [step["score"] for step in steps] == np.cumsum([0, *range(1, 10)]).tolist()
    assert steps[-1]["action"] is None
    assert all(step["discount"] == 1 for step in steps)  # the counter is cut off, never dies


def test_the_trace_tells_of_a_death(tmp_path):
    config = ProbeConfig(kind="probe", probe="obs_action")
    steps = read_trace(record(BrightnessActor(), config, tmp_path))["steps"]
    assert [step["discount"] for step in steps] == [0, 1]


def test_values_and_picture_belong_to_the_same_observation(counted):
    steps = read_trace(counted)["steps"]
    frames = read_frames(counted)
    for t, (step, frame) in enumerate(zip(steps, frames, strict=True)):
        assert sorted(step["values"]) == [-(t + 10), t + 10]
        assert frame[:, : SCREEN_WIDTH - 8].mean() == pytest.approx(t + 10, abs=1)


def test_without_epsilon_the_action_is_the_best_one(counted):
    steps = read_trace(counted)["steps"]
    best = [int(np.argmax(step["values"])) for step in steps]
    assert [step["action"] for step in steps[:-1]] == best[:-1]
    assert set(best) == {0, 1}


def test_with_epsilon_some_actions_are_random(tmp_path):
    steps = read_trace(record(BrightnessActor(), COUNTER, tmp_path, epsilon=1.0))["steps"]
    assert any(step["action"] != np.argmax(step["values"]) for step in steps[:-1])


@pytest.mark.parametrize(("limit", "length", "cut"), [(4, 4, True), (8, 8, True), (9, 9, False)])
def test_a_recording_is_cut_at_its_limit(tmp_path, limit, length, cut):
    recording = record(BrightnessActor(), COUNTER, tmp_path, max_env_steps=limit)
    trace = read_trace(recording)
    assert recording.episode_length == length
    assert trace["cut"] is cut
    assert len(trace["steps"]) == len(read_frames(recording)) == length + 1
    assert trace["steps"][-1]["action"] is None
    assert sum(step["reward"] for step in trace["steps"]) == recording.episode_return


def test_the_video_is_h264_that_browsers_play(pong):
    with av.open(str(pong.video)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == FPS
        assert (stream.width, stream.height) == (320 + PANEL_WIDTH, 420)
        assert stream.width % 2 == stream.height % 2 == 0
    content = pong.video.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # so it plays while it loads


def test_the_video_shows_the_game_that_was_played(pong):
    trace = read_trace(pong)
    frames = read_frames(pong)
    screens = replay_screens(PONG, trace)
    assert len(frames) == len(trace["steps"]) == 61
    box = trace["screen"]
    assert (box["frame_height"], box["frame_width"]) == frames[0].shape[:2]
    rows = slice(box["top"], box["top"] + box["height"])
    columns = slice(box["left"], box["left"] + box["width"])
    shown = np.stack(frames)[:, rows, columns].reshape(61, 210, 2, 160, 2, 3).mean((2, 4))
    real = np.stack(screens).astype(float)
    assert np.abs(shown - real).mean() < 3
    # Each frame is nearer to its own screen than to the one before or after it.
    aligned = np.abs(shown[1:-1] - real[1:-1]).mean()
    assert aligned < 0.9 * np.abs(shown[1:-1] - real[:-2]).mean()
    assert aligned < 0.9 * np.abs(shown[1:-1] - real[2:]).mean()


def test_the_trace_of_a_game_is_complete(pong):
    trace = read_trace(pong)
    assert trace["game"] == "atari/pong"
    assert trace["cut"] is True
    assert len(trace["action_names"]) == 6
    assert all(len(step["values"]) == 6 for step in trace["steps"])
    assert all(step["action"] in range(6) for step in trace["steps"][:-1])
    assert sum(step["reward"] for step in trace["steps"]) == pong.episode_return
    assert trace["steps"][-1]["score"] == pong.episode_return


def test_only_the_two_files_remain(pong):
    assert sorted(path.name for path in pong.video.parent.iterdir()) == [
        "episode.json",
        "episode.mp4",
    ]


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError, match="the actor broke"):
        record(BrightnessActor(fails_at=5), COUNTER, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_an_earlier_recording_alone(tmp_path):
    recording = record(BrightnessActor(), COUNTER, tmp_path)
    before = recording.video.read_bytes(), recording.trace.read_bytes()
    with pytest.raises(RuntimeError, match="the actor broke"):
        record(BrightnessActor(fails_at=5), COUNTER, tmp_path)
    assert (recording.video.read_bytes(), recording.trace.read_bytes()) == before
    assert len(list(tmp_path.iterdir())) == 2


def test_values_that_are_not_finite_are_told(tmp_path):
    with pytest.raises(WorkError, match="not finite at step 4"):
        record(BrightnessActor(diverges_at=4), COUNTER, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_actor_without_policy_and_memory_has_none_in_its_trace(tmp_path):
    steps = read_trace(record(BrightnessActor(), COUNTER, tmp_path))["steps"]
    assert set(steps[0]) == {"t", "action", "reward", "discount", "score", "values"}


def test_the_trace_tells_policy_value_and_the_norm_of_the_memory(tmp_path):
    steps = read_trace(record(RememberingActor(), COUNTER, tmp_path))["steps"]
    assert [step["values"] for step in steps] == [[-t] for t in range(1, 11)]
    assert all(step["policy"] == [0.1234, 0.8766] for step in steps)
    # A triangle of sides 3, 4 and 5.
    assert [step["memory_norm"] for step in steps] == [round(0.1 * t, 4) for t in range(1, 11)]


def test_the_video_shows_the_memory_under_the_screen(tmp_path):
    frames = read_frames(record(RememberingActor(), COUNTER, tmp_path))
    assert frames[0].shape == (384 + 152, SCREEN_WIDTH + PANEL_WIDTH, 3)
    rows = frames[-1][384 + 24 :, :SCREEN_WIDTH].reshape(2, 64, SCREEN_WIDTH // 4, 4, 3)
    above, below = rows.astype(float).mean((1, 3))
    dark, strength = np.array([18, 21, 27]), np.sqrt(np.arange(1, 11) / 10)[:, None]
    assert above[-10:] == pytest.approx(dark + np.sqrt(0.6) * strength * (POSITIVE - dark), abs=12)
    assert below[-10:] == pytest.approx(dark + np.sqrt(0.8) * strength * (NEGATIVE - dark), abs=12)
    assert above[:-11].std(0).max() < 2  # nothing has happened there yet


@pytest.mark.parametrize("part", ["values", "policy", "memory"])
def test_each_part_that_is_not_finite_is_told(tmp_path, part):
    with pytest.raises(WorkError, match=f"{part}: not finite at step 4"):
        record(RememberingActor(breaks=part), COUNTER, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("core", "height"), [("none", 384), ("lstm", 384 + 152)])
def test_an_episode_of_ppo_is_recorded(tmp_path, core, height):
    env = make_rendered_env(COUNTER)
    config = PPOConfig(kind="ppo", network="flat", core=core, core_size=16)
    agent = PPO(config, env.spec, torch.device("cpu"), np.random.default_rng(0))
    memory = agent.initial_memory(1)
    recording = record(agent, COUNTER, tmp_path)
    assert {frame.shape[0] for frame in read_frames(recording)} == {height}
    env.reset(3)
    for entry in read_trace(recording)["steps"]:
        decision, memory = agent.act(env.recv(), memory, explore=False)
        env.send(decision.action)
        assert entry["values"] == pytest.approx(decision.values[0], abs=1e-4)
        assert entry["policy"] == pytest.approx(decision.policy[0], abs=1e-4)
        assert entry["action"] in (None, decision.action[0])
        if core == "lstm":
            assert entry["memory_norm"] == pytest.approx(float(memory[0].norm()), abs=1e-4)
        else:
            assert "memory_norm" not in entry


def test_a_directory_that_cannot_be_written_is_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        record(BrightnessActor(), COUNTER, tmp_path / "file")


def test_a_folder_that_cannot_be_written_is_named():
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to other users
        os.chmod(folder, 0o555)
        if user == 0:  # who may write everywhere
            os.seteuid(65534)
        try:
            with (
                pytest.raises(PermissionError) as told,
                appearing_whole(Path(folder), "1_0") as (video, _),
                open_video(video, FPS),
            ):
                pass
        finally:
            os.seteuid(user)
    assert told.value.filename == str(Path(folder, ".1_0.tmp.mp4"))
