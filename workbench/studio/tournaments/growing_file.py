"""The lines of a tournament's file as they are now, while another process may be writing it."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from workbench.tournament.comparison import Evaluations
from workbench.tournament.records import Record, Records

GAMES, SCORES = "games.jsonl", "evaluations.jsonl"
T = TypeVar("T")


class Lines(NamedTuple):
    """What a file of lines holds; `unreadable`: how many of its whole lines make no sense."""

    entries: dict[Any, Any]
    unreadable: int


class GamesRead(Records):
    """The games of a folder as they are now: nothing is locked and nothing mended."""

    def __init__(self, directory: Path) -> None:
        """Reads what there is; `unreadable` lines are counted."""
        self.directory, self.path = directory, directory / GAMES
        self.entries, self.unreadable = _read(self.path, self._checked, self._key)

    def _checked(self, line: Any) -> Record:
        record = self._parse(line)
        game = record.game
        if game.score not in (0.0, 0.5, 1.0) or min(game.history, default=0) < 0:
            raise ValueError("no such game can be")
        if not all(map(math.isfinite, game.milliseconds)) or record.opening_plies < 0:
            raise ValueError("no such game can be")
        return record


class ScoresRead(Evaluations):
    """The evaluations of a folder as they are now: nothing is locked and nothing mended."""

    def __init__(self, directory: Path, conditions: dict[str, Any]) -> None:
        """Reads what there is; raises KeyError if `conditions` are of something else."""
        self.directory, self.path = directory, directory / SCORES
        self._common = {name: conditions[name] for name in ("protocol", "seed", "episodes")}
        self.entries, self.unreadable = _read(self.path, self._checked, self._key)

    def _checked(self, line: Any) -> Any:
        scores = self._parse(line)
        if not scores.returns or not all(map(math.isfinite, scores.returns)):
            raise ValueError("no such returns can be")
        int(scores.env_steps)
        return scores


def _read(path: Path, parse: Callable[[Any], T], key: Callable[[T], Any]) -> Lines:
    """Returns the entries of a file, of which the last line may still be being written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Lines({}, 0)
    entries, unreadable = {}, 0
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            entry = parse(json.loads(line))
            entries[key(entry)] = entry
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            unreadable += 1
    return Lines(entries, unreadable)
