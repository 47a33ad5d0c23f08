"""A training as a person sees it: what it says, how it may be stopped, and how it ends."""

import sys
from collections.abc import Sequence
from contextlib import suppress

import typer

from workbench import checkpoint
from workbench.config import TrainConfig
from workbench.doctor import refuse_what_will_not_fit
from workbench.errors import UsageError
from workbench.progress import Progress
from workbench.run import Run
from workbench.run_changes import change_config, ended_schedules
from workbench.run_removal import going_on_bytes
from workbench.stopping import STOPPED, StopRequest, stop_signals
from workbench.training import train

WORTH_TELLING_BYTES = 10_000_000


def run_training(run: Run, overrides: Sequence[str] = ()) -> None:
    """Trains a run to its end, or until a signal asks it to stop; `overrides` change its config.

    Raises:
        typer.Exit: with 130, if it was stopped.
        UsageError: another process trains it, an override may not be, or it cannot go on.
    """
    with run.locked(), stop_signals() as stop:
        if run.info.get("pruned") and (overrides or run.status != "finished"):
            raise UsageError(
                f"{run.path} was pruned, so it cannot go on; it plays as before, and another like "
                f"it begins with: ludus train {run.config_path} --run NEW"
            )
        config = change_config(run, overrides)
        if run.info["status"] == "finished":
            _say(
                f"{run.path} is finished at {run.info['env_steps']:,} env_steps; it goes on with: "
                f"ludus resume {run.path} total_env_steps=N; measure it with: ludus eval {run.path}"
            )
            return
        if overrides:
            refuse_what_will_not_fit(config, run.path)
        try:
            finished = _train(run, config, stop)
        except KeyboardInterrupt:
            _say(_how_it_stopped(run, stop))
            raise typer.Exit(STOPPED) from None
    if not finished:
        _say(f"saved; continue with: ludus resume {run.path}")
        raise typer.Exit(STOPPED)
    _say(f"finished; videos are in {run.videos}; measure it with: ludus eval {run.path}")
    size = going_on_bytes(run)
    if size >= WORTH_TELLING_BYTES:
        _say(
            f"{size / 1e6:,.0f} MB are kept so that it can go on: ludus resume {run.path} "
            f"total_env_steps=N; ludus prune {run.path} gives them back"
        )


def _train(run: Run, config: TrainConfig, stop: StopRequest) -> bool:
    done = int(run.info["env_steps"])
    run.update_info(status="running")
    _say(f"{run.path}: {config.total_env_steps:,} env_steps, Ctrl-C saves and stops")
    for line in ended_schedules(config, done):
        _say(f"note: {line}")
    try:
        with Progress(run.name, config.total_env_steps, done) as progress:
            finished = train(run, progress, stop)
    except BaseException as error:
        # The disk may be what failed; the first error is the one to report.
        with suppress(OSError, UsageError):
            reached = run.info["env_steps"] >= config.total_env_steps
            stopped = isinstance(error, KeyboardInterrupt)
            run.update_info(
                status="finished" if reached else "interrupted" if stopped else "failed"
            )
        raise
    run.update_info(status="finished" if finished else "interrupted")
    return finished


def _how_it_stopped(run: Run, stop: StopRequest) -> str:
    """Returns what is true where a signal could not or should not be waited for."""
    step = checkpoint.latest_step(run.checkpoints)
    since = "" if step is None else f" since the checkpoint at {step:,} env_steps"
    if stop.saved:
        told = (
            "all is saved, but W&B was not told the end; `wandb sync` sends what lies on the disk"
        )
    elif not stop.can_wait:
        told = f"stopped while it was loading: nothing was trained{since}"
    else:
        told = f"stopped at once: what was trained{since} is lost"
    if stop.saved and run.info["status"] == "finished":
        return f"ludus: {told}"
    return f"ludus: {told}; continue with: ludus resume {run.path}"


def _say(message: str) -> None:
    sys.stderr.write(message + "\n")
