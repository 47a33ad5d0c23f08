"""Stockfish, Fairy-Stockfish and GNU Go: they win, repeat themselves and know the same moves."""

import re
import subprocess
import sys
import time
from contextlib import closing
from itertools import takewhile
from typing import Any

import psutil
import pytest

from agents.baselines import RandomPlayer
from envs.board.base import reach
from envs.board.cells import engine_move, engine_moves
from tests.end_to_end.launcher import ROOT
from tests.workbench.engines.engines import (
    FAIRY,
    GNUGO,
    STOCKFISH,
    action_of,
    load,
    needs,
    needs_fairy,
    needs_gnugo,
    needs_stockfish,
    play_random,
    wait_until,
)
from workbench.engines.players import make_engine
from workbench.engines.process import Engine
from workbench.errors import UsageError
from workbench.evaluation.match import Fixture, play

pytestmark = pytest.mark.usefixtures("no_process_is_left")
GTP = "gtp:gnugo --mode gtp --level 1 --chinese-rules --capture-all-dead"


@needs_stockfish
def test_stockfish_beats_random_moves():
    game = load("chess")
    with closing(make_engine("uci:stockfish?nodes=1000", game, 10)) as player:
        fixtures = [Fixture((i % 2, 1 - i % 2), (), 1000 * i) for i in range(4)]
        games = dict(play(game, [player, RandomPlayer(game)], fixtures, at_once=4))
    for number, one in games.items():
        assert one.forfeit == ""
        assert one.score == 1 - number % 2
        assert game.status([reach(game, one.history)]).over[0]


@needs_stockfish
def test_stockfish_plays_the_same_in_whatever_order_it_is_asked():
    game = load("chess")
    positions = [play_random(game, seed) for seed in range(12)]
    with closing(make_engine("uci:stockfish?nodes=2000", game, 10)) as player:
        moves = player.choose(positions, [0] * 12)
        assert player.choose(positions[::-1], [0] * 12)[::-1] == moves
        assert [player.choose([p], [0])[0] for p in positions] == moves


@needs_stockfish
def test_options_and_limits_reach_the_engine():
    game = load("chess")
    mate = game.start()
    for move in ("f2f3", "e7e5", "g2g4"):
        mate = mate.child(action_of(mate, move))
    for settings in ("depth=2", "movetime=20&Skill Level=20", "skill level=20&nodes=500"):
        with closing(make_engine(f"uci:stockfish?{settings}", game, 10)) as player:
            assert player.choose([mate], [0]) == [action_of(mate, "d8h4")]


@pytest.mark.parametrize(
    ("name", "kinds", "command", "hello"),
    [
        pytest.param("chess", ["O-O", "O-O-O", "=Q"], STOCKFISH, "uci", marks=needs_stockfish),
        pytest.param("shogi", ["P*", "R*", "+"], FAIRY, "usi", marks=needs_fairy),
    ],
)
def test_moves_are_named_as_engines_name_them(name, kinds, command, hello):
    """The engine counts the same legal moves; some of each kind are among them."""
    game, seen = load(name), set()
    with closing(Engine([command])) as engine:

        def say(*lines: str, until: str) -> list[str]:
            engine.send(*lines, deadline=time.monotonic() + 10)
            read = iter(lambda: engine.read(deadline=time.monotonic() + 10), None)
            return list(takewhile(lambda line: not line.startswith(until), read))

        say(hello, until=f"{hello}ok")
        for seed in range(400):
            position = play_random(game, seed, 150)
            legal = position.legal_actions()
            names = [game.action_name(position, action) for action in legal]
            has = {kind for kind in kinds if any(kind in name for name in names)}
            if seed > 50 and has <= seen:
                continue
            seen |= has
            moves = " ".join(["moves", *engine_moves(game, position)])
            answer = say(f"position startpos {moves}", "go perft 1", until="Nodes")
            theirs = {line[:-3] for line in answer if re.match(r"\S+: 1$", line)}
            assert {engine_move(position, action) for action in legal} == theirs
    assert seen == set(kinds)


@pytest.mark.parametrize(
    ("spec", "described"),
    [
        # Toga and GNU Chess go on whatever `go nodes` says; XBoard engines count none.
        pytest.param("uci:toga2", "Toga II 3.0", marks=needs("toga2")),
        pytest.param("uci:gnuchess --uci", "GNU Chess 6", marks=needs("gnuchess")),
        pytest.param("xboard:gnuchess --xboard", "GNU Chess", marks=needs("gnuchess")),
        pytest.param("xboard:phalanx", "Phalanx", marks=needs("phalanx")),
    ],
)
def test_engines_that_count_no_nodes_beat_random_moves_by_time(spec, described):
    game = load("chess")
    with closing(make_engine(spec, game, 60)) as player:
        assert player.describe().startswith(described)
        assert player.describe().endswith(", movetime 100")
        fixtures = [Fixture((i % 2, 1 - i % 2), (), 1000 * i) for i in range(2)]
        games = dict(play(game, [player, RandomPlayer(game)], fixtures, at_once=2))
    for number, one in games.items():
        assert (one.forfeit, one.score) == ("", 1 - number % 2)


