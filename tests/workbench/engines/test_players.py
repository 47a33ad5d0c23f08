"""External engines: what they answer, how they fail, and that nothing of them is left."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from agents.base import Forfeit
from envs.board.base import reach
from tests.end_to_end.launcher import ROOT
from tests.workbench.engines.engines import action_of, load, wait_until
from workbench.engines import players as engine_players
from workbench.engines import programs as engine_programs
from workbench.engines import protocols as engine_protocols
from workbench.engines.players import EnginePlayer, make_engine
from workbench.engines.process import Engine, EngineDied
from workbench.errors import UsageError, WorkError
from workbench.evaluation.match import Fixture, play

pytestmark = pytest.mark.usefixtures("no_process_is_left")

# Speaks UCI and moves knights to and fro, but for what its last argument says. Each start leaves
# a file in the directory that is its first argument.
FAKE = """
import os, subprocess, sys, time
directory, mode = sys.argv[1:]
def say(text):
    sys.stdout.buffer.write(text if isinstance(text, bytes) else text.encode() + b"\\n")
    sys.stdout.flush()
def starts():
    return len(os.listdir(directory))
open(os.path.join(directory, str(os.getpid())), "w").close()
if mode == "dead":
    print("no licence", file=sys.stderr)
    sys.exit(5)
if mode == "deaf":
    time.sleep(1000)
if mode == "child":
    child = subprocess.Popen(["sleep", "1000"])
    os.rename(os.path.join(directory, str(os.getpid())), os.path.join(directory, str(child.pid)))
moves, asked = [], 0
for line in sys.stdin:
    words = line.split()
    if words[0] == "uci":
        while mode == "babbling":
            say("hello")
        say("Welcome\\n\\noption name Skill type spin default 1 min 0 max 9\\nuciok")
    elif words[0] == "isready":
        say("readyok")
    elif words[0] == "position":
        moves = words[3:]
    elif words[0] == "go" and moves and moves[0] != "g1f3":
        say("bestmove a2a3")  # whether it keeps to its limits is being tried
    elif words[0] == "go":
        asked += 1
        while mode == "together" and starts() < 2:
            time.sleep(0.01)
        if mode == "silent" or mode == "child":
            time.sleep(1000)
        if mode == "fragile" or mode == "dies once" and asked == 3 and starts() == 1:
            sys.exit(3)
        while mode == "flood":
            say(b"info string nothing\\n" * 1000)
        while mode == "endless line":
            say(b"x" * 65536)
        if mode == "garbage":
            say(b"\\xff\\xfe\\x00\\n\\nbest\\nbestmov g1f3\\n" + b"y" * 10**6 + b"\\n")
        knights = ["g1f3", "g8f6", "f3g1", "f6g8"][len(moves) % 4]
        say("bestmove " + (mode[5:] if mode.startswith("says ") else knights))
"""
# Speaks GTP; a comment that looks like an answer comes before each.
FAKE_GTP = """
import json, sys
answers = json.loads(sys.argv[1])
for line in sys.stdin:
    number, name, *arguments = line.split()
    sign, _, text = answers.get(name, "=").partition(" ")
    print(f"# {name}\\n=\\n={number}0 A1\\n{sign}{number} {text}\\nmore\\n\\n", flush=True)
"""


@pytest.fixture
def starts(tmp_path: Path) -> Path:
    """Where fake engines leave a file named for their process."""
    (tmp_path / "starts").mkdir()
    return tmp_path / "starts"


@pytest.fixture
def fake(tmp_path: Path, starts: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes fake engines of a mode, see FAKE."""
    script = tmp_path / "a fake.py"
    script.write_text(FAKE)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)

    def make(mode: str, settings: str = "", move_seconds: float = 10) -> EnginePlayer:
        command = shlex.join([sys.executable, "-IS", str(script), str(starts), mode])
        return make_engine(f"uci:{command}{settings}", load("chess", 40), move_seconds)

    return make


def ask(player: EnginePlayer, count: int = 1) -> list[int | Forfeit]:
    """Asks for a move in the first `count` positions of a game of the fake."""
    game, positions = load("chess"), []
    for ply in range(count):
        line = [["g1f3", "g8f6", "f3g1", "f6g8"][i % 4] for i in range(ply)]
        position = game.start()
        for move in line:
            position = position.child(action_of(position, move))
        positions.append(position)
    return list(player.choose(positions, list(range(count))))


def test_an_engine_plays_several_games_at_once(fake, starts):
    with closing(fake("together")) as player:
        fixtures = [Fixture((0, 0), (), seed) for seed in range(5)]
        games = [one for _, one in play(load("chess"), [player], fixtures, at_once=5)]
    # The third time that the first position is there, the game is drawn.
    assert [(len(one.history), one.score, one.forfeit) for one in games] == [(8, 0.5, "")] * 5
    assert len(list(starts.iterdir())) == 2


