"""Reads the lines of a tournament's file while another process may be appending to it.

It locks and mends nothing. Lines that make no sense are counted and left out.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from workbench.tournament.comparison import EVALUATIONS, parse_scores
from workbench.tournament.comparison_tables import Scores
from workbench.tournament.records import GAMES, Record, parse_record

T = TypeVar("T")


def read_games(folder: Path) -> tuple[list[Record], int]:
    """Returns the games of a tournament, of two with the same key the latest; see `_read`."""

    def parse(line: Any) -> Record:
        record = parse_record(line)
        game, numbers = record.game, (record.opening_plies, *record.game.history)
        can_be = game.score in (0.0, 0.5, 1.0) and min(numbers) >= 0
        if not (can_be and all(map(math.isfinite, game.milliseconds))):
            raise ValueError("no such game can be")
        return record

    return _read(folder / GAMES, parse, lambda record: record.key)


def read_scores(folder: Path, conditions: dict[str, Any]) -> tuple[list[Scores], int]:
    """Returns the evaluations of a comparison, of two of a player the latest; see `_read`.

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


def _read(path: Path, parse: Callable[[Any], T], key: Callable[[T], Any]) -> tuple[list[T], int]:
    """Returns the entries of a file, and how many of its lines make no sense.

    The last line may still be being written, and does not count.
    """
    content = path.read_bytes() if path.exists() else b""
    entries: dict[Any, T] = {}
    unreadable = 0
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            entry = parse(json.loads(line))
            entries[key(entry)] = entry
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            unreadable += 1
    return list(entries.values()), unreadable
