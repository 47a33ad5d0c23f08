"""`ludus runs`: one row per run, read from its files."""

from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.table import Table

from workbench.errors import UsageError
from workbench.runs.changes import changes, describe_changes
from workbench.runs.removal import disk_bytes
from workbench.runs.run import Run, list_runs
from workbench.runs.scores import Score, measured_in_training, recent_return, run_score
from workbench.runs.sparkline import read_spark


def list_rows() -> list[dict[str, Any]]:
    """Returns what there is to tell of every run.

    `episode_return` is the mean over its last `episodes`, of training; `score` says best how good
    it is, see `Score`.
    """
    rows = []
    for run in list_runs():
        try:
            info = {**run.info, "status": run.status}
        except (UsageError, OSError):
            info = {"status": "damaged"}
        recent, score = None, _score(run)
        with suppress(OSError):  # not for us to read
            recent = recent_return(run.metrics_path)
        rows.append(
            {
                "run": str(run.path),
                "status": info["status"],
                "env_steps": info.get("env_steps"),
                "episode_return": recent and recent.mean,
                "episodes": recent and recent.episodes,
                "score": score and score._asdict(),
                "wall_seconds": info.get("wall_seconds"),
                "changes": changes(info),
                "disk_bytes": disk_bytes(run.path),
            }
        )
    return rows


def _score(run: Run) -> Score | None:
    """Returns the number to show, or None: also where the run's files make no sense."""
    try:
        facts, measured = run.facts, None
        if facts.world == "board":
            spark = read_spark(run.metrics_path)
            if spark.name is not None and spark.newest is not None:
                measured = measured_in_training(run.path, facts.game, spark.name, spark.newest)
        return run_score(run.path, facts.world, facts.name, facts.protocol, measured)
    except (UsageError, OSError, ValueError):
        return None


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Prints `list_rows` as a table on stdout."""
    table = Table("run", "status", box=None)
    for name in ("env_steps", "minutes", "disk MB", "score"):
        table.add_column(name, justify="right")
    for column in table.columns:
        column.no_wrap = True
    table.add_column("what it is")
    if any(row["changes"] for row in rows):
        table.add_column("changed")
    for row in rows:
        table.add_row(
            row["run"],
            row["status"],
            _number(row["env_steps"], ",d"),
            _number(row["wall_seconds"] and row["wall_seconds"] / 60, ".1f"),
            _number(row["disk_bytes"] / 1e6, ".1f"),
            *_told(row),
            *([describe_changes(row)] if row["changes"] else []),
        )
    # Where nobody looks, as wide as it needs; only the last column may wrap.
    console = Console()
    if not console.is_terminal:
        console.width = 1_000
    console.print(table if rows else "no runs yet; make one: ludus train CONFIG")


def _told(row: dict[str, Any]) -> tuple[str, str]:
    score = row["score"]
    if score is None:
        what = "" if row["episodes"] is None else f"mean of {row['episodes']} in training"
        return _number(row["episode_return"], ".1f"), what
    form = ".1%" if score["is_share"] else ".1f"
    value, kind = format(score["value"], form), str(score["kind"])
    if score["ci95"] is not None:
        low, high = score["ci95"]
        kind += f" [{low:{form}}, {high:{form}}]"
    return value, kind


def _number(value: Any, form: str) -> str:
    return "" if value is None else format(value, form)
