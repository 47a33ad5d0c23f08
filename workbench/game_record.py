"""Games of board games as text that other programs read: SGF for all of them, PGN for chess.

SGF is FF[4] (https://www.red-bean.com/sgf/). Player 0 is always its Black and player 1 its White,
also in games that call them otherwise. PGN is written by python-chess.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import chess.pgn
import numpy as np

from envs.board.base import Position, replay
from envs.board.cells import Square, cells, family, handicap, komi, squares, uci
from envs.board.openspiel import BoardConfig, OpenSpielGame

# FF[4]'s numbers of games. Others go without GM: their name is in GN.
GAME_NUMBERS = {
    "go": 1,
    "othello": 2,
    "chess": 3,
    "gomoku": 4,
    "nine_mens_morris": 5,
    "xiangqi": 7,
    "shogi": 8,
    "lines_of_action": 9,
    "hex": 11,
    "amazons": 18,
    "twixt": 21,
    "hive": 27,
}


class GameRecord(NamedTuple):
    """A game that was played.

    Attributes:
        game: as `GameSpec.name` says it, e.g. `go(board_size=9)`.
        players: the names of player 0 and player 1; in chess White is player 1.
        history: the actions from the start.
        result: player 0's: 1 won, 0 drawn, -1 lost.
        event: what it was played for, e.g. the run or the tournament.
        round: where in the event, e.g. its env_steps.
        day: when.
        comments: to be shown with the moves, one for each, some empty; or none at all.
        reason: what ended it, see `envs.board.endings`; empty: nobody wrote it down.
    """

    game: str
    players: tuple[str, str]
    history: Sequence[int]
    result: float
    event: str
    round: str = "-"
    day: date | None = None
    comments: Sequence[str] = ()
    reason: str = ""


def written(record: GameRecord) -> tuple[str, str]:
    """Returns a game as the file that its programs read, and what that ends in: pgn or sgf."""
    if record.game.partition("(")[0] == "chess":
        return pgn(record), "pgn"
    return sgf(record), "sgf"


def sgf(record: GameRecord) -> str:
    """Returns an SGF file. Moves of go are SGF's own, those of other games as OpenSpiel names them.

    Raises:
        ValueError: OpenSpiel has no such game.
    """
    game = OpenSpielGame(BoardConfig(kind="board", game=record.game))
    start = game.start()
    name = family(start)
    facts = {"FF": "4", "CA": "UTF-8"}
    if name in GAME_NUMBERS:
        facts["GM"] = str(GAME_NUMBERS[name])
    board = cells(start)
    if board is not None:
        height, width = len(board), len(board[0])
        facts["SZ"] = str(width) if width == height else f"{width}:{height}"
    if name == "go":
        facts["KM"] = f"{komi(start):g}"
    facts |= {
        "GN": record.game,
        "PB": record.players[0],
        "PW": record.players[1],
        "RE": ("W+", "0", "B+")[1 + int(np.sign(record.result))],
        "EV": record.event,
        "RO": record.round,
    }
    if record.day is not None:
        facts["DT"] = record.day.isoformat()
    text = ";" + "".join(f"{key}[{_escape(value)}]" for key, value in facts.items())
    if name == "go":
        text += _handicap(start)
    for (position, action), comment in zip(
        replay(game, record.history), _comments(record), strict=True
    ):
        move = game.action_name(position, action)
        if name == "go":
            move = "".join(_point(square) for square in squares(position, [action])[0])
        player = "BW"[game.status([position]).to_play[0]]
        text += f"\n;{player}[{_escape(move)}]" + f"C[{_escape(comment)}]" * bool(comment)
    return f"({text})\n"


def pgn(record: GameRecord) -> str:
    """Returns a PGN file of a game of chess.

    Raises:
        ValueError: it is another game.
    """
    game = OpenSpielGame(BoardConfig(kind="board", game=record.game))
    position = game.start()
    if family(position) != "chess":
        raise ValueError(f"PGN is for chess, not for {record.game}")
    node: chess.pgn.GameNode
    node = root = chess.pgn.Game()
    for (position, action), comment in zip(
        replay(game, record.history), _comments(record), strict=True
    ):
        move = chess.Move.from_uci(uci(position, action))
        node = node.add_main_variation(move, comment=comment)
    root.headers.update(
        {
            "Event": record.event,
            "Site": "Ludus",
            "Date": "????.??.??" if record.day is None else record.day.strftime("%Y.%m.%d"),
            "Round": record.round,
            "White": record.players[1],
            "Black": record.players[0],
            "Result": ("1-0", "1/2-1/2", "0-1")[1 + int(np.sign(record.result))],
        }
    )
    exporter = chess.pgn.StringExporter(columns=80)  # PGN asks for no longer lines
    return f"{root.accept(exporter)}\n"


def _comments(record: GameRecord) -> Sequence[str]:
    return record.comments or [""] * len(record.history)


def _handicap(start: Position) -> str:
    """Returns the stones that Black has before the first move."""
    stones = [_point(square) for square in handicap(start)]
    return f"HA[{len(stones)}]AB" + "".join(f"[{stone}]" for stone in stones) if stones else ""


def _point(square: Square) -> str:
    """Returns a point of go: column, then row, both lettered from the top left corner."""
    row, column = square
    return chr(ord("a") + column) + chr(ord("a") + row)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("]", "\\]")
