"""A trained chess player behind UCI: python-chess and every way to stop, and wrong input."""

import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from math import inf
from pathlib import Path
from typing import Any

import chess
import chess.engine
import numpy as np
import pytest

from agents.search import GumbelConfig
from tests.end_to_end.launcher import ROOT
from tests.workbench.engines.serving import Session, command, make_player
from workbench.engines.lines import MAX_LINE_BYTES
from workbench.engines.serve import known_at_once
from workbench.engines.serve_uci import UCIServer, serve_uci
from workbench.engines.timed_search import think
from workbench.engines.uci_search import Limits, UCIEngine, Waiting, centipawns
from workbench.errors import UsageError
from workbench.evaluation.load import BoardAgent, load_served

KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"


@pytest.fixture(scope="module")
def player(directory: Path) -> BoardAgent:
    return make_player(directory, "chess", "chess")


def serving(player: BoardAgent) -> Session:
    return Session(
        lambda lines, say, note: UCIServer(
            ("chess@7", 30), lambda: UCIEngine(player, "chess@7"), lines, say
        )
    )


@pytest.fixture
def uci(player: BoardAgent) -> Iterator[Session]:
    session = serving(player)
    yield session
    session.close()


def best_move(said: list[str]) -> str:
    assert said[-1].startswith("bestmove ")
    return said[-1].split()[1]


def infos(said: list[str]) -> list[dict[str, Any]]:
    """Returns what the `info` lines of searches say: numbers, the score as text, pv as moves."""
    found = []
    for line in said:
        if line.startswith("info depth"):
            before, _, pv = line[5:].partition(" pv ")
            facts = re.findall(r"(score|[a-z]+) ((?:cp |mate )?-?\d+)", before)
            numbers = {name: int(value) for name, value in facts if name != "score"}
            found.append({**numbers, "score": dict(facts)["score"], "pv": pv.split()})
    return found


def facts(said: list[str]) -> dict[str, Any]:
    return infos(said)[-1]


def nodes(said: list[str]) -> int:
    """Returns how many simulations the last search has made."""
    return facts(said)["nodes"]


def test_python_chess_plays_a_game_with_it(directory, player):
    """An independent client: options, limits, FEN, analysis that is stopped, and the end."""
    rng, board = random.Random(0), chess.Board()
    for _ in range(51):
        board.push(rng.choice(list(board.legal_moves)))
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
                assert played.info["pv"][0] == played.move
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
            next(info for info in analysis if info.get("nodes", 0) > 20)
            analysis.stop()
            best = analysis.wait()
        assert best.move in middle.legal_moves
        assert len(analysis.info["pv"]) > 1
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
    told = uci("setoption name Simulations value 0", "setoption name Skill value 5", "go")
    assert told[0] == "info string Simulations must be from 1 to 100000, not '0'"
    assert told[1] == "info string there is no option 'name Skill value 5'"
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
    uci.script = [("info depth", "isready\n"), ("readyok", "stop\n"), ("bestmove", "quit\n")]
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
        assert str(uci.server.engine.position).startswith(placed)


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
        "fen 4k3/8/8/8/8/8/8/8 w - - 0 1",
        "fen 4k3/8/8/8/8/8/8/4RK2 w - - 0 1",  # the king could be taken
    ],
)
def test_an_unusable_position_has_no_move(uci, position):
    said = uci(f"position {position}", "go", "position startpos", "go nodes 2")
    assert said[0].startswith("info string unusable position: ")
    assert said[1:3] == ["info string there is no position to search", "bestmove 0000"]
    assert nodes(said) == 2


@pytest.mark.parametrize("moves", ["e2e5", "d2d4", "0000", "\xff", "e2e4q", "a7a8q"])
def test_what_comes_before_an_illegal_move_stands(uci, moves):
    """As in Stockfish 17, which stops reading there."""
    said = uci(f"position startpos moves e2e4 {moves} d2d4", "go nodes 2")
    assert said[0] == f"info string illegal move {moves!r}; what comes before it stands"
    board = chess.Board()
    board.push_uci("e2e4")
    assert chess.Move.from_uci(best_move(said)) in board.legal_moves


def test_a_fen_may_claim_castling_and_en_passant_that_cannot_be(uci):
    for claimed, there in (
        ("4k3/8/8/8/8/8/8/4K2R w KQkq - 0 1", "4k3/8/8/8/8/8/8/4K2R w K - 0 1"),
        ("4k3/7p/8/3pP3/8/8/8/4K3 b - d6 0 0", "4k3/7p/8/3pP3/8/8/8/4K3 b - - 0 1"),
        ("4k3/7p/8/8/8/8/8/4K3 w", "4k3/7p/8/8/8/8/8/4K3 w - - 0 1"),
    ):
        assert uci(f"position fen {claimed}") == []
        assert str(uci.server.engine.position) == there


