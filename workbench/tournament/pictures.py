"""Plots of the standings: the ratings, and ratings against training steps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.tournament.entrants import Entrant
from workbench.tournament.standings import Standing, Standings, short_names

WIDTH_INCHES, HEIGHT_INCHES, DPI = 8.0, 4.5, 120
INK, ACCENT, QUIET = "#222222", "#1f77b4", "#888888"
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")
ELO = "Elo, with 95% intervals"


@contextmanager
def chart(path: Path, title: str, height: float = HEIGHT_INCHES) -> Iterator[Axes]:
    """Lends axes to draw in, then writes them as PNG, whole or not at all."""
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    yield axes
    temporary = path.with_name(f".{path.name}.tmp")
    figure.savefig(temporary, dpi=DPI, format="png")
    temporary.replace(path)


def label_training(axes: Axes, steps: str, height: str) -> None:
    """Labels axes that have training steps below."""
    axes.set_xlabel(steps)
    axes.set_ylabel(height)
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_formatter("{x:,.0f}")


def draw_ratings(table: Standings, game: str, path: Path) -> None:
    """Draws every rating with its 95 % interval, best on top, as PNG."""
    rows = table.rows[::-1]
    middle = [row.rating for row in rows]
    below = [max(0.0, row.rating - row.low) for row in rows]
    above = [max(0.0, row.high - row.rating) for row in rows]
    with chart(path, f"{game}: {table.num_games:,} games", 1.2 + 0.3 * len(rows)) as axes:
        places = range(len(rows))
        axes.errorbar(middle, places, xerr=[below, above], fmt="o", color=ACCENT, capsize=3)
        axes.set_yticks(places, short_names([row.name for row in rows]))
        axes.set_xlabel(ELO)
        axes.grid(axis="x", alpha=0.3)


def draw_ladder(table: Standings, entrants: Sequence[Entrant], game: str, path: Path) -> None:
    """Draws ratings against training steps, as PNG, and everybody else's as a dotted line.

    Draws nothing where no run has two checkpoints.
    """
    rows = {row.name: row for row in table.rows}
    runs: dict[str, list[tuple[int, Standing]]] = {}
    for one in entrants:
        if one.series is not None:
            runs.setdefault(one.series, []).append((one.env_steps, rows[one.name]))
    if all(len(series) < 2 for series in runs.values()):
        path.unlink(missing_ok=True)  # of another table
        return
    with chart(path, f"{game}: {table.num_games:,} games") as axes:
        for i, (run, series) in enumerate(runs.items()):
            series.sort(key=lambda one: one[0])
            steps = [step for step, _ in series]
            colour = COLOURS[i % len(COLOURS)]
            ratings, low, high = zip(*(row[1:4] for _, row in series), strict=True)
            axes.plot(steps, ratings, "o-", color=colour, label=run)
            axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
        for row in (rows[one.name] for one in entrants if one.series is None):
            axes.axhline(row.rating, linestyle=":", color=QUIET)
            # Beside the axes, whose width is 1 there.
            place = axes.get_yaxis_transform()
            axes.text(1.01, row.rating, row.name, transform=place, va="center", color=INK)
        label_training(axes, "env_steps of training (moves of self-play)", ELO)
        axes.legend(loc="lower right")
