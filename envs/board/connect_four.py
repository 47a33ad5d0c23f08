"""An exact solver of connect four (7 columns, 6 rows): what every move is worth.

Alpha-beta search on bitboards with a table of what is known already, after the description in
Pascal Pons, "Solving Connect Four" (http://blog.gamesolver.org), and with the zugzwang rules of
Victor Allis, "A Knowledge-based Approach of Connect-Four" (1988): see `_follow_up`.

A board is a number whose bit `7 * column + row` belongs to one cell; the bit above each column
stays empty, so that shifted lines never wrap around. A position is two boards: `stones`, those of
the side to move, and `mask`, everybody's. The scores are always those of the side to move.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

ILLEGAL = -128  # in place of the score of a full column

WIDTH, HEIGHT = 7, 6
CELLS = WIDTH * HEIGHT
STRIDE = HEIGHT + 1  # bits per column
COLUMN = (1 << HEIGHT) - 1  # the cells of column 0
BOTTOM = sum(1 << STRIDE * column for column in range(WIDTH))
ABOVE = BOTTOM << HEIGHT  # the bits above the columns, which are no cells
BOARD = ABOVE - BOTTOM
EVEN_ROWS = BOTTOM * 0b010101  # rows 0, 2 and 4
ODD_ROWS = BOTTOM * 0b101010
CENTRE_FIRST = (3, 2, 4, 1, 5, 0, 6)

# An entry of the table is `key << 12 | (lower + 32) << 6 | upper + 32`, 61 bits; 0 is none. There
# are many more late positions than early ones, and they are cheaper to search again than to fetch
# from memory: they have a small part of the table, which stays in the processor's cache.
LATE_PLY = 26
EARLY_ENTRIES = 1 << 22
LATE_ENTRIES = 1 << 15
HASH = 0x1E3779B97F4A7C15  # an odd number, near 2**61 divided by the golden ratio
UNKNOWN = 64  # larger than any score

Board = int
Table = npt.NDArray[np.int64]


def _lines_through_cells() -> npt.NDArray[np.int64]:
    """Returns `[bits of a board, 13]`: the lines of four through each cell, and then zeros."""
    through = np.zeros((STRIDE * WIDTH, 13), np.int64)
    count = np.zeros(len(through), np.int64)
    for direction in (1, STRIDE, STRIDE - 1, STRIDE + 1):
        for first in range(len(through)):
            cells = [first + i * direction for i in range(4)]
            line = sum(1 << cell for cell in cells)
            if line & BOARD == line:
                through[cells, count[cells]] = line
                count[cells] += 1
    return through


LINES = _lines_through_cells()


class ConnectFourSolver:
    """Solves positions; what it finds out about one helps with the next.

    It keeps a table of 34 MB, so that two threads need two solvers. Both methods let other threads
    run meanwhile. On one core of 2026 `values` takes about 0.4 s at ply 6, 40 ms at ply 10 and 3 ms
    at ply 14, averaged over random positions; the first moves take up to four minutes.
    """

    def __init__(self) -> None:
        """Knows nothing yet."""
        self._table = np.zeros(EARLY_ENTRIES + LATE_ENTRIES, np.int64)

    def scores(self, history: Sequence[int]) -> npt.NDArray[np.int8]:
        """Returns `[7]`: how soon each column leads to a win or to a loss.

        Args:
            history: the columns played so far, 0 to 6 from the left, which are the actions of
                OpenSpiel's `connect_four`.

        Returns:
            For the side to move and best play of both sides thereafter: 0 where the column leads to
            a draw, 22 less the number of stones that it will have placed where it wins, as many
            below 0 as the other side would get where it loses, and ILLEGAL where it is full.

        Raises:
            ValueError: `history` has an illegal move, or the game is over.
        """
        return self._judge(history, CELLS // 2)

    def values(self, history: Sequence[int]) -> npt.NDArray[np.int8]:
        """Returns the signs of `scores` (or ILLEGAL), in a fifth of the time."""
        return self._judge(history, 1)

    def _judge(self, history: Sequence[int], most: int) -> npt.NDArray[np.int8]:
        stones, mask = _position(history)
        scores = np.empty(WIDTH, np.int8)
        _judge_columns(self._table, stones, mask, len(history), most, scores)
        return scores


def _position(history: Sequence[int]) -> tuple[Board, Board]:
    stones = mask = 0
    for ply, column in enumerate(map(int, history)):
        if not 0 <= column < WIDTH:
            raise ValueError(f"there is no column {column} (ply {ply} of {list(history)})")
        move = (mask + BOTTOM) & (COLUMN << STRIDE * column)
        if not move:
            raise ValueError(f"column {column} is full (ply {ply} of {list(history)})")
        stones, mask = stones ^ mask, mask | move
        if _has_four(stones ^ mask) or mask == BOARD:
            raise ValueError(f"the game is over after ply {ply} of {list(history)}")
    return stones, mask


# The kernels are typed for readers; numba infers what it needs, which is int64 for a board: mixed
# with signed numbers, its unsigned ones would become floats.
def _kernel(function: Any) -> Any:
    """Compiles `function` when it is first called, without the interpreter's lock."""
    return njit(cache=True, nogil=True)(function)


