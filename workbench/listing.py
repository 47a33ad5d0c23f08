"""`ludus runs`: one row a run, read from its files."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from workbench.errors import UsageError
from workbench.run import list_runs
from workbench.run_changes import changes, describe_changes
from workbench.run_removal import disk_bytes

TAIL_BYTES = 65_536


def list_rows() -> list[dict[str, Any]]:
    """Returns name, status, env_steps, latest return, minutes and size on disk of every run."""
    rows = []
    for run in list_runs():
        try:
            info = {**run.info, "status": run.status}
        except UsageError:
            info = {"status": "damaged"}
        rows.append(
            {
                "run": str(run.path),
                "status": info["status"],
                "env_steps": info.get("env_steps"),
                "episode_return": latest_return(run.metrics_path),
                "wall_seconds": info.get("wall_seconds"),
                "changes": changes(info),
                "disk_bytes": disk_bytes(run.path),
            }
        )
    return rows


def latest_return(metrics_path: Path) -> float | None:
    """Returns the newest `episode_return` in the file's tail, or None."""
    if not metrics_path.is_file():
        return None
    with metrics_path.open("rb") as file:
        file.seek(max(0, metrics_path.stat().st_size - TAIL_BYTES))
        lines = file.read().splitlines()
    for line in reversed(lines):
        try:
            return float(json.loads(line)["episode_return"])
        except (ValueError, KeyError, TypeError):
            continue
    return None


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Prints `list_rows` as a table on stdout."""
    table = Table("run", "status", "env_steps", "return", "minutes", "disk MB", box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    if any(row["changes"] for row in rows):
        table.add_column("changed")
    for row in rows:
        table.add_row(
            row["run"],
            row["status"],
            _number(row["env_steps"], ",d"),
            _number(row["episode_return"], ".1f"),
            _number(row["wall_seconds"] and row["wall_seconds"] / 60, ".1f"),
            _number(row["disk_bytes"] / 1e6, ".1f"),
            *([describe_changes(row)] if row["changes"] else []),
        )
    Console().print(table if rows else "no runs yet; make one: ludus train CONFIG")


def _number(value: Any, form: str) -> str:
    return "" if value is None else format(value, form)
