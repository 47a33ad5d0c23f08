"""Exams with the true value of every move: what a player keeps and throws away where it matters."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.board.base import BoardGame, Position, children
from envs.board.connect_four import ILLEGAL
from workbench.evaluation.solved import Solver, random_positions


class ValueExam(NamedTuple):
    """Positions and what each of their moves is worth, see `Solver.values`."""

    positions: list[Position]
    values: npt.NDArray[np.int8]  # [P, A]

    def kept(self, moves: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Returns `[P]`: whether each position's move keeps its value."""
        return self._worth(moves) == self.values.max(1)

    def thrown_away(self, moves: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Returns `[P]`: whether each position's move loses where another does not."""
        return (self._worth(moves) == -1) & (self.values.max(1) > -1)

    def _worth(self, moves: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
        return self.values[np.arange(len(moves)), moves]

    @property
    def matters(self) -> npt.NDArray[np.bool_]:
        """`[P]`: whether some legal move of the position does not keep its value."""
        worth = np.where(self.values == ILLEGAL, self.values.max(1, keepdims=True), self.values)
        return worth.min(1) != worth.max(1)


def random_exam(game: BoardGame, solver: Solver, count: int, *, first_ply: int) -> ValueExam:
    """Returns `count` positions of random play, evenly over the plies; the same each time."""
    return _judged(game, solver, random_positions(game, count, first_ply))


def whole_exam(game: BoardGame, solver: Solver) -> ValueExam:
    """Returns every position of a small game in which there is a move to make."""
    found: dict[str, Position] = {}
    layer = [game.start()]
    while layer:
        status = game.status(layer)
        fresh = {
            game.text(position): position
            for position, over in zip(layer, status.over, strict=True)
            if not over and game.text(position) not in found
        }
        found |= fresh
        layer = children(game, list(fresh.values()))
    return _judged(game, solver, list(found.values()))


def _judged(game: BoardGame, solver: Solver, positions: list[Position]) -> ValueExam:
    return ValueExam(positions, np.array([solver.values(game.history(p)) for p in positions]))
