"""A board as a person sees it: what is in each cell, and where a move is shown.

A cell is a `Square`, `(row, column)`, counted from the top left corner of the printed board. That
is not OpenSpiel's order everywhere: in go, row 0 of observations and action 0 are at the bottom.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyspiel

from envs.board.base import BoardGame, Position, replay
from envs.board.games import facts_of
from envs.board.symmetry import SYMMETRIES

Square = tuple[int, int]

EMPTY = ""
STONES = ("x", "o")  # a stone of player 0, of player 1; no letter of chess or shogi is like these
PRINTED_EMPTY = ".+-"
TERMINAL_COLOUR = r"\x1b\[[0-9;]*m"
GTP_COLUMNS = "abcdefghjklmnopqrstuvwxyz"
MODULES = {"chess": pyspiel.chess, "crazyhouse": pyspiel.crazyhouse}  # that know where moves begin
# Pieces of crazyhouse that are pawns again when captured.
PROMOTED = str.maketrans("EeCcAaHh", "QqRrBbNn")


def family(position: Position) -> str:
    """Returns OpenSpiel's name of the game without parameters, e.g. `go`."""
    return str(position.get_game().get_type().short_name)


def cells(position: Position) -> list[list[str]] | None:
    """Returns what each cell holds, row by row from the top, or None for a game not known here.

    A cell is `EMPTY`, one of `STONES`, or in chess and shogi the letter that FEN and SFEN have for
    the piece: in chess upper case is White, player 1; in shogi upper case is Black, player 0, and a
    promoted piece has a plus before it.
    """
    name = family(position)
    facts = facts_of(name)
    if facts.pieces in ("chessmen", "shogi"):
        placement = str(position).split()[0].partition("[")[0]  # what follows is in hand
        return _unpack(placement.translate(PROMOTED) if name == "crazyhouse" else placement)
    if facts.printed is None or position.get_game().get_parameters().get("dims", 2) != 2:
        return None
    meanings = dict.fromkeys(PRINTED_EMPTY, EMPTY)
    for stone, printed in zip(STONES, facts.printed, strict=True):
        meanings |= dict.fromkeys(printed, stone)
    # Rows may have a number at either end; see `_number` for those of breakthrough.
    row = re.compile(rf"(?:\d+|[:-@])?([{re.escape(''.join(meanings))}]+)\d*")
    lines = [row.fullmatch(line.replace(" ", "")) for line in str(position).splitlines()]
    return [[meanings[printed] for printed in line[1]] for line in lines if line is not None]


def in_a_row(position: Position) -> int | None:
    """Returns how many stones in a row win; None: they do not."""
    told = facts_of(family(position)).in_a_row
    if isinstance(told, str):
        return int(position.get_game().get_parameters()[told])
    return told


def _unpack(placement: str) -> list[list[str]]:
    """Reads the first field of FEN or SFEN, where a number stands for that many empty cells."""
    spread = re.sub(r"\d+", lambda run: int(run[0]) * ".", placement)
    rows = [re.findall(r"\.|\+?[A-Za-z]", row) for row in spread.split("/")]
    return [[EMPTY if cell == "." else cell for cell in row] for row in rows]


def points(board: Sequence[Sequence[str]]) -> dict[Square, str]:
    """Returns what each square of a board holds, row by row."""
    return {(y, x): cell for y, row in enumerate(board) for x, cell in enumerate(row)}


def board_text(position: Position) -> str:
    """Returns the board as text that people can read, also of a game that `cells` does not know."""
    text = _hive_text(position) if family(position) == "hive" else str(position)
    lines = re.sub(TERMINAL_COLOUR, "", text).strip("\n").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def _hive_text(position: Position) -> str:
    """Returns the tiles of hive in their places; what is printed by default is a list of moves.

    A star is beside the tile that was moved last and where it came from, `^` is upon others.
    """
    game = position.get_game()
    parameters = {**game.get_parameters(), "ansi_color_output": True}
    shown = pyspiel.load_game("hive", parameters).new_initial_state()
    for action in position.history():
        shown.apply_action(action)
    printed = [line for line in str(shown).splitlines() if line.strip()]
    board = [re.sub(TERMINAL_COLOUR, "", line) for line in printed if "\x1b" in line]
    stacks = [line for line in printed if "\x1b" not in line]  # e.g. `bB1 > wQ`
    tiles = [(i, tile) for i, line in enumerate(board) for tile in re.finditer(r"[\^\w]+\*?", line)]
    if not tiles:
        return "no tile has been placed"
    left, right = min(tile.start() for _, tile in tiles), max(tile.end() for _, tile in tiles)
    rows = board[tiles[0][0] : tiles[-1][0] + 1]
    return "\n".join([*(row[left:right] for row in rows), *[""] * bool(stacks), *stacks])


