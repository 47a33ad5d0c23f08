"""Removing runs, wholly: never one that is being trained, and never what is no run."""

import os
import secrets
import shutil
from pathlib import Path

from workbench.errors import UsageError
from workbench.run import Run

ASIDE = ".deleted-"  # hidden, so that nobody takes a run that is going for one that is there
# One of these lies beside the config of every run, whatever befell it.
TRACES = ("run.json", "metrics.jsonl", "checkpoints")


def delete_run(run: Run) -> None:
    """Removes a run's directory and all that is in it.

    It is moved aside first, so it is gone as a whole at once; what a kill leaves of it is removed
    with the next run that is deleted beside it.

    Raises:
        UsageError: it is not the directory of a run, or another process trains in it.
        OSError: it may not be removed.
    """
    _refuse_what_is_no_run(run)
    parent = run.path.absolute().parent
    with run.locked():
        aside = parent / f"{ASIDE}{run.name}-{secrets.token_hex(4)}"
        run.path.rename(aside)
    shutil.rmtree(aside)
    for left in parent.glob(f"{ASIDE}*"):
        shutil.rmtree(left, ignore_errors=True)  # another process may be at it


def _refuse_what_is_no_run(run: Run) -> None:
    path = run.path
    if path.is_symlink():
        raise UsageError(f"{path} is a link to {path.resolve()}; name that run, or remove the link")
    if not _is_run(path):
        raise UsageError(f"{path} is not a run: it has no config.yaml with a run.json beside it")
    if Path.cwd().is_relative_to(path.resolve()):
        raise UsageError(f"{path} is where you are; go to another folder first")
    others = [config.parent for config in path.glob("*/**/config.yaml") if _is_run(config.parent)]
    for other in [*others, path / ".git"]:
        if other.exists():
            raise UsageError(f"{path} holds more than one run: {other}")


def _is_run(path: Path) -> bool:
    has_trace = any(os.path.lexists(path / name) for name in TRACES)
    return has_trace and (path / "config.yaml").is_file()


def disk_bytes(path: Path) -> int:
    """Returns what a file, or all files below a directory, take on the disk, as `du` counts."""
    return sum(_own_bytes(file) for file in [path, *path.rglob("*")])


def _own_bytes(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:  # temporary files of a training come and go
        return 0
