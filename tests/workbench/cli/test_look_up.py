"""What can be set and named: `ludus config`, `ludus list`, `ludus --version`, completion."""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from agents import AGENTS
from envs.atari import AtariConfig
from tests.end_to_end.configs import ATARI, BOARD, PPO_PROBE, write_config
from tests.end_to_end.launcher import Outcome
from workbench.cli.main import COMPLETING, run_command
from workbench.config_schema import WORLDS
from workbench.names_of_worlds import GAMES
from workbench.runs import names

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ludus(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    capsys.readouterr()
    code = run_command(list(arguments))
    return Outcome(code, *capsys.readouterr())


def test_a_config_is_shown_with_where_each_value_is_from(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(here / "c.yaml", ATARI)
    shown = ludus(capsys, "config", config, "agent.n_step=1", "wandb.project=p")
    assert (shown.code, shown.err) == (0, "")
    title, *lines = shown.out.splitlines()
    assert title.split() == ["key", "value", "from", "allowed", "meaning"]
    rows = {line.split()[0]: line for line in lines}
    assert re.match(r"seed +3 +file +integer, 0 to 2_147_483_647 +of all random", rows["seed"])
    assert re.match(r"agent.n_step +1 +override +integer", rows["agent.n_step"])
    assert re.match(r"agent.discount +0.99 +default +number", rows["agent.discount"])
    assert re.match(r"wandb.mode +disabled +file ", rows["wandb.mode"])
    assert re.match(r"wandb.project +p +override ", rows["wandb.project"])
    assert re.match(r"wandb.entity +null +default ", rows["wandb.entity"])


def test_values_that_are_groups_are_from_where_their_keys_are(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = {"kind": "gymnasium", "id": "CartPole-v1", "kwargs": {"sutton_barto_reward": True}}
    config = write_config(here / "c.yaml", PPO_PROBE, env=world)
    shown = ludus(capsys, "config", config).out
    assert re.search(r'^env.kwargs +{"sutton_barto_reward": true} +file ', shown, re.MULTILINE)
    config = write_config(here / "c.yaml", BOARD, gate={"games": 10})
    shown = ludus(capsys, "config", config).out
    assert re.search(r"^gate.games +10 +file ", shown, re.MULTILINE)
    assert re.search(r"^gate.min_score +0.5 +default ", shown, re.MULTILINE)


@pytest.mark.parametrize("kind", [*AGENTS, *WORLDS])
def test_a_kind_is_shown_with_its_defaults(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = ludus(capsys, "config", kind)
    assert (shown.code, shown.err) == (0, "")
    title, *lines = shown.out.splitlines()
    assert title.split() == ["key", "allowed", "default", "meaning"]
    group = "agent" if kind in AGENTS else "env"
    assert any(re.match(rf"{group}.kind +{kind} +\(required\) +\w", line) for line in lines)


def test_a_terminal_wraps_what_a_key_means(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for columns in ("100", "150"):  # the meaning stands below the other columns, or beside them
        monkeypatch.setenv("COLUMNS", columns)
        wrapped = ludus(capsys, "config", "dqn").out
        assert max(map(len, wrapped.splitlines())) <= int(columns)
        below = re.search(r"^agent.n_step .*\n    rewards summed before", wrapped, re.MULTILINE)
        assert (below is not None) == (columns == "100")
        assert "rewards summed before bootstrapping" in wrapped
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert max(map(len, ludus(capsys, "config", "dqn").out.splitlines())) > 150


@pytest.mark.parametrize("kinds", [(), ("dqn",), ("board",)])
def test_the_schema_is_json(kinds: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    shown = ludus(capsys, "config", *kinds, "--schema")
    assert (shown.code, shown.err) == (0, "")
    assert json.loads(shown.out)["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give a config, e.g. atari/pong, or a kind, e.g. dqn"),
        (("ppoo",), "there is no config or kind 'ppoo'; did you mean 'ppo'? choose from dqn, ppo"),
        (("none.yaml",), "cannot read the config none.yaml: No such file or directory"),
        (("dqn", "seed=1"), "dqn is a kind, and only a config takes seed=1"),
        (("c.yaml", "--schema"), "--schema takes a kind and not a config: choose from dqn, ppo"),
        (("--schema", "ppoo"), "there is no kind 'ppoo'; did you mean 'ppo'?"),
        (("c.yaml", "sed=2"), "c.yaml: unknown key sed; did you mean seed?"),
        (("c.yaml", "sed"), "the override 'sed' is not of the form key.path=value"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: tuple[str, ...], says: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(here / "c.yaml", ATARI)
    done = ludus(capsys, "config", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"ludus: {says}")
    assert done.err.count("\n") == 1


def test_configs_that_come_with_ludus_are_found_from_anywhere(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = ludus(capsys, "list", "configs").out
    shipped = {line.split()[0]: line for line in listed.splitlines()[1:]}
    there = {path.relative_to(CONFIGS).with_suffix("") for path in CONFIGS.glob("*/*.yaml")}
    assert set(shipped) == {str(name) for name in there}
    said = shipped["grid/memory"]  # which fills two lines there
    assert re.match(
        "grid/memory +MiniGrid-MemoryS9 from .* turn at the end, so it has to remember$", said
    )
    for typed in ("atari/pong", "atari/pong.yaml", "configs/atari/pong.yaml"):
        shown = ludus(capsys, "config", typed)
        assert re.search(r"^total_env_steps +800_000 +file", shown.out, re.MULTILINE), shown.err
    (here / "atari").mkdir()
    write_config(here / "atari/pong.yaml", ATARI)  # what is here comes first
    shown = ludus(capsys, "config", "atari/pong.yaml").out
    assert re.search(r"^total_env_steps +400 +file", shown, re.MULTILINE)
    assert ludus(capsys, "config", "atari/nothing").code == 2
    assert ludus(capsys, "config", "../configs/atari/pong").code == 2


def test_games_are_listed_as_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    listed = ludus(capsys, "list", "games")
    assert (listed.code, listed.err) == (0, "")
    lines = [line.split() for line in listed.out.splitlines()]
    assert {kind for kind, _ in lines} == set(GAMES)
    assert ["atari", "env.game=pong"] in lines
    assert ["board", "env.game=connect_four"] in lines
    for kind, override in lines:
        key, _, name = override.partition("=")
        assert key == "env.game"
        if kind == "atari":
            assert AtariConfig(kind="atari", game=name).game == name


def test_worlds_and_agents_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    listed = ludus(capsys, "list", "worlds").out
    assert all(re.search(rf"^{kind} +\w+", listed, re.MULTILINE) for kind in WORLDS)
    assert re.search(r"^minigrid +env.env_id=MiniGrid-DoorKey-6x6-v0$", listed, re.MULTILINE)
    assert re.search(r"^probe +env.probe=recall$", listed, re.MULTILINE)
    listed = ludus(capsys, "list", "agents").out
    assert [line.split()[0] for line in listed.splitlines()] == ["agent.kind", *AGENTS]
    done = ludus(capsys, "list", "gamse")
    assert (done.code, done.out) == (2, "")
    assert "'games'" in done.err


def test_worlds_that_are_not_installed_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vizdoom", None)
    monkeypatch.setitem(sys.modules, "vizdoom.gymnasium_wrapper", None)
    listed = ludus(capsys, "list", "worlds")
    assert listed.code == 0
    assert listed.err == "doom: not installed; get it with: pip install 'ludus[doom]'\n"
    assert "env.scenario" not in listed.out
    assert "env.env_id" in listed.out


def test_the_version_is_that_of_the_package(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ludus(capsys, "--version") == Outcome(0, f"ludus {version('ludus')}\n", "")

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    done = ludus(capsys, "--version")
    assert (done.code, done.out) == (1, "")
    assert done.err == "ludus: ludus is not installed here, so its version is unknown\n"


def offered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> list[str]:
    """What bash is told after these words, the last of which is not finished."""
    monkeypatch.setenv(COMPLETING, "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "\n".join(["ludus", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run_command([])
    assert ended.value.code == 0
    return capsys.readouterr().out.split()


def test_a_shell_completes_commands_words_and_runs(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert offered(capsys, monkeypatch, "to") == ["tournament"]
    assert offered(capsys, monkeypatch, "list", "") == ["games", "worlds", "agents", "configs"]
    assert offered(capsys, monkeypatch, "config", "--sc") == ["--schema"]
    for name in ("first", "zoo/second"):
        run = here / names.RUNS / name
        run.mkdir(parents=True)
        (run / "config.yaml").touch()
    assert offered(capsys, monkeypatch, "resume", "f") == ["first"]
    assert offered(capsys, monkeypatch, "resume", "sec") == ["second"]
    assert offered(capsys, monkeypatch, "eval", "zoo") == ["zoo/second"]
    assert offered(capsys, monkeypatch, "eval", "runs/") == ["runs/first", "runs/zoo/second"]
    assert offered(capsys, monkeypatch, "record", "runs/x") == []
