"""A tournament's standings: one row per player, the scores of each pairing, and their tables."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from workbench.evaluation.match import count_endings, describe_endings
from workbench.evaluation.ratings import Ratings
from workbench.recording.game_files import GameRecord, written
from workbench.runs.checkpoint import write_atomically
from workbench.tournament.entrants import NET
from workbench.tournament.records import Record, Records, results_of

CELL = 4  # columns of a crosstable's cell
PLAIN: dict[str, Any] = {"box": None, "header_style": ""}


class Standing(NamedTuple):
    """One player's row."""

    name: str
    rating: float  # Elo
    low: float  # of the 95 % interval
    high: float
    games: int
    wins: int
    draws: int
    losses: int
    score: float  # share of the points
    superiority: float | None  # how likely it is stronger than the next one below; None: the last
    milliseconds_per_move: float
    forfeits: int


class Standings(NamedTuple):
    """The whole table.

    Attributes:
        rows: best first.
        order: `[K]` the players' numbers, see `standings`, in the order of `rows`.
        points: `[K, K]` what the row's player scored against the column's, in the order of `rows`.
        games: `[K, K]` in how many games.
        distinct_games: how many games differ from all others.
        num_games: how many games there are.
        forfeits: how often each reason ended a game, by player and reason.
        endings: how many games each reason ended, see `count_endings`.
        ratings: see there; in the players' order.
        first_player_score: the share of points of who moved first.
        draws: the share of games that were drawn.
    """

    rows: list[Standing]
    order: list[int]
    points: npt.NDArray[np.float64]
    games: npt.NDArray[np.int64]
    distinct_games: int
    num_games: int
    forfeits: dict[str, int]
    endings: dict[str, int]
    ratings: Ratings
    first_player_score: float
    draws: float


def standings(
    names: Sequence[str], records: Sequence[Record], ratings: Ratings, first_seat: int
) -> Standings:
    """Returns the table of `records`; `ratings` are theirs, in the order of `names`.

    Moves are taken to alternate from `first_seat`, which has the first move of the game. Where one
    side moves twice now and then, milliseconds per move mix a little.
    """
    count = len(names)
    number = {name: i for i, name in enumerate(names)}
    results = results_of(records, names, first_seat)
    points, games = np.zeros((count, count)), np.zeros((count, count), np.int64)
    outcomes = np.zeros((count, 3), np.int64)  # won, drawn, lost
    # Each game is one of either player's.
    own = np.concatenate([results.first, results.second])
    other = np.concatenate([results.second, results.first])
    score = np.concatenate([results.score, 1 - results.score])
    np.add.at(points, (own, other), score)
    np.add.at(games, (own, other), 1)
    np.add.at(outcomes, (own, np.rint(2 - 2 * score).astype(np.int64)), 1)
    spent: list[list[float]] = [[] for _ in names]
    forfeits: Counter[tuple[int, str]] = Counter()
    for record in records:
        mover = [number[name] for name in (record.key.seat_0, record.key.seat_1)]
        for ply, milliseconds in enumerate(record.game.milliseconds):
            spent[mover[(first_seat + record.opening_plies + ply) % 2]].append(milliseconds)
        if record.game.forfeit:  # the score is player 0's: 1 where player 1 has lost
            forfeits[mover[int(record.game.score)], record.game.forfeit] += 1
    order = np.argsort(-ratings.elo, kind="stable").tolist()
    rows = [
        Standing(
            name=names[i],
            rating=float(ratings.elo[i]),
            low=float(ratings.low[i]),
            high=float(ratings.high[i]),
            games=int(games[i].sum()),
            wins=int(outcomes[i, 0]),
            draws=int(outcomes[i, 1]),
            losses=int(outcomes[i, 2]),
            score=float(points[i].sum() / max(1, games[i].sum())),
            superiority=None if below is None else float(ratings.superiority[i, below]),
            milliseconds_per_move=float(np.mean(spent[i])) if spent[i] else 0.0,
            forfeits=sum(n for (who, _), n in forfeits.items() if who == i),
        )
        for i, below in zip(order, [*order[1:], None], strict=True)
    ]
    return Standings(
        rows=rows,
        order=order,
        points=points[np.ix_(order, order)],
        games=games[np.ix_(order, order)],
        distinct_games=len({tuple(record.game.history) for record in records}),
        num_games=len(records),
        forfeits={f"{names[i]}: {why}": n for (i, why), n in forfeits.items()},
        endings=count_endings(record.game for record in records),
        ratings=ratings,
        first_player_score=float(results.score.mean()) if len(records) else 0.5,
        draws=float((results.score == 0.5).mean()) if len(records) else 0.0,
    )