def hands(position: Position) -> tuple[str, str]:
    """Returns what player 0 and player 1 hold beside the board, e.g. `2P R`; else nothing.

    So it is in shogi, and in crazyhouse, whose White is player 1.
    """
    match family(position):
        case "shogi":
            held = re.findall(r"\d*[A-Za-z]", str(position).split()[2])
        case "crazyhouse":
            pocket = str(position).split()[0].partition("[")[2].rstrip("]")
            held = [
                f"{count if count > 1 else ''}{piece}" for piece, count in Counter(pocket).items()
            ]
        case _:
            return "", ""
    upper, lower = (
        " ".join(piece.upper() for piece in held if piece.isupper() == is_upper)
        for is_upper in (True, False)
    )
    return (upper, lower) if family(position) == "shogi" else (lower, upper)


def squares(position: Position, actions: Sequence[int]) -> list[tuple[Square, ...]]:
    """Returns where each of these legal actions happens.

    A placed piece has one square (in connect four, where it comes to rest), a moved one two: from
    and to. A pass happens nowhere; nor does anything in a game that `cells` does not know.
    """
    board, name = cells(position), family(position)
    if board is None:
        return [()] * len(actions)
    height, width = len(board), len(board[0])
    if name == "cursor_go":  # a stone is placed where the cursor is
        at = re.search(r"Cursor: ([a-z])(\d+)", str(position))
        there = ((height - int(at[2]), GTP_COLUMNS.index(at[1])),) if at else ()
        return [there if _name(position, action) == "Place Stone" else () for action in actions]
    if name == "connect_four":
        free = [sum(row[column] == EMPTY for row in board) for column in range(width)]
        return [((free[action] - 1, action),) for action in actions]
    if name in SYMMETRIES:
        flip = height - 1 if name == "go" else 0  # its actions begin with the lowest row
        return [
            ((abs(flip - action // width), action % width),) if action < height * width else ()
            for action in actions
        ]
    if name == "shogi":  # 7g7f, 2b3c+, P*5e: columns are counted from the right
        moves = [re.findall(r"(\d)([a-i])", _name(position, action)) for action in actions]
        return [
            tuple((ord(row) - ord("a"), width - int(column)) for column, row in move)
            for move in moves
        ]
    if name == "antichess":  # whose names of moves do not always say where they begin
        ends = _ends_in_antichess(position)
        return [ends[str(position.child(action)).split()[0]] for action in actions]
    write = uci if name in MODULES else _name
    moves = [re.findall(r"([a-z])(\d+|[:-@])", write(position, action)) for action in actions]
    return [
        tuple((height - _number(row), ord(column) - ord("a")) for column, row in move)
        for move in moves
    ]


def _ends_in_antichess(position: Position) -> dict[str, tuple[Square, Square]]:
    """Returns from where to where each move goes, by the placement of pieces that it leads to."""
    from chess.variant import AntichessBoard

    board, ends = AntichessBoard(str(position)), {}
    for move in board.pseudo_legal_moves:
        board.push(move)
        start, end = (
            (7 - square // 8, square % 8) for square in (move.from_square, move.to_square)
        )
        ends[board.board_fen()] = start, end
        board.pop()
    return ends


def _name(position: Position, action: int) -> str:
    return str(position.action_to_string(action))


def _number(row: str) -> int:
    """Reads a row's number; breakthrough goes on after 9 with the next characters of ASCII."""
    return int(row) if row.isdigit() else ord(row) - ord("0")


def uci(position: Position, action: int) -> str:
    """Returns a legal action of chess or a variant as engines write it: `e7e8q`, `P@e4`.

    Castling is `e1g1`.
    """
    name = family(position)
    if name in MODULES:
        move: Any = MODULES[name].action_to_move(action, position.board())
        return str(move.to_lan())
    (ends,) = squares(position, [action])
    promoted = re.search(r"=([A-Z])", _name(position, action))
    names = [f"{chr(ord('a') + column)}{8 - row}" for row, column in ends]
    return "".join(names) + (promoted[1].lower() if promoted else "")


def engine_move(position: Position, action: int) -> str:
    """Returns a legal action as engines write it: UCI in chess, USI in shogi, GTP in go.

    Those of other games are as OpenSpiel names them.
    """
    if family(position) == "chess":
        return uci(position, action)
    name = _name(position, action)
    return name.split()[1].upper() if family(position) == "go" else name  # `B e5` and `W PASS`


def engine_moves(game: BoardGame, position: Position) -> list[str]:
    """Returns the moves that lead from the start to a position, as engines write them."""
    return [engine_move(at, action) for at, action in replay(game, game.history(position))]


def action_of(game: BoardGame, position: Position, move: str) -> int | None:
    """Returns which legal action is called `move`, see `engine_move`, or None."""
    legal = game.status([position]).legal.tolist()
    return next((action for action in legal if engine_move(position, action) == move), None)


def handicap(start: Position) -> list[Square]:
    """Returns where player 0 has stones before the first move of go."""
    return [at for at, cell in points(cells(start) or []).items() if cell == STONES[0]]


def komi(position: Position) -> float:
    """Returns how many points player 1 has for moving second in go."""
    return float(position.get_game().get_parameters()["komi"])
