"""Names of games that end elsewhere than in a game; no name here harms OpenSpiel."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from envs.board import loading, trial
from envs.board.base import Status
from envs.board.loading import TRIED, load_rules, playable_families, verdict


@pytest.fixture
def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(loading.subprocess, "run", fail)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Returns a function that makes a script play the games from now on."""

    def replace(script: str) -> None:
        (tmp_path / "trial.py").write_text(script)
        monkeypatch.setattr(loading, "TRIAL", tmp_path / "trial.py")

    loading.verdict.cache_clear()
    yield replace
    loading.verdict.cache_clear()


def refusal(name: str) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        load_rules(name)
    assert len(str(caught.value)) < 500
    assert str(caught.value).count("OpenSpiel cannot play") < 2
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(TRIED))
def test_names_that_need_no_trial_pass_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "FEWEST_GAMES", 1)
    monkeypatch.setattr(trial, "ENOUGH_CPU_SECONDS", 0.0)
    trial.try_game(name)


def test_every_family_is_tried() -> None:
    assert set(playable_families()) == {name for name in TRIED if "(" not in name}
    assert len(playable_families()) == 31  # as README says


@pytest.mark.usefixtures("no_child")
def test_a_known_name_starts_no_process() -> None:
    assert load_rules("connect_four").num_distinct_actions() == 7


def test_a_new_name_is_played_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    name = "connect_four(rows=5,columns=6)"
    with ThreadPoolExecutor(1) as threads:  # as in the studio
        assert threads.submit(load_rules, name).result().num_distinct_actions() == 6
    monkeypatch.setattr(loading, "TRIAL", tmp_path / "missing.py")
    assert load_rules(name).num_distinct_actions() == 6


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("chess(chess960=true)", "begins with chance"),
        ("mnk(m=2,n=2,k=1)", "it is over after the first move, whatever that is"),
        ("chinese_checkers(players=3)", "is not a two-player game"),
        ("go(board_size=", "OpenSpiel cannot play"),
        ("go(bord_size=9)", "bord_size"),
        ("go(board_size=nine)", "OpenSpiel cannot play"),
        ("go(9)", "parameters are written as in go(board_size=9,komi=6.5)"),  # for us: 19x19
        ("hex(5)", "parameters are written as in"),
        ("mnk(m=5, n=4, k=3)", "without spaces"),
        ("go(board_size=9,board_size=5)", "it has a parameter twice"),
        ("go(board_size=9,komi=7)", "Wrong type for parameter komi. Write 7.0"),
        ("connect_four(rows=\n5)", "cannot be printed"),
        ("tic_tac_toe(\0)", "cannot be printed"),
        ("tic_tac_toe(\udc80)", "cannot be printed"),
        (f"tic_tac_toe({'x' * 2_000})", "its name is longer than 1,000 characters"),
        ("mnk(m=300,n=300)", "where 2 to 50,000 and up to 100,000 can be learned"),
        ("kuhn_poker", "is not a two-player game with perfect information, or has luck"),
        ("backgammon", "has luck"),
        ("othello(board_size=6)", "Unknown parameter 'board_size'. It has no parameters"),
        ("no", "it has no such game; choose from amazons"),
        ("", "it has no such game"),
        ("Connect4", "did you mean 'connect_four'?"),
        ("connect_four_v3", "did you mean 'connect_four'?"),
        ("TicTacToe", "did you mean 'tic_tac_toe'?"),
        ("reversi", "did you mean 'othello'?"),
        ("go9", "did you mean 'go(board_size=9)'?"),
        ("go_9x9", "did you mean 'go(board_size=9)'?"),
        ("gobang15", "did you mean 'gomoku(size=15)'?"),
        ("othelo(x=1)", "did you mean 'othello'?"),
    ],
)
def test_a_name_that_cannot_be_played_is_refused_in_words(name: str, says: str) -> None:
    assert says in refusal(name)


