"""Players of board games that learn nothing: what a learner has to beat."""

from collections.abc import Sequence

import numpy as np
import pyspiel

from envs.board.base import BoardGame, Position


class RandomPlayer:
    """Any legal move."""

    def __init__(self, game: BoardGame, rng: np.random.Generator) -> None:
        """`rng` draws the moves."""
        self._game = game
        self._rng = rng

    def choose(self, positions: Sequence[Position]) -> list[int]:
        """See `Player.choose`."""
        status = self._game.status(positions)
        begins = status.num_legal.cumsum() - status.num_legal
        picks = begins + self._rng.integers(status.num_legal)
        return [int(action) for action in status.legal[picks]]


class MinimaxPlayer:
    """Looks `depth` plies ahead; beyond, everything is a draw. Of equal moves, any."""

    def __init__(self, game: BoardGame, depth: int, rng: np.random.Generator) -> None:
        """A depth of 2 wins at once where it can and lets nobody win at once where it need not."""
        self._game = game
        self._depth = depth
        self._rng = rng

    def choose(self, positions: Sequence[Position]) -> list[int]:
        """See `Player.choose`."""
        return [self._choose(position) for position in positions]

    def _choose(self, position: Position) -> int:
        status = self._game.status([position])
        sign = 1 if status.to_play[0] == 0 else -1
        actions: list[int] = self._rng.permutation(status.legal).tolist()
        children = self._game.after([position] * len(actions), actions)
        best, best_value = actions[0], -2.0
        for action, child in zip(actions, children, strict=True):
            # Equal moves come in random order, so the first of them may be kept.
            value = sign * self._value(
                child, self._depth - 1, *sorted((sign * best_value, sign * 2.0))
            )
            if value > best_value:
                best, best_value = action, value
        return best

    def _value(self, position: Position, depth: int, low: float, high: float) -> float:
        """Returns player 0's value, exactly if within (low, high)."""
        status = self._game.status([position])
        if status.over[0]:
            return float(status.value[0])
        if depth <= 0:
            return 0.0
        maximise = status.to_play[0] == 0
        best = -2.0 if maximise else 2.0
        for action in status.legal.tolist():
            (child,) = self._game.after([position], [action])
            value = self._value(child, depth - 1, low, high)
            if maximise:
                best = max(best, value)
                low = max(low, best)
            else:
                best = min(best, value)
                high = min(high, best)
            if low >= high:
                break
        return best


class RolloutPlayer:
    """Monte Carlo tree search with random playouts: OpenSpiel's, in C++ (Kocsis & Szepesvári 2006).

    UCT with a constant of sqrt(2), one playout per simulation, proven results backed up.
    """

    def __init__(self, game: pyspiel.Game, simulations: int, seed: int) -> None:
        """`seed` determines the playouts."""
        evaluator = pyspiel.RandomRolloutEvaluator(1, seed)
        self._bot = pyspiel.MCTSBot(
            game,
            evaluator,
            2**0.5,
            simulations,
            1000,  # MB of memory at most
            True,  # solve
            seed,
            False,  # verbose
        )

    def choose(self, positions: Sequence[Position]) -> list[int]:
        """See `Player.choose`."""
        return [int(self._bot.step(position)) for position in positions]
