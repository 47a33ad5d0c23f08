"""Board games in standard formats: PGN for chess, SGF for games that have an SGF number.

SGF is FF[4] (https://www.red-bean.com/sgf/). Player 0 is always its Black and player 1 its White,
also in games that call them otherwise. PGN (http://www.saremba.de/chessgml/standards/pgn/) is
written by python-chess, which leaves the escaping of tags to us.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from string import ascii_letters
from typing import NamedTuple

import chess.pgn
import chess.variant
import numpy as np

from envs.board.base import Position, reach, replay
from envs.board.cells import Square, cells, family, handicap, komi, squares, uci
from envs.board.endings import MAX_PLIES, margin
from envs.board.games import facts_of
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.evaluation.match import FORFEIT

VARIANTS: dict[str, type[chess.Board]] = {
    "chess": chess.Board,
    "antichess": chess.variant.AntichessBoard,
    "crazyhouse": chess.variant.CrazyhouseBoard,
}
RESULTS = ("1-0", "1/2-1/2", "0-1")  # where player 0, Black, lost, drew and won
# How reasons of forfeits begin, and what PGN calls that; others are engines that broke down.
TERMINATIONS = {
    "resigned": "normal",
    "no move within": "time forfeit",
    "illegal move": "rules infraction",
    "declared": "rules infraction",
}
LONGEST_TAG = 200  # so that no line has more than PGN's 255 characters


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
    """Returns a game as the file that its programs read, and what that ends in: pgn, sgf or txt.

    SGF without a number in GM is go (FF[4]), so games that have no number become plain text.
    """
    name = record.game.partition("(")[0]
    if name in VARIANTS:
        with suppress(ValueError):
            return pgn(record), "pgn"
    return (plain(record), "txt") if facts_of(name).sgf is None else (sgf(record), "sgf")


def sgf(record: GameRecord) -> str:
    """Returns an SGF file.

    Moves of go, othello and gomoku are SGF's points, those of other games as OpenSpiel names them.

    Raises:
        ValueError: OpenSpiel has no such game, or SGF has no number for it.
    """
    game = _rules(record)
    start, end = game.start(), reach(game, record.history)
    name = family(start)
    known = facts_of(name)
    if known.sgf is None:
        raise ValueError(f"SGF has no number for {record.game}, and without one it is go")
    board, is_go = cells(start), name == "go"
    height, width = (len(board), len(board[0])) if board is not None else (0, 0)
    facts = {
        "FF": "4",
        "CA": "UTF-8",
        "GM": str(known.sgf),
        "SZ": (str(width) if width == height else f"{width}:{height}") if board else None,
        # Area, no suicide; handicap stones are taken from Black's area, beside the komi.
        "KM": f"{komi(start):g}" if is_go else None,
        "RU": "Chinese" if is_go else None,
        "GN": _simple(record.game),
        "PB": _simple(record.players[0]),
        "PW": _simple(record.players[1]),
        "RE": _sgf_result(record, end),
        "EV": _simple(record.event),
        "RO": _simple(record.round),
        "DT": record.day.isoformat() if record.day is not None else None,
        "GC": _text(f"ended by {record.reason}") if record.reason else None,
    }
    text = ";" + "".join(f"{key}[{value}]" for key, value in facts.items() if value is not None)
    if is_go:
        text += _handicap(start)
    for position, action, comment in _plies(game, record):
        move = _simple(game.action_name(position, action))
        if known.sgf_points and board is not None:
            move = "".join(_point(square) for square in squares(position, [action])[0])
        player = "BW"[game.status([position]).to_play[0]]
        text += f"\n;{player}[{move}]" + f"C[{_text(comment)}]" * bool(comment)
    return f"({text})\n"


def pgn(record: GameRecord) -> str:
    """Returns a PGN file of a game of chess or a variant of it, which has the tag Variant.

    Raises:
        ValueError: it is another game, or python-chess has another opinion of what is legal.
    """
    game = _rules(record)
    name = family(game.start())
    if name not in VARIANTS:
        raise ValueError(f"PGN is for chess, not for {record.game}")
    board = VARIANTS[name]()
    node: chess.pgn.GameNode
    node = root = chess.pgn.Game.from_board(board)
    for position, action, comment in _plies(game, record):
        move = chess.Move.from_uci(uci(position, action))
        # e.g. in antichess: captures in passing are no duty here
        if move not in board.legal_moves:
            raise ValueError(f"{move} is not legal for readers of PGN")
        board.push(move)
        node = node.add_main_variation(move, comment=_line(comment))
    if record.reason:
        node.comment = f"{node.comment}; {_line(record.reason)}".lstrip("; ")
    variant = root.headers.get("Variant")
    root.headers.clear()
    root.headers.update(
        {
            "Event": _tag(record.event),
            "Site": "Ludus",
            "Date": "????.??.??" if record.day is None else record.day.strftime("%Y.%m.%d"),
            "Round": _tag(record.round),
            "White": _tag(record.players[1]),
            "Black": _tag(record.players[0]),
            "Result": RESULTS[1 + int(np.sign(record.result))],
            "PlyCount": str(len(record.history)),
            "Termination": termination(record.reason),
            **({} if variant is None else {"Variant": variant}),
        }
    )
    exporter = chess.pgn.StringExporter(columns=80)  # PGN asks for no longer lines
    return f"{root.accept(exporter)}\n"


def plain(record: GameRecord) -> str:
    """Returns a game as text for people: who played, and a move a line."""
    game = _rules(record)
    sides = facts_of(family(game.start())).sides
    who = (f"{sides[1]} won", "drawn", f"{sides[0]} won")[1 + int(np.sign(record.result))]
    facts = {
        "game": record.game,
        sides[0]: record.players[0],
        sides[1]: record.players[1],
        "event": record.event,
        "round": record.round,
        "date": record.day.isoformat() if record.day is not None else "",
        "result": f"{who}: {record.reason}" if record.reason else who,
    }
    lines = [f"{name}: {_line(fact)}" for name, fact in facts.items() if fact]
    for ply, (position, action, comment) in enumerate(_plies(game, record), 1):
        side = sides[game.status([position]).to_play[0]]
        move = f"{ply}. {side}: {_line(game.action_name(position, action))}"
        lines.append(f"{move}  ({_line(comment)})" if comment else move)
    return "\n".join(lines) + "\n"


def termination(reason: str) -> str:
    """Returns PGN's word for what ended a game (standard, 9.8.1)."""
    if not reason.startswith(FORFEIT):
        return "adjudication" if reason == MAX_PLIES else "normal"
    for start, word in TERMINATIONS.items():
        if reason.removeprefix(FORFEIT).startswith(start):
            return word
    return "abandoned"


