"""Input planes that OpenSpiel's own planes lack, and the scale of each plane.

OpenSpiel's planes are floats that follow no rule: 0 and 1 for pieces, but seeds, walls in hand and
counters too, some as they are and some as a share. All must fit into uint8 in order and without
loss: `Scale`. Some of what decides a game is in none of them: `MISSING`.
"""

import re
from collections.abc import Callable, Sequence
from math import isqrt
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from envs.board.base import WHITE_PIXEL, Position
from envs.board.cells import EMPTY, STONES, cells

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
# Games that can go on and on until a number of plies ends them. A plane says how near that is.
ENDLESS = (
    "antichess", "checkers", "chess", "chinese_checkers", "crazyhouse", "cursor_go", "go", "hive",
    "lines_of_action", "mancala", "nine_mens_morris", "oware", "quoridor", "shogi", "xiangqi",
)  # fmt: skip
CURSOR_STONE, CURSOR_PASS = 4, 5  # actions of cursor_go
CHECKERS_QUIET = 40  # moves without taking, after which it is a draw
STAR_CELLS, HEX_NEIGHBOURS = 121, 6  # of Chinese checkers, whose actions are steps out of cells
MEN, MORRIS_TURNS = 9, 200  # of each player in nine men's morris, and the most there are
# Hive's bugs of both players, the most that can lie on one another, and the cells beside a cell, as
# its moves count them: north-east, east, and so on, and on top. Its last planes are of no kind.
HIVE_BUGS, HIVE_HEIGHT, HIVE_OTHER_PLANES = 28, 8, 7
HIVE_STEPS = ((-1, 1), (0, 1), (1, 0), (1, -1), (0, -1), (-1, 0), (0, 0))
HIVE_PASS = HIVE_BUGS * HIVE_BUGS * len(HIVE_STEPS)


