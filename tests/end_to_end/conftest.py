"""Fixtures: the command line in this process and in processes of its own, in an empty directory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import envs.atari
import workbench.loops.off_policy
from tests.end_to_end import launcher
from tests.end_to_end.launcher import Launcher, Outcome
from workbench.cli import run_command

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
def ludus(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Ludus]:
    """Runs a command in this process, with short episodes and videos."""
    for name in ("RESEED_PERIOD_TICKS", "MAX_FRAMES_PER_EPISODE"):
        monkeypatch.setattr(envs.atari, name, getattr(launcher, name))
    monkeypatch.setattr(
        workbench.loops.off_policy, "MAX_VIDEO_ENV_STEPS", launcher.MAX_VIDEO_ENV_STEPS
    )

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = run_command(list(arguments))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    yield run
    # Training sets it for the whole process, and hypothesis needs denormals.
    torch.set_flush_denormal(False)
