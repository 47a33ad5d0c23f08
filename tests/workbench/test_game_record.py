import io
import random
from datetime import date

import chess.pgn
import pytest
from sgfmill import ascii_boards, sgf_grammar, sgf_moves
from sgfmill.sgf import Sgf_game

from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.game_record import GameRecord, pgn, sgf

DAY = date(2026, 3, 9)


def play(name, seed, most_plies=400):
    """Returns the rules and the last position of a random game."""
    game, rng = OpenSpielGame(BoardConfig(kind="board", game=name)), random.Random(seed)
    position = game.start()
    while not game.status([position]).over[0] and len(game.history(position)) < most_plies:
        (position,) = game.after([position], [rng.choice(position.legal_actions())])
    return game, position


def record_of(name, game, position, **changes):
    record = GameRecord(
        game=name,
        players=("runs/black@9", "runs/white@9"),
        history=game.history(position),
        result=float(game.status([position]).value[0]),
        event="a match",
        round="9",
        day=DAY,
    )
    return record._replace(**changes)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "name", ["go(board_size=9)", "go(board_size=5,komi=0.5)", "go(handicap=3)"]
)
def test_sgfmill_plays_a_record_of_go_to_the_same_board(name, seed):
    game, position = play(name, seed, most_plies=120)
    parsed = Sgf_game.from_string(sgf(record_of(name, game, position)))
    board, moves = sgf_moves.get_setup_and_moves(parsed)
    for colour, point in moves:
        if point is not None:
            board.play(*point, colour)
    assert len(moves) == len(game.history(position))
    # OpenSpiel prints Black X and White O; sgfmill # and o.
    lines = [line[3:] for line in str(position).splitlines() if line[:2].strip().isdigit()]
    printed = "\n".join(lines).replace("X", "#").replace("O", "o").replace("+", ".")
    rows = ascii_boards.render_board(board).splitlines()[:-1]
    assert printed == "\n".join(row[2:].replace(" ", "") for row in rows)
    assert parsed.get_size() == board.side
    assert parsed.get_komi() == game.rules.get_parameters()["komi"]
    assert parsed.get_handicap() == (3 if "handicap" in name else None)


@pytest.mark.parametrize(("result", "winner"), [(1.0, "b"), (-1.0, "w"), (0.0, None)])
def test_an_sgf_says_who_played_and_who_won(result, winner):
    game, position = play("go(board_size=5)", 0, most_plies=4)
    parsed = Sgf_game.from_string(sgf(record_of("go(board_size=5)", game, position, result=result)))
    assert parsed.get_winner() == winner
    assert parsed.get_player_name("b") == "runs/black@9"
    assert parsed.get_player_name("w") == "runs/white@9"
    root = parsed.get_root()
    assert root.get("EV") == "a match"
    assert root.get("RO") == "9"
    assert root.get("DT") == "2026-03-09"


NUMBERS = {
    "tic_tac_toe": None,
    "connect_four": None,
    "othello": b"2",
    "chess": b"3",
    "gomoku(size=7,connect=4)": b"4",
    "shogi": b"8",
    "hex(board_size=5)": b"11",
    "clobber": None,
    "pentago": None,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_an_sgf_of_any_game_replays_to_the_same_position(name):
    game, position = play(name, 5, most_plies=60)
    tree = sgf_grammar.parse_sgf_game(sgf(record_of(name, game, position)).encode())
    root, *nodes = sgf_grammar.main_sequence_iter(tree)
    assert root.get("GM", [None]) == [NUMBERS[name]]
    assert root["GN"] == [name.encode()]
    replayed = game.start()
    for node in nodes:
        ((colour, (move,)),) = node.items()
        assert colour == "BW"[replayed.current_player()]
        named = {game.action_name(replayed, action): action for action in replayed.legal_actions()}
        (replayed,) = game.after([replayed], [named[sgf_grammar.simpletext_value(move).decode()]])
    assert game.history(replayed) == game.history(position)


def test_sizes_are_columns_by_rows_unless_square():
    roots = {}
    for name in ("hex(board_size=5)", "clobber", "pentago"):
        text = sgf(record_of(name, *play(name, 0, most_plies=3)))
        roots[name] = next(
            iter(sgf_grammar.main_sequence_iter(sgf_grammar.parse_sgf_game(text.encode())))
        )
    assert roots["hex(board_size=5)"]["SZ"] == [b"5"]
    assert roots["clobber"]["SZ"] == [b"6:5"]  # six columns
    assert "SZ" not in roots["pentago"]


def test_text_that_looks_like_sgf_comes_back_as_it_was():
    game, position = play("go(board_size=5)", 0, most_plies=3)
    odd = r"a]b\c;W[aa](é"
    comments = [odd, "", "0.5"]
    record = record_of("go(board_size=5)", game, position, players=(odd, "x"), comments=comments)
    parsed = Sgf_game.from_bytes(sgf(record).encode())
    assert parsed.get_player_name("b") == odd
    first, second, third = parsed.get_main_sequence()[1:]
    assert first.get("C") == odd
    assert not second.has_property("C")
    assert third.get("C") == "0.5"


@pytest.mark.parametrize("seed", range(4))
def test_python_chess_plays_a_pgn_to_the_same_position(seed):
    game, position = play("chess", seed)
    history = game.history(position)
    text = pgn(record_of("chess", game, position))
    parsed = chess.pgn.read_game(io.StringIO(text))
    assert parsed.errors == []
    end = parsed.end().board()
    assert len(end.move_stack) == len(history)
    assert end.fen().split()[:4] == str(position).split()[:4]
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize(("result", "said"), [(1.0, "0-1"), (-1.0, "1-0"), (0.0, "1/2-1/2")])
def test_a_pgn_says_that_white_is_player_1(result, said):
    game, position = play("chess", 0, most_plies=4)
    comments = ["value 0.25", "", "", "drawn }"]
    record = record_of("chess", game, position, result=result, comments=comments)
    parsed = chess.pgn.read_game(io.StringIO(pgn(record)))
    assert dict(parsed.headers) == {
        "Event": "a match",
        "Site": "Ludus",
        "Date": "2026.03.09",
        "Round": "9",
        "White": "runs/white@9",
        "Black": "runs/black@9",
        "Result": said,
    }
    assert [node.comment for node in parsed.mainline()] == ["value 0.25", "", "", "drawn"]


def test_pgn_is_for_chess_only():
    game, position = play("tic_tac_toe", 0)
    with pytest.raises(ValueError, match="not for tic_tac_toe"):
        pgn(record_of("tic_tac_toe", game, position))


def test_there_is_a_comment_for_each_move_or_none_at_all():
    game, position = play("chess", 0, most_plies=4)
    record = record_of("chess", game, position, comments=["only one"])
    for write in (sgf, pgn):
        with pytest.raises(ValueError, match="argument"):
            write(record)
