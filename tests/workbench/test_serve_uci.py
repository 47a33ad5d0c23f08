"""A trained chess player behind UCI: python-chess and every way to stop, and wrong input."""

import random
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import chess
import chess.engine
import numpy as np
import pytest

from agents.search import GumbelConfig
from tests.workbench.serving import Session, command, make_player
from workbench.boards import BoardPlayer
from workbench.errors import UsageError
from workbench.serve_uci import UCIServer, centipawns, serve_uci
from workbench.thinking import think

KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"


@pytest.fixture(scope="module")
def player(directory: Path) -> BoardPlayer:
    return make_player(directory, "chess", "chess")


@pytest.fixture
def uci(player: BoardPlayer) -> Iterator[Session]:
    session = Session(lambda lines, say, note: UCIServer(player, "chess@7", lines, say))
    yield session
    session.close()


def best_move(said: list[str]) -> str:
    assert said[-1].startswith("bestmove ")
    return said[-1].split()[1]


def nodes(said: list[str]) -> int:
    """Returns how many simulations the last search has made."""
    info = [line for line in said if line.startswith("info nodes")][-1]
    return int(info.split()[2])


def test_python_chess_plays_a_game_with_it(directory, player):
    """An independent client: options, limits, FEN, analysis that is stopped, and the end."""
    rng, board = random.Random(0), chess.Board()
    with chess.engine.SimpleEngine.popen_uci(
        command(directory, "uci", "chess"), timeout=60
    ) as engine:
        assert engine.id["name"] == "Ludus chess@7"
        assert engine.options["Simulations"].default == 30
        engine.configure({"Simulations": 5})
        while not board.is_game_over(claim_draw=True) and board.ply() < 70:  # trained with 60
            if board.turn:
                played = engine.play(board, chess.engine.Limit(), info=chess.engine.INFO_ALL)
                assert played.info["nodes"] <= 5
                assert played.move in board.legal_moves
                assert played.info["pv"] == [played.move]
                board.push(played.move)
            else:
                board.push(rng.choice(list(board.legal_moves)))
        middle = chess.Board(KIWIPETE)
        for limit in (
            chess.engine.Limit(nodes=40),
            chess.engine.Limit(time=0.2),
            chess.engine.Limit(white_clock=2, black_clock=2, white_inc=0.1, black_inc=0.1),
            chess.engine.Limit(depth=3),
        ):
            began = time.monotonic()
            assert engine.play(middle, limit).move in middle.legal_moves
            assert time.monotonic() - began < 20
        with engine.analysis(middle) as analysis:
            time.sleep(0.3)
            analysis.stop()
            best = analysis.wait()
        assert best.move in middle.legal_moves
        assert analysis.info["nodes"] > 20
        mated = chess.Board("rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3")
        assert engine.play(mated, chess.engine.Limit(nodes=5)).move == chess.Move.null()
        engine.ping()


def test_uci_introduces_itself(uci):
    said = uci("uci", "isready")
    assert said[0] == "id name Ludus chess@7"
    assert "option name Simulations type spin default 30 min 1 max 100000" in said
    assert said[-2:] == ["uciok", "readyok"]


def test_uci_searches_as_much_as_it_is_told_to(uci):
    assert nodes(uci("go")) == 30
    assert nodes(uci("go nodes 17")) == 17
    assert nodes(uci("go depth 5 nodes 11 movestogo 40")) == 11
    assert nodes(uci("setoption name simulations value 9", "go")) == 9
    told = uci("setoption name Simulations value 0", "setoption name Hash value 5", "go")
    assert told[0] == "info string Simulations must be from 1 to 100000, not '0'"
    assert told[1] == "info string there is no option 'name Hash value 5'"
    assert nodes(told) == 9


