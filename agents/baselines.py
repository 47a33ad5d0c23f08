"""Board-game players that do not learn: baselines for an agent to beat."""

from collections.abc import Sequence

import numpy as np
import pyspiel

from agents.base import Player
from envs.board.base import BoardGame, Position


class RandomPlayer(Player):
    """Plays a random legal move."""

    def __init__(self, game: BoardGame) -> None:
        """Plays this game."""
        self._game = game

    def choose(self, positions: Sequence[Position], seeds: Sequence[int]) -> list[int]:
        status = self._game.status(positions)
        begins = status.num_legal.cumsum() - status.num_legal
        picks = [
            np.random.default_rng(seed).integers(count)
            for seed, count in zip(seeds, status.num_legal, strict=True)
        ]
        return [int(action) for action in status.legal[begins + picks]]


class MinimaxPlayer(Player):
    """Looks `depth` plies ahead and scores the rest as draws; breaks ties at random."""

    def __init__(self, game: BoardGame, depth: int) -> None:
        """A depth of 2 wins at once if it can, and prevents an immediate loss if it can."""
        self._game = game
        self._depth = depth

    def choose(self, positions: Sequence[Position], seeds: Sequence[int]) -> list[int]:
        return [
            self._choose(position, np.random.default_rng(seed))
            for position, seed in zip(positions, seeds, strict=True)
        ]

    def _choose(self, position: Position, rng: np.random.Generator) -> int:
        status = self._game.status([position])
        sign = 1 if status.to_play[0] == 0 else -1
        actions: list[int] = rng.permutation(status.legal).tolist()
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
        sign, best = (1 if status.to_play[0] == 0 else -1), -2.0
        for action in status.legal.tolist():
            (child,) = self._game.after([position], [action])
            best = max(best, sign * self._value(child, depth - 1, low, high))
            low, high = (max(low, best), high) if sign > 0 else (low, min(high, -best))
            if low >= high:
                break
        return sign * best


class RolloutPlayer(Player):
    """Monte Carlo tree search with random playouts: OpenSpiel's, in C++ (Kocsis & Szepesvári 2006).

    UCT with a constant of sqrt(2), one playout per simulation, proven results backed up.
    """

    def __init__(self, game: pyspiel.Game, simulations: int) -> None:
        """`simulations` per move."""
        self._game = game
        self._simulations = simulations

    def choose(self, positions: Sequence[Position], seeds: Sequence[int]) -> list[int]:
        return [
            int(self._bot(seed % 2**31).step(position))
            for position, seed in zip(positions, seeds, strict=True)
        ]

    def value(self, position: Position, seed: int) -> float:
        """Returns the result for the side to move, -1..1: the search's mean, or the proven one."""
        root = self._bot(seed % 2**31).mcts_search(position)
        if root.outcome:
            return float(root.outcome[position.current_player()])
        return float(root.total_reward / root.explore_count)

    def _bot(self, seed: int) -> pyspiel.MCTSBot:
        return pyspiel.MCTSBot(
            self._game,
            pyspiel.RandomRolloutEvaluator(1, seed),
            2**0.5,
            self._simulations,
            1000,  # MB of memory at most
            True,  # solve
            seed,
            False,  # verbose
        )
