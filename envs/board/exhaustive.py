"""Solving small games by looking at everything."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from envs.board.base import BoardGame, Position, reach
from envs.board.connect_four import ILLEGAL


class ExhaustiveSolver:
    """Solves games of a few thousand positions, such as tic-tac-toe; positions are told by text."""

    def __init__(self, game: BoardGame) -> None:
        """Looks at nothing yet."""
        self._game = game
        self._known: dict[str, float] = {}

    def values(self, history: Sequence[int]) -> npt.NDArray[np.int8]:
        """Returns `[A]`: what each action is worth to the side to move: 1, 0, -1, or ILLEGAL."""
        position = reach(self._game, history)
        status = self._game.status([position])
        sign = 1 if status.to_play[0] == 0 else -1
        values = np.full(self._game.spec.num_actions, ILLEGAL, np.int8)
        for action in status.legal.tolist():
            (child,) = self._game.after([position], [action])
            values[action] = sign * self._value(child)
        return values

    def _value(self, position: Position) -> float:
        """Returns player 0's result under perfect play."""
        text = self._game.text(position)
        if text not in self._known:
            status = self._game.status([position])
            if status.over[0]:
                self._known[text] = float(status.value[0])
            else:
                actions = status.legal.tolist()
                children = self._game.after([position] * len(actions), actions)
                best = max if status.to_play[0] == 0 else min
                self._known[text] = best(self._value(child) for child in children)
        return self._known[text]
