import random
import re

import numpy as np
import pytest

from envs.board.cells import board_text
from envs.board.games import rgb
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.recording.board_drawing import BOARD_SIDE, HEAT, MARGIN, Board, Move
from workbench.recording.board_frame import (
    BARS,
    CURVE,
    LEFT,
    RIGHT,
    ROW_HEIGHT,
    ROWS_TOP,
    SHAPE,
    VALUE_BOTTOM,
    VALUE_TOP,
    Frame,
    draw,
    frame_of,
    told_apart,
)
from workbench.recording.frame import BACKGROUND, LINE, TEXT, TRACK, text_font

RED, BLUE = rgb("red"), rgb("blue")
GAMES = [
    "tic_tac_toe",
    "mnk(m=5,n=4,k=4)",
    "connect_four",
    "othello",
    "hex(board_size=5)",
    "hex(board_size=11)",
    "gomoku",
    "go(board_size=9)",
    "go(board_size=19)",
    "breakthrough",
    "clobber",
    "lines_of_action",
    "chess",
    "shogi",
    "antichess",
    "crazyhouse",
    "cursor_go(board_size=9,max_cursor_moves=2)",
    "pentago",
    "twixt",
    "hive",
    "amazons",
    "nine_mens_morris",
    "ultimate_tic_tac_toe",
    "mancala",
    "quoridor",
    "y",
]
AS_TEXT = GAMES[GAMES.index("pentago") :]
EMPTY_BOARD = [[""] * 3 for _ in range(3)]
EMPTY_FRAME = Frame("title", Board("tic_tac_toe", EMPTY_BOARD, ("", "")), "", 0, 0, None, [], [])


def rules(name):
    return OpenSpielGame(BoardConfig(kind="board", game=name))


def play(name, plies, seed=0):
    game, rng = rules(name), random.Random(seed)
    position = game.start()
    while not game.status([position]).over[0] and len(game.history(position)) < plies:
        (position,) = game.after([position], [rng.choice(position.legal_actions())])
    return game, position


def changed_box(one, other):
    """Returns left, top, right, bottom of the pixels where two boards differ."""
    different = (one[:, :BOARD_SIDE] != other[:, :BOARD_SIDE]).any(2)
    rows, columns = different.any(1).nonzero()[0], different.any(0).nonzero()[0]
    return columns[0], rows[0], columns[-1], rows[-1]


def count(pixels, colour):
    return int((pixels == colour).all(-1).sum())


@pytest.mark.parametrize("plies", [0, 17, 1000])
@pytest.mark.parametrize("name", GAMES)
def test_every_game_draws_and_nothing_is_cut(name, plies):
    game, position = play(name, plies)
    legal = [] if game.status([position]).over[0] else position.legal_actions()
    visits = {action: 1 + i for i, action in enumerate(legal)}
    values = np.sin(np.arange(len(game.history(position)) + bool(legal)))
    frame = frame_of(game, position, title=f"{name} " * 9, visits=visits, values=values)
    picture = draw(frame)
    assert picture.shape == SHAPE
    assert picture.dtype == np.uint8
    assert SHAPE[0] % 2 == SHAPE[1] % 2 == 0
    for edge in (picture[:3], picture[-3:], picture[:, :3], picture[:, -3:]):
        assert (edge == BACKGROUND).all()
    board = picture[MARGIN:-MARGIN, MARGIN : BOARD_SIDE - MARGIN]
    drawn = 1 - count(board, BACKGROUND) / (BOARD_SIDE - 2 * MARGIN) ** 2
    assert drawn > (0.003 if name in AS_TEXT else 0.25)


# Where an action's heat must lie: the share of the board's width and height at the middle of it.
PLACES = [
    ("tic_tac_toe", [], 7, (1 / 2, 5 / 6)),
    ("connect_four", [2, 2], 2, (2.5 / 7, 3.5 / 6)),  # upon the pieces in its column
    ("othello", [], 19, (3.5 / 8, 2.5 / 8)),
    ("go(board_size=9)", [], 1, (1.5 / 9, 8.5 / 9)),  # b1 is at the bottom
    ("gomoku", [], 1, (1.5 / 15, 0.5 / 15)),
    ("hex(board_size=5)", [], 20, (2.5 / 7, 7 / 8)),  # the left end of the lowest row
]


