"""Openings: balanced, none like another, the same each time."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from envs.board.base import reach
from envs.board.connect_four import ConnectFourSolver
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.evaluation.match import random_openings
from workbench.tournament.openings import Openings, balanced_openings, default_opening_plies


def load(name: str) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=name))


def turned(game: OpenSpielGame, opening) -> set[bytes]:
    cells = game.observe([reach(game, opening)])[0].reshape(game.spec.obs_shape[0], -1)
    return {cells[:, order].tobytes() for order in game.spec.symmetric_cells}


@pytest.mark.parametrize(
    ("name", "plies"), [("connect_four", 4), ("othello", 3), ("hex(board_size=4)", 3), ("chess", 2)]
)
def test_no_opening_is_like_another(name, plies):
    game = load(name)
    openings = list(balanced_openings(game, plies, 12, seed=0))
    assert len(openings) == 12
    for i, opening in enumerate(openings):
        assert len(opening) == plies
        assert not game.status([reach(game, opening)]).over[0]
        for other in openings[:i]:
            assert not turned(game, opening) & turned(game, other)


def test_small_games_have_few_openings():
    """Tic-tac-toe's first move is a corner, an edge or the middle."""
    openings = balanced_openings(load("tic_tac_toe"), 1, 20, seed=0)
    kinds = {"corner": {0, 2, 6, 8}, "edge": {1, 3, 5, 7}, "middle": {4}}
    found = sorted(kind for (cell,) in openings for kind, cells in kinds.items() if cell in cells)
    assert found == ["corner", "edge", "middle"]
    assert list(balanced_openings(load("tic_tac_toe"), 0, 20, seed=0)) == [()]
    assert list(balanced_openings(load("tic_tac_toe"), 9, 20, seed=0)) == []


def test_more_openings_begin_with_the_same_and_another_seed_with_others():
    game = load("connect_four")
    few, many = (list(balanced_openings(game, 6, count, seed=5)) for count in (4, 9))
    assert many[:4] == few
    assert list(balanced_openings(game, 6, 4, seed=6)) != few


def test_openings_are_drawn_once_and_no_sooner_than_they_are_asked_for():
    drawn = []

    def source():
        for number in range(50):
            drawn.append(number)
            yield (number,)

    openings = Openings(source())
    assert drawn == []
    assert openings[3] == (3,)
    assert openings[0] == (0,)
    assert drawn == [0, 1, 2, 3]
    with ThreadPoolExecutor(8) as executor:
        asked = [number for number in range(40) for _ in range(4)]
        assert list(executor.map(openings.__getitem__, asked)) == [(n,) for n in asked]
    assert drawn == list(range(40))
    with pytest.raises(IndexError):
        openings[50]
    assert len(openings) == 50
    assert drawn == list(range(50))


def test_openings_are_balanced():
    """After random moves somebody has often won already; the solver tells."""
    game, solver = load("connect_four"), ConnectFourSolver()

    def lead(openings) -> float:
        scores = [max(solver.scores(list(opening))) for opening in openings]
        return float(np.mean(np.abs(scores)))

    chance = random_openings(game, 16, 60, np.random.default_rng(1))
    chosen = balanced_openings(game, 16, 60, seed=1)
    assert lead(chosen) < 0.85 * lead(chance)
    wins = [max(solver.scores(list(opening))) == (42 - 16) // 2 for opening in chosen]
    assert not any(wins), "the next move wins"


def test_longer_games_begin_with_more_moves():
    plies = [default_opening_plies(load(name)) for name in ("tic_tac_toe", "connect_four", "chess")]
    assert plies == [1, 8, 8]
