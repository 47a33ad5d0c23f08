"""Agents of Stable-Baselines3 from a config to a video, and what is said where one cannot be."""

import json
from pathlib import Path

import pytest

import ludus as ludus_package
from tests.agents import moment_world
from tests.end_to_end.checks import complaint
from tests.end_to_end.configs import write_config
from tests.end_to_end.conftest import Ludus
from workbench.errors import UsageError
from workbench.runs.run import open_run
from workbench.studio.arcade.episode import Duel
from workbench.studio.videos.api import episode_facts
from workbench.studio.videos.enactment import enact
from workbench.studio.videos.traces import read_episode

CARTPOLE = {
    "seed": 3,
    "env": {"kind": "gymnasium", "id": "CartPole-v1", "num_envs": 2},
    "agent": {
        "kind": "sb3",
        "algorithm": "PPO",
        "kwargs": {"n_steps": 32, "batch_size": 32, "policy_kwargs": {"net_arch": [8]}},
    },
    "total_env_steps": 256,
    "checkpoint_period_env_steps": 128,
    "record_period_env_steps": 256,
    "log_period_env_steps": 64,
    "device": "cpu",
    "wandb": {"mode": "disabled"},
}
NUMBERS = CARTPOLE | {
    "env": {
        "kind": "gymnasium",
        "id": "Moment",
        "module": moment_world.__file__,
        "kwargs": {"action": "box"},
    },
    "agent": {
        "kind": "sb3",
        "algorithm": "SAC",
        "kwargs": {"buffer_size": 500, "policy_kwargs": {"net_arch": [8]}},
    },
    "total_env_steps": 120,
}


@pytest.mark.parametrize("config", [CARTPOLE, NUMBERS], ids=["PPO", "SAC"])
def test_it_trains_goes_on_and_is_measured(ludus: Ludus, here: Path, config: dict) -> None:
    write_config(here / "c.yaml", config)
    trained = ludus("train", "c.yaml", "--run", "a")
    assert trained.code == 0, trained.err
    resumed = ludus("resume", "a", f"total_env_steps={config['total_env_steps'] + 64}")
    assert resumed.code == 0, resumed.err
    lines = [json.loads(line) for line in (here / "runs/a/metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["env_steps"] == config["total_env_steps"] + 64
    assert lines[-1]["learning_rate"] == pytest.approx(3e-4)
    assert sum(line["episodes"] for line in lines) > 2
    assert json.loads((here / "runs/a/run.json").read_text())["versions"]["stable_baselines3"]
    measured = ludus("eval", "a", "--episodes", "2", "--json")
    recorded = ludus("record", "a", "--episodes", "2")
    assert recorded.code == 0, recorded.err
    traces = [json.loads(Path(v).with_suffix(".json").read_text()) for v in recorded.out.split()]
    returns = json.loads(measured.out)["returns"]
    assert [trace["episode_return"] for trace in traces] == pytest.approx(returns, abs=1e-3)
    if config is NUMBERS:
        assert len(traces[0]["steps"][0]["numbers"]) == 2
        assert sum(traces[0]["steps"][0]["numbers"]) == pytest.approx(returns[0], abs=1e-3)
    assert not [path for path in (here / "runs").rglob("*") if path.suffix in (".zip", ".pkl")]


def test_its_world_is_checked_as_it_is(ludus: Ludus, here: Path) -> None:
    write_config(here / "c.yaml", NUMBERS)
    checked = ludus("check", "c.yaml")
    assert "sees       what the world gives: Box(-1.0, 1.0, (2,), float32)" in checked.out
    assert "acts       numbers: Box(-2.0, 2.0, (2,), float32)" in checked.out
    assert "came out the same again, so scores of a seed can be repeated" in checked.out


def test_the_studio_says_what_it_cannot_show(ludus: Ludus, here: Path) -> None:
    write_config(here / "c.yaml", NUMBERS, total_env_steps=1, agent__kwargs__learning_starts=9)
    assert ludus("train", "c.yaml", "--run", "a").code == 0
    run = open_run("a")
    (trace,) = run.videos.glob("*.json")
    assert episode_facts(run, trace)["frames"] == 2
    with pytest.raises(UsageError, match="what an sb3 agent sees is no picture"):
        enact(run, 1, read_episode(trace))
    assert len(ludus_package.evaluate("runs/a", episodes=2)["returns"]) == 2
    for refused in (ludus_package.load, ludus_package.make):
        with pytest.raises(Exception, match="is an agent of Stable-Baselines3"):
            refused("runs/a")
    with pytest.raises(UsageError, match="acts by numbers, which no key stands for"):
        Duel("runs/a", 0)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("agent__algorithm", "PPOO", "did you mean 'PPO'"),
        ("agent__policy", "CnnPolicy", "agent: PPO refuses this"),
        ("agent__kwargs", {"n_stepz": 3}, "agent: agent.kwargs: PPO has no n_stepz"),
        ("agent__kwargs", {"seed": 3}, "seed is not set here; set seed"),
        ("env__kind", "atari", "env.kind: unknown kind 'atari'"),
        ("env__stack", 4, "sees the world as its author wrote it, without stack"),
        ("env__id", "CartPoel-v1", "did you mean 'CartPole-v1'"),
        ("replay", {"capacity_env_steps": 3}, "unknown key replay"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    ludus: Ludus, here: Path, key: str, value: object, reason: str
) -> None:
    write_config(here / "c.yaml", CARTPOLE, **{key: value})
    assert reason in complaint(ludus("train", "c.yaml", "--run", "a"), 2)
    assert not (here / "runs").exists()
