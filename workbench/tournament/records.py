"""The games of tournaments: `games.jsonl`, one finished game per line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from workbench.evaluation.match import FORFEIT, Game
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


class Records(Journal[Key, Record]):
    """The games of a folder."""

    def __init__(self, directory: Path, conditions: Mapping[str, Any]) -> None:
        """Opens the folder or makes it; see `Journal`."""
        super().__init__(directory / GAMES, conditions)

    def _key(self, entry: Record) -> Key:
        return entry.key

    def _line(self, entry: Record) -> dict[str, Any]:
        key, game, seed, opening_plies = entry
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

    def _parse(self, line: Any) -> Record:
        return parse_record(line)


def parse_record(line: Any) -> Record:
    """Returns the game that a line of `games.jsonl` tells of, once it has been read as JSON.

    Raises:
        ValueError, KeyError, TypeError: it tells of no game.
    """
    seat_0, seat_1 = map(str, line["players"])
    return Record(
        Key(seat_0, seat_1, int(line["opening"])),
        Game(
            [int(move) for move in line["moves"]],
            float(line["score"]),
            str(line["forfeit"]),
            [float(ms) for ms in line["milliseconds"]],
            _reason(line),
        ),
        int(line["seed"]),
        int(line["opening_plies"]),
    )


def _reason(line: Any) -> str:
    """Returns what ended a game; older versions wrote only why one was forfeited."""
    forfeit = str(line["forfeit"])
    return str(line.get("reason") or (f"{FORFEIT}{forfeit}" if forfeit else ""))
