"""How well a player does in solved games, where the true value is known."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from agents.base import Player
from envs.board.base import BoardGame, Position, replay
from envs.board.connect_four import ConnectFourSolver
from envs.board.exhaustive import ExhaustiveSolver
from envs.board.games import facts_of
from workbench.evaluation.match import play_at_random

# Of connect four: later positions have few moves, and earlier ones take up to minutes to solve.
FIRST_PLY, LAST_PLY = 6, 30


class Solver(Protocol):
    """Knows what each move is worth."""

    def values(self, history: list[int]) -> npt.NDArray[np.int8]:
        """Returns `[A]`: 1, 0 or -1 for the side to move, or ILLEGAL."""

    def scores(self, history: list[int]) -> npt.NDArray[np.int8]:
        """Returns `[A]`: higher the sooner it wins or the later it loses, or ILLEGAL."""


class Exam(NamedTuple):
    """Positions, and a score of each of their moves, see `Solver.scores`."""

    positions: list[Position]
    scores: npt.NDArray[np.int8]  # [P, A]

    def marks(self, player: Player) -> dict[str, float]:
        """Returns the share of moves that keep the true value, and that are strictly best.

        Strictly best: no other wins sooner, or loses later.
        """
        moves = np.array(player.choose(self.positions, range(len(self.positions))))
        chosen, best = self.scores[np.arange(len(moves)), moves], self.scores.max(1)
        return {
            "keeps_value": float((np.sign(chosen) == np.sign(best)).mean()),
            "strictly_best": float((chosen == best).mean()),
        }


def make_solver(game: BoardGame) -> Solver | None:
    """Returns the solver of a solved game, or None."""
    match facts_of(game.spec.name).solver:  # not of variants, whose names have parameters
        case "connect four":
            return ConnectFourSolver()
        case "exhaustive":
            return ExhaustiveSolver(game)
    return None


def first_judged_ply(game: BoardGame) -> int:
    """Returns from which ply on the positions of a solved game are told apart in little time."""
    return FIRST_PLY if game.spec.name == "connect_four" else 0


def was_avoidable(
    game: BoardGame, solver: Solver, history: Sequence[int], seat: int, value: float, first_ply: int
) -> bool:
    """Returns whether a player once had a move that was worth more than what the game ended with.

    Args:
        game: the rules.
        solver: knows them.
        history: all actions of the finished game.
        seat: of the player.
        value: its result: 1 won, 0 drawn, -1 lost.
        first_ply: earlier moves are not judged: those of the opening are nobody's.
    """
    positions = [position for position, _ in replay(game, history)]
    turns = game.status(positions).to_play
    # From the end: what was thrown away last is found soonest, and late positions are solved fast.
    return any(
        turns[ply] == seat and solver.values(list(history[:ply])).max() > value
        for ply in reversed(range(first_ply, len(history)))
    )


def make_exam(game: BoardGame, solver: Solver, count: int, *, first_ply: int) -> Exam:
    """Returns `count` positions of random play, evenly over the plies; the same each time."""
    positions = random_positions(game, count, first_ply)
    return Exam(positions, np.array([solver.scores(game.history(one)) for one in positions]))


def random_positions(game: BoardGame, count: int, first_ply: int) -> list[Position]:
    """Returns the positions of `make_exam`."""
    rng = np.random.default_rng(0)
    last_ply = min(LAST_PLY, game.spec.max_plies - 2)
    plies = np.linspace(first_ply, last_ply + 1, count, endpoint=False).astype(int)
    return [_random_position(game, ply, rng) for ply in plies.tolist()]


def _random_position(game: BoardGame, ply: int, rng: np.random.Generator) -> Position:
    while True:
        position = play_at_random(game, ply, rng)
        if not game.status([position]).over[0]:
            return position
