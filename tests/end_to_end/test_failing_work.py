"""What a learning rate or a disk gets wrong: one clear line, exit code 1, no harm to the run."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import agents.dqn
from agents.losses import huber_td_loss
from tests.end_to_end.checks import complaint, fingerprint
from tests.end_to_end.configs import PROBE, write_config
from tests.end_to_end.conftest import Ludus
from workbench.runs import checkpoint


def test_a_loss_that_is_not_finite_ends_the_run_and_spares_its_checkpoints(
    ludus: Ludus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = 0

    def huber_then_nan(value: torch.Tensor, target: torch.Tensor) -> Any:
        nonlocal losses
        losses += 1
        loss, errors = huber_td_loss(value, target)
        return (loss * torch.nan if losses > 20 else loss), errors

    monkeypatch.setattr(agents.dqn, "huber_td_loss", huber_then_nan)
    outcome = ludus("train", write_config(here / "c.yaml", PROBE), "--run", "a")
    line = complaint(outcome, 1)
    assert line.startswith("the loss is no longer a finite number; nothing was saved since")
    assert "agent.learning_rate" in line
    run = here / "runs/a"
    # 20 updates of 8 samples, one for each env_step after the first 60, are done at 220.
    assert checkpoint.list_steps(run / "checkpoints") == [4, 100, 200]
    for weights in checkpoint.load_model(run / "checkpoints/200").values():
        assert weights.isfinite().all()
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["env_steps"] == 220
    assert json.loads((run / "run.json").read_text())["status"] == "failed"
    assert ludus("eval", "a", "--episodes", "1").code == 0


@pytest.mark.parametrize("rate", ["1e30", "1e38"])
def test_an_absurd_learning_rate_is_refused(ludus: Ludus, here: Path, rate: str) -> None:
    config = write_config(here / "c.yaml", PROBE)
    said = complaint(ludus("train", config, f"agent.learning_rate={rate}", "--run", "a"), 2)
    assert "agent.learning_rate" in said
    assert not (here / "runs").exists()


def test_wandb_that_cannot_start_is_one_line(
    ludus: Ludus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    def refuse(**options: object) -> None:
        raise wandb.errors.UsageError("No API key\nconfigured.")

    monkeypatch.setattr(wandb, "init", refuse)
    config = write_config(here / "c.yaml", PROBE, wandb__mode="online")
    assert complaint(ludus("train", config), 1) == (
        "Weights & Biases did not start (No API key configured.); log in with `wandb login`, "
        "or set wandb.mode=offline"
    )


# ---- disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, *, but_bytes: int) -> Path:
    """Takes all space of `disk` except for about `but_bytes`."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                break
        file.truncate(file.tell() // 4096 * 4096 - but_bytes)
    return filler


def test_a_replay_that_the_disk_cannot_hold_is_refused(
    ludus: Ludus, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_disk)
    config = write_config(small_disk / "c.yaml", PROBE)
    line = complaint(
        ludus("train", config, "replay.capacity_env_steps=100_000", "total_env_steps=100_000"), 2
    )
    assert line.startswith("replay needs 0.01 GB of disk to resume from, and 0.00 GB are free")
    assert [path.name for path in small_disk.iterdir()] == ["c.yaml"]


@pytest.mark.parametrize("storage", ["memory", "memmap"])
def test_a_disk_that_is_full_at_the_start(
    ludus: Ludus, here: Path, small_disk: Path, storage: str
) -> None:
    config = write_config(here / "c.yaml", PROBE, replay__storage=storage)
    filler = fill(small_disk, but_bytes=24_000)
    path = small_disk / "a"
    assert "No space left on device" in complaint(ludus("train", config, "--run", str(path)), 1)
    filler.unlink()
    assert ludus("resume", str(path)).code == 0


def test_a_disk_that_is_too_full_to_make_a_run(ludus: Ludus, here: Path, small_disk: Path) -> None:
    config = write_config(here / "c.yaml", PROBE)
    filler = fill(small_disk, but_bytes=0)
    path = small_disk / "a"
    assert "No space left on device" in complaint(ludus("train", config, "--run", str(path)), 1)
    filler.unlink()
    assert ludus("train", config, "--run", str(path)).code == 0


@pytest.mark.parametrize("but_bytes", [0, 8_192, 30_000, 80_000])
def test_a_disk_that_fills_up_harms_nothing(
    ludus: Ludus, stopped_run: Path, here: Path, small_disk: Path, but_bytes: int
) -> None:
    run, reference = small_disk / "a", here / "runs/a"
    for copy in (run, reference):
        shutil.copytree(stopped_run, copy)
    assert ludus("resume", "a").code == 0
    filler = fill(small_disk, but_bytes=but_bytes)
    checkpoints = fingerprint(run / "checkpoints")
    assert "No space left on device" in complaint(ludus("resume", str(run)), 1)
    assert fingerprint(run / "checkpoints") == checkpoints
    filler.unlink()
    assert ludus("resume", str(run)).code == 0
    for name in ("model.safetensors", "resume.safetensors"):
        ours, theirs = (path / "checkpoints/300" / name for path in (run, reference))
        assert ours.read_bytes() == theirs.read_bytes()
    ours, theirs = (metrics_without_times(path) for path in (run, reference))
    assert ours == theirs


def metrics_without_times(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    timed = ("wall_seconds", "_per_second")
    return [{k: v for k, v in line.items() if not k.endswith(timed)} for line in lines]


def test_a_video_that_the_disk_cannot_hold_leaves_nothing(
    ludus: Ludus, stopped_run: Path, small_disk: Path
) -> None:
    run = small_disk / "a"
    shutil.copytree(stopped_run, run)
    fill(small_disk, but_bytes=0)
    before = fingerprint(run)
    assert "No space left on device" in complaint(ludus("record", str(run), "--seed", "7"), 1)
    assert fingerprint(run) == before


def test_a_directory_that_cannot_be_written(
    ludus: Ludus, stopped_run: Path, here: Path, small_disk: Path
) -> None:
    run = small_disk / "a"
    shutil.copytree(stopped_run, run)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    before = fingerprint(run)
    config = write_config(here / "c.yaml", PROBE)
    for arguments in (
        ["resume", str(run)],
        ["record", str(run)],
        ["train", config, "--run", str(small_disk / "b")],
    ):
        assert "Read-only file system" in complaint(ludus(*arguments), 1)
    assert ludus("eval", str(run), "--episodes", "1").code == 0
    assert fingerprint(run) == before