@_kernel
def _has_four(board: Board) -> bool:
    """Says whether four in a line are on the board."""
    vertical = board & (board >> 1)
    level = board & (board >> STRIDE)
    falling = board & (board >> (STRIDE - 1))
    rising = board & (board >> (STRIDE + 1))
    return (
        (vertical & (vertical >> 2))
        | (level & (level >> 2 * STRIDE))
        | (falling & (falling >> 2 * (STRIDE - 1)))
        | (rising & (rising >> 2 * (STRIDE + 1)))
    ) != 0


@_kernel
def _threats(stones: Board, mask: Board) -> Board:
    """Returns the empty cells, playable or not, where one more of `stones` makes four."""
    cells = (stones << 1) & (stones << 2) & (stones << 3)
    for step in (STRIDE, STRIDE - 1, STRIDE + 1):
        two_before = (stones << step) & (stones << 2 * step)
        two_after = (stones >> step) & (stones >> 2 * step)
        cells |= two_before & ((stones << 3 * step) | (stones >> step))
        cells |= two_after & ((stones >> 3 * step) | (stones << step))
    return cells & (BOARD ^ mask)


@_kernel
def _count(board: Board) -> int:
    """Returns how many bits are set."""
    count = 0
    while board:
        board &= board - 1
        count += 1
    return count


@_kernel
def _promise(move: Board, stones: Board, others: Board) -> int:
    """Returns how many lines through `move` may still become four of ours, ranking moves.

    Those with one stone of ours count twice; those with two become threats, and count as such.
    """
    promise = 0
    for line in LINES[_count(move - 1)]:
        if line and not line & others:
            ours = _count(line & stones)
            if ours < 2:
                promise += 1 + ours
    return promise