@pytest.mark.parametrize(
    ("spec", "name", "message"),
    [
        pytest.param(
            "uci:gnugo",
            "chess",
            "does not speak UCI: it printed .*; name it as in 'gtp:gnugo --mode gtp'",
            marks=needs_gnugo,
        ),
        pytest.param(
            "gtp:gnugo",
            "go(board_size=9)",
            "name it as in 'gtp:gnugo --mode gtp'",
            marks=needs_gnugo,
        ),
        pytest.param(
            "gtp:stockfish",
            "go(board_size=9)",
            "printed .*Unknown command.*; it speaks UCI: uci:stockfish",
            marks=needs_stockfish,
        ),
        pytest.param(
            "uci:gnuchess",
            "chess",
            "printed .*Invalid move: uci.*; name it as in 'uci:gnuchess --uci'",
            marks=needs("gnuchess"),
        ),
        pytest.param(
            "uci:phalanx",
            "chess",
            "printed .*; it speaks XBoard: xboard:phalanx",
            marks=needs("phalanx"),
        ),
        pytest.param(
            "uci:toga2?nodes=1000",
            "chess",
            "does not keep to nodes=1000; it does keep to depth and movetime",
            marks=needs("toga2"),
        ),
    ],
)
def test_a_wrong_name_of_a_real_program_is_refused_with_the_right_one(spec, name, message):
    with pytest.raises(UsageError, match=message):
        make_engine(spec, load(name), 10)


@needs_fairy
def test_fairy_stockfish_beats_random_moves_in_shogi():
    game = load("shogi")
    with closing(make_engine("usi:fairy-stockfish?nodes=500", game, 10)) as player:
        fixtures = [Fixture((i % 2, 1 - i % 2), (), 1000 * i) for i in range(4)]
        games = dict(play(game, [player, RandomPlayer(game)], fixtures, at_once=4))
    dropped = 0
    for number, one in games.items():
        assert (one.forfeit, one.score) == ("", 1 - number % 2)
        names = engine_moves(game, reach(game, one.history))
        dropped += sum("*" in name for name in names[number % 2 :: 2])
    assert dropped > 0


@needs_gnugo
@pytest.mark.parametrize(
    ("name", "seats"),
    [
        ("go(board_size=5,komi=0.5)", [(0, 1), (1, 0)]),
        pytest.param("go(board_size=9)", [(1, 0)], marks=pytest.mark.slow),
    ],
)
def test_gnugo_beats_random_moves(name, seats):
    game = load(name)
    with closing(make_engine(GTP, game, 20)) as player:
        fixtures = [Fixture(pair, (), 0) for pair in seats]
        games = dict(play(game, [player, RandomPlayer(game)], fixtures, at_once=2))
    for number, one in games.items():
        assert (one.forfeit, one.score) == ("", seats[number][1])


@needs_gnugo
def test_gnugo_plays_the_same_for_the_same_seed_in_whatever_order_it_is_asked():
    game = load("go(board_size=9)")
    positions = [play_random(game, seed, 30) for seed in range(6)]
    with closing(make_engine(GTP, game, 20)) as player:
        moves = player.choose(positions, range(6))
        assert player.choose(positions[::-1], range(6)[::-1])[::-1] == moves
        first = [
            player.choose([positions[0].get_game().new_initial_state()], [s]) for s in range(9)
        ]
        assert len({move for (move,) in first}) > 1


@needs_gnugo
@pytest.mark.parametrize(
    ("name", "count"), [("go(board_size=9)", 8), ("go(board_size=19,handicap=4)", 1)]
)
def test_gnugo_knows_the_same_board(name, count):
    """Its legal moves are ours, and handicap stones are where they are here."""
    game = load(name)
    with closing(make_engine(GTP, game, 20)) as player:
        protocol: Any = player._protocol
        engine = player._idle[0]
        for seed in range(count):
            position = play_random(game, seed, 120)
            moves = engine_moves(game, position)
            protocol.move(engine, moves, 0, time.monotonic() + 20)
            colour = "bw"[position.current_player()]
            engine.send("8 undo", f"9 all_legal {colour}", deadline=time.monotonic() + 10)
            while not (line := engine.read(deadline=time.monotonic() + 10)).startswith("=9"):
                pass
            engine.read(deadline=time.monotonic() + 10)
            ours = {engine_move(position, action) for action in position.legal_actions()}
            assert ours == {*line.split()[1:], "PASS"}


@needs_stockfish
@needs_gnugo
def test_real_engines_end_when_this_process_is_killed():
    code = (
        "import time\nfrom workbench.engines.process import Engine\n"
        f"engines = [Engine(command) for command in {[[STOCKFISH], [GNUGO, '--mode', 'gtp']]}]\n"
        "print(*(engine._process.pid for engine in engines), flush=True)\ntime.sleep(1000)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        engines = [int(number) for number in process.stdout.readline().split()]
        assert len(engines) == 2
        assert all(psutil.pid_exists(engine) for engine in engines)
        process.kill()
    assert wait_until(lambda: not any(psutil.pid_exists(engine) for engine in engines))