def _sgf_result(record: GameRecord, end: Position) -> str:
    """Returns who won, and how where SGF has a word for it."""
    if record.result == 0:
        return "0"
    winner = "B" if record.result > 0 else "W"
    if record.reason.startswith(FORFEIT):
        word = termination(record.reason)
        return winner + {"normal": "+R", "time forfeit": "+T"}.get(word, "+F")
    if family(end) == "go" and end.is_terminal():
        return f"{winner}+{abs(margin(end)):g}"
    return f"{winner}+"


def _rules(record: GameRecord) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=record.game))


def _plies(game: OpenSpielGame, record: GameRecord) -> Iterator[tuple[Position, int, str]]:
    """Yields each position, the action that was made there, and what is said of it."""
    comments = record.comments or [""] * len(record.history)
    for (position, action), comment in zip(replay(game, record.history), comments, strict=True):
        yield position, action, comment


def _handicap(start: Position) -> str:
    """Returns the stones that Black has before the first move."""
    stones = [_point(square) for square in handicap(start)]
    return f"HA[{len(stones)}]AB" + "".join(f"[{stone}]" for stone in stones) if stones else ""


def _point(square: Square) -> str:
    """Returns a point of SGF: column, then row, lettered from the top left, a to z, then A to Z."""
    row, column = square
    return ascii_letters[column] + ascii_letters[row]


def _line(text: str) -> str:
    """Returns text as one line without characters that no reader shows."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _tag(text: str) -> str:
    """Returns the value of a tag as PGN has it (standard, 7); unknown is a question mark."""
    text = _line(text) or "?"
    if len(text) > LONGEST_TAG:
        text = f"{text[: LONGEST_TAG - 3]}..."
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _simple(text: str) -> str:
    """Returns SGF's SimpleText, which has no lines."""
    return _escaped(_line(text))


def _text(text: str) -> str:
    """Returns SGF's Text, which may have lines."""
    return _escaped("\n".join(map(_line, text.splitlines())))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("]", "\\]")