@_kernel
def _follow_up(stones: Board, mask: Board, danger: Board, alpha: int) -> int:
    """Returns what the side to move can hope for if the other only ever follows it, or UNKNOWN.

    The follower answers in the column just played in. Where the height is even, it then gets the
    odd rows, and the side to move the even ones. Two columns of odd height are a pair: who plays on
    one lets the other side have the other, and both are even then. A column of odd height where the
    follower has a threat in an even row needs no partner: the follower gets that cell in time. If
    the side to move cannot make four out of all that it may get so, it will not win; if besides the
    follower has such a column or will own four, it loses.

    Args:
        stones: of the side to move, which cannot win at once.
        mask: all stones.
        danger: the other side's threats.
        alpha: no answer above it is of interest.

    Returns:
        0, -1 or UNKNOWN: the score is not above it.
    """
    empty = BOARD ^ mask
    odd = (mask + BOTTOM) & ODD_ROWS  # the playable cells of columns of odd height
    cells_above_odd = ((ABOVE - odd) | odd) & BOARD
    # Adding BOARD carries into the bit above each column that has any bit set.
    lost = ((danger & cells_above_odd & EVEN_ROWS) + BOARD) & ABOVE
    lost = (lost - (lost >> HEIGHT)) & empty  # where the follower waits for us, whole columns
    paired = odd & ~lost
    one = paired & -paired
    other = paired ^ one
    if _count(paired) & 1:
        return UNKNOWN
    loses = lost != 0 or _has_four((stones ^ mask) | (empty & ODD_ROWS & ~odd))
    if alpha < 0 and not loses:
        return UNKNOWN
    taken = danger & ~odd & ((ODD_ROWS & ~lost) | (EVEN_ROWS & lost))
    reachable = empty & ~((ABOVE - taken) | taken)  # below the first cell where the follower wins
    hope = stones | (reachable & ((EVEN_ROWS & ~lost) | (ODD_ROWS & lost)))
    if other & (other - 1):  # more than one pair: as if we got all
        hope |= paired
    if _has_four(hope | one) or _has_four(hope | other):
        return UNKNOWN
    return -1 if loses else 0


@_kernel
def _slot(key: int, ply: int) -> int:
    """Returns where the table has or would have a position, whose key is `stones + mask`."""
    slot = (key * HASH) >> 30
    if ply < LATE_PLY:
        return slot & (EARLY_ENTRIES - 1)
    return EARLY_ENTRIES + (slot & (LATE_ENTRIES - 1))