ALSO_RUNS = f"""
import sys
sys.path.insert(0, {str(Path(trial.__file__).parent)!r})
import trial
"""


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import os; os.abort()", "OpenSpiel itself crashes on it (SIGABRT)"),
        ("import os; os.kill(os.getpid(), 11)", "OpenSpiel itself crashes on it (SIGSEGV)"),
        ("import os; os.kill(os.getpid(), 24)", "30 s are not enough"),
        ("import os; print('null', flush=True); os.abort()", "crashes on it"),  # while it ends
        (
            f"{ALSO_RUNS}trial.CPU_SECONDS = 1\ndef spin(name):\n  while True: pass\n"
            "trial.try_game = spin\ntrial.main()",
            "30 s are not enough",
        ),
        (
            f"{ALSO_RUNS}trial.try_game = lambda name: bytearray(2**40)\ntrial.main()",
            "it needs more than 3 GB of memory",
        ),
        (
            f"{ALSO_RUNS}def fail(name):\n  raise KeyError('a\\nb')\n"
            "trial.try_game = fail\ntrial.main()",
            "'a\\nb'",
        ),
    ],
)
def test_whatever_a_game_does_to_its_process_is_a_refusal(
    stand_in: Any, script: str, says: str
) -> None:
    stand_in(script)
    assert says in refusal("tic_tac_toe()")
    stand_in("raise SystemExit('it is asked only once')")
    assert says in refusal("tic_tac_toe()")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("raise SystemExit('no memory')", "could not be tried: no memory"),
        ("", "could not be tried: it said nothing"),
        ("import time; time.sleep(600)", "could not be tried: Command"),
    ],
)
def test_what_says_nothing_about_the_game_is_not_remembered(
    stand_in: Any, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    stand_in(script)
    with monkeypatch.context() as patch:
        patch.setattr(loading, "WALL_SECONDS", 2)
        assert says in refusal("tic_tac_toe()")
    stand_in("print('null')")
    assert verdict("tic_tac_toe()") is None


def test_a_python_that_is_gone_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "could not be tried" in refusal("connect_four(rows=4)")


class Position(SimpleNamespace):
    """One of a game that is a list of what each position is: chance, over, or its actions."""

    def is_chance_node(self) -> bool:
        return self.plan[self.ply] == "chance"

    def is_terminal(self) -> bool:
        return self.plan[self.ply] == "over"

    def returns(self) -> list[float]:
        return list(self.results)


class Game:
    def __init__(self, plan: list[Any], results: tuple[float, float] = (1.0, -1.0)) -> None:
        self.spec = SimpleNamespace(num_actions=3, obs_shape=(1, 2, 2))
        self._first = Position(plan=plan, ply=0, results=results)
        self.forgets = False

    def start(self) -> Position:
        return self._first

    def status(self, positions: Any) -> Status:
        now = positions[0].plan[positions[0].ply]
        legal = np.array([] if now == "over" else now, np.int32)
        over = np.array([now == "over"])
        return Status(over, np.zeros(1), np.zeros(1), legal, np.array([len(legal)]))

    def after(self, positions: Any, actions: Any) -> list[Position]:
        (position,) = positions
        return [Position(plan=position.plan, ply=position.ply + 1, results=position.results)]

    def observe(self, positions: Any) -> Any:
        return np.zeros((1, 1, 2, 2), np.uint8)

    def history(self, position: Position) -> list[int]:
        return [] if self.forgets else [1] * position.ply

    def text(self, position: Position) -> str:
        return ""

    def action_name(self, position: Position, action: int) -> str:
        return ""


def test_a_game_that_is_well_ends_the_trial() -> None:
    trial._play(Game([[1], [1], "over"]), trial.random.Random(0))


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (["over"], "over after 0 moves"),
        ([[1], "over"], "over after 1 moves"),
        ([[1], [1], "chance"], "there is chance after 2 moves"),
        ([[1], []], "there are no legal moves after 1 moves"),
        ([[1], [3]], "it has actions beyond their number"),
        ([[1], [-1]], "it has actions beyond their number"),
    ],
)
def test_a_game_that_is_not_well_is_refused(plan: list[Any], says: str) -> None:
    with pytest.raises(trial.Refused, match=says):
        trial._play(Game(plan), trial.random.Random(0))


@pytest.mark.parametrize("results", [(1.0, 1.0), (float("nan"), 0.0), (float("inf"), -1.0)])
def test_results_that_are_none_are_refused(results: tuple[float, float]) -> None:
    with pytest.raises(trial.Refused, match="its results are"):
        trial._play(Game([[1], [1], "over"], results), trial.random.Random(0))


def test_a_game_that_forgets_its_moves_is_refused() -> None:
    game = Game([[1], [1], "over"])
    game.forgets = True
    with pytest.raises(trial.Refused, match="does not remember"):
        trial._play(game, trial.random.Random(0))