@pytest.mark.parametrize(("name", "history", "action", "place"), PLACES)
def test_heat_lies_on_the_cell_of_the_move_and_grows_with_its_visits(name, history, action, place):
    game = rules(name)
    position = game.start()
    for earlier in history:
        (position,) = game.after([position], [earlier])
    frame = frame_of(game, position, title="", visits={action: 40}, values=[])
    pictures = {}
    for share in (0, 5, 95):
        # The other visits go to a pass, which is nowhere on the board.
        moves = [frame.moves[0]._replace(visits=share), Move("pass", 100 - share, ())]
        pictures[share] = draw(frame._replace(moves=moves if share else []))
    left, top, right, bottom = changed_box(pictures[0], pictures[95])
    height, width = len(frame.board.cells), len(frame.board.cells[0])
    reach = BOARD_SIDE - 2 * MARGIN
    pitch = reach / max(width, height) if width == height else reach / 7
    if "hex" in name:
        pitch, size = reach / 7, (reach, reach / 7 * 16 / np.sqrt(12))
    else:
        size = pitch * width, pitch * height
    x, y = ((BOARD_SIDE - size[i]) / 2 + size[i] * place[i] for i in range(2))
    assert (left + right + 1) / 2 == pytest.approx(x, abs=1.5)
    assert (top + bottom + 1) / 2 == pytest.approx(y, abs=1.5)
    assert 0.7 * pitch < right - left < 1.05 * pitch
    # Beside the number in its middle.
    spot = round(y + 0.3 * pitch), round(x)
    distances = [np.abs(pictures[share][spot].astype(int) - HEAT).sum() for share in (0, 5, 95)]
    assert distances[0] > distances[1] > distances[2]


def test_moves_to_one_square_add_up():
    frame = EMPTY_FRAME._replace(board=Board("shogi", [[""] * 9 for _ in range(9)], ("", "")))
    several = [Move("P*5e", 40, ((4, 4),)), Move("1a1b", 30, ()), Move("S*5e", 30, ((4, 4),))]
    one = [Move("P*5e", 70, ((4, 4),)), Move("1a1b", 30, ())]
    boards = [draw(frame._replace(moves=moves))[:, :BOARD_SIDE] for moves in (several, one)]
    assert (boards[0] == boards[1]).all()


def test_the_move_of_a_piece_is_an_arrow_that_is_thicker_the_more_it_was_visited():
    game = rules("chess")
    position = game.start()
    actions = {game.action_name(position, action): action for action in position.legal_actions()}
    pictures = []
    for visits in ({}, {"e4": 1, "a3": 99}, {"e4": 99, "a3": 1}):
        by_action = {actions[name]: count for name, count in visits.items()}
        pictures.append(draw(frame_of(game, position, title="", visits=by_action, values=[])))
    pitch = (BOARD_SIDE - 2 * MARGIN) / 8
    shaft = (
        slice(round(MARGIN + 5 * pitch), round(MARGIN + 6 * pitch)),  # e3
        slice(round(MARGIN + 4 * pitch), round(MARGIN + 5 * pitch)),
    )
    widths = [(picture[shaft] != pictures[0][shaft]).any(2).sum() for picture in pictures]
    assert 0 < widths[1] < widths[2]
    left, top, right, bottom = changed_box(
        pictures[0], draw(frame_of(game, position, title="", visits={actions["e4"]: 1}, values=[]))
    )
    assert MARGIN + 4 * pitch <= left < right <= MARGIN + 5 * pitch
    assert top == pytest.approx(MARGIN + 4.5 * pitch, abs=2)  # the middle of e4
    assert bottom == pytest.approx(MARGIN + 6.5 * pitch, abs=2)  # the middle of e2


@pytest.mark.parametrize(
    ("name", "last", "box"),
    [("tic_tac_toe", (1, 2), (2 / 3, 1 / 3, 1, 2 / 3)), ("go", (0, 1), (1 / 3, 0, 2 / 3, 1 / 3))],
)
def test_the_last_move_is_marked(name, last, box):
    board = Board(name, [["", "o", ""], ["", "", "x"], ["", "", ""]], ("", ""))
    frame = EMPTY_FRAME._replace(board=board)
    marked = frame._replace(board=board._replace(last=(last,)))
    left, top, right, bottom = changed_box(draw(frame), draw(marked))
    limits = [MARGIN + share * (BOARD_SIDE - 2 * MARGIN) for share in box]
    assert limits[0] - 1 <= left < right <= limits[2] + 1
    assert limits[1] - 1 <= top < bottom <= limits[3] + 1


