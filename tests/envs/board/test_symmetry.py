"""Symmetries hold for the very game that is played, whatever its family is called."""

import numpy as np
import pytest

from envs.board.loading import trust
from envs.board.openspiel import BoardConfig, OpenSpielGame

HOW_MANY = {
    "tic_tac_toe": 8,
    "connect_four": 2,
    "connect_four(rows=5,columns=8)": 2,
    "connect_four(rows=6,columns=6)": 2,  # square, and pieces still fall
    "othello": 4,
    "hex(board_size=4)": 2,
    "hex(num_cols=4,num_rows=3)": 2,
    "hex(num_cols=3,num_rows=5)": 2,
    "gomoku(size=6)": 8,
    "gomoku(size=6,wrap=true)": 8,
    # A cube, unrolled into a square: turned by half, all its three coordinates are reversed.
    "gomoku(size=4,dims=3,connect=4)": 2,
    "gomoku(size=4,dims=3,connect=3)": 2,
    "mnk(m=5,n=4,k=3)": 4,
    "go(board_size=5)": 8,
    "clobber": 1,  # its actions are not cells
    "chess": 1,
    "mancala": 1,
}


def load(name: str, **changes) -> OpenSpielGame:
    trust(name)  # what a trial shows is tested elsewhere
    return OpenSpielGame(BoardConfig(kind="board", game=name, **changes))


@pytest.mark.parametrize("name", HOW_MANY)
def test_a_game_has_those_symmetries_that_it_has(name):
    game, rng = load(name), np.random.default_rng(9)
    spec = game.spec
    assert len(spec.symmetric_cells) == len(spec.symmetric_actions) == HOW_MANY[name]
    assert len({cells.tobytes() for cells in spec.symmetric_cells}) == HOW_MANY[name]
    assert spec.symmetric_cells[0].tolist() == list(range(len(spec.symmetric_cells[0])))
    assert spec.symmetric_actions[0].tolist() == list(range(spec.num_actions))
    for cells, actions in zip(spec.symmetric_cells, spec.symmetric_actions, strict=True):
        inverse = np.argsort(actions)
        for _ in range(5):  # other games than those of the proof
            one, other = game.start(), game.start()
            while not one.is_terminal():
                seen = game.observe([one])[0].reshape(len(game.observe([one])[0]), -1)
                assert np.array_equal(
                    seen[:, cells], game.observe([other])[0].reshape(len(seen), -1)
                )
                legal = one.legal_actions()
                assert sorted(inverse[legal]) == other.legal_actions()
                move = int(rng.choice(legal))
                one.apply_action(move)
                other.apply_action(int(inverse[move]))
            assert other.is_terminal()
            assert one.returns() == other.returns()


def test_runs_of_before_keep_what_was_claimed():
    assert len(load("gomoku(size=4,dims=3,connect=4)", planes=1).spec.symmetric_cells) == 8