def test_uci_uses_a_modest_share_of_its_time(uci):
    uci("isready")
    for line, seconds in (
        ("go movetime 300", 0.3),
        ("go wtime 9000 btime 1", 0.25),
        ("go wtime 3000 btime 1 movestogo 10", 0.25),
        ("go wtime 400 winc 10000 btime 1", 0.15),
        ("go wtime -5 btime 1", 0),
    ):
        began = time.monotonic()
        best_move(uci(line))
        assert seconds <= time.monotonic() - began < seconds + 5, line


def test_a_search_without_an_end_is_stopped(uci):
    uci.script = [
        ("readyok", "position startpos moves e2e4\nstop\n"),
        ("bestmove", "joho go nodes 3\n"),
        ("bestmove", "quit\n"),
    ]
    said = uci.run("go infinite\nisready\n")  # a position has to wait for the end of the search
    first = next(i for i, line in enumerate(said) if line.startswith("bestmove"))
    assert said.index("readyok") < first
    assert said[first].split()[1][1] in "12"
    assert nodes(said[first:]) == 3
    assert best_move(said)[1] in "78"


def test_a_search_that_has_found_out_all_waits_for_stop(uci):
    """Black mates in one."""
    uci.script = [("info nodes", "isready\n"), ("readyok", "stop\n"), ("bestmove", "quit\n")]
    said = uci.run("position startpos moves f2f3 e7e5 g2g4\ngo infinite\n")
    assert best_move(said) == "d8h4"
    assert said.index("readyok") < len(said) - 1


@pytest.mark.parametrize("end", ["quit\n", ""])
def test_quit_and_the_end_of_input_end_a_search(uci, end):
    uci("isready")
    uci.write(f"go infinite\n{end}")
    if not end:
        uci.end_input()
    assert best_move(uci.run(""))


def test_uci_knows_castling_promotion_and_en_passant(uci):
    for fen, moves, placed in (
        (KIWIPETE, "e1g1 e8c8", "2kr3r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R4RK1"),
        ("8/P6k/8/8/8/8/7K/8 w - - 0 1", "a7a8n", "N7/7k/8/8/8/8/7K/8"),
        ("4k3/8/8/8/1p6/8/P7/4K3 w - - 0 1", "a2a4 b4a3", "4k3/8/8/8/8/p7/8/4K3"),
    ):
        assert uci(f"position fen {fen} moves {moves}") == []
        assert str(uci.server._position).startswith(placed)


def test_uci_goes_on_where_our_rules_end_the_game(uci):
    """After a third repetition, after 50 moves, and after more plies than were learned from."""
    there_and_back = "g1f3 g8f6 f3g1 f6g8 "
    for position in (
        "startpos moves " + there_and_back * 2,
        "startpos moves " + there_and_back * 30 + "e2e4",
        "fen 4k3/7p/8/8/8/8/8/4K2R w K - 120 80",
    ):
        said = uci(f"position {position}", "go nodes 5")
        assert nodes(said) == 5
        board = chess.Board(position[4:]) if position.startswith("fen") else chess.Board()
        for move in position.partition("moves")[2].split():
            board.push_uci(move)
        assert chess.Move.from_uci(best_move(said)) in board.legal_moves


@pytest.mark.parametrize(
    "position",
    [
        "",
        "somewhere",
        "fen",
        "fen x",
        "fen r3k2r/pppppppp/8/8/8/8/PPPPPPPP w KQkq - 0 1",  # OpenSpiel would crash
        "fen 4k3/8/8/8/8/8/8/4K3 w KQkq - 0 1",
        "fen rnbqkbnr/ppp1pppp/8/3pP3/8/8/PPPP1PPP/RNBQKBNR b KQkq d6 0 3",
        "fen 4k3/8/8/8/8/8/8/8 w - - 0 1",
        "fen 4k3/8/8/8/8/8/8/4RK2 w - - 0 1",  # the king could be taken
        "startpos moves e2e5",
        "startpos moves e2e4 e7e5 0000",
        "startpos moves \xff",
    ],
)
def test_an_unusable_position_has_no_move(uci, position):
    said = uci(f"position {position}", "go", "position startpos", "go nodes 2")
    assert said[0].startswith("info string unusable position: ")
    assert said[1:3] == ["info string there is no move to make", "bestmove 0000"]
    assert nodes(said) == 2


