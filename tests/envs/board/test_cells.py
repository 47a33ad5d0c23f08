import random
import re
from itertools import groupby

import chess
import pyspiel
import pytest
from chess.variant import AntichessBoard, CrazyhouseBoard

from envs.board.cells import EMPTY, STONES, cells, hands, komi, squares, uci

STONE_GAMES = [
    "tic_tac_toe",
    "mnk(m=4,n=3,k=3)",
    "connect_four",
    "connect_four(rows=4,columns=5,x_in_row=3)",
    "othello",
    "hex(board_size=5)",
    "hex(board_size=5,string_rep=explicit)",
    "hex(num_rows=3,num_cols=4)",
    "gomoku(size=7,connect=4)",
    "go(board_size=5)",
    "go(board_size=13)",
    "breakthrough",
    "breakthrough(rows=12,columns=4)",
    "clobber(rows=11,columns=4)",
    "lines_of_action",
]


def play(name, seed, most_plies=150):
    """Yields each position of a random game, the action there and the position after it."""
    rng = random.Random(seed)
    position = pyspiel.load_game(name).new_initial_state()
    for _ in range(most_plies):
        if position.is_terminal():
            return
        action = rng.choice(position.legal_actions())
        after = position.child(action)
        yield position, action, after
        position = after


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", STONE_GAMES)
def test_a_move_puts_a_stone_of_its_player_on_its_last_square_and_leaves_its_first(name, seed):
    placed = 0
    for position, action, after in play(name, seed):
        before, now = cells(position), cells(after)
        (where,) = squares(position, [action])
        if not where:  # a pass
            assert before == now
            assert "pass" in position.action_to_string(action).lower()
            continue
        placed += 1
        mover = STONES[position.current_player()]
        row, column = where[-1]
        assert before[row][column] != mover
        assert now[row][column] == mover
        if len(where) == 2:
            row, column = where[0]
            assert before[row][column] == mover
            assert now[row][column] == EMPTY
    assert placed > 2


# Rows of the printed board, from the top, and what stands for a stone of player 0 and of player 1.
PRINTED = {
    "tic_tac_toe": (r"[xo.]{3}", "xo"),
    "connect_four": (r"[xo.]{7}", "xo"),
    "othello": (r"\d ([-xo ]{15}) \d", "xo"),
    "hex(board_size=5)": (r" *((?:[xo.] ){5})", "xo"),
    "gomoku(size=7,connect=4)": (r"[bw.]{7}", "bw"),
    "go(board_size=9)": (r" \d ([+XO]{9})", "XO"),
    "breakthrough": (r"\d([bw.]{8})", "bw"),
    "clobber": (r"\d([ox.]{6})", "ox"),
}


@pytest.mark.parametrize("name", PRINTED)
def test_the_rows_are_in_the_order_of_the_printed_board(name):
    pattern, stones = PRINTED[name]
    *_, (_, _, last) = play(name, seed=3, most_plies=20)
    lines = (re.fullmatch(pattern, line) for line in str(last).splitlines())
    printed = [line[line.re.groups].replace(" ", "") for line in lines if line]
    meanings = {stones[0]: STONES[0], stones[1]: STONES[1]}
    assert cells(last) == [[meanings.get(cell, EMPTY) for cell in row] for row in printed]


def test_a_row_of_go_and_of_connect_four_is_counted_from_the_top():
    go = pyspiel.load_game("go(board_size=9)").new_initial_state()
    assert go.action_to_string(9) == "B a2"
    assert squares(go, [9, 8, 81]) == [((7, 0),), ((8, 8),), ()]
    connect_four = pyspiel.load_game("connect_four").new_initial_state()
    assert squares(connect_four, [2]) == [((5, 2),)]
    assert squares(connect_four.child(2), [2, 3]) == [((4, 2),), ((5, 3),)]


@pytest.mark.parametrize("seed", range(3))
def test_cells_of_chess_are_those_that_python_chess_reads(seed):
    for position, action, after in play("chess", seed):
        board = chess.Board(str(position))
        pieces = [[board.piece_at(chess.square(x, 7 - y)) for x in range(8)] for y in range(8)]
        assert cells(position) == [
            [EMPTY if piece is None else piece.symbol() for piece in row] for row in pieces
        ]
        move = chess.Move.from_uci(uci(position, action))
        assert board.parse_san(position.action_to_string(action)) == move
        (where,) = squares(position, [action])
        assert where == tuple(
            (7 - chess.square_rank(square), chess.square_file(square))
            for square in (move.from_square, move.to_square)
        )
        board.push(move)
        assert board.board_fen() == str(after).split()[0]


