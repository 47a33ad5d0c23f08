"""A trained go player behind GTP: a strict controller, GNU Go, and the letter of the protocol."""

import os
import random
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pyspiel
import pytest

from agents.search import GumbelConfig
from envs.board.cells import cells, engine_move
from envs.board.regions import area
from tests.end_to_end.launcher import ROOT
from tests.workbench.engines.engines import load, needs_gnugo
from tests.workbench.engines.serving import Session, command, gtp_server, make_player
from workbench.engines.go_game import set_up
from workbench.engines.gtp_engine import GTPEngine
from workbench.engines.lines import LineReader
from workbench.engines.players import make_engine
from workbench.engines.serve_gtp import AT_ONCE, COMMANDS, GTPServer, serve_gtp
from workbench.engines.timed_search import think
from workbench.errors import UsageError
from workbench.evaluation.load import BoardAgent
from workbench.evaluation.match import Fixture, play, play_at_random

GAME = "go(board_size=5,komi=6.5)"


@pytest.fixture(scope="module")
def player(directory: Path) -> BoardAgent:
    return make_player(directory, "go", GAME)


@pytest.fixture
def gtp(player: BoardAgent) -> Iterator[Session]:
    session = Session(lambda lines, say, note: gtp_server(player, "go@7", lines, say, note))
    yield session
    session.close()


class Controller:
    """Speaks GTP 2 to the letter: ids, one answer for each command, no line too many."""

    def __init__(self, player: BoardAgent) -> None:
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        self._ends = [commands, self._commands, self._answers, answers]
        server = gtp_server(
            player,
            "go@7",
            LineReader(commands),
            lambda text: os.write(answers, text.encode()),
            print,
        )
        self._thread = threading.Thread(target=server.run)
        self._thread.start()
        self._number = 0

    def ask(self, line: str) -> str:
        self._number += 1
        os.write(self._commands, f"{self._number} {line}\n".encode())
        text = ""
        while not text.endswith("\n\n"):
            text += os.read(self._answers, 65_536).decode()
        answer = re.fullmatch(r"([=?])(\d+)( [^\0]*)?\n\n", text)
        assert answer is not None, text
        assert "\n\n" not in text[:-2]
        assert int(answer[2]) == self._number
        assert answer[1] == "=", answer[3]
        return (answer[3] or "").strip(" ")

    def close(self) -> None:
        assert self.ask("quit") == ""
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()
        for end in self._ends:
            os.close(end)


def test_a_controller_plays_a_game_with_it(player):
    game, rng = load(GAME), random.Random(0)
    with closing(Controller(player)) as controller:
        assert controller.ask("protocol_version") == "2"
        assert controller.ask("name") == "Ludus"
        assert controller.ask("version") == "go@7"
        known = controller.ask("list_commands").split("\n")
        assert {"play", "genmove", "undo", "final_score", "time_left", "quit"} < set(known)
        assert all(controller.ask(f"known_command {name}") == "true" for name in known)
        assert controller.ask("known_command savesgf") == "false"
        assert controller.ask("boardsize 5") == controller.ask("clear_board") == ""
        assert controller.ask("komi 6.5") == ""
        position = game.start()
        while not position.is_terminal():
            legal = {engine_move(position, action): action for action in position.legal_actions()}
            if position.current_player() == 0:
                move = controller.ask("genmove b")
            else:
                move = rng.choice(list(legal))
                assert controller.ask(f"play W {move.lower()}") == ""
            position = position.child(legal[move])
        score = controller.ask("final_score")
        assert (score[0] == "B") == (position.returns()[0] > 0)
        assert controller.ask("undo") == ""


@pytest.mark.slow
@needs_gnugo
def test_gnugo_and_it_play_as_engines_of_a_match(directory, player):
    game = load(GAME)
    ours = make_engine(f"gtp:{shlex.join(command(directory, 'gtp', 'go'))}", game, 60)
    with (
        closing(ours),
        closing(make_engine("gtp:gnugo --mode gtp --level 1 --chinese-rules", game, 60)) as gnugo,
    ):
        fixtures = [Fixture((0, 1), (), 1), Fixture((1, 0), (), 2)]
        games = [one for _, one in play(game, [ours, gnugo], fixtures, at_once=1)]
    assert [one.forfeit for one in games] == ["", ""]
    assert not psutil.Process().children(recursive=True)


def test_gtp_errors_are_those_of_the_specification(gtp):
    for line, answer in {
        "foo": "? unknown command\n\n",
        "12 foo bar": "?12 unknown command\n\n",
        "12": "?12 unknown command\n\n",
        "boardsize 9": "? unacceptable size: this network knows 5 only\n\n",
        "boardsize": "? syntax error\n\n",
        "boardsize x": "? syntax error\n\n",
        "komi": "? syntax error\n\n",
        "komi much": "? syntax error\n\n",
        "komi nan": "? syntax error\n\n",
        "play": "? syntax error\n\n",
        "play b": "? syntax error\n\n",
        "play x a1": "? syntax error\n\n",
        "play b i1": "? syntax error\n\n",
        "play b a": "? syntax error\n\n",
        "play b a6": "? illegal move\n\n",
        "play b t19": "? illegal move\n\n",
        "genmove": "? syntax error\n\n",
        "genmove green": "? syntax error\n\n",
        "3 undo": "?3 cannot undo\n\n",
        "time_settings 1 2": "? syntax error\n\n",
        "time_left b 1": "? syntax error\n\n",
        "time_left 1 2": "? syntax error\n\n",
        "known_command": "= false\n\n",
        "known_command foo": "= false\n\n",
    }.items():
        assert gtp(line) == [answer], line


