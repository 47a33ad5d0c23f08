"""Runs that earlier versions began: what of them goes on, and what is refused."""

from pathlib import Path

import pytest

from workbench.config import load_config, load_saved_config
from workbench.errors import UsageError
from workbench.runs.changes import planned_config
from workbench.runs.run import Run

SAVED = """
env: {{kind: board, game: tic_tac_toe, planes: 2}}
agent: {{kind: alphazero, blocks: 1, end_weight: {weight}}}
total_env_steps: 1_000
"""


def saved(directory: Path, weight: float) -> Run:
    (directory / "config.yaml").write_text(SAVED.format(weight=weight), encoding="utf-8")
    (directory / "run.json").write_text(
        '{"status": "interrupted", "wandb_id": "x", "env_steps": 500, "wall_seconds": 1}'
    )
    return Run(directory)


def test_a_run_whose_end_head_had_no_weight_goes_on(tmp_path: Path) -> None:
    run = saved(tmp_path, 0.0)
    assert planned_config(run, ["total_env_steps=2_000"]).total_env_steps == 2_000
    assert load_config(run.config_path) == load_saved_config(run.config_path)


def test_a_run_whose_end_head_had_a_weight_plays_but_does_not_go_on(tmp_path: Path) -> None:
    run = saved(tmp_path, 0.5)
    assert run.config.agent.kind == "alphazero"
    for overrides in ([], ["total_env_steps=2_000"]):
        with pytest.raises(UsageError, match=r"cannot go on: it learned with agent\.end_weight"):
            planned_config(run, overrides)
    with pytest.raises(UsageError, match=r"agent\.end_weight no longer exists"):
        load_config(run.config_path)


def test_nobody_can_ask_for_the_end_head_again(tmp_path: Path) -> None:
    run = saved(tmp_path, 0.0)
    with pytest.raises(UsageError, match=r"unknown key agent\.end_weight"):
        planned_config(run, ["agent.end_weight=0.0"])
