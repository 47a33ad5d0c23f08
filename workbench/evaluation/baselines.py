"""Makes baseline players from their names."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from agents.base import Player
from agents.baselines import MinimaxPlayer, RandomPlayer, RolloutPlayer
from envs.board.base import BoardGame, Position
from envs.board.openspiel import OpenSpielGame
from envs.spelling import nearest
from workbench.errors import UsageError
from workbench.evaluation.load import is_count
from workbench.evaluation.solved import Solver, make_solver

BASELINES = "random, greedy, minimax:DEPTH, mcts:SIMULATIONS, solver, solver:SHARE_AT_RANDOM"
KINDS = ("random", "greedy", "minimax", "mcts", "solver")


def make_baseline(name: str, game: OpenSpielGame) -> Player:
    """Returns the player of this name; `greedy` is `minimax:2`.

    Raises:
        UsageError: there is none of this name, or the game is not solved.
    """
    kind, _, text = name.partition(":")
    if name == "random":
        return RandomPlayer(game)
    if name == "greedy":
        return MinimaxPlayer(game, 2)
    if kind in ("minimax", "mcts"):
        if not is_count(text):
            raise UsageError(
                f"{name!r} needs a number, as in {kind}:{4 if kind == 'minimax' else 1000}"
            )
        if kind == "minimax":
            return MinimaxPlayer(game, int(text))
        return RolloutPlayer(game.rules, int(text))
    if kind == "solver":
        solver = make_solver(game)
        if solver is None:
            raise UsageError(f"{game.spec.name} is not solved; connect_four and tic_tac_toe are")
        return SolverPlayer(game, solver, _share(name, text) if text or ":" in name else 0.0)
    near = nearest(kind, KINDS)
    asked = f"did you mean {near}? " if near else ""
    raise UsageError(f"there is no player {name!r}; {asked}choose from {BASELINES}")


def _share(name: str, text: str) -> float:
    with suppress(ValueError):
        if 0 <= (share := float(text)) <= 1:
            return share
    raise UsageError(f"{name!r} needs the share of moves at random, as in solver:0.1")


@dataclass(frozen=True)
class SolverPlayer(Player):
    """Keeps what the position is worth; a lost one is lost as late as can be.

    Of moves that are equally good, any. A share of its moves may be random, good or bad.
    """

    game: BoardGame
    solver: Solver  # knows the game
    random_share: float

    def choose(self, positions: Sequence[Position], seeds: Sequence[int]) -> list[int]:
        return [self._choose(*asked) for asked in zip(positions, seeds, strict=True)]

    def _choose(self, position: Position, seed: int) -> int:
        rng = np.random.default_rng(seed)
        if rng.random() < self.random_share:
            return RandomPlayer(self.game).choose([position], [seed])[0]
        history = self.game.history(position)
        values = self.solver.values(history)
        if values.max() < 0:
            values = self.solver.scores(history)
        return int(rng.choice(np.flatnonzero(values == values.max())))
