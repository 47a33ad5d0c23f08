"""One rule for what names a run: a path where it looks like one, else a name under runs/."""

import os
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.checks import complaint
from tests.end_to_end.configs import PROBE, write_config
from tests.end_to_end.conftest import Ludus
from workbench.errors import UsageError
from workbench.runs.run import open_checkpoint, open_run


@pytest.fixture
def tree(run_a: Path, here: Path) -> Path:
    """runs/a, runs/zoo/deep, runs/x/same, runs/y/same, ./out and a folder with an @, all runs."""
    for name in ("runs/zoo/deep", "runs/x/same", "runs/y/same", "out", "runs/o@d d", "runs/z/1@2"):
        shutil.copytree(run_a, here / name)
    (here / "runs/link").symlink_to(here / "out")
    return here


@pytest.mark.parametrize(
    ("typed", "is_run"),
    [
        ("a", "runs/a"),
        ("a/", None),
        ("./a", None),
        ("runs/a", "runs/a"),
        ("runs/a/", "runs/a"),
        ("./runs/a", "runs/a"),
        ("runs//a", "runs/a"),
        ("../{here}/runs/a", "runs/a"),
        ("{absolute}/runs/a", "runs/a"),
        ("~/runs/a", "runs/a"),
        ("deep", "runs/zoo/deep"),
        ("zoo/deep", "runs/zoo/deep"),
        ("./zoo/deep", None),
        ("out", None),
        ("./out", "out"),
        ("out/", "out"),
        ("link", "runs/link"),
        ("o@d d", "runs/o@d d"),
        ("runs/o@d d", "runs/o@d d"),
        ("z/1@2", "runs/z/1@2"),
        ("same", None),
    ],
)
def test_which_run_is_meant(
    tree: Path, monkeypatch: pytest.MonkeyPatch, typed: str, is_run: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tree))
    typed = typed.format(here=tree.name, absolute=tree)
    for suffix, step in (("", "200"), ("@100", "100")):
        if is_run is None:
            with pytest.raises(UsageError):
                open_checkpoint(typed + suffix)
            continue
        run, path = open_checkpoint(typed + suffix)
        assert run.path.samefile(tree / is_run)
        assert path.name == step
        # What is shown of it names the same run again.
        assert open_run(str(run.path)).path.samefile(tree / is_run)
        assert run.name


def test_where_one_stands_is_a_path_too(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "runs/a/checkpoints")
    assert open_run("..").name == "a"
    monkeypatch.chdir(tree / "runs/a")
    assert open_run(".").name == "a"
    assert open_run("../a").path.samefile(tree / "runs/a")


EVERY = [["resume"], ["eval"], ["record"], ["uci"], ["gtp"], ["watch"], ["play"]]
EVERY += [["tournament", "random"], ["delete", "--yes"], ["prune", "--yes"]]


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("./a", "there is no run './a'; did you mean 'runs/a'?"),
        ("same", "several runs are named 'same': runs/x/same, runs/y/same; say which"),
        ("out", "there is no run 'out'; did you mean ./out?"),
        ("runs/a/config.yaml", "that is a part of one; name the run: runs/a"),
        ("runs/a/checkpoints/100", "that is a checkpoint of one; name it so: runs/a@100"),
        ("runs/a/checkpoints/100/model.safetensors", "name it so: runs/a@100"),
        ("./c.yaml", "that is a config; begin a run with it: ludus train"),
        ("c.yaml", "that is a config; begin a run with it: ludus train c.yaml"),
        ("./note", "that is a file, and a run is a folder with a config.yaml"),
    ],
)
def test_every_command_says_what_it_is_instead(
    ludus: Ludus, tree: Path, command: list[str], typed: str, says: str
) -> None:
    write_config(tree / "c.yaml", PROBE)
    (tree / "note").write_text("x")
    assert says in complaint(ludus(*command, typed), 2)


def test_a_folder_of_runs_is_none(ludus: Ludus, tree: Path) -> None:
    line = complaint(ludus("eval", "runs/zoo"), 2)
    assert "that is a folder of runs; name one: runs/zoo/deep" in line
    (tree / "runs/t").mkdir()
    (tree / "runs/t/conditions.json").write_text("{}")
    assert "that is a tournament" in complaint(ludus("eval", "t"), 2)


@pytest.mark.parametrize(
    ("typed", "lies_at"),
    [
        ("new", "runs/new"),
        ("./new", "new"),
        ("new/", "new"),
        ("runs/new", "runs/new"),
        ("sub/../new", "new"),
        ("~/new", "home/new"),
        ("far/new", "far/new"),
        ("../{here}/new", "new"),
    ],
)
def test_where_a_new_run_lies(
    ludus: Ludus, here: Path, monkeypatch: pytest.MonkeyPatch, typed: str, lies_at: str
) -> None:
    monkeypatch.setenv("HOME", str(here / "home"))
    (here / "sub").mkdir()
    config = write_config(here / "c.yaml", PROBE, total_env_steps=70, record_period_env_steps=999)
    typed = typed.format(here=here.name)
    outcome = ludus("train", config, "--run", typed)
    assert outcome.code == 0, outcome.err
    made = [path.parent.relative_to(here) for path in here.rglob("run.json")]
    assert made == [Path(lies_at)]
    # The way that it says leads there, and so does what was typed.
    (way,) = {word for word in outcome.err.split("\n")[-2].split() if word.endswith("new")}
    assert open_run(way).path.samefile(here / lies_at)
    assert open_run(typed).path.samefile(here / lies_at)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("zoo/new", "'zoo/new' may be runs/zoo/new or ./zoo/new; write the one you mean"),
        ("runs/a/new", "would lie inside the run runs/a"),
        (".", "a run cannot be named '.'"),
        ("..", "a run cannot be named '..'"),
        ("./", "a run cannot be named './'"),
        ("/", "a run cannot be named '/'"),
        ("./a@5", "a run cannot be named './a@5'"),
        ("out/", "out exists already"),
    ],
)
def test_where_no_new_run_can_lie(ludus: Ludus, tree: Path, typed: str, says: str) -> None:
    config = write_config(tree / "c.yaml", PROBE)
    before = sorted(tree.rglob("*"))
    assert says in complaint(ludus("train", config, "--run", typed), 2)
    assert sorted(tree.rglob("*")) == before


def test_capital_letters_lead_to_a_name_that_is_near(ludus: Ludus, tree: Path) -> None:
    (tree / "runs/ppo-1").mkdir()
    write_config(tree / "runs/ppo-1/config.yaml", PROBE)
    assert "did you mean 'ppo-1'?" in complaint(ludus("eval", "PPO-1"), 2)


def test_a_run_of_another_game_is_not_suggested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is near is near for runs as it is for games, keys and commands."""
    monkeypatch.chdir(tmp_path)
    Path("runs/boxing-dqn-1").mkdir(parents=True)
    write_config(Path("runs/boxing-dqn-1/config.yaml"), PROBE)
    with pytest.raises(UsageError, match="`ludus runs` lists them"):
        open_run("breakout-dqn-1")
    with pytest.raises(UsageError, match="did you mean 'boxing-dqn-1'"):
        open_run("boxng-dqn-1")


def test_a_folder_that_may_not_be_read_is_told(
    ludus: Ludus, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "runs/private").mkdir()
    reachable = os.access  # root, who runs tests in containers, may read everything
    monkeypatch.setattr(
        os, "access", lambda path, mode: "private" not in str(path) and reachable(path, mode)
    )
    outcome = ludus("eval", "private")
    assert outcome.code == 2
    assert "runs/private is there" in outcome.err
    assert "Permission denied" in outcome.err
