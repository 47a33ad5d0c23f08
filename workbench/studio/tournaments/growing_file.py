"""Reads the lines of a tournament's file while another process may be appending to it.

It locks and mends nothing. Lines that make no sense are counted and left out.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from workbench.tournament.comparison import EVALUATIONS, parse_scores
from workbench.tournament.comparison_tables import Scores
from workbench.tournament.records import GAMES, Record, parse_record

T = TypeVar("T")


class Lines(NamedTuple, Generic[T]):
    """The entries of a file; `unreadable`: how many of its complete lines make no sense."""

    entries: list[T]
    unreadable: int


def read_games(folder: Path) -> Lines[Record]:
    """Returns the games of a tournament; of two with the same key the latest."""

    def parse(line: Any) -> Record:
        record = parse_record(line)
        game = record.game
        if game.score not in (0.0, 0.5, 1.0) or min(game.history, default=0) < 0:
            raise ValueError("no such game can be")
        if not all(map(math.isfinite, game.milliseconds)) or record.opening_plies < 0:
            raise ValueError("no such game can be")
        return record

    return _read(folder / GAMES, parse, lambda record: record.key)


def read_scores(folder: Path, conditions: dict[str, Any]) -> Lines[Scores]:
    """Returns the evaluations of a comparison; of two of the same player the latest.

    Raises:
        KeyError: `conditions` are of something else.
    """
    common = {name: conditions[name] for name in ("protocol", "seed", "episodes")}

    def parse(line: Any) -> Scores:
        scores = parse_scores(line, common)
        if not scores.returns or not all(map(math.isfinite, scores.returns)):
            raise ValueError("no such returns can be")
        int(scores.env_steps)
        return scores

    return _read(folder / EVALUATIONS, parse, lambda scores: scores.player)


def _read(path: Path, parse: Callable[[Any], T], key: Callable[[T], Any]) -> Lines[T]:
    """Returns the entries of a file, of which the last line may still be being written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Lines([], 0)
    entries: dict[Any, T] = {}
    unreadable = 0
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            entry = parse(json.loads(line))
            entries[key(entry)] = entry
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            unreadable += 1
    return Lines(list(entries.values()), unreadable)
