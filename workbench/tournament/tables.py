"""The standings as tables in the terminal."""

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from workbench.evaluation.match import describe_endings
from workbench.tournament.standings import Standings, short_names

CELL = 4  # columns of a crosstable's cell


def plain_text(*parts: str | Table) -> str:
    """Returns text and tables below each other, whatever is in them, as wide as they need."""
    text = io.StringIO()
    console = Console(
        file=text, width=1_000, highlight=False, color_system=None, markup=False, emoji=False
    )
    for part in parts:
        console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def text_of(table: Standings, game: str, width: int) -> str:
    """Returns the report; a crosstable that is wider than `width` is left out."""
    names = short_names([row.name for row in table.rows])
    low, high = table.ratings.first_player_advantage_ci95
    parts: list[str | Table] = [
        f"{game}: {table.num_games:,} games, {table.distinct_games:,} of them distinct",
        _ratings(table, names),
    ]
    if 4 + max(map(len, names)) + CELL * len(names) <= width:
        parts += [
            "\nPercent of the points that the row took from the column",
            _crosstable(table, names),
        ]
    parts.append(
        f"\nMoving first is worth {table.ratings.first_player_advantage:+.0f} Elo "
        f"[{low:+.0f}, {high:+.0f}] and took {table.first_player_score:.0%} of the points; "
        f"{table.draws:.0%} of the games were drawn"
    )
    if table.endings:
        parts.append(_capitalised(describe_endings(table.endings)))
    return plain_text(*parts, *(f"{why}  {n} games" for why, n in table.forfeits.items()))


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _ratings(table: Standings, names: Sequence[str]) -> Table:
    shown = Table(
        "", "player", "Elo", "95%", "likely above next", "games", "won", "drawn", "lost", "score",
        "ms/move", box=None, header_style="",
    )  # fmt: skip
    for column in (0, 2, *range(4, 11)):
        shown.columns[column].justify = "right"
    for place, (name, row) in enumerate(zip(names, table.rows, strict=True), 1):
        shown.add_row(
            str(place),
            name,
            f"{row.rating:+.0f}",
            f"[{row.low:+.0f}, {row.high:+.0f}]",
            "" if row.superiority is None else f"{row.superiority:.0%}",
            str(row.games),
            str(row.wins),
            str(row.draws),
            str(row.losses),
            f"{row.score:.1%}",
            f"{row.milliseconds_per_move:.1f}",
        )
    return shown


def _crosstable(table: Standings, names: Sequence[str]) -> Table:
    numbers = [str(i) for i in range(1, len(table.rows) + 1)]
    shown = Table("", "", *numbers, box=None, header_style="", padding=(0, 1, 0, 0))
    for column in (0, *range(2, len(numbers) + 2)):
        shown.columns[column].justify = "right"
    for number, name, points, games in zip(numbers, names, table.points, table.games, strict=True):
        cells = [
            f"{100 * scored / played:.0f}" if played else "."
            for scored, played in zip(points, games, strict=True)
        ]
        shown.add_row(number, name, *cells)
    return shown