def test_ends_of_games_have_no_move(uci):
    for fen, score in (
        ("rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3", "mate 0"),
        ("7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", "cp 0"),
    ):
        said = uci(f"position fen {fen}", "go nodes 5")
        assert said == [f"info depth 0 score {score}", "bestmove 0000"]
        uci.write("isready\nstop\n")
        assert uci("go infinite")[1:] == ["readyok", "bestmove 0000"]  # not before `stop`


def test_a_draw_by_dead_position_still_has_moves(uci):
    """Kings alone: nobody can win, but until a program says so the game goes on."""
    fen = "8/8/8/4k3/8/8/4K3/8 w - - 0 1"
    board = chess.Board(fen)
    assert chess.Move.from_uci(best_move(uci(f"position fen {fen}", "go"))) in board.legal_moves
    assert best_move(uci("go searchmoves e2d1 nodes 3")) == "e2d1"


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

    monkeypatch.setattr("workbench.engines.uci_search.think", noting)
    agent = player.config.agent.model_copy(update={"search": GumbelConfig(kind="gumbel")})
    halving = player._replace(config=player.config.model_copy(update={"agent": agent}))
    session = serving(halving)
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
        assert facts(said)["pv"] == [best_move(said)]
        assert facts(said)["score"] == "mate 1"


def test_a_player_is_served_on_stdin_and_stdout(directory, player, monkeypatch, capsys, tmp_path):
    (tmp_path / "input").write_text("uci\nquit\nuci\n")
    with (tmp_path / "input").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        serve_uci(str(directory / "runs/chess"))
    for thread in threading.enumerate():
        if thread.name.startswith("loading"):  # which the command leaves behind
            thread.join()
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


FOOLS = "f2f3 e7e5 g2g4"  # Black mates in one
MATE_IN_TWO = "kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1"  # 1. Ra6 and mate by the rook or the pawn


def test_only_the_moves_that_are_wanted_are_searched(uci):
    assert best_move(uci(f"position startpos moves {FOOLS}", "go nodes 60 searchmoves a7a6")) == (
        "a7a6"
    )
    said = uci("go searchmoves a7a6 b7b6 nodes 60", "setoption name MultiPV value 9")
    said += uci("go nodes 40 searchmoves a7a6 b7b6 ignored")
    assert {info["pv"][0] for info in infos(said)} == {"a7a6", "b7b6"}
    assert {info["multipv"] for info in infos(said)} == {1, 2}
    said = uci("go searchmoves a7a6 a1a8 nodes 5")
    assert said[0] == "info string illegal move 'a1a8' is not searched"
    assert best_move(said) == "a7a6"
    assert best_move(uci("go searchmoves nodes 5"))  # none is wanted: all are searched


def test_several_lines_are_those_of_different_moves_best_first(uci):
    uci("setoption name multipv value 4", f"position startpos moves {FOOLS}")
    lines = infos(uci("go nodes 400"))[-4:]
    assert [line["multipv"] for line in lines] == [1, 2, 3, 4]
    assert lines[0]["score"] == "mate 1"
    assert lines[0]["pv"] == ["d8h4"]
    assert len({line["pv"][0] for line in lines}) == 4
    uci("position fen 7k/8/8/8/8/8/8/K7 w - - 0 1", "position fen 7k/7p/8/8/8/8/8/K7 w - - 0 1")
    assert [line["multipv"] for line in infos(uci("go nodes 9"))] == [1, 2, 3]  # it has no more


def test_a_mate_is_counted_in_moves_of_the_side_to_move(uci):
    """By Fischer's rule: 1. Ra6 bxa6 2. b7#, or any other move and 2. Rxa7#."""
    said = uci(f"position fen {MATE_IN_TWO}", "go mate 2")
    assert facts(said)["score"] == "mate 2"
    assert best_move(said) == "a1a6"
    board = chess.Board(MATE_IN_TWO)
    for move in facts(said)["pv"]:
        board.push_uci(move)
    assert board.is_checkmate()
    said = uci(f"position fen {MATE_IN_TWO} moves a1a6", "go mate 5")
    assert facts(said)["score"] == "mate -1"
    assert len(facts(said)["pv"]) == 2


