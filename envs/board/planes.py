"""What a network sees of a position beyond OpenSpiel's own planes, and on which scale.

OpenSpiel's planes are floats that follow no rule: 0 and 1 for pieces, but seeds, walls in hand and
counters too, some as they are and some as a share. All must fit into uint8 in order and without
loss: `Scale`. Some of what decides a game is in none of them: `MISSING`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from envs.board.base import WHITE_PIXEL, Position

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
# Games that can go on and on until a number of plies ends them. A plane says how near that is.
ENDLESS = (
    "antichess",
    "checkers",
    "chess",
    "chinese_checkers",
    "crazyhouse",
    "cursor_go",
    "go",
    "hive",
    "lines_of_action",
    "mancala",
    "nine_mens_morris",
    "oware",
    "quoridor",
    "shogi",
    "xiangqi",
)


class Counts(NamedTuple):
    """What planes that count something may hold; those of pieces hold 0 or 1."""

    most: Floats  # [C] no position has more
    levels: npt.NDArray[np.int64]  # [C] and how many equal steps lead there from 0


def counts(rules: Any, start: Floats) -> Counts:
    """Returns what OpenSpiel's planes may hold.

    Args:
        rules: the game.
        start: `[C, H * W]` its planes before the first move.
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
    return Counts(most, levels)


class Scale:
    """Maps OpenSpiel's floats to pixels, in order and without loss.

    0 is black and the most that a plane may hold is white. A plane of more than 255 levels becomes
    several: each begins where the one before is white.
    """

    def __init__(self, name: str, counts: Counts) -> None:
        """`name` is the game's, for errors."""
        self._name = name
        self._most = counts.most[:, None]
        parts = [range(0, max(1, n), WHITE_PIXEL) for n in counts.levels.tolist()]
        self._source = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        self._plain = len(self._source) == len(parts)
        steps = np.where(counts.levels > WHITE_PIXEL, counts.levels, WHITE_PIXEL)
        self._steps = (steps / counts.most)[:, None].astype(np.float32)
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
        if raw.size and (raw.min() < 0 or (raw > self._most).any()):
            _, plane, cell = np.argwhere((raw < 0) | (raw > self._most))[0]
            most, found = self._most[plane, 0], raw[:, plane, cell]
            raise ValueError(
                f"plane {plane} of {self._name} should hold 0 to {most:g}, and holds "
                f"{found.min():g} to {found.max():g}"
            )
        scaled = np.rint(raw * self._steps)
        if self._plain:
            return scaled
        return np.clip(scaled[:, self._source] - self._begin, 0, WHITE_PIXEL)


def nearness(positions: Sequence[Position], max_plies: int) -> Pixels:
    """Returns `[B]`: 255 at the last ply, 0 in the first three quarters of the longest game.

    Where 255 plies or more are left it is 0, too, so that each number stands for one ply.
    """
    span = max(1, min(max_plies // 4, WHITE_PIXEL))
    left = max_plies - np.array([position.move_number() for position in positions])
    return (WHITE_PIXEL * (span - left.clip(0, span)) // span).astype(np.uint8)


def _go(position: Position, raw: Floats, out: Pixels) -> None:
    """A pass just before this move, and free points where the side to move may not play."""
    cells = out.shape[1]
    history = position.history()
    if history and history[-1] == cells:
        out[0] = WHITE_PIXEL
    if not position.is_terminal():
        legal = position.legal_actions()
        free = raw[2]
        if len(legal) - 1 < free.sum():  # all but the pass
            out[1] = free * WHITE_PIXEL
            out[1, legal[:-1]] = 0


class Missing(NamedTuple):
    """Planes that OpenSpiel's own lack."""

    planes: int
    draw: Callable[[Position, Floats, Pixels], None]  # (position, [C, H * W], [planes, H * W])


MISSING = {"go": Missing(2, _go)}
