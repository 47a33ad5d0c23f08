"""The solver against every way to finish a game, and against itself where there are too many."""

import numpy as np
import pyspiel
import pytest

from envs.board.connect_four import ILLEGAL, ConnectFourSolver

GAMES = 150
GAME = pyspiel.load_game("connect_four")


@pytest.fixture(scope="module")
def solver() -> ConnectFourSolver:
    return ConnectFourSolver()


def random_position(rng: np.random.Generator, plies: int) -> pyspiel.State:
    """After random moves, of which none ended the game."""
    position = GAME.new_initial_state()
    while position.move_number() < plies:
        after = [position.child(action) for action in position.legal_actions()]
        after = [each for each in after if not each.is_terminal()]
        if not after:
            return random_position(rng, plies)
        position = after[rng.integers(len(after))]
    return position


def brute_force(position: pyspiel.State, known: dict[str, int]) -> list[int]:
    """Scores all columns by trying everything; `known` has the scores of boards, and grows."""
    scores = [ILLEGAL] * 7
    for action in position.legal_actions():
        after = position.child(action)
        board = str(after)
        if board not in known:
            if after.is_terminal():
                stones = (after.move_number() + 1) // 2  # of the side that has just moved
                known[board] = stones - 22 if any(after.returns()) else 0
            else:
                known[board] = max(brute_force(after, known))
        scores[action] = -known[board]
    return scores


def signs(scores: np.ndarray) -> np.ndarray:
    return np.where(scores == ILLEGAL, ILLEGAL, np.sign(scores))


def test_all_positions_late_in_a_game_are_judged_as_by_brute_force(solver):
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(GAMES):
        history = random_position(rng, 41).history()
        known: dict[str, int] = {}
        for plies in range(32, 42):
            position = GAME.new_initial_state()
            for action in history[:plies]:
                position.apply_action(action)
            scores = brute_force(position, known)
            seen |= set(scores)
            # In this order: the values must not be read off the table that the scores filled.
            assert np.array_equal(solver.values(history[:plies]), signs(np.array(scores)))
            assert np.array_equal(solver.scores(history[:plies]), scores)
    # Wins and losses at the first and at the last chance, draws, full columns.
    assert seen == {ILLEGAL, *range(-5, 6)}


def test_positions_with_many_open_columns_are_judged_as_by_brute_force(solver):
    rng = np.random.default_rng(1)
    for plies in (28, 28, 29, 29, 30, 30, 30, 31, 31, 31):
        position = random_position(rng, plies)
        scores = brute_force(position, {})
        assert np.array_equal(solver.values(position.history()), signs(np.array(scores)))
        assert np.array_equal(solver.scores(position.history()), scores)


@pytest.mark.parametrize("plies", [16, 17, 22, 23])
def test_it_wins_at_once_and_blocks(solver, plies):
    rng = np.random.default_rng(plies)
    wins = blocks = 0
    while wins < 10 or blocks < 10:
        position = random_position(rng, plies)
        legal = position.legal_actions()
        winning = [action for action in legal if position.child(action).is_terminal()]
        scores = solver.scores(position.history())
        stones = plies // 2 + 1
        assert np.array_equal(np.flatnonzero(scores == 22 - stones), winning)
        if winning:
            wins += 1
            continue
        lost = [
            action
            for action in legal
            if any(
                position.child(action).child(reply).is_terminal()
                for reply in position.child(action).legal_actions()
            )
        ]
        stones = (plies + 1) // 2 + 1
        assert np.array_equal(np.flatnonzero(scores == stones - 22), lost)
        blocks += 0 < len(lost) < len(legal)


@pytest.mark.parametrize("plies", [14, 15, 18, 21])
def test_the_mirrored_position_has_the_mirrored_scores(solver, plies):
    rng = np.random.default_rng(plies)
    for _ in range(5):
        history = random_position(rng, plies).history()
        mirrored = [6 - column for column in history]
        # A solver of its own: positions of the one search must not answer for the other.
        assert np.array_equal(solver.scores(history), ConnectFourSolver().scores(mirrored)[::-1])


@pytest.mark.parametrize("plies", [12, 15, 18, 21])
def test_values_are_the_signs_of_scores(solver, plies):
    rng = np.random.default_rng(plies)
    for _ in range(5):
        history = random_position(rng, plies).history()
        values = ConnectFourSolver().values(history)
        assert np.array_equal(values, signs(solver.scores(history))), history


@pytest.mark.parametrize("plies", [13, 16, 19])
def test_a_column_is_worth_what_the_best_reply_leaves(solver, plies):
    rng = np.random.default_rng(plies)
    for _ in range(3):
        position = random_position(rng, plies)
        scores = solver.scores(position.history())
        assert set(np.flatnonzero(scores != ILLEGAL)) == set(position.legal_actions())
        for action in position.legal_actions():
            after = position.child(action)
            if not after.is_terminal():
                assert scores[action] == -solver.scores(after.history()).max()


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ([3, 7], "no column 7 .ply 1"),
        ([-1], "no column -1 .ply 0"),
        ([2] * 7, "column 2 is full .ply 6"),
        ([0, 1, 0, 1, 0, 1, 0], "over after ply 6"),
        ([0, 1, 0, 1, 0, 1, 0, 5], "over after ply 6"),
    ],
)
def test_what_cannot_be_played_is_an_error(solver, history, message):
    with pytest.raises(ValueError, match=message):
        solver.scores(history)
    with pytest.raises(ValueError, match=message):
        solver.values(history)


def test_a_finished_game_has_no_values_and_the_ply_before_has(solver):
    rng = np.random.default_rng(0)
    results = set()
    for _ in range(20):
        position = random_position(rng, 41)
        (action,) = position.legal_actions()
        result = position.child(action).returns()[position.current_player()]
        results.add(result)
        assert solver.values(position.history())[action] == result
        with pytest.raises(ValueError, match="over after ply 41"):
            solver.values([*position.history(), action])
    assert results == {0, 1}


@pytest.mark.slow
def test_the_first_move(solver):
    # Four minutes. Allen and Allis found in 1988 that the middle column wins: with stone 41.
    assert list(solver.scores([])) == [-2, -1, 0, 1, 0, -1, -2]
