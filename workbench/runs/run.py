"""One run directory: its layout, who may write to it, and its state."""

import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from workbench.config import TrainConfig, dump_config, load_saved_config
from workbench.errors import UsageError
from workbench.runs import checkpoint, facts
from workbench.runs.names import RUNS as RUNS
from workbench.runs.names import is_run, new_run_path, run_path, run_paths

Status = Literal["created", "running", "interrupted", "failed", "finished"]

LOOKED_AT_SECONDS = 0.001  # how long a look at a lock may take before it is tried again
# What others rely on in `run.json`.
INFO_TYPES = {"status": str, "wandb_id": str, "env_steps": int, "wall_seconds": int | float}


class Run:
    """A directory with `config.yaml`, `run.json`, `metrics.jsonl`, `checkpoints/`, `videos/`."""

    def __init__(self, path: Path) -> None:
        """Names the paths; touches nothing."""
        self.path = path
        self.name = path.name if path.name not in ("", "..") else path.resolve().name
        self.config_path = path / "config.yaml"
        self.info_path = path / "run.json"
        self.metrics_path = path / "metrics.jsonl"
        self.checkpoints = path / "checkpoints"
        self.replay = path / "replay"
        self.videos = path / "videos"

    @property
    def config(self) -> TrainConfig:
        """The resolved config."""
        return load_saved_config(self.config_path)

    @property
    def info(self) -> dict[str, Any]:
        """`run.json`; raises UsageError if it is damaged."""
        try:
            info = dict(json.loads(self.info_path.read_text(encoding="utf-8")))
            for key, kind in INFO_TYPES.items():
                if not isinstance(info[key], kind):
                    raise ValueError(f"{key} is {info[key]!r}")
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise UsageError(f"{self.info_path} is damaged ({error})") from None
        return info

    @property
    def facts(self) -> facts.Facts:
        """What lists show of the config; raises UsageError if it is missing or wrong."""
        return facts.read_facts(self.config_path, self.info_path)

    @property
    def status(self) -> Status:
        """That of `run.json`, unless the process that was training was killed.

        A run whose training was ended is finished where it has all its env_steps.
        """
        info = self.info
        status: Status = info["status"]
        if status == "running" and self.is_locked():
            return status
        total_env_steps = None
        with suppress(UsageError):
            total_env_steps = self.facts.total_env_steps
        if total_env_steps is not None and info["env_steps"] >= total_env_steps:
            return "finished"
        extended = status == "finished" and total_env_steps is not None
        return "interrupted" if extended or status == "running" else status

    def is_locked(self) -> bool:
        """Returns whether some process trains in it now."""
        try:
            with (self.path / ".lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False

    def update_info(self, **changes: Any) -> None:
        """Changes keys of `run.json`, atomically."""
        write = {**self.info, **changes}
        checkpoint.write_atomically(self.info_path, json.dumps(write, indent=1) + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps every other process from training in this run; raises UsageError if one does."""
        with (self.path / ".lock").open("w+") as file:
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                # Whoever only looks, see `is_locked`, shares the lock for a moment.
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise UsageError(f"{self.name} is being trained by another process") from None
                fcntl.flock(file, fcntl.LOCK_UN)
                time.sleep(LOOKED_AT_SECONDS)
            yield


def create_run(config: TrainConfig, name: str | None) -> Run:
    """Makes the directory of a new run.

    Args:
        config: resolved; saved with the run.
        name: a name under `runs/` or a path, see `names.py`; None: made of the world and a number.

    Raises:
        UsageError: the run exists already, or cannot have this name.
        OSError: the disk is full or not writable.
    """
    path = _free_path(config) if name is None else new_run_path(name)
    run = Run(path)
    text = dump_config(config)
    of_agent = ("stable_baselines3", "sb3_contrib") if config.agent.kind == "sb3" else ()
    info = {
        "status": "created",
        "seed": config.seed,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_revision": _git_revision(),
        "versions": {
            name: version(name)
            for name in (
                "torch",
                "ale-py",
                "gymnasium",
                "numpy",
                "minigrid",
                "open_spiel",
                *of_agent,
            )
        }
        | {"python": platform.python_version()},
        "machine": _machine(),
        "wandb_id": os.urandom(4).hex(),
        "env_steps": 0,
        "wall_seconds": 0.0,
        "facts": facts.as_json(config, text),
    }
    try:
        path.mkdir(parents=True)
    except NotADirectoryError:
        raise UsageError(f"{path} cannot be made: {path.parent} is not a directory") from None
    except FileExistsError:
        way_out = f", or continue it: ludus resume {path}" if run.config_path.is_file() else ""
        raise UsageError(f"{path} exists already; choose another --run{way_out}") from None
    try:
        checkpoint.write_atomically(run.info_path, json.dumps(info, indent=1) + "\n")
        # Last, for a directory is a run as soon as it holds this.
        checkpoint.write_atomically(run.config_path, text)
    except BaseException:  # a signal, too
        shutil.rmtree(path, ignore_errors=True)
        raise
    return run


def open_run(name: str) -> Run:
    """Returns an existing run by name or path, see `names.py`; raises UsageError."""
    return Run(run_path(name))


def open_checkpoint(player: str) -> tuple[Run, Path]:
    """Returns the run and the checkpoint that `runs/NAME` or `runs/NAME@STEP` names.

    Raises:
        UsageError: there is no such run or checkpoint.
    """
    name, at, step_text = player.rpartition("@")
    # A directory above the run may have an @ too, or the run's own if somebody renamed it.
    if not at or "/" in step_text or is_run(Path(player)) or is_run(RUNS / player):
        name, at = player, ""
    run = open_run(name)
    if not at:
        step = checkpoint.latest_step(run.checkpoints)
        if step is None:
            raise UsageError(f"{run.name} has no checkpoint yet")
    else:
        steps = checkpoint.list_steps(run.checkpoints)
        if step_text not in map(str, steps):
            known = ", ".join(map(str, steps)) or "none"
            raise UsageError(f"{run.name} has no checkpoint {step_text!r}; it has: {known}")
        step = int(step_text)
    return run, run.checkpoints / str(step)


def list_runs() -> list[Run]:
    """Returns all runs under `runs/`, in folders there too, oldest first."""
    times: dict[Path, float] = {}
    for path in run_paths():
        with suppress(OSError):  # deleted just now
            times[path] = (path / "config.yaml").stat().st_mtime
    return [Run(path) for path in sorted(times, key=times.__getitem__)]


class Clock:
    """Wall seconds spent on a run, across interruptions."""

    def __init__(self, before_seconds: float = 0.0) -> None:
        """`before_seconds` were spent before this process."""
        self._start = time.monotonic() - before_seconds

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._start


def _free_path(config: TrainConfig) -> Path:
    stem = f"{facts.game_of(config)}-{config.agent.kind}".lower()
    stem = re.sub(r"[^\w.+-]+", "-", re.sub(r"board_size=|[()]", "", stem))
    number = 1
    while (RUNS / f"{stem}-{number}").exists():
        number += 1
    return RUNS / f"{stem}-{number}"


def _git_revision() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _machine() -> str:
    import torch  # a run is made where one is trained, and listed where none is

    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{os.cpu_count()} x {platform.processor() or platform.machine()}, {cuda}"
