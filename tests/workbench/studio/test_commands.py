"""The commands that pages show: that a shell takes them, and that they make what is seen."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.launcher import ROOT
from tests.workbench.studio.made_runs import ZOO, make_run
from workbench.runs.run import Run
from workbench.studio import commands
from workbench.studio.library import Library
from workbench.studio.runs.facts import details
from workbench.studio.tournaments.facts import details as tournament_details

ODD = "it's a $HOME `folder`; #1"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A place whose name no shell takes as it is, with a run of the zoo in it."""
    place = tmp_path / ODD
    (place / "runs").mkdir(parents=True)
    shutil.copytree(ZOO / "connect-four", place / "runs/c4+x.y-1")
    for step in ("80128", "160000", "240128", "320000", "400128", "480000", "560128"):
        shutil.rmtree(place / f"runs/c4+x.y-1/checkpoints/{step}", ignore_errors=True)
    monkeypatch.chdir(place)
    return place


def run_lines(lines, cwd):
    """Runs lines in a shell, where `ludus` is this tree's."""
    tools = cwd / ".tools"
    tools.mkdir(exist_ok=True)
    ludus = tools / "ludus"
    code = "from workbench.cli.main import main; main()"
    ludus.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{code}" "$@"\n')
    ludus.chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        ["/bin/sh", "-e", "-c", "\n".join(lines)],
        cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip


def lines(found):
    return {one["what"]: one["line"] for one in found}


def facts_of(run):
    return details(run.name, run, Library([run.path.parent]).serves)


def test_a_run_is_named_as_the_command_line_takes_it(here, tmp_path):
    assert commands.typed(here / "runs/c4+x.y-1") == "runs/c4+x.y-1"
    assert commands.typed(here / "single") == str(here / "single")
    assert commands.typed(here / "-odd/run") == str(here / "-odd/run")
    assert commands.typed(tmp_path / "far/run") == str(tmp_path / "far/run")


def test_what_is_offered_depends_on_what_there_is(here):
    found = lines(facts_of(Run(here / "runs/c4+x.y-1"))["commands"])
    assert found == {
        "Measure it": "ludus eval runs/c4+x.y-1",
        "Record it": "ludus record runs/c4+x.y-1",
        "Play": "ludus play runs/c4+x.y-1",
        "Train another one, of the next seed": "ludus train runs/c4+x.y-1/config.yaml seed=2",
    }
    stopped = make_run(here / "runs", "stopped", info={"status": "interrupted"})
    assert "ludus resume runs/stopped" in lines(facts_of(Run(stopped))["commands"]).values()
    (stopped / "config.yaml").unlink()
    assert facts_of(Run(stopped))["commands"] == []
    run = Run(here / "runs/c4+x.y-1")
    assert commands.of_recording(run, "7_0") == []  # its checkpoint is gone
    (third,) = lines(commands.of_recording(run, "640000_5_2")).values()
    assert third == "ludus record runs/c4+x.y-1@640000 --seed 5 --episodes 3"
    odd = commands.command("x", "eval", here / "runs/a b")["line"]
    assert shlex.split(odd) == ["ludus", "eval", str(here / "runs/a b")]


@pytest.mark.slow
def test_the_commands_of_a_run_and_of_its_video_do_what_they_say(here):
    run = Run(here / "runs/c4+x.y-1")
    video = run.videos / "640000_0.mp4"
    before = json.loads(video.with_suffix(".json").read_text())
    video.unlink()
    found = lines(facts_of(run)["commands"])
    (again,) = lines(commands.of_recording(run, "640000_0")).values()
    done = run_lines([again, f"{found['Measure it']} --episodes 2 --simulations 2"], here)
    assert done.returncode == 0, done.stderr
    assert video.is_file()
    after = json.loads(video.with_suffix(".json").read_text())
    assert [step["action"] for step in after["steps"]] == [s["action"] for s in before["steps"]]


@pytest.mark.slow
def test_the_command_of_a_tournament_goes_on_with_it(here):
    one, other = (f"runs/c4+x.y-1@{step}?simulations=2" for step in (256, 640_000))
    folder = here / "runs/tournaments/odd name"
    said = ["ludus", "tournament", one, other, "random", "--games", "4", "--out", str(folder)]
    first = run_lines([shlex.join(said)], here)
    assert first.returncode == 0, first.stderr
    facts = tournament_details("t", folder)
    (line,) = [found["line"] for found in facts["commands"]]
    games = (folder / "games.jsonl").read_text().splitlines()
    (folder / "games.jsonl").write_text("\n".join(games[:-2]) + "\n")
    again = run_lines([line], here)
    assert again.returncode == 0, again.stderr
    assert len((folder / "games.jsonl").read_text().splitlines()) == len(games) == 12


def tournament(pair_games, players=("a", "random", "greedy"), **conditions):
    told = {"game": "hex", "seed": 3, "opening_plies": 2, "players": dict.fromkeys(players, "")}
    names = list(players)
    found = commands.of_games(Path("/x/cup"), told | conditions, names, pair_games)
    return shlex.split(found[0]["line"]) if found else None


def test_the_mode_of_a_tournament_is_told_by_who_met_whom():
    everybody = tournament([[0, 6, 6], [6, 0, 6], [6, 6, 0]])
    assert shlex.join(everybody) == (
        "ludus tournament a random greedy --games 6 --game hex --seed 3 --opening-plies 2 "
        "--out /x/cup"
    )
    gauntlet = tournament([[0, 6, 5], [6, 0, 0], [5, 0, 0]])
    assert gauntlet[5:7] == ["--mode", "gauntlet"]
    neighbours = tournament([[0, 6, 0], [6, 0, 6], [0, 6, 0]])
    assert neighbours[5:7] == ["--mode", "ladder"]
    engine = tournament(
        [[0, 3], [3, 0]], ("runs/x@5?simulations=2", "uci:stockfish?nodes=1"), move_seconds=2.5
    )
    assert "--game" not in engine
    assert engine[engine.index("--games") + 1] == "4"
    assert engine[engine.index("--move-seconds") + 1] == "2.5"
    assert "uci:stockfish?nodes=1" in engine
    assert tournament([[0] * 3] * 3) is None
