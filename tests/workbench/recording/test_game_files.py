import io
import random
import re
import shutil
import subprocess
from collections import Counter
from datetime import date

import chess.pgn
import numpy as np
import pytest
from sgfmill import ascii_boards, sgf_grammar, sgf_moves
from sgfmill.sgf import Sgf_game

from envs.board.cells import cells, squares
from envs.board.endings import ending
from envs.board.games import facts_of
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.recording.game_files import GameRecord, pgn, sgf, written

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
    "othello": b"2",
    "chess": b"3",
    "gomoku(size=7,connect=4)": b"4",
    "shogi": b"8",
    "hex(board_size=5)": b"11",
    "lines_of_action": b"9",
    "twixt": b"21",
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
        legal = replayed.legal_actions()
        named = {game.action_name(replayed, action): action for action in legal}
        if name.partition("(")[0] in ("othello", "gomoku"):  # column, then row
            where = squares(replayed, legal)
            named = {
                "".join(chr(97 + x) + chr(97 + y) for y, x in at): action
                for at, action in zip(where, legal, strict=True)
            }
        (replayed,) = game.after([replayed], [named[sgf_grammar.simpletext_value(move).decode()]])
    assert game.history(replayed) == game.history(position)


def test_sizes_are_columns_by_rows_unless_square():
    roots = {}
    for name in ("hex(board_size=5)", "hex(num_cols=4,num_rows=3)", "twixt"):
        text = sgf(record_of(name, *play(name, 0, most_plies=3)))
        roots[name] = next(
            iter(sgf_grammar.main_sequence_iter(sgf_grammar.parse_sgf_game(text.encode())))
        )
    assert roots["hex(board_size=5)"]["SZ"] == [b"5"]
    assert roots["hex(num_cols=4,num_rows=3)"]["SZ"] == [b"4:3"]  # four columns


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
        "PlyCount": "4",
        "Termination": "normal",
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


TAG = re.compile(r'\[(\w+) "((?:[^"\\]|\\.)*)"\]')  # as the standard has it, whoever reads


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ('uci:"my engine" --dir C:\\bin\\', 'uci:"my engine" --dir C:\\bin\\'),
        ("two\nlines\tand\x00more", "two lines and more"),
        ("Käthe", "Käthe"),
        ("", "?"),
        ("x" * 300, "x" * 197 + "..."),
        ('"] {%', '"] {%'),
    ],
)
def test_tags_of_a_pgn_come_back_whatever_is_in_them(name, said):
    game, position = play("chess", 0, most_plies=4)
    text = pgn(record_of("chess", game, position, players=(name, "b"), event=name))
    tags, _, moves = text.partition("\n\n")
    read = dict(TAG.fullmatch(line).groups() for line in tags.splitlines())
    assert re.sub(r"\\(.)", r"\1", read["Black"]) == said
    assert re.sub(r"\\(.)", r"\1", read["Event"]) == said
    assert list(read)[:7] == ["Event", "Site", "Date", "Round", "White", "Black", "Result"]
    assert max(map(len, text.splitlines())) < 255
    assert len(list(chess.pgn.read_game(io.StringIO(text)).mainline())) == 4
    assert moves.rstrip().endswith(read["Result"])


@pytest.mark.parametrize(
    ("reason", "termination", "result"),
    [
        ("checkmate", "normal", "W+"),
        ("max_plies", "adjudication", "W+"),
        ("forfeit: resigned", "normal", "W+R"),
        ("forfeit: no move within 10 s", "time forfeit", "W+T"),
        ("forfeit: illegal move 'e9'", "rules infraction", "W+F"),
        ("forfeit: crashed twice: it was killed", "abandoned", "W+F"),
    ],
)
def test_files_say_what_ended_a_game(reason, termination, result):
    game, position = play("chess", 0, most_plies=4)
    record = record_of("chess", game, position, result=-1.0, reason=reason)
    read = chess.pgn.read_game(io.StringIO(pgn(record)))
    assert read.headers["Termination"] == termination
    assert read.end().comment == reason
    go, position = play("go(board_size=5)", 0, most_plies=4)
    record = record_of("go(board_size=5)", go, position, result=-1.0, reason=reason)
    root = Sgf_game.from_string(sgf(record)).get_root()
    assert (root.get("RE"), root.get("GC")) == (result, f"ended by {reason}")


