"""Checkpoints: named parts on disk, complete or not written at all, never pickled.

A checkpoint is a directory `checkpoints/STEP/` with

- `model.safetensors`: the networks that acting needs; kept for ever
- `resume.safetensors` and `resume.json`: everything else that exact resuming needs; kept for the
  latest checkpoint only, since replay's files go on with it
- `meta.json`: env_steps, a few facts for people, and the SHA-256 of each other file

It is written to a temporary directory, synced, renamed into place, and only then does the file
`latest` name it, so a process killed at any moment leaves the previous checkpoint in force.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch


RESUME_FILES = ("resume.safetensors", "resume.json")


class Stateful(Protocol):
    """A part of a run that can be saved and brought back exactly."""

    def state_dict(self) -> dict[str, Any]:
        """Returns nested dicts and lists of tensors, arrays, numbers, strings, bools and None."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back; raises ValueError if it is that of something else."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replaces the file at `path` as a whole, durably."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_directory(path.parent)


def save(
    directory: Path,
    env_steps: int,
    *,
    model: Mapping[str, "torch.Tensor"],
    resume: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> Path:
    """Writes checkpoint `env_steps` under `directory` and makes it the latest.

    Args:
        directory: the run's `checkpoints/`.
        env_steps: names the checkpoint; one of that name that is not the latest is replaced.
        model: tensors by name.
        resume: nested dicts and lists of tensors, arrays, numbers, strings, bools and None.
        facts: JSON for people and reports.

    Raises:
        OSError: the disk is full or not writable; no earlier checkpoint is touched.
    """
    final = directory / str(env_steps)
    for left in directory.glob(".tmp-*"):  # by processes that were killed
        shutil.rmtree(left)
    temporary = directory / f".tmp-{env_steps}"
    temporary.mkdir(parents=True)
    try:
        _write_parts(temporary, env_steps, model, resume, facts)
        if final.exists():
            # By a process killed before `latest` named it; its position in metrics.jsonl is not
            # that of this process, as wall_seconds differ.
            final.rename(directory / ".tmp-replaced")
        temporary.rename(final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_directory(directory)
    write_atomically(directory / "latest", f"{env_steps}\n")
    shutil.rmtree(directory / ".tmp-replaced", ignore_errors=True)
    for other in set(list_steps(directory)) - {env_steps}:
        for name in RESUME_FILES:
            (directory / str(other) / name).unlink(missing_ok=True)
    return final


def _write_parts(
    directory: Path,
    env_steps: int,
    model: Mapping[str, "torch.Tensor"],
    resume: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    # Torch is loaded where there are tensors: lists of runs ask for steps alone.
    from workbench.runs.tensors import flatten, save_tensors

    tensors: dict[str, torch.Tensor] = {}
    tree = flatten(resume, "", tensors)
    save_tensors(directory / "model.safetensors", model)
    save_tensors(directory / "resume.safetensors", tensors)
    (directory / "resume.json").write_text(json.dumps(tree), encoding="utf-8")
    files = {path.name: _digest(path) for path in sorted(directory.iterdir())}
    meta = {"env_steps": env_steps, **facts, "sha256": files}
    (directory / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
    for path in directory.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    _sync_directory(directory)


def list_steps(directory: Path) -> list[int]:
    """Returns the env_steps of all checkpoints under `directory`, ascending."""
    if not directory.is_dir():
        return []
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdecimal())


def latest_step(directory: Path) -> int | None:
    """Returns the env_steps of the checkpoint in force, or None where there is none yet.

    Where the file `latest` is missing or names none that exists, it is the newest.
    """
    steps = list_steps(directory)
    latest = _named_latest(directory)
    return latest if latest in steps else max(steps, default=None)


def _named_latest(directory: Path) -> int | None:
    try:
        return int((directory / "latest").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def settle(directory: Path) -> None:
    """Makes the file `latest` name the checkpoint in force, where a kill left that open."""
    step = latest_step(directory)
    if step is not None and step != _named_latest(directory):
        write_atomically(directory / "latest", f"{step}\n")


def load_model(checkpoint: Path) -> "dict[str, torch.Tensor]":
    """Returns the tensors of `model.safetensors`.

    Raises:
        UsageError: the checkpoint is missing, truncated or was edited.
    """
    from workbench.runs.tensors import load_tensors

    _verify(checkpoint, "model.safetensors")
    return load_tensors(checkpoint / "model.safetensors")


def load_resume(checkpoint: Path) -> dict[str, Any]:
    """Returns the `resume` tree as it was given to `save`, with arrays as numpy or torch as saved.

    Raises:
        UsageError: the parts are missing (pruned), truncated or were edited.
    """
    from workbench.runs.tensors import load_tensors, unflatten

    for name in RESUME_FILES:
        _verify(checkpoint, name)
    tensors = load_tensors(checkpoint / "resume.safetensors")
    try:
        tree = json.loads((checkpoint / "resume.json").read_text(encoding="utf-8"))
        resume: dict[str, Any] = unflatten(tree, tensors)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{checkpoint / 'resume.json'} is damaged ({error})") from error
    return resume


def model_digest(checkpoint: Path) -> str:
    """Returns the SHA-256 of the networks as they were saved; raises as `load_meta` does."""
    return str(load_meta(checkpoint)["sha256"]["model.safetensors"])


def load_meta(checkpoint: Path) -> dict[str, Any]:
    """Returns `meta.json`; raises UsageError if it is missing or is not what was written."""
    try:
        meta = json.loads((checkpoint / "meta.json").read_text(encoding="utf-8"))
        if isinstance(meta["sha256"], dict) and isinstance(meta["env_steps"], int):
            return dict(meta)
    except FileNotFoundError:
        raise UsageError(f"there is no checkpoint at {checkpoint}") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise UsageError(
        f"{checkpoint / 'meta.json'} is damaged; earlier checkpoints play, as runs/NAME@STEP"
    )


def _verify(checkpoint: Path, name: str) -> None:
    expected = load_meta(checkpoint)["sha256"].get(name)
    path = checkpoint / name
    if name == "model.safetensors":
        way_out = "earlier checkpoints play, as runs/NAME@STEP"
    else:
        way_out = "the run cannot go on from here, but earlier checkpoints play, as runs/NAME@STEP"
    if not path.is_file():
        raise UsageError(f"{path} is missing; {way_out}")
    if _digest(path) != expected:
        raise UsageError(f"{path} is damaged: its checksum is not that in meta.json; {way_out}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