def test_depth_never_falls_and_a_depth_is_obeyed(uci, monkeypatch):
    monkeypatch.setattr("workbench.engines.uci_search.INFO_SECONDS", 0)
    uci(f"position fen {KIWIPETE}")
    depths = [info["depth"] for info in infos(uci("go nodes 60"))]
    assert len(depths) > 30
    assert depths == sorted(depths)
    for depth in (1, 2, 3):
        said = uci(f"go depth {depth}")
        assert facts(said)["depth"] == depth
        assert nodes(said) >= depth
    assert nodes(uci("go depth 3 nodes 2")) == 2
    board = chess.Board(KIWIPETE)
    pv = facts(uci("go nodes 80"))["pv"]
    assert len(pv) > 1
    for move in pv:
        board.push_uci(move)  # raises ValueError where it is illegal
    assert facts(uci("go nodes 80"))["pv"] == pv


def test_hash_bounds_the_tree(uci):
    """A node of the start position takes 2.5 kB, so there is room for 419 in a megabyte."""
    uci("setoption name Hash value 1", "position startpos")
    said = uci("go nodes 100000")
    assert nodes(said) == 419
    assert facts(said)["hashfull"] == 1000


def test_move_overhead_comes_off_the_clock(uci):
    limits = Limits.parse("wtime 3000 btime 1 movestogo 2 winc 0")
    assert limits.seconds("w", 0) == 1.5
    assert limits.seconds("w", 0.4) == pytest.approx(1.1)
    assert limits.seconds("b", 0.4) == 0
    uci("isready", "setoption name move overhead value 5000")
    assert nodes(uci("go wtime 9000 btime 1 movestogo 2")) <= 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", inf),
        ("wtime", inf),
        ("btime 5", inf),
        ("wtime x movestogo 3", inf),
        ("wtime 0", 0),
        ("wtime -100 winc 5000", 0),
        ("wtime 60000", 2),
        ("wtime 60000 movestogo 0", 2),
        ("wtime 60000 movestogo -3 winc -7", 2),
        ("wtime 60000 winc 1000", 2.8),
        ("wtime 60000 movestogo 1", 30),
        ("movetime 250 wtime 1", 0.25),
        ("movetime 0", 0),
        ("searchmoves e2e4 wtime 60000 ponder", 2),
    ],
)
def test_time_is_shared_out(text, seconds):
    assert Limits.parse(text).seconds("w", 0) == pytest.approx(seconds)


@pytest.mark.parametrize("limit", ["nodes 0", "nodes -4", "depth 0", "depth -1", "movetime -1"])
def test_odd_limits_end_a_search_at_once(uci, limit):
    said = uci(f"go {limit}")
    assert nodes(said) <= 1
    assert chess.Move.from_uci(best_move(said)) in chess.Board().legal_moves


def test_pondering_goes_on_at_ponderhit_until_its_limits_are_reached(uci):
    uci("isready", "position startpos")
    uci.script = [("readyok", "ponderhit\n"), ("bestmove", "quit\n")]
    said = uci.run("go ponder nodes 40\nisready\n")
    assert nodes(said) >= 40
    uci.server._done = False
    uci.script = [
        ("readyok", "ponderhit\nisready\n"),
        ("readyok", "stop\n"),
        ("bestmove", "quit\n"),
    ]
    said = uci.run("go ponder infinite nodes 2\nisready\n")  # endless, whatever the other plays
    assert said.count("readyok") == 2


def test_a_clock_starts_at_ponderhit(uci):
    heard = iter([None, "ponderhit"])
    waiting = Waiting(Limits.parse("ponder movetime 50"), lambda _: next(heard), began=-1e9)
    waiting.listen(0)
    assert waiting.endless
    assert waiting.began == -1e9
    waiting.listen(0)
    assert not waiting.endless
    assert waiting.began > 0


def test_the_reply_that_is_expected_is_said_to_ponder_on(uci):
    said = uci("position startpos", "go nodes 50")
    words = said[-1].split()
    assert words[2] == "ponder"
    assert facts(said)["pv"][:2] == [words[1], words[3]]


def test_options_are_named_as_people_type_them(uci):
    assert uci("setoption name MOVE   overhead value 7", "setoption name Ponder value true") == []
    assert uci.server._options["Move Overhead"] == 7
    for wrong, told in {
        "name Hash value 0": "Hash must be from 1 to 1048576, not '0'",
        "name Hash value": "Hash must be from 1 to 1048576, not ''",
        "name Hash": "Hash must be from 1 to 1048576, not ''",
        "name Threads value 1.5": "Threads must be from 1 to 1024, not '1.5'",
        "name MultiPV value -1": "MultiPV must be from 1 to 500, not '-1'",
        "name Ponder value 3": "ponder must be true or false",
        "name UCI_Chess960 value true": "there is no option 'name UCI_Chess960 value true'",
        "Hash 5": "there is no option 'Hash 5'",
        "": "there is no option ''",
    }.items():
        assert uci(f"setoption {wrong}") == [f"info string {told}"]


