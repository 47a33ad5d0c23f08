"""Commands that free disk space: `delete` and `prune`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.wording import say
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.runs.run import Run

removal = typer.Typer()
RUNS_HELP = "Runs: names under runs/, or paths."
YES_HELP = "Do not ask first."
DRY_RUN_HELP = "Only show what would be removed."


@removal.command()
def delete(
    runs: Annotated[list[str], typer.Argument(help=RUNS_HELP)],
    yes: Annotated[bool, typer.Option("--yes", help=YES_HELP)] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=DRY_RUN_HELP)] = False,
) -> None:
    """Deletes whole runs. A run that is being trained is never deleted.

    Example: ludus delete my-pong old-pong
    """
    from workbench.runs.removal import delete_run, disk_bytes, refuse_deletion

    opened = _opened_once(runs)
    for run in opened:
        refuse_deletion(run)
    sizes = [_megabytes(disk_bytes(run.path)) for run in opened]
    for run, size in zip(opened, sizes, strict=True):
        say(f"{run.path}: {size}")
    if dry_run or not _agreed(f"delete {_count(opened)} for ever?", yes):
        return
    for run, size in zip(opened, sizes, strict=True):
        delete_run(run)
        say(f"deleted {run.path}: {size} are free again")


@removal.command()
def prune(
    runs: Annotated[
        list[str] | None,
        typer.Argument(help=f"{RUNS_HELP} Default: all except those in runs/zoo."),
    ] = None,
    keep_every: Annotated[
        int | None,
        typer.Option(
            min=1, help="Also keep every N-th checkpoint; 1 keeps all. The newest always stays."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help=YES_HELP)] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=DRY_RUN_HELP)] = False,
) -> None:
    """Removes what finished runs rarely need: the replay buffer and old checkpoints.

    A finished run without its replay can no longer be extended (ludus resume RUN
    total_env_steps=N); everything else works as before. An unfinished run keeps what it needs to
    continue.

    Example: ludus prune --dry-run

    Example: ludus prune my-pong --keep-every 5
    """
    from workbench.runs.removal import disk_bytes, prunable, refuse_deletion
    from workbench.runs.removal import prune as prune_run
    from workbench.runs.run import RUNS, list_runs

    named = _opened_once(runs or ())
    found = named or [run for run in list_runs() if not run.path.is_relative_to(RUNS / "zoo")]
    planned = []
    for run in found:
        try:
            refuse_deletion(run)
            going = prunable(run, keep_every)
        except UsageError as error:
            if named:
                raise
            say(f"{run.path} is left as it is: {error}")
            continue
        if not going:
            say(f"{run.path}: nothing to give back")
            continue
        freed = sum(map(disk_bytes, going))
        say(f"{run.path}: {_megabytes(freed)} in {_parts(run, going)}")
        planned.append((run, freed))
    if not planned:
        return
    total = _megabytes(sum(freed for _, freed in planned))
    if dry_run:
        say(f"{total} in all would be free again; nothing was removed")
        return
    if _agreed(f"give back {total} of {_count(planned)}?", yes):
        for run, _ in planned:
            prune_run(run, keep_every)
        say(f"{total} are free again")


def _opened_once(names: Sequence[str]) -> "list[Run]":
    """Opens the runs that are named, each once, however often and by whatever path it is named."""
    from workbench.runs.run import RUNS, open_run

    opened: dict[Path, Run] = {}
    for name, run in zip(names, map(open_run, names), strict=True):
        if "/" not in name and run.path.is_relative_to(RUNS / "zoo"):
            raise UsageError(
                f"{name!r} is {run.path}, which came with Ludus; write the whole path to mean it"
            )
        opened.setdefault(run.path.resolve(), run)
    return list(opened.values())


def _parts(run: "Run", going: list[Path]) -> str:
    checkpoints = sum(path.parent == run.checkpoints for path in going)
    told = f"{checkpoints} checkpoints"
    if checkpoints == len(going):
        return told
    told = f"replay, {told}" if checkpoints else "replay"
    return f"{told}; it can no longer be extended then"


def _agreed(question: str, yes: bool) -> bool:
    """Asks, where there is somebody to answer."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask; repeat the command with --yes or --dry-run")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    say("nothing was removed")
    return False


def _count(things: list[Any]) -> str:
    return "1 run" if len(things) == 1 else f"{len(things)} runs"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