def counts(rules: Any, start: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Returns what OpenSpiel's planes may hold; those of pieces hold 0 or 1.

    Args:
        rules: the game.
        start: `[C, H * W]` its planes before the first move.

    Returns:
        `[C]` the most that a position has, and `[C]` how many equal steps lead there from 0.
    """
    family, parameters = rules.get_type().short_name, rules.get_parameters()
    planes = len(start)
    most, levels = np.ones(planes, np.float32), np.full(planes, WHITE_PIXEL)
    if family == "mancala":
        pits, to_play, ply = slice(0, -2), -2, -1
        most[pits] = levels[pits] = start[pits].sum()  # a pit or a store may hold all seeds
        most[to_play] = 1
        most[ply] = levels[ply] = rules.max_game_length()
    elif family == "oware":  # as shares of all seeds
        levels[:] = 2 * parameters["num_houses_per_player"] * parameters["num_seeds_per_house"]
    elif family == "quoridor":  # walls in hand, of which nobody gets more
        most = np.maximum(start.max(1), 1)
        levels = np.maximum(most, levels).astype(np.int64)
    elif family == "cursor_go":  # how far the cursor has gone, as a share
        levels[-1] = parameters["max_cursor_moves"]
    return most, levels


class Scale:
    """Maps OpenSpiel's floats to pixels, in order and without loss.

    0 is black and the most that a plane may hold is white. A plane of more than 255 levels becomes
    several: each begins where the one before is white.
    """

    def __init__(self, name: str, most: Floats, levels: npt.NDArray[np.int64]) -> None:
        """`name` is the game's, for errors; see `counts` for the others."""
        self._name = name
        self._most = most[:, None]
        parts = [range(0, max(1, n), WHITE_PIXEL) for n in levels.tolist()]
        self._source = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        self._plain = len(self._source) == len(parts)
        steps = np.where(levels > WHITE_PIXEL, levels, WHITE_PIXEL)
        self._steps = (steps / most)[:, None].astype(np.float32)
        self._highest = steps.max()
        self._begin = np.array([begin for part in parts for begin in part], np.float32)[:, None]

    @property
    def planes(self) -> int:
        """How many come out."""
        return len(self._source)

    def __call__(self, raw: Floats) -> Floats:
        """Returns `[B, planes, H * W]` whole numbers from 0 to 255 of `raw` `[B, C, H * W]`.

        Raises:
            ValueError: a plane holds more than it may, or less than nothing.
        """
        scaled = raw * self._steps
        np.rint(scaled, out=scaled)
        if raw.size and (scaled.min() < 0 or scaled.max() > self._highest):
            self._refuse(raw)
        if self._plain:
            return scaled
        if (raw > self._most).any():
            self._refuse(raw)
        parts: Floats = np.clip(scaled[:, self._source] - self._begin, 0, WHITE_PIXEL)
        return parts

    def _refuse(self, raw: Floats) -> NoReturn:
        _, plane, cell = np.argwhere((raw < 0) | (raw > self._most))[0]
        most, found = self._most[plane, 0], raw[:, plane, cell]
        raise ValueError(
            f"plane {plane} of {self._name} should hold 0 to {most:g}, and holds "
            f"{found.min():g} to {found.max():g}"
        )


def nearness(positions: Sequence[Position], max_plies: int) -> Pixels:
    """Returns `[B]`: 255 at the last ply, 0 in the first three quarters of the longest game.

    Where 255 plies or more are left it is 0, too, so that each number stands for one ply.
    """
    span = max(1, min(max_plies // 4, WHITE_PIXEL))
    left = max_plies - np.array([position.move_number() for position in positions])
    return (WHITE_PIXEL * (span - left.clip(0, span)) // span).astype(np.uint8)


Draw = Callable[[Sequence[Position], Floats, Pixels], None]  # [B, C, H * W], [B, planes, H * W]


def _each(draw: Callable[[Position, Floats, Pixels], None]) -> Draw:
    def draw_all(positions: Sequence[Position], raw: Floats, out: Pixels) -> None:
        for position, seen, planes in zip(positions, raw, out, strict=True):
            draw(position, seen, planes)

    return draw_all


def _go(positions: Sequence[Position], raw: Floats, out: Pixels) -> None:
    """A pass just before this move, and free points where the side to move may not play."""
    cells = out.shape[2]
    histories = [position.history() for position in positions]
    out[[bool(made) and made[-1] == cells for made in histories], 0] = WHITE_PIXEL
    rows: list[int] = []  # where less is legal than to play on each free point, or to pass
    counts: list[int] = []
    flat: list[int] = []
    for i, (position, free) in enumerate(zip(positions, raw[:, 2].sum(1).tolist(), strict=True)):
        legal = position.legal_actions()
        if 0 < len(legal) <= free:  # none where it is over
            rows.append(i)
            counts.append(len(legal))
            flat += legal
    if rows:
        forbidden = np.empty((len(rows), cells + 1), np.uint8)  # the last action is to pass
        forbidden[:, :cells] = raw[rows, 2] * WHITE_PIXEL
        begin = np.repeat(np.arange(len(rows)) * (cells + 1), counts)
        forbidden.reshape(-1)[begin + np.array(flat)] = 0
        out[rows, 1] = forbidden[:, :cells]


def _cursor_go(position: Position, raw: Floats, out: Pixels) -> None:
    """A pass just before this move, and whether a stone may be placed where the cursor is."""
    history = position.history()
    out[0] = WHITE_PIXEL * (bool(history) and history[-1] == CURSOR_PASS)
    out[1] = WHITE_PIXEL * (CURSOR_STONE in position.legal_actions())


def _chess(position: Position, raw: Floats, out: Pixels) -> None:
    """The square that a pawn has just passed over, where it may be taken."""
    square = str(position).split()[3]
    if square != "-":
        out[0, 8 * (int(square[1]) - 1) + ord(square[0]) - ord("a")] = WHITE_PIXEL


def _chinese_checkers(position: Position, raw: Floats, out: Pixels) -> None:
    """The cells that the piece has left in this turn, one a plane; it may not jump back to them."""
    for step in reversed(position.full_history()):
        if step.player != position.current_player():
            break
        out[step.action // HEX_NEIGHBOURS] = WHITE_PIXEL


def _quoridor(position: Position, raw: Floats, out: Pixels) -> None:
    """Walls; a cell of the grid is a square where row and column are even."""
    size = isqrt(out.shape[1])
    walls = out.reshape(size, size)
    for action in position.history():
        row, column = divmod(action, size)
        if row % 2:
            walls[row, column : column + 3] = WHITE_PIXEL
        elif column % 2:
            walls[row : row + 3, column] = WHITE_PIXEL


def _checkers(position: Position, raw: Floats, out: Pixels) -> None:
    """How many moves were made since men were last taken: too many are a draw."""
    count = 0
    for action in reversed(position.history()):
        if action % 2 or count == CHECKERS_QUIET:  # odd actions take a man
            break
        count += 1
    out[0] = WHITE_PIXEL * count // CHECKERS_QUIET


def _nine_mens_morris(position: Position, raw: Floats, out: Pixels) -> None:
    """The men that players 0 and 1 have yet to place, whether one is taken now, and the turn.

    Turns end the game, and to take a man is none.
    """
    text = str(position)
    ((first, second),) = re.findall(r"Men to deploy: (\d+) (\d+)", text)
    (turn,) = re.findall(r"Turn number: (\d+)", text)
    out[0] = WHITE_PIXEL * int(first) // MEN
    out[1] = WHITE_PIXEL * int(second) // MEN
    out[2] = WHITE_PIXEL * ("Capture time" in text)
    out[3] = WHITE_PIXEL * int(turn) // MORRIS_TURNS


def _hive(position: Position, raw: Floats, out: Pixels) -> None:
    """Where each bug is and how high, and which moved last: moves name bugs, not kinds of bugs.

    OpenSpiel shows the kind alone, and of a stack not the order. Played again from the history.
    """
    where: dict[int, tuple[int, int]] = {}
    stacks: dict[tuple[int, int], list[int]] = {}
    last = None
    for action in position.history():
        if action == HIVE_PASS:
            continue
        rest, direction = divmod(action, len(HIVE_STEPS))
        bug, beside = divmod(rest, HIVE_BUGS)
        row, column = where.get(beside, (0, 0))  # the first bug is beside none
        down, right = HIVE_STEPS[direction]
        if bug in where:
            stacks[where[bug]].remove(bug)
        last = where[bug] = row + down, column + right
        stacks.setdefault(last, []).append(bug)
    if last is None:
        return
    # OpenSpiel moves a hive that has reached the edge of its board.
    size = isqrt(out.shape[1])
    shown = np.argwhere(raw[: len(raw) - HIVE_OTHER_PLANES].any(0).reshape(size, size)).min(0)
    mine = np.array([cell for cell, stack in stacks.items() if stack]).min(0)
    grids = out.reshape(-1, size, size)
    for cell, stack in stacks.items():
        row, column = np.array(cell) + shown - mine
        if 0 <= row < size and 0 <= column < size:  # else the move that ended the game at the edge
            for height, bug in enumerate(stack, 1):
                grids[bug, row, column] = WHITE_PIXEL * height // HIVE_HEIGHT
            grids[-1, row, column] = WHITE_PIXEL * (cell == last)


class Missing(NamedTuple):
    """Planes that OpenSpiel's own lack."""

    planes: int
    draw: Draw


MISSING = {
    "antichess": Missing(1, _each(_chess)),
    "checkers": Missing(1, _each(_checkers)),
    "chess": Missing(1, _each(_chess)),
    "chinese_checkers": Missing(STAR_CELLS, _each(_chinese_checkers)),
    "crazyhouse": Missing(1, _each(_chess)),
    "cursor_go": Missing(2, _each(_cursor_go)),
    "go": Missing(2, _go),
    "hive": Missing(HIVE_BUGS + 1, _each(_hive)),
    "nine_mens_morris": Missing(4, _each(_nine_mens_morris)),
    "quoridor": Missing(1, _each(_quoridor)),
}


def hex_cells(position: Position) -> Floats:
    """Returns `[3, H, W]`, stones of players 0 and 1 and free cells, of a board of any sides.

    OpenSpiel 2.0.2 counts rows and columns wrongly in its own planes where they differ.
    """
    board = np.array(cells(position))
    return np.stack([board == kind for kind in (*STONES, EMPTY)]).astype(np.float32)
