"""Connected regions of a board."""

from collections.abc import Sequence
from typing import NamedTuple

from envs.board.cells import EMPTY, STONES, Square, points

STRAIGHT = ((-1, 0), (1, 0), (0, -1), (0, 1))
STRAIGHT_AND_SLANTING = (*STRAIGHT, (-1, -1), (-1, 1), (1, -1), (1, 1))


class Region(NamedTuple):
    """Connected cells with the same in them: in go, a chain or empty points.

    Attributes:
        kind: what is in them, see `cells`.
        squares: where they are.
        border: the cells around them that are on the board, and what is in those.
    """

    kind: str
    squares: set[Square]
    border: dict[Square, str]


def regions(board: Sequence[Sequence[str]], steps: Sequence[Square] = STRAIGHT) -> list[Region]:
    """Returns the regions of a board; each cell is in one.

    Args:
        board: as `cells` has it.
        steps: from a cell to those that touch it.
    """
    everywhere = points(board)
    left, found = dict(everywhere), []
    while left:
        first, kind = next(iter(left.items()))
        region, new = Region(kind, set(), {}), [first]
        del left[first]
        while new:
            y, x = new.pop()
            region.squares.add((y, x))
            for near in ((y + dy, x + dx) for dy, dx in steps):
                if everywhere.get(near, kind) != kind:
                    region.border[near] = everywhere[near]
                elif near in left:
                    del left[near]
                    new.append(near)
        found.append(region)
    return found


def area(board: Sequence[Sequence[str]]) -> int:
    """Returns Black's area less White's (Tromp-Taylor): stones, and what only one side reaches."""
    worth = dict(zip(STONES, (1, -1), strict=True))
    total = 0
    for kind, squares, border in regions(board):
        owners = set(border.values()) if kind == EMPTY else {kind}
        if len(owners) == 1:
            total += worth[owners.pop()] * len(squares)
    return total
