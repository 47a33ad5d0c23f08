"""The table of board games: every row is of a game that OpenSpiel has, and says what is true."""

import json

import pyspiel
import pytest

from envs.board.cells import EMPTY, cells, family, in_a_row
from envs.board.games import GAMES, OTHER, PALETTE, as_json, contrast, facts_of, rgb
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.recording.board_drawing import sides_of

KNOWN = {game.short_name for game in pyspiel.registered_games()}


@pytest.mark.parametrize("name", GAMES)
def test_a_row_is_of_a_game_that_there_is(name):
    assert name in KNOWN
    facts = facts_of(name)
    assert {*facts.colours, facts.ground} <= {*PALETTE, "plain", None}
    assert tuple(side.name for side in sides_of(name)) == facts.sides
    assert tuple(side.colour for side in sides_of(name)) == tuple(map(rgb, facts.colours))


DRAWN = [name for name, facts in GAMES.items() if facts.printed or facts.pieces == "chessmen"]


@pytest.mark.parametrize("name", [*DRAWN, "shogi"])
def test_the_board_of_a_row_that_says_how_it_is_printed_can_be_read(name):
    game = OpenSpielGame(BoardConfig(kind="board", game=name))
    position = game.start()
    board = cells(position)
    assert board is not None
    assert len({len(row) for row in board}) == 1
    assert in_a_row(position) == {"gomoku": 5, "connect_four": 4, "mnk": 5, "tic_tac_toe": 3}.get(
        family(position)
    )
    (after,) = game.after([position], [position.legal_actions()[0]])
    assert cells(after) != board or name == "cursor_go"  # whose first moves are its cursor's
    assert any(cell != EMPTY for row in cells(after) or () for cell in row) or name == "cursor_go"


def test_a_game_without_a_row_is_called_as_any_other():
    assert facts_of("oware") is OTHER
    assert OTHER.sides == ("Player 1", "Player 2")


def test_a_mark_on_a_colour_is_seen():
    assert [contrast(one) for one in ("black", "white", "red", "blue", "yellow")] == [
        "white", "black", "white", "white", "black",
    ]  # fmt: skip


def test_the_pages_get_the_table_as_json():
    told = json.loads(json.dumps(as_json()))
    assert told["games"].keys() == GAMES.keys()
    go = told["games"]["go"]
    assert (go["sides"], go["colours"], go["cells"]) == (
        ["Black", "White"], ["black", "white"], "points",
    )  # fmt: skip
    assert go["on"] == ["white", "black"]
    assert told["palette"] == PALETTE
    assert told["stars"]["19"] == [3, 9, 15]
