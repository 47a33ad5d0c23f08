"""When a side may declare a win in shogi: the 27-point rule that engines use.

The rule of the Computer Shogi Association, https://www.computer-shogi.org/protocol/ (section 1.11),
which YaneuraOu and others call `CSARule27`: it is one's move, one's king is in the camp (the three
ranks farthest from one's own side) and not in check, ten other pieces of one's own are there, and
those, with the pieces in hand, are worth 28 points for Black and 27 for White: a rook or bishop,
promoted or not, 5, any other 1, the king nothing.
"""

import re

from envs.board.base import Position
from envs.board.cells import cells, family, hands

CAMP_RANKS = 3
OTHER_PIECES = 10
POINTS = (28, 27)  # of player 0, Black, and of player 1, White
BIG, BIG_POINTS = "RB", 5


def check_declaration(position: Position) -> tuple[bool, str]:
    """Returns whether the side to move may declare its win, and why, or what it lacks.

    Args:
        position: of any game; only in shogi anything can be declared.
    """
    if family(position) != "shogi":
        return False, "nothing can be declared in this game"
    side = position.current_player()
    board = cells(position)
    assert board is not None
    camp = board[:CAMP_RANKS] if side == 0 else board[-CAMP_RANKS:]
    letters = [piece[-1] for row in camp for piece in row if piece]
    mine = [letter.upper() for letter in letters if letter.isupper() == (side == 0)]
    held = re.findall(r"(\d*)([A-Z])", hands(position)[side])
    in_hand = [piece for count, piece in held for _ in range(int(count or 1))]
    others = len(mine) - mine.count("K")
    points = others + len(in_hand) + (BIG_POINTS - 1) * sum(p in BIG for p in [*mine, *in_hand])
    if "K" not in mine:
        return False, "its king is not in the camp"
    if position.in_check():
        return False, "its king is in check"
    if others < OTHER_PIECES:
        return False, f"{others} other pieces are in the camp, not {OTHER_PIECES}"
    if points < POINTS[side]:
        return False, f"it has {points} points, not {POINTS[side]}"
    return True, f"king and {others} other pieces in the camp, {points} points"
