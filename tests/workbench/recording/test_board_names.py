"""How columns, rows and moves are called."""

import pytest

from envs.board.base import reach
from envs.board.cells import cells, family, squares
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.recording.board_names import coordinates, move_name


def called(game: str, *actions: int) -> str:
    """Returns how the last of some actions is called."""
    rules = OpenSpielGame(BoardConfig(kind="board", game=game))
    position = reach(rules, actions[:-1])
    board = cells(position)
    size = None if board is None else (len(board), len(board[0]))
    (where,) = squares(position, actions[-1:])
    return move_name(family(position), rules.action_name(position, actions[-1]), where, size)


@pytest.mark.parametrize(
    ("game", "action", "name"),
    [
        ("connect_four", 0, "column 1"),
        ("connect_four", 6, "column 7"),
        ("tic_tac_toe", 0, "a1"),
        ("tic_tac_toe", 5, "c2"),
        ("gomoku", 16, "b2"),
        ("go(board_size=9)", 0, "a1"),
        ("go(board_size=9)", 80, "j9"),
        ("go(board_size=9)", 81, "pass"),
        ("hex(board_size=3)", 1, "b1"),
        ("othello", 19, "d3"),
        ("pentago", 0, None),
    ],
)
def test_moves_are_called_as_the_board_is_labelled(game, action, name):
    rules = OpenSpielGame(BoardConfig(kind="board", game=game))
    own = rules.action_name(rules.start(), action)
    assert called(game, action) == (own if name is None else name)


def test_columns_and_rows():
    assert coordinates("connect_four", 6, 7) == (list("1234567"), [])
    assert coordinates("go", 9, 9) == (list("abcdefghj"), list("987654321"))
    assert coordinates("shogi", 9, 9) == (list("987654321"), list("abcdefghi"))
    assert coordinates("hex", 2, 3) == (list("abc"), list("12"))
    assert coordinates("chess", 8, 8) == (list("abcdefgh"), list("87654321"))
    assert len(coordinates("gomoku", 30, 30)[0]) == 26  # and no error
    assert move_name("gomoku", "x(0,29)", [(0, 29)], (30, 30)) == "x(0,29)"
