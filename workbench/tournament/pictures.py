"""Plots of the standings: the ratings, and ratings against training steps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from workbench.tournament.entrants import Entrant
from workbench.tournament.standings import Standing, Standings, short_names

WIDTH_INCHES, DPI = 8.0, 120
INK, ACCENT, QUIET = "#222222", "#1f77b4", "#888888"
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")


def draw_ratings(table: Standings, game: str, path: Path) -> None:
    """Draws every rating with its 95 % interval, best on top, as PNG."""
    rows = table.rows[::-1]
    figure = Figure(figsize=(WIDTH_INCHES, 1.2 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    middle = [row.rating for row in rows]
    below = [max(0.0, row.rating - row.low) for row in rows]
    above = [max(0.0, row.high - row.rating) for row in rows]
    axes.errorbar(middle, range(len(rows)), xerr=[below, above], fmt="o", color=ACCENT, capsize=3)
    axes.set_yticks(range(len(rows)), short_names([row.name for row in rows]))
    axes.set_xlabel("Elo, with 95% intervals")
    axes.set_title(f"{game}: {table.num_games:,} games", loc="left", color=INK)
    axes.grid(axis="x", alpha=0.3)
    plain(axes)
    save(figure, path)


def draw_ladder(table: Standings, entrants: Sequence[Entrant], game: str, path: Path) -> None:
    """Draws ratings against training steps, as PNG, and everybody else's as a dotted line.

    Draws nothing where no run has two checkpoints.
    """
    rows = {row.name: row for row in table.rows}
    runs: dict[str, list[tuple[int, Standing]]] = {}
    others = []
    for entrant in entrants:
        if entrant.series is None:
            others.append(rows[entrant.name])
        else:
            runs.setdefault(entrant.series, []).append((entrant.env_steps, rows[entrant.name]))
    if all(len(series) < 2 for series in runs.values()):
        path.unlink(missing_ok=True)  # of another table
        return
    figure = Figure(figsize=(WIDTH_INCHES, 4.5), layout="constrained")
    axes = figure.subplots()
    for i, (run, series) in enumerate(runs.items()):
        series.sort(key=lambda one: one[0])
        steps = [step for step, _ in series]
        colour = COLOURS[i % len(COLOURS)]
        axes.plot(steps, [row.rating for _, row in series], "o-", color=colour, label=run)
        low, high = [row.low for _, row in series], [row.high for _, row in series]
        axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
    for row in others:
        axes.axhline(row.rating, linestyle=":", color=QUIET)
        axes.annotate(
            row.name,
            (1.01, row.rating),
            xycoords=("axes fraction", "data"),
            va="center",
            color=INK,
            annotation_clip=False,
        )
    axes.set_xlabel("env_steps of training (moves of self-play)")
    axes.set_ylabel("Elo, with 95% intervals")
    axes.set_title(f"{game}: {table.num_games:,} games", loc="left", color=INK)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    plain(axes)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Writes a picture as PNG, whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    figure.savefig(temporary, dpi=DPI, format="png")
    temporary.replace(path)


def plain(axes: Any) -> None:
    """Removes what frames axes and tells nothing."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
