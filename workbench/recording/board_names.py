"""How sides, columns, rows and moves of board games are called, in videos and in pages alike.

OpenSpiel counts columns from 0 in some games; people count from 1, or with letters.
"""

from collections.abc import Sequence
from string import ascii_lowercase
from typing import Literal, NamedTuple

from envs.board.cells import Square

Columns = Literal["letters", "letters without i", "numbers", "numbers from the right"]
Rows = Literal["up", "down", "letters", "none"]  # numbers that grow that way, letters from the top
Moves = Literal["own", "square", "column", "last word"]


class Names(NamedTuple):
    """How a family of games speaks.

    Attributes:
        sides: player 0 and player 1.
        columns: how they are called, from the left.
        rows: how they are called.
        moves: as OpenSpiel calls them, by the square or the column where they happen, or by the
            last word of OpenSpiel's name in small letters.
    """

    sides: tuple[str, str] = ("Player 1", "Player 2")
    columns: Columns = "letters"
    rows: Rows = "up"
    moves: Moves = "own"


BLACK_AND_WHITE = ("Black", "White")
NAMES = {
    "tic_tac_toe": Names(("X", "O"), rows="down", moves="square"),
    "mnk": Names(("X", "O"), rows="down", moves="square"),
    "connect_four": Names(("Red", "Yellow"), "numbers", "none", "column"),
    "hex": Names(("Red", "Blue"), rows="down"),
    "clobber": Names(("White", "Black")),
    "chess": Names(BLACK_AND_WHITE),
    "antichess": Names(BLACK_AND_WHITE),
    "crazyhouse": Names(BLACK_AND_WHITE),
    "shogi": Names(BLACK_AND_WHITE, "numbers from the right", "letters"),
    "othello": Names(BLACK_AND_WHITE, rows="down"),
    "go": Names(BLACK_AND_WHITE, "letters without i", moves="last word"),
    "cursor_go": Names(BLACK_AND_WHITE, "letters without i"),
    "gomoku": Names(BLACK_AND_WHITE, rows="down", moves="square"),
    "breakthrough": Names(BLACK_AND_WHITE),
    "lines_of_action": Names(BLACK_AND_WHITE),
}
OTHER = Names()


def names_of(family: str) -> Names:
    """Returns how a family of games speaks, which is OpenSpiel's name without parameters."""
    return NAMES.get(family, OTHER)


def coordinates(family: str, height: int, width: int) -> tuple[list[str], list[str]]:
    """Returns what the columns are called from the left, and the rows from the top."""
    names, letters = names_of(family), ascii_lowercase
    if names.columns == "letters without i":
        letters = letters.replace("i", "")
    across, down = ([str(number + 1) for number in range(count)] for count in (width, height))
    columns = {"numbers": across, "numbers from the right": across[::-1]}
    rows = {"up": down[::-1], "down": down, "letters": list(ascii_lowercase[:height]), "none": []}
    return columns.get(names.columns, list(letters[:width])), rows[names.rows]


def move_name(
    family: str, name: str, squares: Sequence[Square], board: tuple[int, int] | None
) -> str:
    """Returns what a move is called.

    Args:
        family: of the game.
        name: as OpenSpiel calls it.
        squares: where it happens, see `envs.board.cells.squares`.
        board: its height and width; None: it is not known how to draw it.
    """
    moves = names_of(family).moves
    if moves == "last word":
        return name.split()[-1].lower()
    if moves == "own" or board is None or not squares:
        return name
    columns, rows = coordinates(family, *board)
    row, column = squares[0]
    if column >= len(columns):  # beyond the alphabet
        return name
    return f"column {columns[column]}" if moves == "column" else f"{columns[column]}{rows[row]}"
