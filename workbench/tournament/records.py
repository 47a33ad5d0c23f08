"""The games of tournaments: `games.jsonl`, one finished game per line, and scores for ratings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.evaluation.match import FORFEIT, Game
from workbench.evaluation.ratings import Results
from workbench.tournament.journal import Journal

GAMES = "games.jsonl"


class Key(NamedTuple):
    """Which game of a tournament it is."""

    seat_0: str  # who is player 0
    seat_1: str
    opening: int  # its number; the same two players with swapped seats make the pair


class Record(NamedTuple):
    """A finished game as a line of `games.jsonl` tells of it.

    Attributes:
        key: which one it is.
        game: how it went.
        seed: of all that was drawn in it.
        opening_plies: how many of its moves were made for the players.
    """

    key: Key
    game: Game
    seed: int
    opening_plies: int


Records = Journal[Key, Record]


def open_records(directory: Path, conditions: Mapping[str, Any]) -> Records:
    """Opens the games of a folder or makes it; see `Journal`."""
    return Journal(
        directory / GAMES,
        conditions,
        key=lambda record: record.key,
        write=_line_of,
        parse=parse_record,
    )


def _line_of(record: Record) -> dict[str, Any]:
    key, game, seed, opening_plies = record
    return {
        "players": [key.seat_0, key.seat_1],
        "opening": key.opening,
        "opening_plies": opening_plies,
        "seed": seed,
        "score": game.score,
        "forfeit": game.forfeit,
        "reason": game.reason,
        "moves": game.history,
        "milliseconds": [round(ms, 2) for ms in game.milliseconds],
    }


def parse_record(line: Any) -> Record:
    """Returns the game that a line of `games.jsonl` tells of, once it has been read as JSON.

    Raises:
        ValueError, KeyError, TypeError: it tells of no game.
    """
    seat_0, seat_1 = map(str, line["players"])
    forfeit = str(line["forfeit"])
    # Older versions wrote only why a game was forfeited.
    reason = line.get("reason") or (f"{FORFEIT}{forfeit}" if forfeit else "")
    return Record(
        Key(seat_0, seat_1, int(line["opening"])),
        Game(
            [int(move) for move in line["moves"]],
            float(line["score"]),
            forfeit,
            [float(ms) for ms in line["milliseconds"]],
            str(reason),
        ),
        int(line["seed"]),
        int(line["opening_plies"]),
    )


def results_of(records: Sequence[Record], names: Sequence[str], first_seat: int) -> Results:
    """Returns the scores of all games; players are numbered by their place in `names`.

    Args:
        records: the games.
        names: of all who played in them.
        first_seat: which of a record's two players has the first move of the game.
    """
    number = {name: i for i, name in enumerate(names)}
    seats = np.array([[number[name] for name in one.key[:2]] for one in records], np.int64)
    seats = seats.reshape(-1, 2)
    score = np.array([one.game.score for one in records])
    return Results(
        first=seats[:, first_seat],
        second=seats[:, 1 - first_seat],
        score=1 - score if first_seat else score,
        pair=np.array([one.key.opening for one in records], np.int64),
    )


def without_repeats(records: Sequence[Record]) -> list[Record]:
    """Returns the games of those pairs of which no earlier pair was the same, move by move.

    Where openings come again, players that draw nothing play the same games again, which tell
    ratings nothing new.
    """
    played = {record.key: tuple(record.game.history) for record in records}
    first_opening: dict[object, int] = {}
    kept = []
    for record in records:
        one, other, opening = record.key
        keys = sorted([record.key, Key(other, one, opening)])
        games = tuple((key.seat_0, key.seat_1, played.get(key)) for key in keys)
        if first_opening.setdefault(games, opening) == opening:
            kept.append(record)
    return kept
