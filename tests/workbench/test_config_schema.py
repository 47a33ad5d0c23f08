"""Every key is explained, with the limits that hold, and shipped configs fit the schema."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import Field

from agents import AGENTS
from envs.base import EnvConfig
from tests.end_to_end.configs import ATARI, BOARD, PPO_PROBE, PROBE, R2D2_PROBE, write_config
from workbench.config import config_of_agent, flatten, load_config
from workbench.config_errors import valid_keys
from workbench.config_schema import (
    WORLDS,
    Row,
    in_yaml,
    rows_of_agent,
    rows_of_config,
    rows_of_world,
    schema,
    schema_for_editors,
)
from workbench.errors import UsageError

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*/*.yaml"))


class RoomConfig(EnvConfig):
    kind: Literal["room"]
    num_envs: int = 3
    doors: int = Field(ge=2, le=90_000, multiple_of=2, description="doors of the room")
    light: float = Field(default=1e-6, gt=0, lt=1, description="candles")
    shape: Literal["round", "square"] = "round"
    chairs: tuple[int, ...] = (1, 2)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WORLDS, "room", f"{__name__}:RoomConfig")


def test_a_key_in_words(room: None) -> None:
    assert rows_of_world("room") == [
        Row("env.kind", "room", None, ""),
        Row("env.num_envs", "integer", "3", ""),
        Row("env.doors", "multiple of 2, 2 to 90_000", None, "doors of the room"),
        Row("env.light", "number, above 0 to below 1", "1e-6", "candles"),
        Row("env.shape", "round | square", "round", ""),
        Row("env.chairs", "list of integer", "[1, 2]", ""),
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (None, "null"),
        (9999, "9999"),
        (-50_000, "-50_000"),
        (1e6, "1e6"),
        (2.5e-4, "0.00025"),
        (0.1 + 0.2, "0.30000000000000004"),
        ("a b", "a b"),
        (["mcts:100"], '["mcts:100"]'),
    ],
)
def test_values_are_written_as_configs_have_them(value: Any, written: str) -> None:
    assert in_yaml(value) == written


@pytest.mark.parametrize("kind", AGENTS)
def test_all_keys_of_an_agent_are_explained(kind: str) -> None:
    rows = rows_of_agent(kind)
    assert [row.key for row in rows if not row.meaning] == []
    keys = [row.key for row in rows]
    assert len(set(keys)) == len(keys)
    chosen = {"agent": {"kind": kind}}
    valid = {*valid_keys(config_of_agent(kind), chosen)}
    groups = {key.rpartition(".")[0] for key in valid}
    assert valid - groups - {"env"} <= set(keys)


@pytest.mark.parametrize("kind", WORLDS)
def test_all_keys_of_a_world_are_explained(kind: str) -> None:
    rows = rows_of_world(kind)
    assert len(rows) > 1
    assert [row.key for row in rows if not row.meaning] == []
    assert rows[0].key == "env.kind"


def test_limits_and_defaults_are_those_of_the_models() -> None:
    rows = {row.key: row for row in rows_of_agent("dqn")}
    assert rows["seed"][1:3] == ("integer, 0 to 2_147_483_647", "1")
    assert rows["total_env_steps"][1:3] == ("integer, at least 1", None)
    assert rows["agent.reward_clip"][1:3] == ("number, 1e-6 to 1e6 or null", "1")
    assert rows["agent.head"][1:3] == ("scalar | quantile", "scalar")
    assert rows["env.kind"].allowed.startswith("atari | ")
    assert "board" not in rows["env.kind"].allowed


def test_a_choice_of_groups_tells_which_keys_belong_to_which() -> None:
    rows = {row.key: row for row in rows_of_agent("alphazero")}
    assert rows["agent.search.kind"][1:3] == ("puct | gumbel", "puct")
    assert rows["agent.search.c_init"].meaning.endswith("where agent.search.kind is puct")
    assert rows["agent.search.c_scale"].meaning.endswith("where agent.search.kind is gumbel")
    assert rows["agent.resignation"][1:3] == ("keys or null", "null")
    assert rows["agent.resignation.max_false_share"].allowed == "number, 1e-6 to below 1"
    assert rows["env.kind"].allowed == "board"


def leaves(values: dict[str, Any]) -> set[str]:
    """The keys of values, as `rows_of_config` has them: a group that is null is one."""
    return set(flatten(values))


@pytest.mark.parametrize("config", [PROBE, ATARI, PPO_PROBE, R2D2_PROBE, BOARD])
def test_a_config_has_exactly_the_rows_of_its_values(tmp_path: Path, config: Any) -> None:
    write_config(tmp_path / "c.yaml", config)
    values = load_config(tmp_path / "c.yaml").model_dump(mode="json")
    rows = rows_of_config(values)
    assert {row.key for row in rows} == leaves(values)
    assert all(row.meaning for row in rows)


def test_rows_of_a_config_are_of_the_kinds_that_it_chose(tmp_path: Path) -> None:
    chosen = {"agent__search": {"kind": "gumbel"}, "agent__resignation": {}}
    write_config(tmp_path / "c.yaml", BOARD, **chosen)
    values = load_config(tmp_path / "c.yaml").model_dump(mode="json")
    keys = {row.key for row in rows_of_config(values)}
    assert keys - {"agent.resignation"} == leaves(values)
    assert "agent.search.c_scale" in keys
    assert "agent.search.c_init" not in keys


def fits(value: Any, node: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Whether a value fits a schema, as far as types, names and limits go (JSON Schema, ch. 6)."""
    if "$ref" in node:
        return fits(value, whole["$defs"][node["$ref"].rpartition("/")[2]], whole)
    for choice in ("anyOf", "oneOf"):
        if choice in node and sum(fits(value, one, whole) for one in node[choice]) == 0:
            return False
    if "const" in node and value != node["const"]:
        return False
    if "enum" in node and value not in node["enum"]:
        return False
    types = {"integer": int, "number": (int, float), "string": str, "boolean": bool}
    types |= {"object": dict, "array": list, "null": type(None)}
    named = node.get("type", [])
    named = [named] if isinstance(named, str) else named
    if named and not any(
        isinstance(value, types[one]) and (one == "boolean" or not isinstance(value, bool))
        for one in named
    ):
        return False
    if isinstance(value, str) and not re.search(node.get("pattern", ""), value):
        return False
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = node.get("minimum", value), node.get("maximum", value)
        return bool(low <= value <= high)
    if isinstance(value, dict) and "properties" in node:
        known = node["properties"]
        return (
            set(node.get("required", [])) <= set(value)
            and (set(value) <= set(known) or node.get("additionalProperties", True) is True)
            and all(fits(inner, known[name], whole) for name, inner in value.items())
        )
    return True