@pytest.mark.parametrize("seed", range(3))
def test_cells_of_shogi_are_those_of_sfen_and_no_piece_is_lost(seed):
    drops = promoted = 0
    for position, action, after in play("shogi", seed, most_plies=250):
        before, now = cells(position), cells(after)
        packed = [
            "".join(
                str(len(run)) if cell == EMPTY else "".join(run)
                for cell, run in ((cell, list(run)) for cell, run in groupby(row))
            )
            for row in now
        ]
        assert "/".join(packed) == str(after).split()[0]
        assert [len(row) for row in now] == [9] * 9
        on_board = sum(cell != EMPTY for row in now for cell in row)
        held = [re.findall(r"(\d*)[PLNSGBR]", hand) for hand in hands(after)]
        assert on_board + sum(int(count or 1) for hand in held for count in hand) == 40
        (where,) = squares(position, [action])
        row, column = where[-1]
        assert now[row][column].isupper() == (position.current_player() == 0)
        if len(where) == 2:
            assert now[where[0][0]][where[0][1]] == EMPTY
            promoted += now[row][column] != before[where[0][0]][where[0][1]]
        else:
            drops += 1
            held_before = hands(position)[position.current_player()]
            assert now[row][column].upper() in held_before
            assert before[row][column] == EMPTY
    assert drops
    assert promoted


def test_hands_are_told_apart_by_player():
    shogi = pyspiel.load_game("shogi")
    sfen = "4k4/9/9/9/9/9/9/9/4K4 b R2Pbg3p 1"
    assert hands(shogi.new_initial_state(sfen)) == ("2P R", "3P G B")
    assert hands(shogi.new_initial_state()) == ("", "")
    assert hands(pyspiel.load_game("chess").new_initial_state()) == ("", "")


@pytest.mark.parametrize("seed", range(4))
def test_crazyhouse_is_told_as_python_chess_tells_it(seed):
    """Its letters of promoted pieces are OpenSpiel's own, and White is player 1."""
    position, board = pyspiel.load_game("crazyhouse").new_initial_state(), CrazyhouseBoard()
    rng = random.Random(seed)
    for _ in range(150):
        if position.is_terminal():
            break
        action = rng.choice(position.legal_actions())
        (where,) = squares(position, [action])
        move = chess.Move.from_uci(uci(position, action))
        ends = [move.to_square] if move.drop else [move.from_square, move.to_square]
        assert list(where) == [(7 - end // 8, end % 8) for end in ends]
        position.apply_action(action)
        board.push(move)
        rows = [[board.piece_at(8 * (7 - y) + x) for x in range(8)] for y in range(8)]
        told = [[EMPTY if piece is None else piece.symbol() for piece in row] for row in rows]
        assert cells(position) == told
    for held, pocket in zip(hands(position), (board.pockets[0], board.pockets[1]), strict=True):
        counts = {end[-1]: int(end[:-1] or 1) for end in held.split()}
        assert counts == {
            chess.piece_symbol(kind).upper(): pocket.count(kind)
            for kind in chess.PIECE_TYPES
            if pocket.count(kind)
        }


@pytest.mark.parametrize("seed", range(4))
def test_moves_of_antichess_begin_and_end_where_python_chess_has_them(seed):
    position, board = pyspiel.load_game("antichess").new_initial_state(), AntichessBoard()
    rng = random.Random(seed)
    while not position.is_terminal():
        action = rng.choice(position.legal_actions())
        move = chess.Move.from_uci(uci(position, action))
        assert board.is_pseudo_legal(move)
        position.apply_action(action)
        board.push(move)
        assert board.board_fen() == str(position).split()[0]


def test_a_stone_of_cursor_go_is_placed_where_the_cursor_is():
    position = pyspiel.load_game("cursor_go(board_size=9)").new_initial_state()
    names = {position.action_to_string(action): action for action in position.legal_actions()}
    position.apply_action(names["Up"])
    (there,) = squares(position, [names["Place Stone"]])[0]
    position.apply_action(names["Place Stone"])
    assert cells(position)[there[0]][there[1]] == STONES[0]
    assert squares(position, [names["Pass"]]) == [()]


@pytest.mark.parametrize("name", ["twixt", "dots_and_boxes", "gomoku(size=3,dims=3,connect=3)"])
def test_other_games_have_no_cells_and_their_moves_no_squares(name):
    position = pyspiel.load_game(name).new_initial_state()
    assert cells(position) is None
    assert squares(position, position.legal_actions()[:2]) == [(), ()]


def test_komi_is_the_games():
    assert komi(pyspiel.load_game("go(komi=6.5)").new_initial_state()) == 6.5
