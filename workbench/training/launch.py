"""A training run from the user's side: its messages, how to stop it, and how it ends."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import typer

from workbench.cli.wording import say
from workbench.config import OffPolicyConfig
from workbench.errors import UsageError
from workbench.runs import checkpoint
from workbench.runs.changes import change_config, ended_schedules, planned_config
from workbench.runs.removal import going_on_bytes
from workbench.runs.run import Run
from workbench.training.doctor import describe_shortage, refuse_what_will_not_fit
from workbench.training.progress import ProgressLine
from workbench.training.stopping import STOPPED, StopRequest, stop_signals
from workbench.training.train import train

WORTH_TELLING_BYTES = 10_000_000


def run_training(run: Run, overrides: Sequence[str] = ()) -> None:
    """Trains a run to its end, or until a signal asks it to stop; `overrides` change its config.

    Raises:
        typer.Exit: with 130, if it was stopped.
        UsageError: another process trains it, an override may not be, or it cannot go on.
    """
    with run.locked(), stop_signals() as stop:
        if overrides or run.status != "finished":
            _refuse_what_lost_its_replay(run)
        config = planned_config(run, overrides)
        if overrides:
            refuse_what_will_not_fit(config, run.replay)
        change_config(run, config)
        if run.info["status"] == "finished":
            way_on = f"it goes on with: ludus resume {run.path} total_env_steps=N"
            if run.info.get("pruned"):
                way_on = "it was pruned and cannot go on"
            say(f"{run.path} is finished; look at it with: ludus eval {run.path}; {way_on}")
            return
        done, total = int(run.info["env_steps"]), config.total_env_steps
        say(f"{run.path}: {total:,} env_steps, Ctrl-C saves and stops")
        for note in (*ended_schedules(config, done), describe_shortage(config, run.path)):
            if note is not None:
                say(f"note: {note}")
        try:
            with _status_kept(run, total), ProgressLine(run.name, total, done) as line:
                finished = train(run, line, stop)
        except KeyboardInterrupt:
            say(_how_it_stopped(run, stop))
            raise typer.Exit(STOPPED) from None
    if not finished:
        say(f"saved; continue with: ludus resume {run.path}")
        raise typer.Exit(STOPPED)
    size = going_on_bytes(run)
    if size >= WORTH_TELLING_BYTES:
        say(
            f"{size / 1e6:,.0f} MB are kept so that it can go on: ludus resume {run.path} "
            f"total_env_steps=N; ludus prune {run.path} gives them back"
        )
    say(f"finished; videos are in {run.videos}; measure it with: ludus eval {run.path}")


def _refuse_what_lost_its_replay(run: Run) -> None:
    begun = isinstance(run.config, OffPolicyConfig) and run.info["env_steps"] > 0
    if run.info.get("pruned"):
        reason = "it was pruned"
    elif begun and not run.replay.is_dir():
        reason = "the files of its replay are gone"
    else:
        return
    raise UsageError(
        f"{run.path} cannot go on: {reason}; it plays as before, and another like it begins with: "
        f"ludus train {run.config_path} --run NEW"
    )


@contextmanager
def _status_kept(run: Run, total_env_steps: int) -> Iterator[None]:
    """Keeps the status in `run.json` true while the run is trained and after."""
    run.update_info(status="running")
    stopped = "interrupted"
    try:
        yield
    except BaseException as error:
        stopped = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        raise
    finally:
        # The disk may be what failed; the first error is the one to report.
        with suppress(OSError, UsageError):
            finished = run.info["env_steps"] >= total_env_steps
            run.update_info(status="finished" if finished else stopped)


def _how_it_stopped(run: Run, stop: StopRequest) -> str:
    """Returns what is true where a signal could not or should not be waited for."""
    step = checkpoint.latest_step(run.checkpoints)
    since = "" if step is None else f" since the checkpoint at {step:,} env_steps"
    if stop.saved:
        told = "all is saved, but W&B was not told the end; `wandb sync` sends what is on the disk"
    elif not stop.can_wait:
        told = f"stopped while it was loading: nothing was trained{since}"
    else:
        told = f"stopped at once: what was trained{since} is lost"
    if stop.saved and run.info["status"] == "finished":
        return f"ludus: {told}"
    return f"ludus: {told}; continue with: ludus resume {run.path}"
