"""What a run will take on the disk, predicted and found; and what is hardly meant."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.end_to_end.configs import BOARD, PPO_PROBE, PROBE, R2D2_PROBE, write_config
from workbench.config import SelfPlayConfig, load_config
from workbench.errors import UsageError
from workbench.runs.removal import disk_bytes
from workbench.runs.run import create_run
from workbench.training import doctor
from workbench.training.doctor import (
    describe_shortage,
    measure,
    needed_disk_bytes,
    refuse_what_will_not_fit,
    warnings,
)
from workbench.training.progress import ProgressLine
from workbench.training.stopping import StopRequest
from workbench.training.train import train


class Disk(NamedTuple):
    free: int


@pytest.mark.parametrize(
    "config", [PROBE, PPO_PROBE, R2D2_PROBE, BOARD], ids=["dqn", "ppo", "r2d2", "alphazero"]
)
def test_a_run_takes_no_more_than_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]
) -> None:
    changes = {"total_env_steps": 200, "checkpoint_period_env_steps": 50}
    resolved = load_config(Path(write_config(tmp_path / "c.yaml", config, **changes)))
    said = needed_disk_bytes(resolved)
    run = create_run(resolved, str(tmp_path / "a"))
    with ProgressLine("a", 200, 0) as progress:
        assert train(run, progress, StopRequest())
    files = [*run.replay.glob("*"), *run.checkpoints.glob("*/*.safetensors")]
    taken = sum(path.stat().st_size for path in files)
    # Twice what resuming needs is there for a moment only.
    assert 0.5 * taken < said
    assert taken <= said + 20_000 * len(files)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(said - 1))
    shortage = describe_shortage(resolved, tmp_path / "b")
    assert shortage is not None
    assert "ludus prune" in shortage
    # What the run has already need not be had again.
    assert describe_shortage(resolved, run.path) is None


def test_replay_has_no_more_rows_than_the_training_steps(tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml", PROBE, replay__capacity_env_steps=10**9)
    resolved = load_config(Path(config))
    refuse_what_will_not_fit(resolved)
    run = create_run(resolved, str(tmp_path / "a"))
    with ProgressLine("a", 300, 0) as progress:
        assert train(run, progress, StopRequest())
    assert (run.replay / "last.bin").stat().st_size == 300
    assert (run.replay / "frames.bin").stat().st_size == 300 * 8 * 8
    assert disk_bytes(run.replay) < 60_000


def test_a_replay_that_is_on_the_disk_already_needs_no_more_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = load_config(Path(write_config(tmp_path / "c.yaml", PROBE, total_env_steps=5_000)))
    replay = tmp_path / "a/replay"
    replay.mkdir(parents=True)
    (replay / "frames.bin").write_bytes(bytes(600_000))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(1_000))
    with pytest.raises(UsageError, match="of disk to resume from"):
        refuse_what_will_not_fit(resolved)
    refuse_what_will_not_fit(resolved, replay)


def test_doctor_tells_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MEASURED_SECONDS", 0.01)
    resolved = load_config(Path(write_config(tmp_path / "c.yaml", PROBE)))
    report = measure(resolved)
    assert report["needed_disk_gb"] == needed_disk_bytes(resolved) / 1e9
    assert report["wall_minutes"] > 0


@pytest.mark.parametrize(
    ("game", "max_plies", "warned"),
    [
        ("othello", 40, True),
        ("mancala", 100, True),
        ("mancala", None, False),
        ("go(board_size=9)", 160, False),  # then 160 is go's own limit, where the board is scored
        ("hex(board_size=5)", 10, True),  # which is never drawn
        ("hex(board_size=5)", 25, False),
        ("connect_four", 30, True),
        ("chess", 300, False),
        ("hive", 100, False),
    ],
)
def test_a_cap_on_a_game_that_the_rules_decide(
    game: str, max_plies: int | None, warned: bool
) -> None:
    env = {"kind": "board", "game": game, "max_plies": max_plies}
    config = SelfPlayConfig.model_validate(
        {"env": env, "agent": {"kind": "alphazero"}, "total_env_steps": 1}
    )
    said = warnings(config)
    assert len(said) == warned
    assert all(f"env.max_plies={max_plies} makes draws" in one for one in said)