class Slow:
    """A server whose network is loaded when `finish` is called."""

    def __init__(self, player: BoardAgent) -> None:
        self.loaded = threading.Event()

        def load() -> UCIEngine:
            self.loaded.wait()
            return UCIEngine(player, "chess@7")

        self.session = Session(
            lambda lines, say, note: UCIServer(("chess@7", 30), load, lines, say)
        )

    def close(self) -> None:
        self.loaded.set()
        self.session.server.loading().result()
        self.session.close()


def test_what_comes_while_the_network_is_loaded(player):
    """`uci` is answered, `quit` obeyed at once; what was asked for before is answered first."""
    with closing(Slow(player)) as slow:
        assert slow.session.run("uci\nisready\nquit\n")[-1] == "uciok"
        assert not slow.loaded.is_set()
    with closing(Slow(player)) as slow:
        slow.session.write("position startpos moves e2e4\ngo infinite\nstop\nisready\nquit\n")
        timer = threading.Timer(0.2, slow.loaded.set)
        timer.start()
        said = slow.session.run("")
        timer.join()
        assert best_move([line for line in said if "bestmove" in line])[1] in "78"
    with closing(Slow(player)) as slow:
        slow.session.write("isready\n")
        slow.session.end_input()
        slow.loaded.set()
        assert slow.session.run("") == ["readyok"]


def test_what_cannot_be_loaded_is_said_as_soon_as_it_is_wanted():
    def load() -> UCIEngine:
        raise UsageError("the checkpoint is damaged")

    session = Session(lambda lines, say, note: UCIServer(("chess@7", 30), load, lines, say))
    with closing(session), pytest.raises(UsageError, match="damaged"):
        session.run("uci\nisready\n")
    assert session.said[-1] == "info string the checkpoint is damaged"


def test_uci_is_answered_without_torch(directory, player):
    """What a chess program waits for comes before anything is loaded that takes seconds."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from workbench.engines.serve_uci import Options, known_at_once\n"
        f"print(*known_at_once({str(directory / 'runs/chess')!r}, 'chess'))\n"
        "print(*(name for name in ('torch', 'numba', 'pyspiel', 'numpy') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "chess@7 30\n\n"


def test_what_is_known_of_a_player_at_once(directory, player, tmp_path, monkeypatch):
    monkeypatch.chdir(directory)
    run = str(directory / "runs/chess")
    assert known_at_once(f"{run}@7", "chess") == ("chess@7", 30)
    assert known_at_once(f"{run}?simulations=12", "chess") == ("chess@7", 12)
    for other in ("@8", "@x", "?simulations=0", "?depth=3", "s"):
        assert known_at_once(run + other, "chess") is None
    shutil.copytree("runs/chess", "runs/zoo/deep-7")
    assert known_at_once("deep-7", "chess") == ("deep-7@7", 30)
    assert known_at_once(f"{directory / 'runs/zoo'}/../chess/", "chess") == ("chess@7", 30)
    shutil.copytree("runs/chess", "runs/go-7")
    config = directory / "runs/go-7/config.yaml"
    config.write_text(config.read_text().replace("game: chess\n", "game: go(board_size=7)\n"))
    assert known_at_once(str(directory / "runs/go-7"), "chess") is None
    assert known_at_once("go-7@7?simulations=3", "go") == ("go-7@7", 3)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/zoo").mkdir(parents=True)
    (tmp_path / "runs/zoo/nested").symlink_to(directory / "runs/chess")
    for name in ("nested", "zoo/nested", "runs/zoo/nested", "./runs/zoo/nested/"):
        assert known_at_once(name, "chess") == ("nested@7", 30)  # as all commands read names


def test_simulations_can_be_asked_for_with_the_player(directory, player):
    name = str(directory / "runs/chess?simulations=12")
    assert load_served("chess", "UCI", name)[1:] == ("chess@7", 12)
    with pytest.raises(UsageError, match=r"after the \? goes simulations=N"):
        serve_uci(str(directory / "runs/chess?nodes=12"))


def test_the_longest_game_fits_in_a_line(uci):
    """17,697 plies are the most that chess allows; 13,107 moves were all that was read."""
    assert 5 * 17_697 + len("position startpos moves") < MAX_LINE_BYTES
    moves = " g1f3 g8f6 f3g1 f6g8" * 4_400  # 88 kB, more than a pipe holds
    text = f"setoption name{moves}\nposition startpos moves e2e4\ngo nodes 2\nquit\n"
    writer = threading.Thread(target=uci.write, args=(text,))
    writer.start()
    said = uci.run("")
    writer.join()
    assert said[0].startswith("info string there is no option")
    assert len(said[0]) < 200
    assert best_move(said)[1] in "78"