@_kernel
def _bounds(table: Table, stones: Board, mask: Board, ply: int) -> tuple[int, int]:
    """Returns what the score is at least and at most, unless someone wins with the next stone."""
    key = stones + mask
    entry = table[_slot(key, ply)]
    if entry >> 12 == key:
        return ((entry >> 6) & 63) - 32, (entry & 63) - 32
    return -((CELLS - 2 - ply) // 2), (CELLS - 1 - ply) // 2


@_kernel
def _keep(table: Table, stones: Board, mask: Board, ply: int, alpha: int, bound: int) -> None:
    """Puts what `_bound` found out into the table."""
    lower, upper = _bounds(table, stones, mask, ply)
    if bound > alpha:
        lower = bound
    else:
        upper = bound
    key = stones + mask
    table[_slot(key, ply)] = key << 12 | (lower + 32) << 6 | (upper + 32)


@_kernel
def _look(table: Table, stones: Board, mask: Board, ply: int, alpha: int) -> tuple[int, int]:
    """Compares a position with `alpha` as far as one can without searching.

    Args:
        table: of what is known.
        stones: of the side to move, which cannot win at once.
        mask: all stones; at least one.
        ply: how many they are.
        alpha: a score.

    Returns:
        A bound as of `_bound` and 0; or anything and the moves to search, which are nine bits each,
        best first: the rank, and in the lowest three the column and one.
    """
    others = stones ^ mask
    danger = _threats(others, mask)
    moves = (mask + BOTTOM) & BOARD
    forced = moves & danger
    if forced:
        moves = forced
    moves &= ~(danger >> 1)
    if moves == 0 or forced & (forced - 1):
        return -((CELLS - ply) // 2), 0  # the other side wins with its next stone
    if ply >= CELLS - 2:
        return 0, 0
    lower, upper = _bounds(table, stones, mask, ply)
    if lower > alpha:
        return lower, 0
    if upper <= alpha:
        return upper, 0
    # Who has no line left will not win.
    if not _has_four((others if alpha < 0 else stones) | (BOARD ^ mask)):
        return 0, 0
    order = 0
    for column in CENTRE_FIRST:
        move = moves & (COLUMN << STRIDE * column)
        if move:
            threats = _threats(stones | move, mask | move)
            if alpha <= 0:
                hope = -_follow_up(others, mask | move, threats, -alpha - 1)
                if hope > alpha:
                    return hope, 0
            rank = 8 * _count(threats)
            if ply < LATE_PLY:
                rank += _promise(move, stones, others)
            rank = min(rank, 63) << 3
            at = 0
            while ((order >> at) & 511) > rank:
                at += 9
            better = order & ((1 << at) - 1)
            order = better | (rank + column + 1) << at | (order >> at) << (at + 9)
    return 0, order


@_kernel
def _bound(table: Table, stones: Board, mask: Board, ply: int, alpha: int) -> int:
    """Finds out whether a position is worth more than `alpha`; numba cannot cache a recursion.

    Args:
        table: of what is known; changed.
        stones: of the side to move, which cannot win at once.
        mask: all stones; at least one.
        ply: how many they are.
        alpha: a score.

    Returns:
        A number above `alpha` that the score is not below, or one not above it that the score is
        not above.
    """
    value: int
    value, order = _look(table, stones, mask, ply, alpha)
    if order == 0:
        return value
    # Of each position from the root to the current one, by ply: both boards, the moves that are
    # left to search, and the best bound so far. `alpha` is that of the current one.
    path, masks = np.empty(CELLS, np.int64), np.empty(CELLS, np.int64)
    orders, best = np.empty(CELLS, np.int64), np.empty(CELLS, np.int64)
    root = ply
    path[ply], masks[ply], orders[ply], best[ply] = stones, mask, order, -UNKNOWN
    while True:
        stones, mask, order = path[ply], masks[ply], orders[ply]
        if order == 0 or best[ply] > alpha:
            value = best[ply]
            _keep(table, stones, mask, ply, alpha, value)
            if ply == root:
                return value
            ply -= 1
            alpha = -alpha - 1
            best[ply] = max(best[ply], -value)
        else:
            orders[ply] = order >> 9
            column = (order & 7) - 1
            stones, mask = stones ^ mask, mask | (mask + BOTTOM) & (COLUMN << STRIDE * column)
            value, order = _look(table, stones, mask, ply + 1, -alpha - 1)
            if order == 0:
                best[ply] = max(best[ply], -value)
            else:
                ply += 1
                alpha = -alpha - 1
                path[ply], masks[ply], orders[ply], best[ply] = stones, mask, order, -UNKNOWN


@_kernel
def _score(table: Table, stones: Board, mask: Board, ply: int, most: int) -> int:
    """Returns the score of a position that is not over, between `-most` and `most`."""
    if _threats(stones, mask) & (mask + BOTTOM):
        return min((CELLS + 1 - ply) // 2, most)
    low, high = max(-((CELLS - ply) // 2), -most), min((CELLS - 1 - ply) // 2, most)
    while low < high:
        # Far from 0 is soon answered: few plies lead there.
        middle = (low + high) // 2
        middle = min(middle, -(-low // 2)) if middle <= 0 else max(middle, high // 2)
        bound = _bound(table, stones, mask, ply, middle)
        if bound > middle:
            low = min(bound, most)
        else:
            high = max(bound, -most)
    return low


@_kernel
def _judge_columns(
    table: Table, stones: Board, mask: Board, ply: int, most: int, scores: npt.NDArray[np.int8]
) -> None:
    """Fills `scores` as `ConnectFourSolver.scores` says, between `-most` and `most`."""
    for column in CENTRE_FIRST:
        move = (mask + BOTTOM) & (COLUMN << STRIDE * column)
        if not move:
            scores[column] = ILLEGAL
        elif _threats(stones, mask) & move:
            scores[column] = min((CELLS + 1 - ply) // 2, most)
        elif ply + 1 == CELLS:
            scores[column] = 0
        else:
            scores[column] = -_score(table, stones ^ mask, mask | move, ply + 1, most)
