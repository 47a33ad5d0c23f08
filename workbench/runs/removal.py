"""Removes runs, wholly or in part: never one in training, never a folder that is not a run.

What a finished run keeps only so that it can go on, replay above all, is given back when it is
pruned; then it can no longer be extended. A run that is not finished keeps what it needs.
"""

import os
import re
import secrets
import shutil
from contextlib import suppress
from itertools import chain
from pathlib import Path

from workbench.config import OnPolicyConfig, load_saved_config
from workbench.errors import UsageError
from workbench.runs import checkpoint
from workbench.runs.run import Run

# Hidden, so that nobody takes a run that is going for one that is there.
ASIDE = ".ludus-deleted-"
IS_ASIDE = re.compile(rf"{re.escape(ASIDE)}[0-9a-f]{{16}}")
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
    refuse_deletion(run)
    parent = run.path.absolute().parent
    with run.locked():
        aside = parent / f"{ASIDE}{secrets.token_hex(8)}"
        run.path.rename(aside)
    while os.path.lexists(aside):
        with suppress(FileNotFoundError):  # another process removes it, too
            shutil.rmtree(aside)
    for left in parent.glob(f"{ASIDE}*"):
        if IS_ASIDE.fullmatch(left.name):
            shutil.rmtree(left, ignore_errors=True)  # another process may be at it


def prunable(run: Run, keep_every: int | None) -> list[Path]:
    """Returns what pruning a run removes: replay of a finished one, and checkpoints.

    Args:
        run: any.
        keep_every: beside the newest checkpoint, each one whose number among all is a multiple of
            this stays; None: only the newest does.
    """
    latest = checkpoint.latest_step(run.checkpoints)
    older = [step for step in checkpoint.list_steps(run.checkpoints) if step != latest]
    going = [step for n, step in enumerate(older) if keep_every is None or n % keep_every]
    return [*_only_for_going_on(run), *(run.checkpoints / str(step) for step in going)]


def prune(run: Run, keep_every: int | None) -> None:
    """Removes what `prunable` returns.

    Raises:
        UsageError: it is not the directory of a run, or another process trains in it.
        OSError: it may not be removed.
    """
    refuse_deletion(run)
    with run.locked():
        going = prunable(run, keep_every)
        if any(path == run.replay or path.name.startswith("resume.") for path in going):
            # First, since half of it is as good as nothing.
            run.update_info(pruned=True)
        for path in going:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def going_on_bytes(run: Run) -> int:
    """Returns what a finished run keeps on the disk only so that it can go on."""
    return sum(map(disk_bytes, _only_for_going_on(run)))


def _only_for_going_on(run: Run) -> list[Path]:
    """Returns what a finished run with replay needs no more; what PPO keeps is small."""
    step = checkpoint.latest_step(run.checkpoints)
    if run.status != "finished" or step is None or isinstance(run.config, OnPolicyConfig):
        return []
    files = (run.checkpoints / str(step) / name for name in checkpoint.RESUME_FILES)
    return [path for path in (run.replay, *files) if path.exists()]


def refuse_deletion(run: Run) -> None:
    """Raises UsageError if `run` is not just the directory of a run, or is trained just now."""
    path = run.path
    if path.is_symlink():
        raise UsageError(f"{path} is a link to {path.resolve()}; name that run, or remove the link")
    if not _is_ours(path):
        raise UsageError(f"{path} is not a run: it has no config.yaml with a run.json beside it")
    if Path.cwd().is_relative_to(path.resolve()):
        raise UsageError(f"{path} is where you are; go to another folder first")
    others = [config.parent for config in path.glob("*/**/config.yaml") if _is_run(config.parent)]
    for other in [*others, path / ".git"]:
        if other.exists():
            raise UsageError(f"{path} holds more than one run: {other}")
    if run.is_locked():
        raise UsageError(f"{run.name} is being trained by another process")


def _is_run(path: Path) -> bool:
    has_trace = any(os.path.lexists(path / name) for name in TRACES)
    return has_trace and (path / "config.yaml").is_file()


def _is_ours(path: Path) -> bool:
    """Returns whether it is a run of ours; others keep config.yaml and checkpoints, too."""
    if not _is_run(path) or os.path.lexists(path / "run.json"):
        return _is_run(path)
    try:
        load_saved_config(path / "config.yaml")
    except UsageError:
        return False
    return True


def disk_bytes(path: Path) -> int:
    """Returns what a file, or all files below a directory, take on the disk, as `du` counts."""
    size = 0
    below = (Path(top, name) for top, *names in os.walk(path) for name in chain(*names))
    for one in (path, *below):
        with suppress(OSError):  # temporary files come and go; others are not for us to see
            size += one.lstat().st_blocks * 512
    return size
