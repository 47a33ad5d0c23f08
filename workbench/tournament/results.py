"""Turns game records into scores for ratings: pure functions."""

from collections.abc import Sequence

import numpy as np

from workbench.evaluation.ratings import Results
from workbench.tournament.records import Key, Record


def results_of(records: Sequence[Record], names: Sequence[str], first_seat: int) -> Results:
    """Returns the scores of all games; players are numbered by their place in `names`.

    Args:
        records: the games.
        names: of all who played in them.
        first_seat: which of a record's two players has the first move of the game.
    """
    number = {name: i for i, name in enumerate(names)}
    seats = np.array(
        [(number[one.key.seat_0], number[one.key.seat_1]) for one in records], np.int64
    ).reshape(-1, 2)
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
