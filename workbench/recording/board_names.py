"""Names of columns, rows and moves of board games, the same in videos and pages.

OpenSpiel counts columns from 0 in some games; people count from 1, or with letters.
"""

from collections.abc import Sequence
from string import ascii_lowercase

from envs.board.cells import Square
from envs.board.games import facts_of


def coordinates(family: str, height: int, width: int) -> tuple[list[str], list[str]]:
    """Returns what the columns are called from the left, and the rows from the top."""
    names, letters = facts_of(family), ascii_lowercase
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
    moves = facts_of(family).moves
    if moves == "last word":
        return name.split()[-1].lower()
    if moves == "own" or board is None or not squares:
        return name
    columns, rows = coordinates(family, *board)
    row, column = squares[0]
    if column >= len(columns):  # beyond the alphabet
        return name
    return f"column {columns[column]}" if moves == "column" else f"{columns[column]}{rows[row]}"
