"""Runs that begin with what another one has learned: forks and fine-tuning."""

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.configs import PPO_PROBE, PROBE, SMALL_BOARD, write_config
from tests.end_to_end.conftest import Ludus
from tests.end_to_end.test_exact_resume import assert_equal_runs
from workbench.runs import checkpoint
from workbench.runs.run import Run

CASES = {
    "dqn": PROBE | {"replay": {"capacity_env_steps": 80, "sampling": "prioritized"}},
    "ppo-lstm": PPO_PROBE,
    "alphazero": SMALL_BOARD | {"checkpoint_period_env_steps": 200},
}


@pytest.mark.parametrize("name", CASES)
def test_a_fork_goes_on_as_the_run_does(ludus: Ludus, here: Path, name: str) -> None:
    config = write_config(here / "c.yaml", CASES[name] | {"total_env_steps": 230})
    assert ludus("train", config, "--run", "a").code == 0
    before = {path: path.read_bytes() for path in (here / "runs/a").rglob("*") if path.is_file()}
    forked = ludus("fork", "a", "total_env_steps=500", "--run", "b")
    assert forked.code == 0, forked.err
    after = {path: path.read_bytes() for path in (here / "runs/a").rglob("*") if path.is_file()}
    assert after == before
    assert ludus("resume", "a", "total_env_steps=500").code == 0
    assert_equal_runs(here / "runs/b", here / "runs/a")
    source, fork = Run(here / "runs/a").info, Run(here / "runs/b").info
    assert fork["wandb_id"] != source["wandb_id"]
    assert fork["forked"]["run"] == str(here / "runs/a")
    assert fork["forked"]["keys"] == {"total_env_steps": [230, 500]}


def test_one_thing_is_changed(ludus: Ludus, here: Path) -> None:
    config = write_config(here / "c.yaml", PROBE)
    assert ludus("train", config, "--run", "a").code == 0
    overrides = ["agent.learning_rate=1e-9", "total_env_steps=400"]
    assert ludus("fork", "a", *overrides, "--run", "b").code == 0
    assert ludus("resume", "a", "total_env_steps=400").code == 0
    ours, theirs = (
        checkpoint.load_model(here / "runs" / run / "checkpoints/400") for run in ("a", "b")
    )
    assert any(not ours[name].equal(theirs[name]) for name in ours)
    assert Run(here / "runs/b").config.agent.learning_rate == 1e-9


def test_what_cannot_be_forked_is_refused(ludus: Ludus, here: Path) -> None:
    config = write_config(here / "c.yaml", PROBE)
    assert ludus("train", config, "--run", "a").code == 0

    def refused(*arguments: str) -> str:
        outcome = ludus("fork", *arguments)
        assert outcome.code == 2, outcome.err
        assert not (here / "runs/b").exists()
        return outcome.err

    assert "only the latest checkpoint, 300, holds" in refused("a@100", "--run", "b")
    assert "there is no run 'c'" in refused("c", "--run", "b")
    assert "unknown key agent.learning_rat" in refused("a", "agent.learning_rat=1", "--run", "b")
    assert "agent.kind cannot change" in refused("a", "agent.kind=ppo", "--run", "b")
    assert "exists already" in refused("a", "--run", "a")
    with Run(here / "runs/a").locked():
        assert "trained by another process" in refused("a", "--run", "b")
    shutil.rmtree(here / "runs/a/replay")
    assert "init_from=" in refused("a", "--run", "b")


def test_a_state_that_does_not_fit_leaves_no_run(ludus: Ludus, here: Path) -> None:
    config = write_config(here / "c.yaml", PROBE)
    assert ludus("train", config, "--run", "a").code == 0
    outcome = ludus("fork", "a", "agent.dueling=false", "total_env_steps=400", "--run", "b")
    assert outcome.code == 2
    assert "does not fit" in outcome.err
    assert not (here / "runs/b").exists()


def test_a_new_run_begins_with_the_network_of_another(ludus: Ludus, here: Path) -> None:
    config = write_config(here / "c.yaml", PROBE)
    assert ludus("train", config, "--run", "a").code == 0
    tuned = ludus("train", config, "init_from=a@200", "seed=8", "--run", "b")
    assert tuned.code == 0, tuned.err
    theirs = checkpoint.load_model(here / "runs/a/checkpoints/200")
    first = min(checkpoint.list_steps(here / "runs/b/checkpoints"))
    ours = checkpoint.load_model(here / f"runs/b/checkpoints/{first}")
    assert first < 60  # before anything was learned
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    lines = (here / "runs/b/metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["env_steps"] < 60


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["init_from=nowhere"], "there is no run 'nowhere'"),
        (["init_from=a@7"], "no checkpoint '7'"),
        (["init_from=a", "agent.dueling=false"], "the network of a is another one"),
    ],
)
def test_a_network_that_cannot_be_taken_is_refused(
    ludus: Ludus, here: Path, overrides: list[str], reason: str
) -> None:
    config = write_config(here / "c.yaml", PROBE)
    assert ludus("train", config, "--run", "a").code == 0
    outcome = ludus("train", config, *overrides, "--run", "b")
    assert outcome.code == 2
    assert reason in outcome.err
    assert not (here / "runs/b").exists()
