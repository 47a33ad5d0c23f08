"""The games of tournaments, as they are kept: one folder holds games under the same conditions.

- `conditions.json`: the game, the seed, the openings, and which network each name stood for
- `games.jsonl`: one finished game a line, appended; the truth that every table is made from

Whatever is asked of a folder later, its games are not played again.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from workbench.checkpoint import write_atomically
from workbench.errors import UsageError
from workbench.match import Game


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


class Records:
    """An open folder of games, to which nobody else appends meanwhile."""

    def __init__(self, directory: Path, conditions: Mapping[str, Any]) -> None:
        """Opens the folder or makes it.

        Args:
            directory: may be there already, with games under the same conditions.
            conditions: what all games of the folder have in common, JSON.

        Raises:
            UsageError: its games were played under other conditions, it is damaged, or another
                process has it open.
        """
        self.directory = directory
        self.path = directory / "games.jsonl"
        self._conditions_path = directory / "conditions.json"
        directory.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab+", buffering=0)
        try:
            self._lock()
            self._conditions = self._agree(json.loads(json.dumps(conditions)))
            self.games = self._read()
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another process is playing in {self.directory}") from None

    def _agree(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if not self._conditions_path.is_file():
            conditions = {**wanted, "players": {}}
            write_atomically(self._conditions_path, json.dumps(conditions, indent=1) + "\n")
            return conditions
        try:
            conditions = dict(json.loads(self._conditions_path.read_text(encoding="utf-8")))
            players = dict(conditions["players"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self._conditions_path} is damaged ({error})") from None
        for name, value in wanted.items():
            if conditions.get(name) != value:
                raise UsageError(
                    f"{self.directory} holds games with {name} {conditions.get(name)!r}, not "
                    f"{value!r}; choose another folder with --out"
                )
        return {**conditions, "players": players}

    def admit(self, identities: Mapping[str, str]) -> None:
        """Notes who plays, see `Entrant.identity`.

        Raises:
            UsageError: somebody else has played here under one of these names.
        """
        known = self._conditions["players"]
        for name, identity in identities.items():
            if known.setdefault(name, identity) != identity:
                raise UsageError(
                    f"{name} is another network than that which played in {self.directory}; "
                    "choose another folder with --out"
                )
        write_atomically(self._conditions_path, json.dumps(self._conditions, indent=1) + "\n")

    def _read(self) -> dict[Key, Record]:
        """Returns all games; a last line that was cut short by a kill is removed."""
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._file.truncate(len(whole))
        games = {}
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                record = _parse(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{self.path}, line {number}, is damaged ({error})") from None
            games[record.key] = record
        return games

    def append(self, record: Record) -> None:
        """Adds a game."""
        line = json.dumps(_line(record)).encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(f"{self.path} cannot be written")
        self.games[record.key] = record

    def close(self) -> None:
        """Makes all games durable and lets others have the folder."""
        os.fsync(self._file.fileno())
        self._file.close()


def _line(record: Record) -> dict[str, Any]:
    key, game, seed, opening_plies = record
    return {
        "players": [key.seat_0, key.seat_1],
        "opening": key.opening,
        "opening_plies": opening_plies,
        "seed": seed,
        "result": game.score,
        "forfeit": game.forfeit,
        "moves": game.history,
        "milliseconds": [round(ms, 2) for ms in game.milliseconds],
    }


def _parse(line: Mapping[str, Any]) -> Record:
    seat_0, seat_1 = map(str, line["players"])
    return Record(
        Key(seat_0, seat_1, int(line["opening"])),
        Game(
            [int(move) for move in line["moves"]],
            float(line["result"]),
            str(line["forfeit"]),
            [float(ms) for ms in line["milliseconds"]],
        ),
        int(line["seed"]),
        int(line["opening_plies"]),
    )
