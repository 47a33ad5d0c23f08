"""Exams: positions of solved games, and what a player's moves are worth there."""

import numpy as np
import pytest

from agents.baselines import MinimaxPlayer, RandomPlayer
from benchmarks.exams import ValueExam, random_exam, whole_exam
from envs.board.base import reach
from envs.board.connect_four import ILLEGAL
from envs.board.exhaustive import ExhaustiveSolver
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.evaluation.solved import make_exam, make_solver, was_avoidable


def load(name: str) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=name))


def test_tic_tac_toe_is_solved():
    solver = ExhaustiveSolver(load("tic_tac_toe"))
    assert solver.values([]).tolist() == [0] * 9
    # Noughts answered a corner at an edge, which loses; from the centre they hold.
    assert max(solver.values([0, 1])) == 1
    assert max(solver.values([0, 4])) == 0
    # A cross in the corner and one in the opposite corner: noughts must take an edge.
    assert solver.values([0, 4, 8]).tolist() == [ILLEGAL, 0, -1, 0, ILLEGAL, 0, -1, 0, ILLEGAL]


@pytest.mark.parametrize(("name", "first_ply"), [("tic_tac_toe", 0), ("connect_four", 24)])
def test_an_exam_asks_over_all_plies_and_knows_the_answers(name, first_ply):
    game = load(name)
    solver = make_solver(game)
    exam = random_exam(game, solver, 60, first_ply=first_ply)
    plies = [len(game.history(position)) for position in exam.positions]
    assert min(plies) == first_ply
    assert max(plies) == min(30, game.spec.max_plies - 2)
    assert len(exam.positions) == 60
    for position, values in zip(exam.positions, exam.values, strict=True):
        legal = position.legal_actions()
        assert (np.delete(values, legal) == ILLEGAL).all()
        worth = {int(value) for value in values[legal]}
        assert worth <= {-1, 0, 1}
    different = [len({int(v) for v in values if v != ILLEGAL}) > 1 for values in exam.values]
    assert exam.matters.tolist() == different
    again = make_exam(game, solver, 60, first_ply=first_ply)
    assert [p.history() for p in again.positions] == [p.history() for p in exam.positions]


def test_perfect_play_keeps_every_value_and_chance_does_not():
    game = load("tic_tac_toe")
    solver = make_solver(game)
    exam = make_exam(game, solver, 100, first_ply=2)
    assert exam.marks(MinimaxPlayer(game, 9))["keeps_value"] == 1
    matters = random_exam(game, solver, 100, first_ply=2).matters.mean()
    kept = exam.marks(RandomPlayer(game))["keeps_value"]
    # All of the moves that do not matter, and about half of those that do.
    assert 1 - 0.8 * matters < kept < 1 - 0.2 * matters


def test_strictly_best_is_the_soonest_win_and_the_latest_loss():
    game = load("tic_tac_toe")
    solver = make_solver(game)
    exam = make_exam(game, solver, 300, first_ply=0)
    values = random_exam(game, solver, 300, first_ply=0).values
    assert np.array_equal(np.where(exam.scores == ILLEGAL, ILLEGAL, np.sign(exam.scores)), values)
    # Minimax to the end takes any win, so it is late now and then, but it throws nothing away.
    marks = exam.marks(MinimaxPlayer(game, 9))
    assert marks["keeps_value"] == 1
    assert 0.5 < marks["strictly_best"] < 1

    class Best:
        def choose(self, positions, seeds):
            asked = [exam.positions.index(position) for position in positions]
            return exam.scores[asked].argmax(1).tolist()

    assert exam.marks(Best()) == {"keeps_value": 1.0, "strictly_best": 1.0}


def test_a_score_says_how_soon_the_game_is_decided():
    """Crosses complete a row at ply 5: the end is 4 plies before the last that there can be."""
    solver = ExhaustiveSolver(load("tic_tac_toe"))
    scores = solver.scores([0, 3, 1, 4])  # crosses 0 1, noughts 3 4; crosses to move
    assert scores[2] == 5
    assert scores[5] < 5  # it stops the noughts, and the crosses still have their threat
    assert scores[8] < 0


def test_tic_tac_toe_has_4520_positions_with_a_move():
    """As many as are published; a player that keeps all values throws no game away."""
    game = load("tic_tac_toe")
    exam = whole_exam(game, make_solver(game))
    assert len(exam.positions) == 4520
    assert len({game.text(position) for position in exam.positions}) == 4520
    random = RandomPlayer(game).choose(exam.positions, range(4520))
    assert exam.thrown_away(np.array(random)).sum() > 500
    perfect = MinimaxPlayer(game, 9)
    some = ValueExam(exam.positions[::50], exam.values[::50])
    assert not some.thrown_away(
        np.array(perfect.choose(some.positions, range(len(some.positions))))
    ).any()


def test_other_games_are_not_solved():
    assert make_solver(load("othello")) is None
    assert make_solver(load("connect_four(rows=5)")) is None


@pytest.mark.parametrize(
    ("history", "seat", "value", "first_ply", "avoidable"),
    [
        # Corner, then an edge: the second player's only mistake, its first move, is of the opening.
        ([0, 1, 4, 8, 3, 5, 6], 1, -1.0, 2, False),
        ([0, 1, 4, 8, 3, 5, 6], 1, -1.0, 0, True),
        # Corner, centre, other corner, and then a corner again, which loses to a fork.
        ([0, 4, 8, 2, 6, 3, 7], 1, -1.0, 0, True),
        # A draw that nobody could have won, and one in which the first player had a win.
        ([4, 0, 8, 2, 1, 7, 3, 5, 6], 0, 0.0, 0, False),
        ([0, 1, 2, 4, 7, 3, 5, 8, 6], 0, 0.0, 0, True),
    ],
)
def test_what_could_have_been_avoided(
    history: list[int], seat: int, value: float, first_ply: int, avoidable: bool
) -> None:
    game = OpenSpielGame(BoardConfig(kind="board", game="tic_tac_toe"))
    end = reach(game, history)
    ended = game.status([end])
    assert ended.over[0]
    assert ended.value[0] * (1 if seat == 0 else -1) == value
    solver = ExhaustiveSolver(game)
    assert was_avoidable(game, solver, history, seat, value, first_ply) is avoidable
