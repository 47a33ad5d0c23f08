"""Engines that do not keep to limits, speak otherwise, or answer late: fakes of each kind."""

import shlex
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agents.base import Forfeit, Win
from envs.board.base import reach
from tests.workbench.engines.engines import action_of, load
from workbench.engines import protocols as engine_protocols
from workbench.engines import uci as engine_uci
from workbench.engines import xboard as engine_xboard
from workbench.engines.players import EnginePlayer, make_engine
from workbench.errors import UsageError, WorkError

pytestmark = pytest.mark.usefixtures("no_process_is_left")

# Speaks UCI or USI by its first argument; the others say how it does that. It opens with a2a3 and
# 1g1f, and answers `go` by itself only where it keeps to a limit that it was given.
FAKE = """
import sys, threading
dialect, first, *modes = sys.argv[1:]
def say(text):
    print(text, flush=True)
position, thinking, ready = "", False, False
def answer():
    global thinking
    thinking = False
    say(f"info string {position}")
    say(f"bestmove {first}")
    if "babbles on" in modes:
        say("info depth 9")
    if "answers twice" in modes:
        say("bestmove h7h5")
for line in sys.stdin:
    words = line.split()
    if words == [dialect]:
        say("id name Fake 1.2")
        say("option name Threads type spin default 1 min 1 max 8")
        say("option name Style type combo default Fail High var Fail High var Never Mind var Solid")
        say("option name Own Book type check default true")
        say("option name Clear Hash type button")
        say("option name EvalFile type string default <empty>")
        say(dialect + "ok")
    elif words[0] == "setoption":
        say("info string " + line.strip())
        if "Clear Hash" in line and "value" in line:
            sys.exit(9)
    elif words[0] == "isready" and "ignores isready" not in modes:
        if "needs position" not in modes or position:
            say("readyok")
    elif words[0] == "position":
        position = line.strip()
    elif words[0] == "go":
        thinking = True
        kept = [name for name in ("nodes", "depth", "movetime") if f"ignores {name}" not in modes]
        if "counts" in modes and not set(kept) & {*words}:
            say("info depth 30 nodes 9999999")
        if "book" in modes and position.endswith("startpos") or set(kept) & {*words}:
            answer()
    elif words[0] == "stop" and thinking and "ignores stop" not in modes:
        answer()
"""
KEEPS_NOTHING = ("ignores nodes", "ignores depth", "ignores movetime")


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., EnginePlayer]:
    script = tmp_path / "fake.py"
    script.write_text(FAKE)

    def make(
        *modes: str, settings: str = "", kind: str = "uci", first: str = "a2a3", seconds: float = 20
    ) -> EnginePlayer:
        command = shlex.join([sys.executable, "-IS", str(script), kind, first, *modes])
        game = load({"uci": "chess", "usi": "shogi"}[kind])
        return make_engine(f"{kind}:{command}{settings}", game, seconds)

    return make


def opening(player: EnginePlayer) -> int | Forfeit | Win:
    return player.choose([load("chess").start()], [0])[0]


A2A3 = action_of(load("chess").start(), "a2a3")


def test_an_engine_that_keeps_to_nodes_plays_by_them(fake):
    with closing(fake()) as player:
        assert player.describe() == "Fake 1.2, nodes 1000"
        assert opening(player) == A2A3


@pytest.mark.parametrize("modes", [("counts",), ("counts", "book")])
def test_an_engine_that_ignores_nodes_plays_by_time(fake, modes):
    """Also where it has a book, whose moves it plays at once."""
    with closing(fake("ignores nodes", *modes)) as player:
        assert player.describe() == "Fake 1.2, movetime 100"
        assert opening(player) == A2A3


def test_an_engine_that_ignores_time_is_told_to_stop(fake, monkeypatch):
    monkeypatch.setattr(engine_uci, "TRIAL_SECONDS", 0.5)
    with closing(fake(*KEEPS_NOTHING, settings="?movetime=50")) as player:
        assert player.describe() == "Fake 1.2, movetime 50"
        assert opening(player) == A2A3


def test_at_the_deadline_an_engine_is_told_to_stop_and_its_move_is_taken(fake):
    with closing(fake(settings="?nodes=5")) as player:
        player._protocol.limits = {"searchmoves": 1}  # which ends no search
        player._move_seconds = 0.3
        assert opening(player) == A2A3