def test_gtp_comments_and_control_characters_do_not_matter(gtp):
    assert gtp("", "  ", "# name", "\t", "\r") == []
    assert gtp("\t7\tname # who\r") == ["=7 Ludus\n\n"]
    assert gtp("na\x01me") == ["= Ludus\n\n"]
    gtp.script = [("= go", "quit\n")]
    assert gtp.run("\xff\n\nversion\n")[:1] == ["? unknown command\n\n"]


def board_of(session: Session) -> list[list[str]]:
    return cells(session.server.engine._go.positions[-1]) or []


def test_gtp_moves_change_the_board_and_are_taken_back(gtp):
    assert gtp("play black A1", "play W b1", "play b pass", "play white a2") == ["= \n\n"] * 4
    assert board_of(gtp)[4] == ["", "o", "", "", ""]  # the lowest row: A1 is captured
    shown = gtp("showboard")[0]
    assert shown.startswith("= \n 5 +++++\n")
    assert " 2 O++++\n 1 +O+++\n" in shown
    assert "\n\n" not in shown[:-2]
    assert gtp("play b a1") == ["? illegal move\n\n"]  # suicide
    assert gtp("undo", "undo") == ["= \n\n"] * 2
    assert board_of(gtp)[4] == ["x", "o", "", "", ""]
    assert gtp("clear_board", "undo") == ["= \n\n", "? cannot undo\n\n"]
    assert not any(any(row) for row in board_of(gtp))


def test_gtp_leaves_it_to_the_controller_who_moves_and_when_it_ends(gtp):
    gtp("play b a1", "play b b1", "play w pass", "play b pass")
    assert gtp.server.engine._go.rules.status([gtp.server.engine._go.positions[-1]]).over[0]
    assert board_of(gtp)[4] == ["x", "x", "", "", ""]
    assert gtp("play w a2", "play w b2", "play w c1") == ["= \n\n"] * 3
    assert board_of(gtp)[3:] == [["o", "o", "", "", ""], ["", "", "o", "", ""]]
    for colour in "bbww":
        move = gtp(f"genmove {colour}")[0].split()[1]
        assert move == "PASS" or move[0] in "ABCDE"
    assert gtp(*["undo"] * 11)[-1] == "= \n\n"


def test_gtp_ko_is_not_retaken_at_once(gtp):
    gtp("play b b1", "play w c1", "play b a2", "play w d2", "play b b3", "play w c3")
    gtp("play b c2", "play w b2")
    assert board_of(gtp)[3] == ["x", "o", "", "o", ""]
    assert gtp("play b c2") == ["? illegal move\n\n"]
    assert gtp("play b e5", "play w e4", "play b c2") == ["= \n\n"] * 3


def test_komi_counts_and_is_told_where_it_is_another(gtp):
    gtp("play b c3", "play w pass", "play b pass")
    assert gtp("final_score") == ["= B+18.5\n\n"]
    assert gtp("komi 6.5") == ["= \n\n"]
    assert gtp.notes == []
    assert gtp("komi 25", "final_score") == ["= \n\n", "= 0\n\n"]
    assert gtp.notes == ["komi is 25; the network was trained with 6.5"]
    for ridiculous in ("1e30", "-1000000", "1e-9", "-0"):
        assert gtp(f"komi {ridiculous}", "genmove w", "undo")[0] == "= \n\n"
    assert gtp("komi 25.5", "final_score") == ["= \n\n", "= W+0.5\n\n"]
    assert board_of(gtp)[2] == ["", "", "x", "", ""]


def test_gtp_passes_when_that_wins(gtp):
    """Both have one stone; White wins by komi, or does not."""
    gtp("komi 0.5", "play b c3", "play w a1", "play b pass")
    assert gtp("genmove w") == ["= PASS\n\n"]
    gtp("undo", "komi -0.5")
    assert gtp("genmove w") != ["= PASS\n\n"]


def test_gtp_takes_less_time_where_little_is_left(gtp):
    gtp("genmove b", "undo")
    for settings in (["time_settings 6 0 0"], ["time_settings 99 9 1", "time_left b 1 3"]):
        gtp(*settings)
        began = time.monotonic()
        gtp("genmove b", "undo")
        assert 0.29 <= time.monotonic() - began < 30  # what memory allows takes minutes
    assert gtp("time_settings 0 1 0", "time_settings 0 0 0") == ["= \n\n"] * 2
    assert gtp.server.engine._clocks == [None, None]


