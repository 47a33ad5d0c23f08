import json
import os
from pathlib import Path
from typing import Any

import pytest

from workbench.runs.listing import list_rows, print_rows
from workbench.runs.run import Run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make_run(name: str, time: int, **info: Any) -> Run:
    run = Run(Path("runs") / name)
    run.path.mkdir(parents=True)
    run.config_path.write_text("{}")
    os.utime(run.config_path, (time, time))
    known = {"status": "finished", "wandb_id": "x", "env_steps": 10, "wall_seconds": 60.0} | info
    run.info_path.write_text(json.dumps(known))
    return run


def test_runs_are_listed_from_the_oldest(capsys: pytest.CaptureFixture[str]) -> None:
    make_run("b", 1)
    make_run("a", 2, env_steps=1_234_567, wall_seconds=90.0)
    make_run("zoo/c", 3)
    Path("runs/empty").mkdir()
    run = make_run("d", 4)
    run.info_path.write_text("{")
    run.metrics_path.write_text('{"episode_return": 3.25}\n{"loss": 1}\n')
    rows = list_rows()
    assert [row["run"] for row in rows] == ["runs/b", "runs/a", "runs/zoo/c", "runs/d"]
    assert [row["status"] for row in rows] == ["finished"] * 3 + ["damaged"]
    assert [row["episode_return"] for row in rows] == [None, None, None, 3.25]
    assert all(row["disk_bytes"] > 0 for row in rows)
    print_rows(rows)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[2][:4] == ["runs/a", "finished", "1,234,567", "1.5"]
    assert lines[4] == ["runs/d", "damaged", "0.0", "3.2", "mean", "of", "1", "in", "training"]


def test_a_run_that_cannot_be_read_hides_no_other() -> None:
    make_run("a", 1)
    damaged = make_run("b", 2)
    damaged.metrics_path.mkdir()
    locked = make_run("c", 3, status="running")
    (locked.path / ".lock").mkdir()
    rows = list_rows()
    assert [row["status"] for row in rows] == ["finished", "finished", "damaged"]


def test_a_killed_run_does_not_count_as_running() -> None:
    run = make_run("a", 1, status="running")
    assert list_rows()[0]["status"] == "interrupted"
    with run.locked():
        assert list_rows()[0]["status"] == "running"
    assert list_rows()[0]["status"] == "interrupted"
    assert json.loads(run.info_path.read_text())["status"] == "running", "listing only reads"


def test_no_runs_say_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert list_rows() == []
    print_rows([])
    assert capsys.readouterr().out == "no runs yet; make one: ludus train CONFIG\n"