def test_the_edges_of_hex_have_the_colours_of_those_who_join_them():
    board = Board("hex", [[""] * 5 for _ in range(5)], ("", ""))
    picture = draw(EMPTY_FRAME._replace(board=board))[:, :BOARD_SIDE]
    red = (picture == RED).all(2).any(1).nonzero()[0]
    upper, lower = (red < 0.3 * BOARD_SIDE), (red > 0.7 * BOARD_SIDE)
    assert upper.any()
    assert lower.any()
    assert (upper | lower).all()  # red is player 0 and joins top to bottom
    middle = picture[BOARD_SIDE // 2]
    blue = (middle == BLUE).all(1).nonzero()[0]
    assert blue[0] < 0.3 * BOARD_SIDE
    assert blue[-1] > 0.7 * BOARD_SIDE


def test_hands_of_shogi_are_shown_and_do_not_move_the_board():
    board = Board("shogi", [[""] * 9 for _ in range(9)], ("", ""))
    plain, black, white = (
        draw(EMPTY_FRAME._replace(board=board._replace(hands=hands)))
        for hands in (("", ""), ("2P R", ""), ("", "2P R"))
    )
    assert changed_box(plain, black)[1] > BOARD_SIDE - MARGIN
    assert changed_box(plain, white)[3] < MARGIN


def test_a_bar_is_as_long_as_the_moves_share():
    moves = [Move(name, visits, ()) for name, visits in (("a", 50), ("b", 30), ("c", 20))]
    panel = draw(EMPTY_FRAME._replace(moves=moves))[:, BOARD_SIDE:]
    full = BARS[1] - BARS[0]
    for i, share in enumerate((0.5, 0.3, 0.2)):
        row = panel[int(ROWS_TOP + (i + 0.5) * ROW_HEIGHT), BARS[0] : BARS[1]]
        assert count(row, HEAT) == pytest.approx(share * full, abs=1.5)
        assert count(row, HEAT) + count(row, TRACK) == full


def test_no_more_moves_are_listed_than_there_is_room_for():
    moves = [Move("a rather long name", 1, ()) for _ in range(50)]
    panel = draw(EMPTY_FRAME._replace(moves=moves))[:, BOARD_SIDE:]
    assert (panel[VALUE_TOP - 30 :] == BACKGROUND).all()
    six = [Move("a rather long name", 1, ()) for _ in range(6)]
    few = draw(EMPTY_FRAME._replace(moves=six))[:, BOARD_SIDE:]
    lowest = [(drawn != BACKGROUND).any(2).any(1).nonzero()[0][-1] for drawn in (few, panel)]
    assert lowest[0] == lowest[1]


@pytest.mark.parametrize("value", [-1.0, -0.5, 0.0, 0.8, 1.0])
def test_the_value_bar_is_shared_by_what_the_players_can_expect(value):
    panel = draw(EMPTY_FRAME._replace(values=[0.0, value]))[:, BOARD_SIDE:]
    bar = panel[(VALUE_TOP + VALUE_BOTTOM) // 2, LEFT : RIGHT + 1]
    assert count(bar, RED) == pytest.approx((1 + value) / 2 * len(bar), abs=3)
    assert count(bar, BLUE) == pytest.approx((1 - value) / 2 * len(bar), abs=3)


def test_the_curve_ends_as_high_as_the_value():
    heights = []
    for value in (-1.0, -0.4, 0.0, 1.0):
        panel = draw(EMPTY_FRAME._replace(values=[0.0] * 30 + [value]))[:, BOARD_SIDE:]
        _, top, right, bottom = CURVE
        curve = (panel[top:bottom, right - 7 : right] == LINE).all(2)
        heights.append(float(curve.any(1).nonzero()[0].mean()))
        assert not (panel[:, right + 1 :] == LINE).all(2).any()
    assert heights == sorted(heights, reverse=True)
    assert heights[0] - heights[-1] > 0.7 * (bottom - top)


def test_the_head_of_the_panel_tells_who_is_to_move_and_who_won():
    frames = [EMPTY_FRAME._replace(to_play=player) for player in (0, 1)]
    frames += [EMPTY_FRAME._replace(result=result) for result in (1.0, 0.0, -1.0)]
    heads = [draw(frame)[40:80, BOARD_SIDE:] for frame in frames]
    assert len({head.tobytes() for head in heads}) == 5
    dot = slice(58, 72), slice(BOARD_SIDE + LEFT + 4, BOARD_SIDE + LEFT + 14)
    for frame, colour in zip(frames, (RED, BLUE, RED, None, BLUE), strict=True):
        spot = draw(frame)[dot]
        assert (count(spot, RED) > 100, count(spot, BLUE) > 100) == (colour == RED, colour == BLUE)


def test_an_unknown_board_is_shown_as_text_without_a_terminals_colours():
    frame = EMPTY_FRAME._replace(board=None, text="\x1b[91mab\x1b[0m\n.x\n")
    picture = draw(frame)
    assert count(picture[:, :BOARD_SIDE], TEXT) > 20
    assert (picture == draw(frame._replace(text="ab\n.x"))).all()
    small, large = (
        changed_box(draw(frame._replace(text="")), draw(frame._replace(text=text)))
        for text in ("x" * 90, "x" * 10)
    )
    assert small[0] >= MARGIN - 2
    assert small[3] - small[1] < large[3] - large[1]


def test_a_frame_tells_of_the_position_and_its_search():
    game = rules("tic_tac_toe")
    position = game.start()
    for action in (4, 0):
        (position,) = game.after([position], [action])
    frame = frame_of(game, position, title="t", visits={1: 3, 2: 0, 8: 9}, values=[0.0, 0.5, 0.25])
    assert frame.board == Board(
        "tic_tac_toe", [["o", "", ""], ["", "x", ""], ["", "", ""]], ("", ""), ((0, 0),)
    )
    assert frame.moves == [Move("c3", 9, ((2, 2),)), Move("b1", 3, ((0, 1),))]
    assert (frame.ply, frame.to_play, frame.result) == (2, 0, None)
    assert frame.values == [0.0, 0.5, 0.25]
    for action in (1, 7, 2, 6, 3, 5, 8):
        (position,) = game.after([position], [action])
    end = frame_of(game, position, title="t", visits={}, values=[0.5] * 9)
    assert end.result == 0
    assert end.values == [0.5] * 9 + [0.0]
    assert end.board.last == ((2, 2),)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["e2e4", "d2d4"], ["e2e4", "d2d4"]),
        (["X From (10, 7)", "X From (8, 2)"], ["…(10, 7)", "…(8, 2)"]),
        (["Choose local board 4", "Choose local board 7"], ["…4", "…7"]),
        (["Move 19 -> 20", "Move 4 -> 1"], ["…19 -> 20", "…4 -> 1"]),
    ],
)
def test_names_that_are_too_long_lose_what_they_have_in_common(names, shown):
    assert told_apart(names, text_font(18), BARS[0] - LEFT - 6) == shown


