"""Fixtures: the command line in this process and in processes of its own, in an empty directory."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import envs.atari
import workbench.evaluation.load
from tests.end_to_end import launcher
from tests.end_to_end.configs import PROBE, write_config
from tests.end_to_end.launcher import Launcher, Outcome
from workbench.cli.main import run_command
from workbench.runs import checkpoint
from workbench.training import doctor

Ludus = Callable[..., Outcome]


@pytest.fixture(scope="session")
def processes() -> Iterator[Launcher]:
    started = Launcher()
    yield started
    started.close()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ludus(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ludus:
    """Runs a command in this process, with short episodes and videos."""
    for name in ("RESEED_PERIOD_TICKS", "MAX_FRAMES_PER_EPISODE"):
        monkeypatch.setattr(envs.atari, name, getattr(launcher, name))
    monkeypatch.setattr(
        workbench.evaluation.load, "MAX_VIDEO_ENV_STEPS", launcher.MAX_VIDEO_ENV_STEPS
    )

    monkeypatch.setattr(doctor, "MEASURED_SECONDS", 0.2)

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = run_command(list(arguments))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def stopped_run(processes: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose process was killed right after its third checkpoint."""
    directory = tmp_path_factory.mktemp("stopped")
    write_config(directory / "c.yaml", PROBE)
    processes.run(directory, "train", "c.yaml", "--run", "a", kill_at_sync=40)
    run = directory / "runs/a"
    assert checkpoint.list_steps(run / "checkpoints") == [4, 100, 200]
    return run


@pytest.fixture
def run_a(stopped_run: Path, here: Path) -> Path:
    """A copy of `stopped_run` as runs/a."""
    shutil.copytree(stopped_run, here / "runs/a")
    return here / "runs/a"