def test_garbage_before_an_answer_does_not_matter(fake):
    with closing(fake("garbage")) as player:
        assert not any(isinstance(move, Forfeit) for move in ask(player, 4))


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("says e2e5", "illegal move 'e2e5'"),
        ("says E2E4", "illegal move 'E2E4'"),
        ("says a1a1", "illegal move 'a1a1'"),
        ("says (none)", "answered '(none)', which is no move"),
        ("says 0000", "answered '0000', which is no move"),
        ("says ", "answered '', which is no move"),
        ("says " + "x" * 1000, "illegal move '" + "x" * 40 + "'"),
        ("says resign", "resigned"),
        ("says win", "illegal move 'win'"),
        ("fragile", "crashed twice: exit status 3"),
    ],
)
def test_an_engine_that_makes_no_legal_move_forfeits(fake, mode, reason):
    with closing(fake(mode)) as player:
        assert ask(player, 2) == [Forfeit(reason)] * 2
        assert ask(player) == [Forfeit(reason)]


@pytest.mark.parametrize("mode", ["silent", "flood", "endless line"])
def test_an_engine_that_takes_too_long_forfeits(fake, starts, monkeypatch, mode):
    monkeypatch.setattr(engine_protocols, "STOP_SECONDS", 0.1)
    memory = psutil.Process().memory_info().rss
    with closing(fake(mode, move_seconds=0.3)) as player:
        began = time.monotonic()
        assert ask(player) == [Forfeit("no move within 0.3 s")]
        assert 0.3 <= time.monotonic() - began < 20
        assert not psutil.pid_exists(int(next(starts.iterdir()).name))
        assert psutil.Process().memory_info().rss - memory < 30e6
        assert ask(player) == [Forfeit("no move within 0.3 s")]
    assert len(list(starts.iterdir())) == 2