def test_what_is_still_too_long_loses_its_middle():
    font, width = text_font(18), 90
    (name,) = told_apart(["C(9,3)-to-somewhere-far-(8,4)"], font, width)
    assert font.getlength(name) <= width
    assert name[0] == "C"
    assert name[-4:] == "8,4)"
    assert "…" in name


@pytest.mark.parametrize(("plies", "tiles"), [(0, 0), (1, 1), (9, None), (60, None), (200, None)])
def test_hive_shows_its_tiles_where_they_are(plies, tiles):
    """Each tile of the list of moves once, but those under others; neighbours as the list says."""
    _, position = play("hive", plies)
    text, _, stacks = board_text(position).partition("\n\n")
    shown = re.findall(r"\b[wb][A-Z]\d?\b", text)
    below = re.findall(r"> (\w+)", stacks)
    moves = [move for move in str(position).split(";")[3:] if move not in ("", "pass")]
    assert sorted([*shown, *below]) == sorted({move.split(" ")[0] for move in moves})
    assert text.count("^") == len(stacks.splitlines())
    if tiles is not None:
        assert len(shown) + len(below) == tiles
    assert max(map(len, text.splitlines())) < 100  # readable, and not one line of moves
    last = str(position).split(";")[-1]
    if plies and (beside := re.fullmatch(r"(\w+) (\w+)-", last)):  # to its right
        assert re.search(rf"{beside[2]}\W+{beside[1]}\b", text)
