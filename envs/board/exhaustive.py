"""Solves small games by exhaustive search."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from envs.board.base import BoardGame, Position, children, reach
from envs.board.connect_four import ILLEGAL


class ExhaustiveSolver:
    """Solves games of a few thousand positions, such as tic-tac-toe; positions are told by text."""

    def __init__(self, game: BoardGame) -> None:
        """Looks at nothing yet."""
        self._game = game
        self._known: dict[str, int] = {}

    def values(self, history: Sequence[int]) -> npt.NDArray[np.int8]:
        """Returns `[A]`: what each action is worth to the side to move: 1, 0, -1, or ILLEGAL."""
        scores = self.scores(history)
        return np.where(scores == ILLEGAL, scores, np.sign(scores))

    def scores(self, history: Sequence[int]) -> npt.NDArray[np.int8]:
        """Returns `[A]`: how soon each action leads the side to move to a win or to a loss.

        0 where it leads to a draw; where it wins, 1 if the game then ends with the last ply it can
        have, 2 if a ply before, and so on; as much below 0 where it loses; ILLEGAL.
        """
        position = reach(self._game, history)
        status = self._game.status([position])
        sign = 1 if status.to_play[0] == 0 else -1
        scores = np.full(self._game.spec.num_actions, ILLEGAL, np.int8)
        for action in status.legal.tolist():
            (child,) = self._game.after([position], [action])
            scores[action] = sign * self._score(child)
        return scores

    def _score(self, position: Position) -> int:
        """Returns player 0's score under perfect play."""
        text = self._game.text(position)
        if text not in self._known:
            status = self._game.status([position])
            if status.over[0]:
                left = self._game.spec.max_plies - len(self._game.history(position))
                self._known[text] = int(status.value[0]) * (1 + left)
            else:
                best = max if status.to_play[0] == 0 else min
                self._known[text] = best(map(self._score, children(self._game, [position])))
        return self._known[text]