def test_a_clock_never_cuts_halving_short(player, monkeypatch):
    agent = player.config.agent.model_copy(update={"search": GumbelConfig(kind="gumbel")})
    halving = player._replace(config=player.config.model_copy(update={"agent": agent}))
    searches: list[str] = []

    def noting(evaluate, config, *rest):
        searches.append(config.kind)
        return think(evaluate, config, *rest)

    monkeypatch.setattr("workbench.engines.gtp_engine.think", noting)
    session = Session(lambda lines, say, note: gtp_server(halving, "", lines, say, note))
    with closing(session):
        session("genmove b", "time_settings 60 0 0", "genmove w", "time_left b 3 2", "genmove b")
        session("time_settings 0 0 0", "genmove w")
    assert searches == ["gumbel", "puct", "puct", "gumbel"]


@pytest.mark.parametrize("name", ["go(board_size=5,komi=0.5)", "go(board_size=7,komi=0.5)"])
def test_area_is_what_decides_games(name):
    """OpenSpiel's winner changes at a komi of exactly the area."""
    game = load(name)
    for seed in range(30):
        end = play_at_random(game, 10_000, np.random.default_rng(seed))
        if end.history()[-1] != end.history()[-2]:
            continue  # a board that came again is a draw
        margin = area(cells(end) or [])
        for komi, winner in ((margin - 0.5, 1), (margin + 0.5, -1)):
            other = pyspiel.load_game(name.replace("komi=0.5", f"komi={komi}"))
            position = other.new_initial_state()
            for action in end.history():
                position.apply_action(action)
            assert position.returns()[0] == winner


def test_stones_can_be_put_on_a_board_without_a_history():
    game = load("go(board_size=5)")
    for seed in range(60):
        position = play_at_random(game, seed, np.random.default_rng(seed))
        for to_play in (0, 1):
            same = set_up(game, cells(position) or [], to_play)
            assert cells(same) == cells(position)
            status = game.status([same])
            assert not status.over[0]
            assert status.to_play[0] == to_play


def test_a_player_is_served_on_stdin_and_stdout(directory, player, monkeypatch, capsys, tmp_path):
    (tmp_path / "input").write_text("1 version\nkomi 3\nquit\nname\n")
    with (tmp_path / "input").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        serve_gtp(str(directory / "runs/go"))
    out, err = capsys.readouterr()
    assert out == "=1 go@7\n\n= \n\n= \n\n"
    assert err == "ludus: komi is 3; the network was trained with 6.5\n"


def test_who_is_there_is_answered_before_the_network_is_loaded(player):
    """Controllers wait only a moment for that; the first command that needs it waits."""
    loaded = threading.Event()

    def load(heard):
        loaded.wait()
        return GTPEngine(player, heard, session._say, session.notes.append)

    session = Session(lambda lines, say, note: GTPServer("go@7", load, lines, say))
    with closing(session):
        asked = "protocol_version\n2 name\nversion\nknown_command lz-analyze\nknown_command x\n"
        assert session.run(f"{asked}list_commands\nx\nquit\n")[:5] == [
            "= 2\n\n",
            "=2 Ludus\n\n",
            "= go@7\n\n",
            "= true\n\n",
            "= false\n\n",
        ]
        assert session.said[6:] == ["? unknown command\n\n", "= \n\n"]
        assert not loaded.is_set()
        session.server._done = False
        timer = threading.Timer(0.2, loaded.set)
        timer.start()
        assert session.run("boardsize 9\nboardsize 5\nquit\n")[1:] == ["= \n\n", "= \n\n"]
        timer.join()


def test_the_engine_knows_all_commands_that_are_listed(gtp):
    engine = gtp.server.engine
    assert {*engine._commands, *engine._analyses} == set(COMMANDS)
    # It promises a lead in points, which the network does not know.
    assert gtp("known_command kata-analyze") == ["= false\n\n"]
    assert gtp("list_commands") == [f"= {chr(10).join([*AT_ONCE, *COMMANDS])}\n\n"]


def test_a_network_that_cannot_be_loaded_is_told_where_it_is_wanted():
    def load(heard):
        raise UsageError("the checkpoint\nis damaged")

    session = Session(lambda lines, say, note: GTPServer("go@7", load, lines, say))
    with closing(session), pytest.raises(UsageError, match="damaged"):
        session.run("name\n3 showboard\n")
    assert session.said == ["= Ludus\n\n", "?3 the checkpoint is damaged\n\n"]


def test_nothing_that_takes_seconds_is_imported_for_the_first_answer(directory, player):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from workbench.engines.serve_gtp import GTPServer, known_at_once\n"
        f"print(*known_at_once({str(directory / 'runs/go')!r}, 'go'))\n"
        "print(*(name for name in ('torch', 'numba', 'pyspiel', 'numpy') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "go@7 30\n\n"


def test_players_of_other_games_are_refused(directory):
    make_player(directory, "connect-four", "connect_four")
    with pytest.raises(UsageError, match=r"GTP is for go, but .* plays connect_four"):
        serve_gtp(str(directory / "runs/connect-four"))
    with pytest.raises(UsageError, match="there is no run"):
        serve_gtp(str(directory / "runs/nobody"))