@pytest.mark.parametrize(
    ("modes", "settings", "message"),
    [
        (
            ("counts", "ignores nodes"),
            "?nodes=500",
            "does not keep to nodes=500; it does keep to depth and movetime",
        ),
        (
            ("counts", "ignores nodes", "ignores depth"),
            "?depth=5",
            "does not keep to depth=5; it does keep to movetime",
        ),
        (
            (*KEEPS_NOTHING, "ignores stop", "counts"),
            "",
            "it answers neither `go nodes 1` nor `stop`",
        ),
        ((), "?Style=Never", "must be one of Fail High, Never Mind, Solid, not Never"),
        ((), "?Style=Sollid", "not Sollid; did you mean 'Solid'?"),
        ((), "?Own Book=yes", "'Own Book' must be true or false, not yes"),
        ((), "?Clear Hash=true", "'Clear Hash' is a button: it takes no value"),
        ((), "?Threads", "'Threads' needs a value, as in Threads=1"),
        ((), "?Threads=9", "'Threads' must be a number from 1 to 8, not 9"),
        ((), "?threads=2&Threads=3", "'Threads' is set twice"),
        ((), "?nodes=2&nodes=3", "nodes is set twice"),
    ],
)
def test_what_an_engine_does_not_do_is_said_before_the_first_game(
    fake, monkeypatch, modes, settings, message
):
    monkeypatch.setattr(engine_uci, "TRIAL_SECONDS", 1.0 if "ignores stop" in modes else 20)
    with pytest.raises(UsageError) as raised:
        fake(*modes, settings=settings)
    assert message in str(raised.value)


def test_options_are_set_as_the_engine_spells_them(fake, tmp_path):
    settings = "?style=never mind&OWN BOOK=FALSE&clear hash&threads=2"
    with closing(fake(settings=settings)) as player:
        values = player._protocol._values
        assert values == {
            "Threads": "2", "Style": "Never Mind", "Own Book": "false", "Clear Hash": ""
        }  # fmt: skip
        assert opening(player) == A2A3


@pytest.mark.parametrize(
    "modes", [("ignores isready",), ("needs position",), ("babbles on",), ("answers twice",)]
)
def test_unusual_engines_play(fake, monkeypatch, modes):
    """A second answer to the position before is not taken for one to the next."""
    monkeypatch.setattr(engine_uci, "READY_SECONDS", 0.3)
    with closing(fake(*modes)) as player:
        assert [opening(player) for _ in range(3)] == [A2A3] * 3


