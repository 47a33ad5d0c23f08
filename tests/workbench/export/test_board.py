"""Board games: positions that files are tried on, and what their actions are called."""

from itertools import islice

import pytest

from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.export.board import action_names, random_positions

COLUMNS = [f"column {number}" for number in range(1, 8)]


def make(game: str) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=game))


def test_no_position_is_over_and_games_begin_again() -> None:
    game = make("tic_tac_toe")
    plies = []
    for positions in islice(random_positions(game), 50):
        assert not game.status(positions).over.any()
        plies.append([len(game.history(position)) for position in positions])
    assert {ply for batch in plies for ply in batch} == set(range(9))
    assert all(batch.count(0) < 8 for batch in plies[1:])


@pytest.mark.parametrize(
    ("game", "names"),
    [("connect_four", COLUMNS), ("tic_tac_toe", ["a1", "b1", "c1", "a2", "b2", "c2"])],
)
def test_actions_have_the_names_that_people_use(game: str, names: list[str]) -> None:
    found = action_names(make(game))
    assert found is not None
    assert found[: len(names)] == names


def test_names_that_depend_on_the_position_are_left_out() -> None:
    assert action_names(make("chess")) is None
