"""`ludus tournament` as people and scripts use it."""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from agents.alphazero import AlphaZero
from envs.board.openspiel import OpenSpielGame
from tests.end_to_end.checks import complaint
from tests.end_to_end.configs import BOARD, write_config
from tests.end_to_end.conftest import Ludus
from tests.end_to_end.launcher import Launcher
from workbench.config import SelfPlayConfig, load_config
from workbench.runs import checkpoint
from workbench.runs.run import create_run


@pytest.fixture(scope="session")
def board_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of tic-tac-toe with four checkpoints, of networks that have learned nothing."""
    directory = tmp_path_factory.mktemp("board")
    config = load_config(Path(write_config(directory / "c.yaml", BOARD)))
    assert isinstance(config, SelfPlayConfig)
    run = create_run(config, str(directory / "runs/a"))
    spec, cpu = OpenSpielGame(config.env).spec, torch.device("cpu")
    torch.manual_seed(0)
    for step in (5, 200, 400, 600):
        model = AlphaZero(config.agent, spec, cpu).network_state()
        checkpoint.save(run.checkpoints, step, model=model, resume={}, facts={})
    return run.path


@pytest.fixture
def run_a(board_run: Path, here: Path) -> Path:
    """A copy of it as runs/a."""
    shutil.copytree(board_run, here / "runs/a")
    return here / "runs/a"


def test_a_ladder_with_baselines(ludus: Ludus, run_a: Path, here: Path) -> None:
    command = ["tournament", "a@all", "random", "solver", "--games", "4", "--anchor", "random"]
    outcome = ludus(*command, "--json")
    assert outcome.code == 0
    found = json.loads(outcome.out)
    assert found["game"] == "tic_tac_toe"
    players = found["players"]
    assert {one["name"] for one in players} == {
        *(f"runs/a@{step}" for step in (5, 200, 400, 600)),
        "random",
        "solver",
    }
    assert [one["rating"] for one in players] == sorted(
        (x["rating"] for x in players), reverse=True
    )
    for one in players:
        assert one["low"] <= one["rating"] <= one["high"]
        assert one["games"] == one["wins"] + one["draws"] + one["losses"] == 20
        assert one["score"] == pytest.approx((one["wins"] + one["draws"] / 2) / 20)
    ratings = {one["name"]: one for one in players}
    assert ratings["random"]["rating"] == ratings["random"]["high"] == 0
    assert ratings["solver"]["losses"] == 0
    assert 0 < found["distinct_games"] <= found["games"] == 60
    records = here / found["records"]
    assert len(records.read_text().splitlines()) == 60
    assert {path.name for path in records.parent.iterdir()} == {
        "conditions.json", "games.jsonl", "games.txt", "ratings.csv", "crosstable.csv",
        "ratings.png", "ladder.png",
    }  # fmt: skip
    assert records.with_name("games.txt").read_text().count("game: tic_tac_toe") == 60
    assert sum(found["endings"].values()) == 60
    assert set(found["endings"]) <= {"three in a row", "board full"}
    before = records.read_bytes()
    table = ludus(*command)
    assert "60 of 60 games were played before" in table.err
    assert records.read_bytes() == before
    for one in players:
        assert f"{one['rating']:+.0f}" in table.out
    assert "a@600" in table.out
    more = ludus("tournament", "a@all", "random", "greedy", "solver", "--games", "4", "--json")
    assert json.loads(more.out)["games"] == 84
    assert records.read_bytes().startswith(before)


def test_ratings_go_to_weights_and_biases(processes: Launcher, run_a: Path, here: Path) -> None:
    command = ["tournament", "a@all", "random", "--games", "2", "--mode", "ladder", "--out", "t"]
    assert processes.run(here, *command, "--wandb", "offline").code == 0
    (log,) = (here / "t/wandb").glob("offline-run-*/run-*.wandb")
    written = log.read_bytes()
    for name in (b"elo/runs/a", b"elo_low/runs/a", b"elo/random", b"env_steps"):
        assert name in written


def test_modes(ludus: Ludus, run_a: Path) -> None:
    def pairings(*arguments: str) -> set[frozenset[str]]:
        outcome = ludus("tournament", *arguments, "--json", "--out", f"out-{len(arguments)}")
        assert outcome.code == 0, outcome.err
        lines = Path(json.loads(outcome.out)["records"]).read_text().splitlines()
        return {frozenset(json.loads(line)["players"]) for line in lines}

    met = pairings("a@all", "random", "greedy", "--games", "2", "--mode", "gauntlet")
    assert met == {
        frozenset({f"runs/a@{step}", other})
        for step in (5, 200, 400, 600)
        for other in ("random", "greedy")
    }
    assert len(pairings("a@all", "random", "--mode", "ladder", "--games", "2")) == 4
    arguments = "random", "greedy", "a", "--mode", "active", "--width", "300"
    assert len(pairings(*arguments)) >= 2


def test_a_test_of_strength_tells_scripts(ludus: Ludus, here: Path) -> None:
    arguments = "--game", "tic_tac_toe", "--mode", "sprt", "--elo1", "200"
    stronger = ludus("tournament", "solver", "random", *arguments, "--json")
    assert stronger.code == 0
    assert json.loads(stronger.out)["sprt"]["decision"] == "H1"
    assert "H1 solver is stronger by 200 Elo rather than 0" in stronger.err
    weaker = ludus("tournament", "random", "solver", *arguments)
    assert weaker.code == 1
    assert "H0" in weaker.err
    undecided = ludus("tournament", "greedy", "minimax:3", *arguments, "--games", "2")
    assert undecided.code == 1
    assert "inconclusive after 2 games" in undecided.err


def test_a_test_ends_when_its_openings_are_used_up(ludus: Ludus, run_a: Path) -> None:
    """Networks draw nothing, and tic-tac-toe has three openings of one move."""
    command = ["tournament", "a@400", "a@600", "--mode", "sprt", "--elo1", "5", "--elo0", "-5"]
    outcome = ludus(*command, "--json")
    assert outcome.code == 1
    found = json.loads(outcome.out)
    assert found["sprt"]["decision"] == "inconclusive"
    assert found["sprt"]["openings_used_up"] is True
    assert found["games"] == 32
    assert "inconclusive after 32 games: openings are used up" in outcome.err
    assert "games 32 of 32" in outcome.err


def test_active_mode_says_who_is_not_known_well_enough(ludus: Ludus, here: Path) -> None:
    players = "random", "greedy", "minimax:4"
    command = ["tournament", *players, "--game", "tic_tac_toe", "--mode", "active", "--games", "4"]
    outcome = ludus(*command, "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["unsettled"] == list(players)
    assert "12 games were played before" not in outcome.err
    again = ludus(*command)
    assert "12 of 12 games were played before" in again.err
    told = "all games are used up, and still not known within 60 Elo: random, greedy, minimax:4;"
    assert told in again.err
    wide = ludus(*command, "--width", "2000", "--json")
    assert json.loads(wide.out)["unsettled"] == []
    assert "used up" not in wide.err


def test_killed_again_and_again(processes: Launcher, board_run: Path, tmp_path: Path) -> None:
    """100 games; every process is killed after it has played some, wherever it is by then."""
    command = ["tournament", "a@all", "mcts:10", "--games", "10", "--json", "--out", "t"]
    tables = []
    for name in ("whole", "killed"):
        directory = tmp_path / name
        directory.mkdir()
        shutil.copytree(board_run, directory / "runs/a")
        if name == "killed":
            _kill_again_and_again(processes, directory, command, times=8)
        outcome = processes.run(directory, *command)
        assert outcome.code == 0, outcome.err
        tables.append(json.loads(outcome.out))
        lines = (directory / "t/games.jsonl").read_text().splitlines()
        keys = [(*json.loads(line)["players"], json.loads(line)["opening"]) for line in lines]
        assert len(keys) == len(set(keys)) == 100
    for table in tables:
        for row in table["players"]:
            del row["milliseconds_per_move"]
    assert tables[0] == tables[1]


def _kill_again_and_again(
    processes: Launcher, directory: Path, command: list[str], *, times: int
) -> None:
    rng, path = random.Random(0), directory / "t/games.jsonl"
    for _ in range(times):
        before = path.stat().st_size if path.exists() else 0
        process = processes.start(directory, *command)
        grown = before + rng.randrange(1, 1_500)  # a game is about 200 bytes
        while not path.exists() or path.stat().st_size < grown:
            time.sleep(0.001)
        os.kill(process, signal.SIGKILL)
        assert processes.wait().code == -signal.SIGKILL


def test_ctrl_c_ends_an_engine_that_does_not_answer(processes: Launcher, tmp_path: Path) -> None:
    """At once, and leaves nothing behind; what was played before is kept."""
    engine = tmp_path / "engine.py"
    engine.write_text(
        "import os, sys, time\n"
        "open('pid', 'w').write(str(os.getpid()))\n"
        "for line in sys.stdin:\n"
        "    print({'uci': 'uciok', 'isready': 'readyok'}.get(line.strip(), ''), flush=True)\n"
        "    if line.startswith('go'):\n"
        "        open('asked', 'w').close()\n"
        "        time.sleep(1000)\n"
    )
    command = f"uci:{sys.executable} {engine}"
    arguments = "--game", "chess", "--move-seconds", "300", "--out", "t", "--games", "2"
    process = processes.start(tmp_path, "tournament", command, "random", *arguments)
    while not (tmp_path / "asked").exists():
        time.sleep(0.01)
    began = time.monotonic()
    os.kill(process, signal.SIGINT)
    outcome = processes.wait()
    assert time.monotonic() - began < 30
    assert outcome.code == 130
    assert "stopped; what was finished is kept" in outcome.err
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["random", "--game", "tic_tac_toe"], "a tournament needs two players or more"),
        (["random", "greedy"], "say which game is played"),
        (["random", "greedy", "--game", "tic_tac_to"], "did you mean 'tic_tac_toe'"),
        (["random", "nobody", "--game", "tic_tac_toe"], "there is no run 'nobody'"),
        (["random", "solver", "--game", "othello"], "othello is not solved"),
        (["random", "solver:2", "--game", "tic_tac_toe"], "needs the share of moves at random"),
        (["random", "mcts:x", "--game", "tic_tac_toe"], "needs a number"),
        (["random", "greedy", "--game", "tic_tac_toe", "--mode", "swiss"], "is not one of"),
        (["random", "greedy", "--game", "tic_tac_toe", "--wandb", "yes"], "is not one of"),
        (["a", "--mode", "gauntlet"], "needs two players"),
        (["a@all", "--mode", "gauntlet"], "a gauntlet needs others"),
        (["random", "a", "--anchor-elo", "nan"], "finite number"),
        (["random", "greedy", "--game", "tic_tac_toe", "--episodes", "3"], "without opponents"),
        (["random", "greedy", "--game", "tic_tac_toe", "--anchor", "me"], "'me' does not play"),
        (["random", "greedy", "a", "--mode", "sprt"], "exactly two players"),
        (["a", "random", "--game", "chess"], "plays tic_tac_toe, not chess"),
        (["a", "random", "--game", "tic_tac_toe", "--opening-plies", "9"], "no openings of 9"),
    ],
)
def test_bad_input(ludus: Ludus, run_a: Path, arguments: list[str], expected: str) -> None:
    assert expected in complaint(ludus("tournament", *arguments), 2)


def test_other_conditions_in_the_same_folder(ludus: Ludus, here: Path) -> None:
    command = ["tournament", "random", "greedy", "--game", "tic_tac_toe", "--out", "t"]
    assert ludus(*command, "--games", "2").code == 0
    assert "holds games with seed 0, not 1" in complaint(ludus(*command, "--seed", "1"), 2)
