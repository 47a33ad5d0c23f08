"""How well a player does in solved games, where the true value is known."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from agents.base import Player
from envs.board.base import BoardGame, Position, children, replay
from envs.board.connect_four import ILLEGAL, ConnectFourSolver
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
    """Positions and what each of their moves is worth."""

    positions: list[Position]
    values: npt.NDArray[np.int8]  # [P, A]
    scores: npt.NDArray[np.int8] | None = None  # [P, A], which take longer to find

    def marks(self, player: Player) -> dict[str, float]:
        """Returns the share of moves that keep the true value, and that are strictly best.

        Strictly best: no other wins sooner, or loses later. Only with `scores`.
        """
        moves = np.array(player.choose(self.positions, range(len(self.positions))))
        marks = {"keeps_value": float(self.kept(moves).mean())}
        if self.scores is not None:
            best = self.scores[np.arange(len(moves)), moves] == self.scores.max(1)
            marks["strictly_best"] = float(best.mean())
        return marks

    def kept(self, moves: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Returns `[P]`: whether each position's move keeps its value."""
        kept: npt.NDArray[np.bool_] = self._worth(moves) == self.values.max(1)
        return kept

    def thrown_away(self, moves: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Returns `[P]`: whether each position's move loses where another does not."""
        thrown: npt.NDArray[np.bool_] = (self._worth(moves) == -1) & (self.values.max(1) > -1)
        return thrown

    def _worth(self, moves: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
        return self.values[np.arange(len(moves)), moves]

    @property
    def matters(self) -> npt.NDArray[np.bool_]:
        """`[P]`: whether some legal move of the position does not keep its value."""
        worth = np.where(self.values == ILLEGAL, self.values.max(1, keepdims=True), self.values)
        different: npt.NDArray[np.bool_] = worth.min(1) != worth.max(1)
        return different


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


def make_exam(
    game: BoardGame,
    solver: Solver,
    count: int,
    *,
    first_ply: int = FIRST_PLY,
    with_scores: bool = False,
) -> Exam:
    """Returns `count` positions of random play, evenly over the plies; the same each time."""
    rng = np.random.default_rng(0)
    last_ply = min(LAST_PLY, game.spec.max_plies - 2)
    plies = np.linspace(first_ply, last_ply + 1, count, endpoint=False).astype(int)
    positions = [_random_position(game, ply, rng) for ply in plies.tolist()]
    histories = [game.history(position) for position in positions]
    if not with_scores:
        return Exam(positions, np.array([solver.values(history) for history in histories]))
    scores = np.array([solver.scores(history) for history in histories])
    return Exam(positions, np.where(scores == ILLEGAL, ILLEGAL, np.sign(scores)), scores)


def make_whole_exam(game: BoardGame, solver: Solver) -> Exam:
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
    positions = list(found.values())
    return Exam(positions, np.array([solver.values(game.history(p)) for p in positions]))


def _random_position(game: BoardGame, ply: int, rng: np.random.Generator) -> Position:
    while True:
        position = play_at_random(game, ply, rng)
        if not game.status([position]).over[0]:
            return position
