"""What is recorded is what was scored: `record --seed S` and `eval --seed S`, world by world."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

import envs.atari
from agents import AGENTS
from agents.base import Decision, Memory
from envs import env_spec, make_envs
from envs.base import EnvConfig, Step
from tests.end_to_end.configs import ATARI, PPO_PROBE, R2D2_PROBE
from workbench.config import Env
from workbench.evaluation.episodes import MAX_EVAL_ENVS, evaluate
from workbench.evaluation.load import record_player
from workbench.studio.arcade.episode import Side

PPO, R2D2, DQN = PPO_PROBE["agent"], R2D2_PROBE["agent"], ATARI["agent"]
SMALL = {"network": "small"}
PLAYED = {
    "atari, dqn": ({"kind": "atari", "game": "boxing", "obs_size": 36, "flicker": 0.3}, DQN),
    "atari, lstm": ({"kind": "atari", "game": "boxing", "obs_size": 36}, PPO | SMALL),
    "grid, lstm": (
        {"kind": "minigrid", "env_id": "MiniGrid-LavaGapS5-v0", "view_size": 3},
        PPO | {"network": "grid"},
    ),
    "probe, r2d2": ({"kind": "probe", "probe": "recall"}, R2D2),
    "crafter, lstm": ({"kind": "crafter", "obs_size": 36}, PPO | SMALL),
    "doom, lstm": ({"kind": "doom", "scenario": "VizdoomBasic-v1"}, PPO | SMALL),
}


class Watched:
    """Another actor; remembers what it was shown, tick by tick."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.seen: list[Step] = []

    def initial_memory(self, num_envs: int) -> Memory:
        return self.actor.initial_memory(num_envs)

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        self.seen.append(step)
        return self.actor.act(step, memory, explore=explore)


@pytest.fixture(params=PLAYED)
def played(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """A world whose episodes are short, and an agent that does this and that in it."""
    world, agent = PLAYED[request.param]
    for package, kind in (("crafter", "crafter"), ("vizdoom", "doom")):
        if world["kind"] == kind:
            pytest.importorskip(package)
    monkeypatch.setattr(envs.atari, "MAX_FRAMES_PER_EPISODE", 80)
    machado = replace(envs.atari.PROTOCOLS["machado"], eval_epsilon=0.3)
    monkeypatch.setitem(envs.atari.PROTOCOLS, "machado", machado)
    config: EnvConfig = TypeAdapter(Env).validate_python(world)
    agent_config = resolve_name(AGENTS[agent["kind"]]).model_validate(agent)
    torch.manual_seed(1)
    made = agent_config.make(env_spec(config), torch.device("cpu"), np.random.default_rng(0))
    return made, config


def test_a_recording_shows_the_episode_that_was_scored(
    played: tuple[Any, Any], tmp_path: Path
) -> None:
    actor, config = played
    among_three, among_all = Watched(actor), Watched(actor)
    slow = config.kind in ("crafter", "doom")  # Python, or a process each
    count = 2 if slow else 3
    scored = evaluate(among_three, config, episodes=count, seed=5)
    if not slow:
        evaluate(among_all, config, episodes=MAX_EVAL_ENVS, seed=5)
    for env in range(count):
        alone = Watched(actor)
        shown = record_player(alone, config, tmp_path, 7, seed=5, env_index=env)
        assert shown.episode_return == pytest.approx(scored.returns[env], abs=1e-4)
        assert shown.episode_length == scored.lengths[env]
        facts = json.loads(shown.trace.read_text())
        assert facts["episode_return"] == pytest.approx(scored.returns[env], abs=1e-4)
        assert shown.video.name == ("7_5.mp4" if env == 0 else f"7_5_{env}.mp4")
        for t in range(shown.episode_length + 1):  # to the last pixel
            assert np.array_equal(alone.seen[t].obs[0], among_three.seen[t].obs[env])
            if not slow:
                assert np.array_equal(alone.seen[t].obs[0], among_all.seen[t].obs[env])


def test_rows_begin_as_those_of_more_envs(played: tuple[Any, Any]) -> None:
    _, config = played
    with closing(make_envs(config.model_copy(update={"num_envs": 3}))) as many:
        many.reset(11)
        whole = many.recv().obs
    with closing(make_envs(config.model_copy(update={"num_envs": 1}))) as one:
        one.reset(11, 2)
        assert np.array_equal(one.recv().obs, whole[2:])
        one.reset(11)
        assert np.array_equal(one.recv().obs, whole[:1])


def test_the_arcade_begins_as_an_evaluation_does() -> None:
    """The episode that a person plays beside the agent is the first one of that seed."""
    config = TypeAdapter(Env).validate_python(PLAYED["grid, lstm"][0])
    with closing(make_envs(config.model_copy(update={"num_envs": 1}))) as env:
        side = Side(env, 5)  # type: ignore[arg-type]
        seen = Watched(Constant())
        evaluate(seen, config, episodes=2, seed=5)
        assert np.array_equal(side.step.obs[0], seen.seen[0].obs[0])


class Constant:
    """Always turns."""

    def initial_memory(self, num_envs: int) -> Memory:
        return ()

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        count = len(step.obs)
        return Decision(np.ones(count, np.int64), np.zeros((count, 7), np.float32)), memory