def test_a_program_of_another_protocol_is_named_with_what_it_printed_and_what_it_speaks(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(engine_protocols, "PATIENCE_SECONDS", (0.5, 1.0))
    monkeypatch.setattr("workbench.engines.wrong_protocol.HELLO_SECONDS", 1.0)
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    command = shlex.join([sys.executable, "-IS", str(script), "usi", "1g1f"])
    with pytest.raises(UsageError, match=r"does not speak GTP: it says nothing; it speaks USI: us"):
        make_engine(f"gtp:{command}", load("go(board_size=9)"), 5)


@pytest.mark.parametrize(
    ("program", "error", "message"),
    [
        ("echo 'usage: engine FILE'", WorkError, "exit status 0; it printed 'usage: engine FILE'"),
        ("echo 'no network' >&2; exit 3", WorkError, "exit status 3; it printed 'no network'"),
        ("printf 'engine> '; sleep 1000", UsageError, "not speak UCI: it printed 'engine>'"),
        ("echo 'no net' >&2; sleep 1000", UsageError, "not speak UCI: it printed 'no net'"),
        ("read x; echo Unknown command: $x; sleep 1000", UsageError, "'Unknown command: uci'"),
        ("sleep 1000", UsageError, "does not speak UCI: it says nothing"),
    ],
)
def test_a_program_that_is_no_engine_is_named_with_what_it_printed(
    tmp_path, monkeypatch, program, error, message
):
    monkeypatch.setattr(engine_protocols, "PATIENCE_SECONDS", (0.5, 1.0))
    monkeypatch.setattr("workbench.engines.wrong_protocol.HELLO_SECONDS", 0.5)
    script = tmp_path / "engine"
    script.write_text(f"#!/bin/sh\n{program}\n")
    script.chmod(0o755)
    with pytest.raises(error) as raised:
        make_engine(f"uci:{script}", load("chess"), 5)
    assert message in str(raised.value)


def test_a_path_that_is_no_program_is_refused_with_the_reason(tmp_path):
    script = tmp_path / "engine.sh"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(UsageError, match=r"engine.sh may not be executed; chmod [+]x .* allows it"):
        make_engine(f"uci:{script}", load("chess"), 5)
    with pytest.raises(UsageError, match="is a directory; an engine is a program"):
        make_engine(f"uci:{tmp_path}", load("chess"), 5)


def test_a_declared_win_counts_where_the_rules_allow_it(fake, monkeypatch):
    game = load("shogi")
    with closing(fake(kind="usi", first="win")) as player:
        (lost,) = player.choose([game.start()], [0])
        reason = "declared a win that the rules do not allow: its king is not in the camp"
        assert lost == Forfeit(reason)
        assert isinstance(lost, Forfeit)
        monkeypatch.setattr(
            "workbench.engines.players.check_declaration", lambda _: (True, "28 points")
        )
        (won,) = player.choose([game.start()], [0])
        assert won == Win("declared its win: 28 points")
        assert isinstance(won, Win)


# Speaks XBoard, as its arguments say, and moves knights to and fro.
FAKE_XBOARD = """
import sys
features, *modes = sys.argv[1:]
def say(text):
    print(text, flush=True)
moves, waits = [], False
for number, line in enumerate(sys.stdin):
    words = line.split()
    if words[0] == "protover" and "late" not in modes or number == 4 and "late" in modes:
        say("feature done=0")
        say(f'feature {features} myname="Fake 3" option="Style -combo Solid /// *Wild"')
        say("feature done=1")
    elif words[0] == "new":
        moves = []
    elif words[0] == "ping":
        say(f"pong {words[1]}")
    elif words[0] == "usermove":
        moves.append(words[1])
        if "refuses" in modes and len(moves) < 3:
            say(f"Illegal move: {words[1]}")
    elif words[0] == "sd" and "no depth" in modes:
        say("Error (unknown command): sd 1")
    elif words[0] == "go" and "waits" in modes:
        waits = True
    elif words[0] == "go" or words[0] == "?" and waits:
        waits = False
        plays = ["g1f3", "g8f6", "f3g1", "f6g8"][len(moves) % 4]
        for mode in modes:
            if mode.startswith("says "):
                plays = ""
                say(mode[5:])
        if plays:
            say(f"move {plays}")
            say("move h7h5") if "twice" in modes else None
"""


@pytest.fixture
def xboard(tmp_path: Path) -> Callable[..., EnginePlayer]:
    script = tmp_path / "fake_xboard.py"
    script.write_text(FAKE_XBOARD)

    def make(*modes: str, settings: str = "") -> EnginePlayer:
        command = [sys.executable, "-IS", str(script), "ping=1 setboard=1 usermove=1 memory=1"]
        return make_engine(f"xboard:{shlex.join([*command, *modes])}{settings}", load("chess"), 20)

    return make


@pytest.mark.parametrize(
    ("modes", "move"),
    [
        ((), "g1f3"),
        (("late",), "g1f3"),
        (("waits",), "g1f3"),
        (("twice",), "g1f3"),
        (("says My move is : g1f3",), "g1f3"),
        (("says 1. ... Nf3",), "g1f3"),
        (("says move Nf3",), "g1f3"),
        (("says move e2e5",), Forfeit("illegal move 'e2e5'")),
        (("says resign",), Forfeit("resigned")),
        (("says 0-1 {White resigns}",), Forfeit("resigned")),
    ],
)
def test_xboard_engines_play(xboard, monkeypatch, modes, move):
    monkeypatch.setattr(engine_xboard, "FEATURE_SECONDS", 0.5)
    game = load("chess")
    says = any(mode.startswith("says ") for mode in modes)
    if says:  # whatever they say when they are tried
        monkeypatch.setattr(engine_xboard.XBoard, "try_limits", lambda *_: None)
    with closing(xboard(*modes)) as player:
        assert says or player.describe() == "Fake 3, movetime 100"
        expected = move if isinstance(move, Forfeit) else action_of(game.start(), move)
        assert list(player.choose([game.start()] * 2, [0, 0])) == [expected] * 2


def test_an_xboard_engine_that_claims_a_result_instead_of_a_move_forfeits(xboard, monkeypatch):
    monkeypatch.setattr(engine_xboard.XBoard, "try_limits", lambda *_: None)
    monkeypatch.setattr(engine_protocols, "STOP_SECONDS", 0.2)
    with closing(xboard("says 1/2-1/2 {Draw by repetition}")) as player:
        player._move_seconds = 0.3
        reason = "said '1/2-1/2 {Draw by repetition}' instead of a move"
        assert opening(player) == Forfeit(reason)


def test_an_xboard_engine_that_refuses_a_move_of_the_game_forfeits(xboard):
    with closing(xboard("refuses")) as player:
        game = load("chess")
        position = reach(game, [action_of(game.start(), "g1f3")])
        reason = "answered 'Illegal move: g1f3' to a move of the game"
        assert player.choose([position], [0]) == [Forfeit(reason)]


@pytest.mark.parametrize(
    ("modes", "settings", "message"),
    [
        (("no depth",), "?depth=3", "does not keep to depth=3; use movetime="),
        ((), "?nodes=3", "XBoard engines have no limit of nodes; use movetime="),
        ((), "?style=tame", "'style' must be one of Solid, Wild, not tame"),
        ((), "?memory=0", "'memory' must be a number"),
    ],
)
def test_what_an_xboard_engine_does_not_do_is_said(xboard, modes, settings, message):
    with pytest.raises(UsageError) as raised:
        xboard(*modes, settings=settings)
    assert message in str(raised.value)
