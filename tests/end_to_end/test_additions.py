"""An addition costs one file and one line in one table: a learner, and a family of worlds.

The files are those beside this one: `toy_agent.py`, `toy_world.py`, and `toy_learners.py`, with
a learner that replays sequences and one of rollouts; the lines are put into the tables
here. Nothing else knows of them, and yet they are trained, resumed, measured, recorded, checked by
the doctor, compared, shown in the studio and played by hand.
"""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agents import AGENTS
from envs import ENVS
from tests.end_to_end.checks import complaint
from tests.end_to_end.configs import PPO_PROBE, PROBE, write_config
from tests.end_to_end.conftest import Ludus
from workbench.runs.run import Run
from workbench.studio.arcade.episode import Duel
from workbench.studio.videos.enactment import enact
from workbench.studio.videos.traces import read_episode

WORLD: dict[str, Any] = PROBE | {"env": {"kind": "corridor", "num_envs": 4}}
LEARNER: dict[str, Any] = PROBE | {"agent": {"kind": "linear"}}
SEQUENCES: dict[str, Any] = PROBE | {"agent": {"kind": "linear_sequences"}}
ROLLOUTS: dict[str, Any] = PPO_PROBE | {"agent": {"kind": "linear_rollouts"}}
BOTH: dict[str, Any] = WORLD | LEARNER | {"env": WORLD["env"]}


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVS, "corridor", "tests.end_to_end.toy_world:CorridorConfig")
    monkeypatch.setitem(AGENTS, "linear", "tests.end_to_end.toy_agent:LinearConfig")
    learners = "tests.end_to_end.toy_learners"
    monkeypatch.setitem(AGENTS, "linear_sequences", f"{learners}:SequencesConfig")
    monkeypatch.setitem(AGENTS, "linear_rollouts", f"{learners}:RolloutsConfig")


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (WORLD, "corridor-dqn-1"),
        (LEARNER, "counter-linear-1"),
        (SEQUENCES, "counter-linear_sequences-1"),
        (ROLLOUTS, "recall-linear_rollouts-1"),
        (BOTH, "corridor-linear-1"),
    ],
    ids=["world", "learner", "sequences", "rollouts", "both"],
)
def test_an_addition_does_all_that_others_do(
    ludus: Ludus, here: Path, config: dict[str, Any], name: str
) -> None:
    path = write_config(here / "c.yaml", config)
    assert ludus("doctor", path).code == 0
    assert ludus("train", path).code == 0
    run = Run(here / "runs" / name)
    assert run.status == "finished"
    assert ludus("resume", name, "total_env_steps=400").code == 0
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    env_steps = lines[-1]["env_steps"]  # whole rollouts may go beyond the end
    assert env_steps in (400, 432)
    assert isinstance(lines[-1]["loss"], float)
    report = json.loads(ludus("eval", name, "--episodes", "3", "--json").out)
    assert len(report["returns"]) == 3
    video = Path(ludus("record", name, "--seed", "1").out.strip())
    assert video.stat().st_size > 0
    episode = read_episode(video.with_suffix(".json"))
    enactment = enact(run, env_steps, episode)
    assert enactment.note is None
    assert enactment.agent.network is not None
    (row,) = json.loads(ludus("runs", "--json").out)["runs"]
    assert (row["run"], row["env_steps"]) == (f"runs/{name}", env_steps)
    with closing(Duel(str(run.path), seed=0)) as duel:
        button = duel.controls.buttons[-1]
        assert button.keys  # a spare one
        action = duel.controls.action([button.name])
        assert action is not None
        duel.advance(action)
        assert duel.person.steps == 1


def test_messages_name_an_addition(ludus: Ludus, here: Path) -> None:
    write_config(here / "c.yaml", BOTH)
    said = complaint(ludus("train", "c.yaml", "env.kind=coridor"), 2)
    assert "env.kind: unknown kind 'coridor'; did you mean 'corridor'?" in said
    said = complaint(ludus("train", "c.yaml", "agent.kind=liner"), 2)
    assert "agent.kind: unknown agent 'liner'; did you mean 'linear'?" in said
    said = complaint(ludus("train", "c.yaml", "env.cels=9"), 2)
    assert "unknown key env.cels; did you mean env.cells?" in said
    said = complaint(ludus("train", "c.yaml", "agent.double=true"), 2)
    assert "unknown key agent.double" in said
