"""A finished run goes on, and equals one that was never so short, bit for bit."""

import json
import os
import shutil
import signal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.checks import complaint, fingerprint
from tests.end_to_end.configs import (
    PPO_PROBE,
    PROBE,
    R2D2_PROBE,
    RICH_ATARI,
    SMALL_BOARD,
    write_config,
)
from tests.end_to_end.conftest import Ludus
from tests.end_to_end.launcher import Launcher
from tests.end_to_end.test_exact_resume import assert_equal_runs
from workbench.runs import checkpoint
from workbench.runs.run import Run

# So large that the ring of the short run has fewer rows, which then become more.
ROOMY = {"capacity_env_steps": 500, "sampling": "prioritized"}
CASES = {
    "dqn": PROBE,
    "dqn-ring-grows": PROBE | {"replay": ROOMY},
    "dqn-atari-memmap-grows": RICH_ATARI | {"replay": ROOMY | {"storage": "memmap"}},
    "ppo-lstm": PPO_PROBE,
    "r2d2-ring-grows": R2D2_PROBE | {"replay": ROOMY},
    "alphazero": SMALL_BOARD | {"checkpoint_period_env_steps": 200},
}


@pytest.mark.parametrize("name", CASES)
def test_a_run_that_was_extended_equals_one_that_was_longer_at_once(
    ludus: Ludus, here: Path, name: str
) -> None:
    # Neither a line of metrics nor a checkpoint is due at 230.
    config = write_config(here / "c.yaml", CASES[name] | {"total_env_steps": 230})
    assert ludus("train", config, "--run", "once", "total_env_steps=700").code == 0
    assert ludus("train", config, "--run", "a").code == 0
    before = Run(here / "runs/a").info
    assert ludus("resume", "a", "total_env_steps=700").code == 0
    assert_equal_runs(here / "runs/a", here / "runs/once")
    info = Run(here / "runs/a").info
    assert [(c["env_steps"], c["keys"]) for c in info["changes"]] == [
        (before["env_steps"], {"total_env_steps": [230, 700]})
    ]
    ours, theirs = ((here / "runs" / run / "config.yaml").read_text() for run in ("a", "once"))
    assert ours == theirs
    row = json.loads(ludus("runs", "--json").out)["runs"][-1]
    assert "changes" in row
    assert f"at {before['env_steps']}: total_env_steps 230 -> 700" in " ".join(
        ludus("runs").out.split()
    )


def test_an_extension_that_is_killed_at_every_write_to_disk(
    processes: Launcher, tmp_path: Path
) -> None:
    config = PROBE | {"replay": ROOMY, "total_env_steps": 140}
    write_config(tmp_path / "c.yaml", config)
    assert processes.run(tmp_path, "train", "c.yaml", "--run", "a").code == 0
    assert processes.run(tmp_path, "train", "c.yaml", "--run", "b", "total_env_steps=700").code == 0
    command = ["resume", "a", "total_env_steps=700"]
    for number in count(1):
        outcome = processes.run(tmp_path, *command, kill_at_sync=number)
        if outcome.code != -signal.SIGKILL:
            break
        run = Run(tmp_path / "runs/a")
        # As soon as the change is recorded, it holds: plain `resume` goes on to the new end.
        command = ["resume", "a"] if run.info.get("changes") else command
        assert run.status in ("finished", "interrupted")
    assert outcome.code == 0, outcome.err
    assert number > 12
    assert len(Run(tmp_path / "runs/a").info["changes"]) == 1
    assert_equal_runs(tmp_path / "runs/a", tmp_path / "runs/b")


