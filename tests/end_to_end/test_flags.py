"""Every flag of every command on every kind of run: it applies, or it is refused."""

import json
import shutil
from pathlib import Path

import pytest
import typer

from tests.end_to_end.launcher import ROOT
from workbench.cli import main as cli
from workbench.cli.main import run_command

EPISODES, BOARD, OTHER = "grid-memory-feedforward", "go5", "grid-memory-r2d2"
MATCH = ["random", "greedy", "--game", "tic_tac_toe"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (EPISODES, BOARD, OTHER):  # copies, since evaluations are kept with the run
        shutil.copytree(ROOT / "runs/zoo" / name, tmp_path / "runs/zoo" / name)
    monkeypatch.chdir(tmp_path)


# To runs with episodes, to runs of board games.
EVAL = {
    "--episodes 2": (True, True),
    "--seed 1": (True, True),
    "--protocol machado": (False, False),  # of a grid world; Atari has protocols
    "--against random": (False, True),
    "--simulations 1": (False, True),
    "--json": (True, True),
}


@pytest.mark.parametrize("option", EVAL)
@pytest.mark.parametrize(("kind", "run"), [(0, EPISODES), (1, BOARD)])
def test_flags_of_eval(
    option: str, kind: int, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = "--episodes 2 --json" if kind == 0 else "--episodes 2 --json --simulations 1"
    arguments = ["eval", f"runs/zoo/{run}", *option.split()]
    if EVAL[option][kind]:
        arguments += [word for word in usual.split() if word not in arguments and word[0] == "-"]
        assert run_command(["eval", f"runs/zoo/{run}", *usual.split(), *option.split()]) == 0
        assert json.loads(capsys.readouterr().out)["episodes"] == 2
        return
    assert run_command(arguments) == 2
    assert option.split()[0] in capsys.readouterr().err


# To baselines, to networks that play a board game, to runs with episodes.
TOURNAMENT = {
    "--games 2": (True, True, False),
    "--mode round-robin": (True, True, False),
    "--simulations 1": (False, True, False),
    "--opening-plies 1": (True, True, False),
    "--anchor random": (True, True, False),
    "--anchor-elo 0": (True, True, False),
    "--move-seconds 10": (False, False, False),
    "--wandb disabled": (True, True, False),
    "--seed 0": (True, True, True),
    "--out games": (True, True, True),
    "--json": (True, True, True),
    "--episodes 2": (False, False, True),
    "--protocol machado": (False, False, True),
    "--width 60": (False, False, False),
    "--elo0 0": (False, False, False),
    "--elo1 50": (False, False, False),
}
PLAYERS = (
    MATCH,
    [f"runs/zoo/{BOARD}", f"net:runs/zoo/{BOARD}"],
    [f"runs/zoo/{EPISODES}", f"runs/zoo/{OTHER}"],
)


@pytest.mark.parametrize("option", TOURNAMENT)
@pytest.mark.parametrize("kind", range(3), ids=["baselines", "networks", "episodes"])
def test_flags_of_tournament(
    option: str, kind: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with the usual value; nothing is played, for what is asked is whether it would be."""
    from workbench.tournament import command

    for name in ("_hold", "_compare"):
        monkeypatch.setattr(command, name, lambda *arguments, **options: 0)
    code = run_command(["tournament", *PLAYERS[kind], *option.split()])
    err = capsys.readouterr().err
    applies = TOURNAMENT[option][kind]
    assert code == (0 if applies else 2), err
    assert applies == (err == "")
    assert applies or f"ludus: {option.split()[0]} is for " in err


@pytest.mark.parametrize(
    ("mode", "option", "applies"),
    [
        ("active", "--width 30", True),
        ("active", "--elo0 1", False),
        ("sprt", "--elo0 1", True),
        ("sprt", "--elo1 9", True),
        ("sprt", "--width 30", False),
        ("gauntlet", "--width 60", False),
        ("ladder", "--elo1 50", False),
        ("round-robin", "--elo0 0", False),
    ],
)
def test_flags_of_modes(
    mode: str,
    option: str,
    applies: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from workbench.tournament import command

    monkeypatch.setattr(command, "_hold", lambda *arguments, **options: 0)
    code = run_command(["tournament", *MATCH, "--mode", mode, *option.split()])
    assert code == (0 if applies else 2)
    if not applies:
        says = capsys.readouterr().err
        assert f"{option.split()[0]} is for --mode " in says
        assert f"and this is {mode}" in says


def test_an_engine_has_its_limit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.tournament import command

    monkeypatch.setattr(command, "_hold", lambda *arguments, **options: 0)
    players = ["uci:stockfish", "random", "--game", "chess"]
    assert run_command(["tournament", *players, "--move-seconds", "5"]) == 0
    assert run_command(["tournament", *players, "--simulations", "5"]) == 2
    assert "--simulations is for networks, and none plays" in capsys.readouterr().err


def test_every_option_has_been_thought_of() -> None:
    """A new option of these commands needs a line in the tables above."""
    commands = typer.main.get_group(cli.app).commands
    for name, table in (("eval", EVAL), ("tournament", TOURNAMENT)):
        known = {option.split()[0] for option in table} | {"--help", "--game"}
        options = {
            text
            for parameter in commands[name].params
            if parameter.param_type_name == "option"
            for text in parameter.opts
        }
        assert options <= known, options - known