def test_ends_of_games_have_no_move(uci):
    for fen in (
        "rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3",
        "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1",
        "8/8/8/4k3/8/8/4K3/8 w - - 0 1",
    ):
        assert best_move(uci(f"position fen {fen}", "go infinite")) == "0000"


def test_unknown_commands_do_no_harm(uci):
    said = uci(
        "", "   ", "hello there", "stop", "ponderhit", "debug on", "ucinewgame", "\0", "xyz go"
    )
    assert said[:2] == ["info string unknown command 'hello there'", said[1]]
    assert best_move(said)
    uci.script = [("readyok", "quit\n")]
    assert uci.run("\xff\xfe\n" + "y" * 10_000 + "\nisready\n")[-1] == "readyok"


def test_openspiel_can_search_from_any_position_that_is_let_through(uci):
    """Random games of python-chess, started again from a FEN of theirs."""
    for seed in range(20):
        rng, board = random.Random(seed), chess.Board()
        for _ in range(rng.randrange(200)):
            board.push(rng.choice(list(board.legal_moves)))
            if board.is_game_over():
                board.pop()
                break
        said = uci(f"position fen {board.fen()}", "go nodes 3")
        assert chess.Move.from_uci(best_move(said)) in board.legal_moves


def test_a_gumbel_search_is_stopped_too(player, monkeypatch):
    """By a person at any time; where it is known that a clock will, it is another search."""
    searches: list[str] = []

    def noting(evaluate, config, *rest):
        searches.append(config.kind)
        return think(evaluate, config, *rest)

    monkeypatch.setattr("workbench.serve_uci.think", noting)
    agent = player.config.agent.model_copy(update={"search": GumbelConfig(kind="gumbel")})
    halving = player._replace(config=player.config.model_copy(update={"agent": agent}))
    session = Session(lambda lines, say, note: UCIServer(halving, "", lines, say))
    with closing(session):
        assert nodes(session("go nodes 21")) == 21
        assert best_move(session("go movetime 50"))
        session.write("stop\n")
        assert best_move(session("go nodes 100000"))
        assert nodes(session.said) < 100
    assert searches == ["gumbel", "puct", "gumbel"]


def test_lines_may_end_as_they_like_or_not_at_all(uci):
    uci.write("isready\r\n\r\ngo nodes 2\r\nisready")
    uci.end_input()
    said = uci.run("")
    assert said.count("readyok") == 2  # also to the last one, which has no end
    assert best_move(said)


def test_scores_grow_with_values():
    values = np.linspace(-1, 1, 41)
    scores = [centipawns(value) for value in values]
    assert scores == sorted(scores)
    assert scores[20] == 0
    assert scores[-1] == -scores[0] > 10_000


def test_a_score_is_that_of_the_side_to_move(uci):
    """Mate in one for Black, then for White."""
    for position in ("f2f3 e7e5 g2g4", "e2e4 f7f6 d2d4 g7g5"):
        said = uci(f"position startpos moves {position}", "go nodes 2000")
        assert f"score cp {centipawns(1)} pv {best_move(said)}" in said[-2]


def test_a_player_is_served_on_stdin_and_stdout(directory, player, monkeypatch, capsys, tmp_path):
    (tmp_path / "input").write_text("uci\nquit\nuci\n")
    with (tmp_path / "input").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        serve_uci(str(directory / "runs/chess"))
    out, err = capsys.readouterr()
    assert out.startswith("id name Ludus chess@7\n")
    assert out.count("uciok") == 1
    assert err == ""


def test_players_of_other_games_are_refused(directory):
    make_player(directory, "connect-four", "connect_four")
    with pytest.raises(UsageError, match=r"UCI is for chess, but .* plays connect_four"):
        serve_uci(str(directory / "runs/connect-four"))
    with pytest.raises(UsageError, match="there is no run"):
        serve_uci(str(directory / "runs/nobody"))