def short_names(names: Sequence[str]) -> list[str]:
    """Returns the names without their runs' folders, and without what all networks have alike.

    They stay as they are where two would become the same.
    """
    runs = [name for name in names if "@" in name]
    ends = {name.partition("?")[2] for name in runs if not name.startswith(NET)}
    short = []
    for name in names:
        if name in runs:
            prefix = NET if name.startswith(NET) else ""
            path, question, options = name.removeprefix(NET).partition("?")
            name = prefix + path.rpartition("/")[2] + (question + options) * (len(ends) > 1)
        short.append(name)
    return short if len(set(short)) == len(names) else list(names)


def report(game: str, table: Standings, records: Records) -> dict[str, Any]:
    """Returns the JSON of `ludus tournament`."""
    return {
        "game": game,
        "players": [row._asdict() for row in table.rows],
        "games": table.num_games,
        "distinct_games": table.distinct_games,
        "first_player_advantage": table.ratings.first_player_advantage,
        "first_player_advantage_ci95": list(table.ratings.first_player_advantage_ci95),
        "first_player_score": table.first_player_score,
        "draws": table.draws,
        "superiority": table.ratings.superiority[np.ix_(table.order, table.order)].tolist(),
        "points": table.points.tolist(),
        "pair_games": table.games.tolist(),
        "forfeits": table.forfeits,
        "endings": table.endings,
        "records": str(records.path),
    }


def write_csv(table: Standings, records: Records) -> None:
    """Writes `ratings.csv` and `crosstable.csv` beside the records."""
    ratings = [Standing._fields, *table.rows]
    names = [row.name for row in table.rows]
    crosstable = [
        ["points of the row's player", *names],
        *([name, *points] for name, points in zip(names, table.points.tolist(), strict=True)),
    ]
    write_rows(records.directory / "ratings.csv", ratings)
    write_rows(records.directory / "crosstable.csv", crosstable)


def write_rows(path: Path, rows: Iterable[Iterable[Any]]) -> None:
    """Writes a CSV file, whole or not at all."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(path, text.getvalue())


def write_games(game: str, records: Sequence[Record], directory: Path) -> None:
    """Writes all games into one file, or one of each kind where some are no PGN; see `written`."""
    files = [
        written(
            GameRecord(
                game=game,
                players=(record.key.seat_0, record.key.seat_1),
                history=record.game.history,
                result=2 * record.game.score - 1,
                event=directory.name,
                round=str(record.key.opening + 1),
                comments=_comments(record),
                reason=record.game.reason,
            )
        )
        for record in records
    ]
    for kind in ("pgn", "sgf", "txt"):
        path = directory / f"games.{kind}"
        if texts := [text for text, its_kind in files if its_kind == kind]:
            write_atomically(path, "\n".join(texts))
        else:
            path.unlink(missing_ok=True)  # older versions wrote SGF for all games


def _comments(record: Record) -> list[str]:
    """Returns what is to be said of each move: where the opening ends."""
    comments = [""] * len(record.game.history)
    if record.opening_plies:
        comments[record.opening_plies - 1] = "the opening ends"
    return comments


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
        parts.append("\nPercent of the points that the row took from the column")
        parts.append(_crosstable(table, names))
    parts.append(
        f"\nMoving first is worth {table.ratings.first_player_advantage:+.0f} Elo "
        f"[{low:+.0f}, {high:+.0f}] and took {table.first_player_score:.0%} of the points; "
        f"{table.draws:.0%} of the games were drawn"
    )
    if table.endings:
        ended = describe_endings(table.endings)
        parts.append(ended[0].upper() + ended[1:])
    return plain_text(*parts, *(f"{why}  {n} games" for why, n in table.forfeits.items()))


def _ratings(table: Standings, names: Sequence[str]) -> Table:
    heads = "won", "drawn", "lost", "score", "ms/move"
    shown = Table("", "player", "Elo", "95%", "likely above next", "games", *heads, **PLAIN)
    for i, column in enumerate(shown.columns):
        column.justify = "left" if i in (1, 3) else "right"
    for place, (name, row) in enumerate(zip(names, table.rows, strict=True), 1):
        shown.add_row(
            str(place),
            name,
            f"{row.rating:+.0f}",
            f"[{row.low:+.0f}, {row.high:+.0f}]",
            "" if row.superiority is None else f"{row.superiority:.0%}",
            *map(str, (row.games, row.wins, row.draws, row.losses)),
            f"{row.score:.1%}",
            f"{row.milliseconds_per_move:.1f}",
        )
    return shown


def _crosstable(table: Standings, names: Sequence[str]) -> Table:
    numbers = [str(i) for i in range(1, len(table.rows) + 1)]
    shown = Table("", "", *numbers, padding=(0, 1, 0, 0), **PLAIN)
    for i, column in enumerate(shown.columns):
        column.justify = "left" if i == 1 else "right"
    for number, name, points, games in zip(numbers, names, table.points, table.games, strict=True):
        cells = [
            f"{100 * scored / played:.0f}" if played else "."
            for scored, played in zip(points, games, strict=True)
        ]
        shown.add_row(number, name, *cells)
    return shown