@pytest.mark.parametrize("name", ["go(board_size=5,komi=0.5)", "go(handicap=3)"])
def test_an_sgf_of_go_tells_by_how_much_the_rules_score_it(name):
    """sgfmill counts the area; White has the komi and a point for each handicap stone."""
    game, position = play(name, 1, most_plies=800)
    text = sgf(record_of(name, game, position, reason=ending(position)))
    parsed = Sgf_game.from_string(text)
    board, moves = sgf_moves.get_setup_and_moves(parsed)
    for colour, point in moves:
        if point is not None:
            board.play(*point, colour)
    lead = board.area_score() - parsed.get_komi() - (parsed.get_handicap() or 0)
    assert parsed.get_root().get("RE") == f"{'B' if lead > 0 else 'W'}+{abs(lead):g}"
    assert np.sign(lead) == game.status([position]).value[0]
    assert parsed.get_root().get("RU") == "Chinese"


@pytest.mark.parametrize(
    ("name", "tag"), [("antichess", "Antichess"), ("crazyhouse", "Crazyhouse")]
)
def test_python_chess_plays_variants_to_the_same_position(name, tag):
    seen = Counter()
    for seed in range(12):
        game, position = play(name, seed)
        text, kind = written(record_of(name, game, position))
        seen[kind] += 1
        if kind == "pgn":
            parsed = chess.pgn.read_game(io.StringIO(text))
            assert (parsed.errors, parsed.headers["Variant"]) == ([], tag)
            board = parsed.end().board()
            placement = board.board_fen().replace("~", "")
            assert placement == "/".join(map(packed, cells(position)))
    # OpenSpiel makes no duty of antichess's captures in passing: such a game is no PGN.
    assert seen["pgn"] > 6
    assert set(seen) <= ({"pgn", "txt"} if name == "antichess" else {"pgn"})


def packed(row):
    """Returns a row of a board as FEN has it."""
    return re.sub("1+", lambda run: str(len(run[0])), "".join(cell or "1" for cell in row))


@pytest.mark.parametrize("name", ["connect_four", "pentago", "cursor_go", "clobber"])
def test_games_without_a_number_are_not_written_as_what_go_programs_read(name):
    game, position = play(name, 0, most_plies=20)
    text, kind = written(record_of(name, game, position, reason="board full"))
    assert kind == "txt"
    assert len([line for line in text.splitlines() if line[:1].isdigit()]) == len(
        position.history()
    )
    first, second = facts_of(name).sides  # as the pages call them
    assert {f"{first}: ", f"{second}: "} <= {
        line[: line.index(": ") + 2] for line in text.splitlines() if ": " in line
    }
    assert text.count(f". {first}: ") + text.count(f". {second}: ") == len(position.history())
    with pytest.raises(ValueError, match="no number"):
        sgf(record_of(name, game, position))


@pytest.mark.skipif(shutil.which("gnugo", path="/usr/games:/usr/bin") is None, reason="no gnugo")
def test_gnugo_reads_a_handicap_game_to_the_same_board(tmp_path):
    game, position = play("go(handicap=3)", 2, most_plies=60)
    path = tmp_path / "game.sgf"
    path.write_text(sgf(record_of("go(handicap=3)", game, position)))
    gnugo = shutil.which("gnugo", path="/usr/games:/usr/bin")
    answer = subprocess.run(
        [gnugo, "--mode", "gtp"],
        input=f"loadsgf {path}\nlist_stones black\nlist_stones white\nquit\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout.split("\n\n")
    board = cells(position)
    for stone, told in zip("xo", answer[1:3], strict=True):
        mine = {
            f"{'ABCDEFGHJKLMNOPQRST'[x]}{19 - y}"
            for y, row in enumerate(board)
            for x, cell in enumerate(row)
            if cell == stone
        }
        assert set(told.split()[1:]) == mine


def test_text_of_an_sgf_has_no_characters_that_readers_choke_on():
    game, position = play("go(board_size=5)", 0, most_plies=2)
    odd = "tab\there\x00 and\nnext: ]\\"
    record = record_of("go(board_size=5)", game, position, event=odd, comments=[odd, ""])
    parsed = Sgf_game.from_bytes(sgf(record).encode())
    assert parsed.get_root().get("EV") == "tab here  and next: ]\\"
    assert parsed.get_main_sequence()[1].get("C") == "tab here  and\nnext: ]\\"