def test_an_engine_that_crashes_once_is_started_again(fake, starts, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with closing(fake("dies once")) as player:
        assert not any(isinstance(move, Forfeit) for move in ask(player, 6))
        assert len(list(starts.iterdir())) == 2


def test_an_engine_that_was_killed_while_idle_is_started_again(fake, starts):
    with closing(fake("")) as player:
        os.kill(int(next(starts.iterdir()).name), signal.SIGKILL)
        assert not isinstance(ask(player)[0], Forfeit)
        assert len(list(starts.iterdir())) == 2


def test_what_an_engine_has_started_ends_with_it(fake, starts):
    with closing(fake("child", move_seconds=0.3)) as player:
        assert ask(player) == [Forfeit("no move within 0.3 s")]
        child = int(next(starts.iterdir()).name)
        assert wait_until(
            lambda: (
                not psutil.pid_exists(child)
                or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
            )
        )


def test_ctrl_c_ends_all_processes(fake, starts):
    player = fake("silent")
    interrupt = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ask(player, 3)
    interrupt.join()
    assert time.monotonic() - began < 20
    assert all(not psutil.pid_exists(int(start.name)) for start in starts.iterdir())


def test_a_program_ends_with_this_process_even_if_that_is_killed():
    """`sleep` does not notice that its input has ended, as GNU Chess does not."""
    code = (
        "import time\nfrom workbench.engines.process import Engine\n"
        "engine = Engine(['sh', '-c', 'sleep 1000 & sleep 1000'])\n"
        "print(engine.pid, flush=True)\ntime.sleep(1000)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        leader = psutil.Process(int(process.stdout.readline()))
        group = [leader, *leader.children()]
        process.kill()
    assert wait_until(lambda: not any(map(_is_alive, group)))


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_an_error_ends_all_processes(fake):
    player = fake("")
    with pytest.raises(ValueError, match="shorter"):
        player.choose([load("chess").start()] * 2, [1])


def test_a_program_that_takes_no_input_does_not_block():
    engine = Engine(["sleep", "1000"])
    with closing(engine), pytest.raises(TimeoutError):
        engine.send(*["x" * 1000] * 1000, deadline=time.monotonic() + 0.2)


@pytest.mark.parametrize("command", ["exit 4", "exec 0<&- 1>&-; exec sleep 1000", "kill -SEGV $$"])
def test_a_program_that_has_ended_is_known_to_have(command):
    engine = Engine(["sh", "-c", command])
    reason = {"exit 4": "exit status 4", "kill -SEGV $$": "Segmentation fault"}.get(command, "Kill")
    with closing(engine), pytest.raises(EngineDied, match=reason):
        engine.read(deadline=time.monotonic() + 10)
    engine = Engine(["sh", "-c", command])
    with closing(engine), pytest.raises(EngineDied, match=reason):
        engine.send(*["isready"] * 10**6, deadline=time.monotonic() + 10)


@pytest.mark.parametrize(
    ("mode", "settings", "error", "message"),
    [
        ("dead", "", WorkError, "cannot be used: exit status 5; it printed 'no licence'"),
        ("deaf", "", WorkError, "cannot be used: it did not get ready within 0.5 s"),
        (
            "babbling",
            "",
            WorkError,
            "cannot be used: it did not get ready within 0.5 s; it printed 'hello' 'hello' 'hello'",
        ),
        ("", "?Skil=3", UsageError, "has no option 'Skil'; did you mean 'Skill'?"),
        ("", "?colour=red", UsageError, "has no option 'colour'"),
        ("", "?skill=10", UsageError, "'skill' must be a number from 0 to 9, not 10"),
        ("", "?skill=good", UsageError, "'skill' must be a number from 0 to 9, not good"),
        ("", "?nodes=0", UsageError, "nodes=0 should be a number above 0"),
        ("", "?nodes", UsageError, "should be like nodes=1000&Skill Level=3"),
        (
            "",
            "?movetime=10000",
            UsageError,
            "movetime=10000 leaves no time to answer within 10 s; raise --move-seconds",
        ),
    ],
)
def test_an_engine_that_cannot_be_used_is_said_to_be_at_once(
    fake, monkeypatch, mode, settings, error, message
):
    monkeypatch.setattr(engine_players, "START_SECONDS", 0.5 if "0.5" in message else 20)
    with pytest.raises(error) as raised:
        fake(mode, settings)
    assert str(raised.value).endswith(message)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("spec", "game", "message"),
    [
        ("uci:stockfish", "chess", "there is no program 'stockfish'; on Debian: apt install sto"),
        ("usi:fairy-stockfish", "shogi", "on Debian: apt install fairy-stockfish"),
        ("gtp:gnugo --mode gtp", "go", "on Debian: apt install gnugo"),
        ("uci:nobody", "chess", "there is no program 'nobody'$"),
        ("uci:", "chess", "'' is no command"),
        ("uci:'", "chess", '"\'" is no command'),
        ("cecp:gnuchess", "chess", "an engine is one of uci:COMMAND"),
        ("xboard:gnuchess", "chess", "on Debian: apt install gnuchess"),
        ("xboard:gnuchess", "shogi", "xboard engines play chess, not shogi"),
        ("uci:stockfish", "shogi", "uci engines play chess, not shogi"),
        ("usi:stockfish", "chess", "usi engines play shogi, not chess"),
        ("gtp:gnugo", "othello", "gtp engines play go, not othello"),
    ],
)
def test_an_engine_that_is_not_there_is_refused(monkeypatch, spec, game, message):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(engine_programs, "DEBIAN_GAMES", "")
    with pytest.raises(UsageError, match=message):
        make_engine(spec, load(game), 10)


def test_a_file_that_is_no_program_is_refused(tmp_path):
    file = tmp_path / "engine"
    file.write_bytes(b"\x7fELF nonsense")
    file.chmod(0o755)
    with pytest.raises(WorkError, match="cannot be used: Exec format error"):
        make_engine(f"uci:{file}", load("chess"), 10)


@pytest.fixture
def fake_gtp(tmp_path: Path) -> Callable[..., EnginePlayer]:
    """Makes engines of go that answer each command as they are told to, else with nothing."""
    script = tmp_path / "gtp.py"
    script.write_text(FAKE_GTP)

    def make(name: str = "go(board_size=9)", **answers: str) -> EnginePlayer:
        command = [sys.executable, "-IS", str(script), json.dumps(answers)]
        return make_engine(f"gtp:{shlex.join(command)}", load(name), 10)

    return make


@pytest.mark.parametrize(
    ("answer", "move"),
    [
        ("= D4", 30),
        ("= d4", 30),
        ("= J9", 80),
        ("= Pass", 81),
        ("= I4", Forfeit("illegal move 'I4'")),
        ("= A10", Forfeit("illegal move 'A10'")),
        ("=", Forfeit("illegal move ''")),
        ("= Resign", Forfeit("resigned")),
        ("? cannot", Forfeit("answered 'cannot' to 'genmove b'")),
    ],
)
def test_answers_of_gtp_are_understood(fake_gtp, answer, move):
    with closing(fake_gtp(genmove=answer)) as player:
        assert player.choose([load("go(board_size=9)").start()], [0]) == [move]


def test_an_engine_that_refuses_a_move_of_the_game_forfeits(fake_gtp):
    position = reach(load("go(board_size=9)"), [30])
    with closing(fake_gtp(genmove="= C3", play="? illegal move")) as player:
        assert player.choose([position], [0]) == [Forfeit("answered 'illegal move' to 'play b D4'")]


def test_an_engine_that_cannot_play_on_the_board_is_refused(fake_gtp):
    with pytest.raises(UsageError, match="the engine answers 'unacceptable size' to 'boardsize 9'"):
        fake_gtp(boardsize="? unacceptable size")