def test_finished_is_what_has_all_its_env_steps(ludus: Ludus, here: Path) -> None:
    config = write_config(here / "c.yaml", PROBE)
    assert ludus("train", config, "--run", "a").code == 0
    run = Run(here / "runs/a")
    assert run.status == "finished"
    before = fingerprint(run.path)
    outcome = ludus("resume", "a")
    assert outcome.code == 0
    assert "ludus resume runs/a total_env_steps=N" in outcome.err
    assert fingerprint(run.path) == before
    text = run.config_path.read_text().replace("total_env_steps: 300", "total_env_steps: 400")
    run.config_path.write_text(text)
    assert run.status == "interrupted"
    run.config_path.write_text(text.replace("total_env_steps: 400", "total_env_steps: 200"))
    run.update_info(status="interrupted")
    assert run.status == "finished"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("agent.n_step=5", "agent.n_step cannot change in a run that has begun"),
        ("agent.kind=ppo", "agent.kind cannot change in a run that has begun: this is dqn"),
        ("env.kind=board", "env.kind cannot change in a run that has begun: this is probe"),
        ("seed=9", "ludus train runs/a/config.yaml seed=9 --run NEW"),
        ("env.num_envs=8", "what was learned depends on it"),
        ("replay.capacity_env_steps=99", "replay.capacity_env_steps cannot change"),
        ("total_env_steps=100", "has made 200 env_steps already; total_env_steps is below"),
        ("checkpoint_period_env_steps=500", "can only become smaller in this run"),
        ("total_env_stops=500", "did you mean total_env_steps?"),
        ("total_env_steps=many", "should be a valid integer"),
        ("device=tpu", "device"),
        ("total_env_steps", "not of the form key.path=value"),
    ],
)
def test_what_may_not_change_is_refused_and_nothing_changes(
    ludus: Ludus, run_a: Path, override: str, says: str
) -> None:
    before = fingerprint(run_a, but=(".lock",))
    assert says in complaint(ludus("resume", "a", override), 2)
    assert fingerprint(run_a, but=(".lock",)) == before


def test_what_may_change_does(ludus: Ludus, run_a: Path) -> None:
    changes = [
        "checkpoint_period_env_steps=50",
        "record_period_env_steps=1000",
        "log_period_env_steps=10",
        "replay.storage=memmap",
        "torch_threads=1",  # as it was
        "wandb.project=other",
    ]
    assert ludus("resume", "a", *changes).code == 0
    assert checkpoint.list_steps(run_a / "checkpoints") == [4, 100, 200, 252, 300]
    (change,) = Run(run_a).info["changes"]
    assert change["env_steps"] == 200
    assert change["keys"] == {
        "checkpoint_period_env_steps": [100, 50],
        "record_period_env_steps": [300, 1000],
        "log_period_env_steps": [20, 10],
        "wandb.project": ["ludus", "other"],
        "replay.storage": ["memory", "memmap"],
    }
    assert yaml.safe_load((run_a / "config.yaml").read_text())["replay"]["storage"] == "memmap"


def test_a_schedule_that_has_ended_is_told(ludus: Ludus, here: Path) -> None:
    changes: dict[str, Any] = {"agent__learning_rate_decay_env_steps": 300}
    config = write_config(here / "c.yaml", PPO_PROBE, **changes)
    assert ludus("train", config, "--run", "a").code == 0
    outcome = ludus("resume", "a", "total_env_steps=400")
    assert "note: agent.learning_rate_decay_env_steps ended at 300 env_steps" in outcome.err
    outcome = ludus(
        "resume", "a", "total_env_steps=500", "agent.learning_rate_decay_env_steps=1000"
    )
    assert outcome.code == 0
    assert "ended" not in outcome.err
    lines = (here / "runs/a/metrics.jsonl").read_text().splitlines()
    rates = {line["env_steps"]: line["learning_rate"] for line in map(json.loads, lines)}
    assert rates[400] == 0
    assert rates[500] > 0


def test_a_run_of_before_whose_ring_has_rows_to_spare_goes_on(ludus: Ludus, here: Path) -> None:
    """Rings had all rows of their capacity, however short the training was."""
    config = write_config(here / "c.yaml", PROBE, replay__capacity_env_steps=500)
    assert ludus("train", config, "--run", "once", "total_env_steps=700").code == 0
    assert ludus("train", config, "--run", "a").code == 0
    files = list((here / "runs/a/replay").iterdir())
    rows = 500 // 4 + 100 // 4 + 1 + 3
    for path in files:
        os.truncate(path, path.stat().st_size // 75 * rows)
    assert ludus("resume", "a", "total_env_steps=700").code == 0
    assert_equal_runs(here / "runs/a", here / "runs/once")


def test_a_run_that_cannot_go_on_says_why(ludus: Ludus, here: Path) -> None:
    config = write_config(here / "c.yaml", PROBE)
    assert ludus("train", config, "--run", "a").code == 0
    (here / "runs/a/replay/frames.bin").unlink()
    assert "frames.bin" in complaint(ludus("resume", "a", "total_env_steps=400"), 2)
    shutil.rmtree(here / "runs/a/replay")
    before = fingerprint(here / "runs/a", but=(".lock",))
    line = complaint(ludus("resume", "a", "total_env_steps=500"), 2)
    assert line.startswith("runs/a cannot go on: the files of its replay are gone")
    assert fingerprint(here / "runs/a", but=(".lock",)) == before
