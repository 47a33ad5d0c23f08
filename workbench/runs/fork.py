"""Branches a run off: a new run from exactly the state that another one was saved in."""

import json
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from workbench.config import OffPolicyConfig, dump_config, load_saved_config
from workbench.errors import UsageError
from workbench.runs import checkpoint, facts
from workbench.runs.changes import changed_keys, refuse_another_kind
from workbench.runs.names import new_run_path
from workbench.runs.run import Run, open_checkpoint


def fork_run(source: str, name: str, overrides: Sequence[str] = ()) -> Run:
    """Returns a new run that holds all that `source` was saved with, replay included.

    Where nothing is overridden, it goes on as the other one would have, bit for bit. Its metrics up
    to there are copied, its videos are not.

    Args:
        source: a run, or RUN@STEP if STEP is its latest checkpoint.
        name: of the new run, under `runs/`, or a path.
        overrides: `key.path=value`; any key, as long as the saved state still fits.

    Raises:
        UsageError: the state was not kept, another process trains the run, or a name or an override
            is wrong.
        OSError: the disk is full or not writable; no new run is left behind.
    """
    run, saved = open_checkpoint(source)
    path = new_run_path(name)
    if path.exists():
        raise UsageError(f"{path} exists already; choose another --run")
    with run.locked():
        _refuse_what_cannot_go_on(run, saved)
        before = run.config
        refuse_another_kind(before, overrides)
        after = load_saved_config(run.config_path, overrides)
        text, env_steps = dump_config(after), int(saved.name)
        info = run.info | {
            "status": "interrupted",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": after.seed,
            "wandb_id": os.urandom(4).hex(),
            "env_steps": env_steps,
            "facts": facts.as_json(after, text),
            "forked": {
                "run": str(run.path.resolve()),
                "env_steps": env_steps,
                "keys": changed_keys(before, after),
            },
        }
        try:
            _copy(run, path)
            fork = Run(path)
            checkpoint.write_atomically(fork.info_path, json.dumps(info, indent=1) + "\n")
            # Last, for a directory is a run as soon as it holds this.
            checkpoint.write_atomically(fork.config_path, text)
        except BaseException:  # a signal, too
            shutil.rmtree(path, ignore_errors=True)
            raise
    return fork


def _refuse_what_cannot_go_on(run: Run, saved: Path) -> None:
    latest = checkpoint.latest_step(run.checkpoints)
    if int(saved.name) != latest:
        raise UsageError(
            f"{run.name}@{saved.name} cannot be forked: only the latest checkpoint, {latest}, "
            "holds all that training needs"
        )
    lost = isinstance(run.config, OffPolicyConfig) and not run.replay.is_dir()
    if run.info.get("pruned") or lost:
        raise UsageError(
            f"{run.path} cannot be forked: its replay is gone; its network can begin a new run: "
            f"ludus train {run.config_path} init_from={run.path} --run NEW"
        )


def _copy(run: Run, path: Path) -> None:
    """Copies what training goes on from: checkpoints, replay and metrics."""
    path.mkdir(parents=True)
    shutil.copytree(run.checkpoints, path / run.checkpoints.name)
    if run.replay.is_dir():
        shutil.copytree(run.replay, path / run.replay.name)
    if run.metrics_path.is_file():
        shutil.copy2(run.metrics_path, path)