def plain(path: Path) -> Any:
    """A config as an editor reads it: by YAML 1.2, where `1e-4` is a number and `1_000` a text."""
    text = path.read_text(encoding="utf-8")
    loader = type("Loader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in (
        ("bool", r"^(true|false)$", list("tf")),
        ("null", r"^null$", ["n"]),
        ("int", r"^-?[0-9]+$", list("-0123456789")),
        ("float", r"^-?[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?$", list("-0123456789")),
    ):
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)
    return yaml.load(text, loader)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    made: dict[str, Any] = schema_for_editors([*AGENTS], [*WORLDS])
    return made


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_fit_the_schema(path: Path, whole: dict[str, Any]) -> None:
    assert fits(plain(path), whole, whole)


def changed(config: dict[str, Any], **changes: Any) -> Iterator[dict[str, Any]]:
    for key, value in changes.items():
        group, _, name = key.partition("__")
        inner = {**config[group], name: value} if name else value
        yield {**config, group: inner}


def test_the_schema_refuses_what_ludus_refuses(tmp_path: Path, whole: dict[str, Any]) -> None:
    assert fits(ATARI, whole, whole)
    wrong = {
        "sed": 1,
        "seed": "one",
        "torch_threads": 0,
        "agent__head": "quantil",
        "agent__gama": 0.9,
        "agent__double": 1,
        "env__obs_size": 999,
        "env__kind": "atary",
        "env": {"kind": "atari"},
    }
    for config in changed(ATARI, **wrong):
        assert not fits(config, whole, whole), config
        with pytest.raises(UsageError):
            load_config(Path(write_config(tmp_path / "c.yaml", config)))


def test_whole_numbers_may_have_underscores_in_editors() -> None:
    strict, lenient = schema(["dqn"]), schema_for_editors(["dqn"], [*WORLDS])
    steps = [one["properties"]["total_env_steps"] for one in (strict, lenient)]
    assert [one["type"] for one in steps] == ["integer", ["integer", "string"]]
    assert steps[1]["minimum"] == 1


def test_a_schema_is_of_the_kinds_that_were_asked_for() -> None:
    of_dqn = schema(["dqn"])
    assert of_dqn["properties"]["agent"]["$ref"] == "#/$defs/DQNConfig"
    assert "BoardConfig" not in of_dqn["$defs"]
    of_board = schema(worlds=["board"])
    assert of_board["properties"]["agent"]["$ref"] == "#/$defs/AlphaZeroConfig"
