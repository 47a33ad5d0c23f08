"""Saliency and surprise where the truth is known, and episodes that are played once more."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from envs import make_envs
from tests.workbench.studio.conftest import ZOO
from workbench.errors import UsageError
from workbench.recording.frame import Picture, Thought, screen_box
from workbench.runs import checkpoint
from workbench.runs.run import Run
from workbench.studio.videos.enactment import (
    Enactments,
    enact,
    nearest_checkpoint,
    recorded_at,
)
from workbench.studio.videos.insight import (
    activation_sheet,
    events,
    filter_sheet,
    first_convolution,
    newest_frame,
    outliers,
    saliency,
    sheet,
    state_values,
    surprises,
    tinted,
)
from workbench.studio.videos.traces import EpisodeTrace, read_episode


def run_of(name: str) -> tuple[Run, Path]:
    run = Run(ZOO / name)
    return run, sorted(run.videos.glob("*.json"))[-1]


def made_trace(**changes) -> EpisodeTrace:
    steps = 200
    facts = {
        "seed": 0,
        "env": 0,
        "fps": 15.0,
        "action_names": ("left", "right"),
        "actions": np.zeros(steps, np.int64),
        "rewards": np.zeros(steps + 1),
        "discounts": np.ones(steps + 1),
        "values": np.stack([np.ones(steps + 1), np.full(steps + 1, 0.5)], 1),
        "policy": None,
        "memory_norm": None,
    }
    return EpisodeTrace(**(facts | changes))


# Surprise and events


def test_a_value_that_comes_true_surprises_nobody():
    gamma, steps = 0.9, 200
    rewards = np.append(np.zeros(steps - 1), [1.0, 0.0])
    discounts = np.ones(steps + 1)
    discounts[steps - 1] = 0
    values = gamma ** np.arange(steps - 1, -2, -1.0)[:, None]
    values[steps] = 123.0  # of a state after which nothing follows
    trace = made_trace(
        rewards=rewards, discounts=discounts, values=values, policy=np.full((201, 2), 0.5)
    )
    np.testing.assert_allclose(surprises(trace, gamma, 1.0, None), 0, atol=1e-12)


def test_rewards_surprise_as_they_were_trained_with():
    rewards = np.zeros(201)
    rewards[10] = -40
    trace = made_trace(rewards=rewards)
    assert surprises(trace, 1.0, 1.0, 1.0)[11] == -1
    assert surprises(trace, 1.0, 0.01, None)[11] == pytest.approx(-0.4)
    assert np.count_nonzero(surprises(trace, 1.0, 1.0, None)) == 1


def test_the_value_is_the_states_or_that_of_the_best_action():
    trace = made_trace()
    assert (state_values(trace) == 1).all()
    with_policy = replace(trace, values=trace.values[:, 1:], policy=np.full((201, 2), 0.5))
    assert (state_values(with_policy) == 0.5).all()


def test_outliers_are_few_and_apart():
    errors = np.random.default_rng(0).normal(size=1000) * 0.01
    errors[[100, 101, 500]] = [1.0, 1.2, -0.9]
    assert outliers(errors, 0.0) == [101, 500]
    assert outliers(errors, 1.0) == [101]
    assert len(outliers(np.tile([0, 0, 0, 0, 5.0], 200), 0.0)) <= 12
    assert outliers(np.zeros(50), 0.0) == []


def test_events_stand_at_the_frames_that_show_them():
    rewards, discounts = np.zeros(201), np.ones(201)
    rewards[[4, 199]] = [2, 1]
    discounts[[50, 199]] = 0
    trace = made_trace(rewards=rewards, discounts=discounts)
    found = events(trace, np.zeros(201))
    assert [(e.t, e.kind, e.amount) for e in found] == [
        (5, "reward", 2),
        (51, "life", 0),
        (200, "reward", 1),
        (200, "end", 0),
    ]


# Saliency


@pytest.mark.parametrize("shape", [(4, 84, 84), (3, 24, 24), (3, 60, 80), (1, 8, 8)])
@pytest.mark.parametrize("look", ["choice", "value"])
def test_a_network_that_reads_one_corner_looks_there_alone(shape, look):
    _, height, width = shape
    obs = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    corner = slice(0, max(2, height // 8)), slice(width - max(2, width // 8), width)

    def think(batch):
        read = batch[(slice(None), slice(None), *corner)].astype(np.float32)
        read = read.reshape(len(batch), -1) / 255
        weights = np.random.default_rng(2).normal(size=read.shape[1]).astype(np.float32)
        thought = read @ weights
        nothing = np.zeros_like(thought)
        return (
            (thought, np.zeros((len(batch), 2), np.float32))
            if look == "value"
            else (
                nothing,
                np.stack([thought, -thought], 1),
            )
        )

    maps = saliency(obs, think)
    seen = maps[look]
    assert seen.shape == (height, width)
    assert np.isfinite(seen).all()
    assert (seen >= 0).all()
    assert seen.max() == 1
    row, column = np.unravel_index(seen.argmax(), seen.shape)
    reach = max(height, width) / 4  # of the corner and the masks
    assert row < reach
    assert column > width - reach
    far = seen.copy()
    far[: int(reach) + 1, -int(reach) - 1 :] = 0
    assert far.max() < 0.05
    other = maps["choice" if look == "value" else "value"]
    assert (other == 0).all()


def test_what_all_actions_gain_alike_is_no_choice():
    obs = np.random.default_rng(1).integers(0, 256, (1, 16, 16), np.uint8)

    def think(batch):
        brightness = batch.reshape(len(batch), -1).mean(1).astype(np.float32)
        return brightness, np.stack([brightness, brightness + 3], 1)

    maps = saliency(obs, think)
    assert (maps["choice"] == 0).all()
    assert maps["value"].max() == 1


def test_a_tint_is_clear_where_nothing_is_looked_at():
    picture = tinted(np.array([[0, 1]], np.float32), (1, 2, 3))
    assert picture[0, 0].tolist() == [1, 2, 3, 0]
    assert picture[0, 1, 3] > 200


# Pictures of the first layer


def test_sheets_hold_every_tile():
    tiles = np.arange(5 * 2 * 3 * 3).reshape(5, 2, 3, 3).astype(np.uint8)
    picture = sheet(tiles, 2)
    assert picture.shape == (3 * 3 - 1, 2 * 4 - 1, 3)
    assert (picture[3:5, 4:7] == tiles[3]).all()


def test_kernels_are_laid_out_by_frame():
    weight = torch.zeros(5, 4, 8, 8)
    weight[2, 3] = 0.5
    weight[1, 0] = -7
    picture = filter_sheet(weight, 1).astype(int)
    assert picture.shape == (4 * 9 - 1, 5 * 9 - 1, 3)
    newest, oldest = picture[27:35, 18:26], picture[:8, 9:17]
    assert (newest[..., 0] > newest[..., 2] + 100).all()  # amber
    assert (oldest[..., 2] > oldest[..., 0] + 100).all()  # blue
    assert filter_sheet(torch.zeros(20, 3, 8, 8), 3).shape == (2 * 9 - 1, 16 * 9 - 1, 3)


def test_activations_are_bright_where_they_are_high():
    maps = np.zeros((9, 2, 2), np.float32)
    maps[8, 1, 1] = 3
    picture = activation_sheet(maps).astype(int).sum(-1)
    assert picture.argmax() == np.ravel_multi_index((4, 1), picture.shape)
    assert activation_sheet(np.zeros((3, 2, 2), np.float32)).shape == (2, 8, 3)


def test_the_first_convolution_is_found():
    first = nn.Conv2d(1, 2, 3)
    assert first_convolution(nn.Sequential(nn.Identity(), first, nn.Conv2d(2, 2, 3))) is first
    assert first_convolution(nn.Linear(2, 2)) is None


def test_the_newest_frame_is_in_colour_or_gray():
    obs = np.arange(6, dtype=np.uint8).reshape(6, 1, 1)
    assert newest_frame(obs, 1).ravel().tolist() == [5, 5, 5]
    assert newest_frame(obs, 3).ravel().tolist() == [3, 4, 5]


# Episodes played once more


@pytest.mark.parametrize("name", ["grid-memory", "grid-doorkey", "grid-memory-r2d2"])
def test_an_agent_with_a_memory_thinks_again_what_it_thought(name):
    run, path = run_of(name)
    trace = read_episode(path)
    enactment = Enactments().get(run, path)
    assert enactment.note is None
    for t in range(trace.end + 1):
        decision = enactment.think(t, enactment.obs(t)[None])
        np.testing.assert_allclose(decision.values[0], trace.values[t], atol=1e-3)
        if trace.policy is not None:
            np.testing.assert_allclose(decision.policy[0], trace.policy[t], atol=1e-3)
    norms = np.linalg.norm(enactment.memories[0][1:], axis=1)
    np.testing.assert_allclose(norms, trace.memory_norm, atol=1e-3)


def test_sticky_pong_is_the_same_game_again():
    run, path = run_of("atari-pong")
    trace = read_episode(path)
    few = 300
    begin = replace(
        trace,
        actions=trace.actions[:few],
        rewards=trace.rewards[: few + 1],
        discounts=trace.discounts[: few + 1],
        values=trace.values[: few + 1],
    )
    enactment = enact(run, recorded_at(path.stem), begin)
    assert enactment.note is None
    world = run.config.env.model_copy(update={"num_envs": 1})
    env = make_envs(world)
    env.reset(trace.seed)
    agent = own_precision(run, enactment)
    for t in range(few + 1):
        step = env.recv()
        assert (step.obs[0] == enactment.obs(t)).all()
        if t % 10 == 0:
            decision, _ = agent.act(step, (), explore=False)
            np.testing.assert_allclose(decision.values[0], trace.values[t], atol=1e-3)
        env.send(trace.actions[t : t + 1])
    env.recv()
    env.close()


def own_precision(run, enactment):
    """The agent as it was recorded, in the arithmetic of its config."""
    agent = run.config.agent.make(enactment.spec, torch.device("cpu"), np.random.default_rng(0))
    agent.load_network_state(checkpoint.load_model(run.checkpoints / str(enactment.checkpoint)))
    return agent


def test_saliency_of_a_trained_agent_is_sound():
    run, path = run_of("grid-memory")
    enactment = Enactments().get(run, path)
    obs = enactment.obs(4)
    maps = saliency(obs, lambda batch: enactment.value_and_scores(4, batch))
    for seen in maps.values():
        assert seen.shape == obs.shape[1:]
        assert seen.max() == 1
        assert seen.min() >= 0


@pytest.mark.parametrize("units", [None, 3, 32, 256])
@pytest.mark.parametrize("screen", [(210, 160), (288, 288), (120, 160), (128, 128), (33, 47)])
def test_the_screen_is_where_the_picture_has_it(screen, units):
    run, _ = run_of("grid-memory")
    spec = make_envs(run.config.env.model_copy(update={"num_envs": 1})).spec
    memory = None if units is None else np.zeros(units, np.float32)
    thought = Thought(np.zeros(1, np.float32), np.full(7, 1 / 7, np.float32), memory)
    picture = Picture((*screen, 3), "", spec, thought)
    pixels = picture.draw(np.full((*screen, 3), 255, np.uint8), 0, 0.0, 0, thought)
    box = picture.screen
    assert box == screen_box(screen, units)
    assert (box.frame_height, box.frame_width) == pixels.shape[:2]
    white = (pixels == 255).all(-1)
    rows, columns = np.nonzero(white)
    assert (rows.min(), columns.min()) == (box.top, box.left)
    assert white[box.top : box.top + box.height, : box.width].all()
    assert white.sum() == box.width * box.height


@pytest.fixture
def copied(tmp_path):
    """A small run that may be broken."""
    shutil.copytree(ZOO / "grid-memory", tmp_path / "run")
    run = Run(tmp_path / "run")
    return run, next(run.videos.glob("*.json"))


def test_the_nearest_checkpoint_stands_in_and_this_is_said(copied):
    run, path = copied
    (run.checkpoints / "1500880").rename(run.checkpoints / "1400000")
    assert nearest_checkpoint(run, 1_500_880) == 1_400_000
    enactment = Enactments().get(run, path)
    assert enactment.checkpoint == 1_400_000
    assert "1,400,000" in enactment.note
    shutil.rmtree(run.checkpoints / "1400000")
    with pytest.raises(UsageError, match="no checkpoint"):
        Enactments().get(run, path)


def test_a_damaged_checkpoint_is_told(copied):
    run, path = copied
    model = run.checkpoints / "1500880/model.safetensors"
    model.write_bytes(model.read_bytes()[:-9])
    with pytest.raises(UsageError, match="damaged"):
        Enactments().get(run, path)


def test_another_world_or_another_agent_is_noticed(copied):
    run, path = copied
    facts = json.loads(path.read_text())
    values = [step["values"][0] for step in facts["steps"]]
    for step in facts["steps"]:
        step["values"] = [step["values"][0] + 0.5]
    path.write_text(json.dumps(facts))
    assert "differently" in Enactments().get(run, path).note
    for step, value in zip(facts["steps"], values, strict=True):
        step["values"] = [value]
    facts["steps"][2]["reward"] = 1.0
    path.write_text(json.dumps(facts))
    with pytest.raises(UsageError, match="something else at step 3"):
        Enactments().get(run, path)


def test_other_actions_than_the_worlds_are_not_sent_to_it():
    run, path = run_of("grid-memory")
    trace = read_episode(path)
    other = replace(trace, action_names=(*trace.action_names[:-1], "fly"))
    with pytest.raises(UsageError, match="other actions"):
        enact(run, recorded_at(path.stem), other)


def test_an_episode_that_would_fill_the_memory_is_not_played(monkeypatch):
    run, path = run_of("grid-memory")
    monkeypatch.setattr("workbench.studio.videos.enactment.CACHE_BYTES", 1000)
    with pytest.raises(UsageError, match="too many"):
        enact(run, recorded_at(path.stem), read_episode(path))


def test_the_newest_episodes_are_kept_as_long_as_they_fit(monkeypatch):
    run, path = run_of("grid-memory")
    other_run, other = run_of("grid-doorkey")
    kept = Enactments()
    first = kept.get(run, path)
    assert kept.get(run, path) is first
    second = kept.get(other_run, other)
    assert kept.get(run, path) is first
    assert kept.get(other_run, other) is second
    both = first.nbytes + second.nbytes
    monkeypatch.setattr("workbench.studio.videos.enactment.CACHE_BYTES", both - 1)
    small = Enactments()
    first = small.get(run, path)
    assert small.get(run, path) is first
    second = small.get(other_run, other)
    assert small.get(other_run, other) is second
    assert small.get(run, path) is not first


@pytest.mark.parametrize("name", ["x_0", "", "-1_0", "9" * 30])
def test_a_video_is_named_after_its_step(name):
    with pytest.raises(UsageError, match="not named"):
        recorded_at(name)
