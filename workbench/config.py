"""Configs: YAML with dotted overrides, checked against models that sit beside what they mean."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from agents.alphazero import AlphaZeroConfig
from agents.dqn import DQNConfig
from agents.ppo import PPOConfig
from agents.r2d2 import R2D2Config
from envs import EnvConfig
from envs.board.openspiel import BoardConfig
from workbench.errors import UsageError
from workbench.replay import PositionReplayConfig, ReplayConfig
from workbench.selfplay.gate import GateConfig
from workbench.suggestions import (
    AGENTS_ELSEWHERE,
    ENVS_ELSEWHERE,
    VALUES_ELSEWHERE,
    choices,
    key_meant,
    protocol_note,
    siblings,
)

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
# Integers up to here are exact as floats too, which the schedules compute with.
MAX_INTEGER = 2**53
MAX_STEPS = MAX_INTEGER  # of what is counted while training; a period so long means never


class WandbConfig(BaseModel):
    """Weights & Biases: what `metrics.jsonl` holds, also there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["offline", "online", "disabled"] = "offline"
    project: str = "ludus"
    entity: str | None = None


class RunConfig(BaseModel):
    """What every training has, whatever learns in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=1, ge=0, lt=2**31)
    total_env_steps: int = Field(ge=1, le=MAX_STEPS)
    checkpoint_period_env_steps: int = Field(default=50_000, ge=1, le=MAX_STEPS)
    record_period_env_steps: int = Field(default=250_000, ge=1, le=MAX_STEPS)
    log_period_env_steps: int = Field(default=5_000, ge=1, le=MAX_STEPS)
    device: DeviceName = "auto"
    torch_threads: int = Field(default=1, ge=1, le=1024)
    wandb: WandbConfig = WandbConfig()


class OffPolicyConfig(RunConfig):
    """A training that learns from replay."""

    env: EnvConfig
    agent: Annotated[DQNConfig | R2D2Config, Field(discriminator="kind")]
    replay: ReplayConfig = ReplayConfig()
    learning_starts_env_steps: int = Field(default=10_000, ge=1, le=MAX_STEPS)
    samples_per_env_step: float = Field(
        default=8.0, ge=1e-6, le=100_000, description="replayed per env step"
    )

    @model_validator(mode="after")
    def _learning_can_start(self) -> "OffPolicyConfig":
        window = self.agent.window_ticks
        needed = self.env.num_envs * window
        if self.learning_starts_env_steps < needed:
            raise ValueError(
                f"learning_starts_env_steps must be at least {needed}: "
                f"env.num_envs times the {window} ticks that one sample spans"
            )
        # One more window than a sample spans: in one alone, every env may show the last obs of an
        # episode.
        window += self.agent.sequence_period_ticks
        needed = self.env.num_envs * window
        if self.replay.capacity_env_steps < needed:
            raise ValueError(
                f"replay.capacity_env_steps must be at least {needed}: "
                f"env.num_envs times the {window} ticks of which one sample is drawn"
            )
        return self


class OnPolicyConfig(RunConfig):
    """A training that learns from what it has just done, and forgets it."""

    env: EnvConfig
    agent: PPOConfig

    @model_validator(mode="after")
    def _minibatches_can_be_made(self) -> "OnPolicyConfig":
        sequences = self.env.num_envs * self.agent.rollout_ticks // self.agent.sequence_ticks
        if sequences < self.agent.minibatches:
            raise ValueError(
                f"agent.minibatches must be at most {sequences}, the number of sequences: "
                "env.num_envs * agent.rollout_ticks / agent.sequence_ticks"
            )
        return self


class SelfPlayConfig(RunConfig):
    """A training that learns a board game from games against itself; env_steps are moves."""

    env: BoardConfig
    agent: AlphaZeroConfig
    replay: PositionReplayConfig = PositionReplayConfig()
    gate: GateConfig | None = Field(
        default=None, description="who must be beaten to play; null: the latest network plays"
    )
    play_threads: int = Field(
        default=2, ge=1, le=64, description="groups of games that search side by side"
    )
    learning_starts_positions: int = Field(default=2_000, ge=1, le=MAX_STEPS)
    samples_per_position: float = Field(
        default=4.0, ge=1e-6, le=1000, description="how often each is learned from, on average"
    )
    anchors: tuple[str, ...] = Field(
        default=("random", "mcts:100"), description="fixed players that strength is measured by"
    )
    anchor_period_env_steps: int = Field(default=100_000, ge=1, le=MAX_STEPS)
    anchor_games: int = Field(default=20, ge=2, le=100_000, multiple_of=2)
    anchor_opening_plies: int = Field(
        default=2, ge=0, le=100, description="random moves before each game, for two games"
    )

    ladder_games: int = Field(
        default=0,
        ge=0,
        le=100_000,
        multiple_of=2,
        description="whenever strength is measured, against each of the two networks measured "
        "before, for an Elo rating; 0: none",
    )

    @model_validator(mode="after")
    def _every_thread_has_games(self) -> "SelfPlayConfig":
        if self.env.num_games < self.play_threads:
            raise ValueError(f"env.num_games must be at least play_threads, {self.play_threads}")
        return self


# One training run, complete: the resolved config alone relaunches it.
TrainConfig = OffPolicyConfig | OnPolicyConfig | SelfPlayConfig
CONFIG_OF_AGENT: dict[str, type[TrainConfig]] = {
    "dqn": OffPolicyConfig,
    "ppo": OnPolicyConfig,
    "r2d2": OffPolicyConfig,
    "alphazero": SelfPlayConfig,
}


def load_saved_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Reads the config that a run was saved with, as `load_config` does.

    What is missing there means what it meant before there was such a key.
    """
    data = _read_yaml(path)
    _take_end_weight(data)
    for override in overrides:
        _apply(data, override)
    env = data.get("env")
    if isinstance(env, dict) and env.get("kind") == "board":
        env.setdefault("planes", 1)
    return _checked(path, data)


def learned_with_end_head(path: Path) -> bool:
    """Returns whether a saved config is of a network with a third head, which no longer exists."""
    return bool(_take_end_weight(_read_yaml(path)))


def _take_end_weight(data: dict[str, Any]) -> Any:
    """Removes a key of earlier versions and returns its value; 0: the third head learned nothing.

    The head predicted the last board of a game. It only trained the tower: playing did without.
    """
    agent = data.get("agent")
    return agent.pop("end_weight", 0) if isinstance(agent, dict) else 0


def load_config(
    path: Path, overrides: Sequence[str] = (), tell: Callable[[str], None] = lambda note: None
) -> TrainConfig:
    """Reads a config file and applies `key.path=value` overrides, whose values are YAML.

    What a person may not expect of a valid config is told to `tell`, in a line.

    Raises:
        UsageError: the file cannot be read, an override is malformed, a key is unknown (the nearest
            valid one is named) or a value is wrong.
    """
    data = _read_yaml(path)
    if _take_end_weight(data):
        raise UsageError(f"{path}: agent.end_weight no longer exists; remove it")
    for override in overrides:
        _apply(data, override)
    config = _checked(path, data)
    if not isinstance(config, SelfPlayConfig):
        note = protocol_note(data["env"].get("game"), config.env)
        if note is not None:
            tell(note)
    return config


def _checked(path: Path, data: dict[str, Any]) -> TrainConfig:
    model = _model_for(path, data)
    try:
        config = model.model_validate(data)
    except ValidationError as error:
        raise UsageError(_explain(path, error.errors()[0], data, model)) from None
    _check_numbers(path, "", data, config)
    return config


def _model_for(path: Path, data: Mapping[str, Any]) -> type[TrainConfig]:
    """The agent decides which other keys there are."""
    agent = data.get("agent")
    kind = agent.get("kind", "dqn") if isinstance(agent, dict) else "dqn"
    if not isinstance(kind, str) or kind not in CONFIG_OF_AGENT:
        known = choices(str(kind), AGENTS_ELSEWHERE, CONFIG_OF_AGENT)
        raise UsageError(f"{path}: agent.kind: unknown agent {kind!r}{known}")
    return CONFIG_OF_AGENT[kind]


def dump_config(config: TrainConfig) -> str:
    """Returns the config as YAML with every default written out."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested values by dotted key, e.g. `env.kind`."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _check_numbers(path: Path, prefix: str, data: Mapping[str, Any], model: BaseModel) -> None:
    """Refuses what pydantic takes for a number: `true`, NaN, infinities, absurdly large ones."""
    for name, given in data.items():
        value, key = getattr(model, name), f"{prefix}{name}"
        if isinstance(value, BaseModel):
            _check_numbers(path, f"{key}.", given, value)
        elif isinstance(value, int | float) and isinstance(given, bool) != isinstance(value, bool):
            kind = "true or false" if isinstance(value, bool) else "a number"
            raise UsageError(f"{path}: {key}: {given!r} is not {kind}")
        elif isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{path}: {key}: {value} is not a finite number")
        elif isinstance(value, int) and value > MAX_INTEGER:
            raise UsageError(f"{path}: {key}: this number is too large")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads `1e-4` as a string; this reads it as the number that it is."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A few lines of nested aliases can stand for more than any memory; no config needs one.
        if self.check_event(yaml.AliasEvent):
            message = "aliases (*name) are not allowed"
            raise yaml.composer.ComposerError(None, None, message, self.get_mark())
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    key: list(resolvers) for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise UsageError(f"cannot read the config {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the config {path} is not a text file") from None
    except Exception as error:  # PyYAML lets through whatever its constructors stumble over
        reason = " ".join(str(error).split())
        raise UsageError(f"{path} is not valid YAML: {reason}") from None
    if not isinstance(data, dict):
        raise UsageError(f"{path} must be a mapping of keys to values")
    return data


def _apply(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise UsageError(f"the override {override!r} is not of the form key.path=value")
    try:
        value = yaml.load(text, _Loader)
    except Exception:
        raise UsageError(f"the override {override!r} has a value that is not YAML") from None
    *parents, leaf = key.split(".")
    node = data
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise UsageError(f"the override {override!r}: {parent} holds no keys")
        node = child
    node[leaf] = value


def _explain(
    path: Path, error: ErrorDetails, data: Mapping[str, Any], model: type[TrainConfig]
) -> str:
    """Turns pydantic's first error into one line with the file, the key and the way out."""
    location = [str(part) for part in error["loc"]]
    # The discriminator of a union stands in the location but not in the file.
    inside = data.get(location[0]) if location else None
    if len(location) > 1 and isinstance(inside, dict) and location[1] == inside.get("kind"):
        del location[1]
    key = ".".join(location)
    if error["type"] == "extra_forbidden":
        having = [
            kind for kind, other in CONFIG_OF_AGENT.items() if location[0] in other.model_fields
        ]
        if having and location[0] not in model.model_fields:
            return f"{path}: unknown key {key}: only the agents {', '.join(having)} have it"
        keys = list(_valid_keys(model, data))
        near = key_meant(location, keys)
        if near is not None:
            return f"{path}: unknown key {key}; did you mean {near}?"
        has = f"{'.'.join(location[:-1]) or 'a config of this agent'} has "
        return f"{path}: unknown key {key}; {has}{', '.join(siblings(location[:-1], keys))}"
    if error["type"] == "union_tag_invalid":
        given = str(error["ctx"]["tag"])
        known = [tag.strip(" '") for tag in error["ctx"]["expected_tags"].split(",")]
        elsewhere = ENVS_ELSEWHERE if key == "env" else {}
        also = "; board needs agent.kind alphazero" if given == "board" else ""
        near = choices(given, elsewhere, known)
        return f"{path}: {key}.kind: unknown kind {given!r}{near}{also}"
    if error["type"] == "union_tag_not_found":
        return f"{path}: the key {key}.kind is missing"
    if error["type"] == "missing":
        return f"{path}: the key {key} is missing"
    if error["type"] == "literal_error":
        known = [one.strip("'") for one in re.split(", | or ", error["ctx"]["expected"])]
        near = choices(str(error["input"]), VALUES_ELSEWHERE.get(key, {}), known)
        return f"{path}: {key}: there is no {_as_typed(error['input'])} here{near}"
    if error["type"] in ("model_type", "model_attributes_type"):
        under = siblings(location, _valid_keys(model, data)) or ["kind"]
        return f"{path}: {key} is a group of keys, e.g. {key}.{under[0]}; it has {', '.join(under)}"
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"{path}: {key}: {message}" if key else f"{path}: {message}"


def _as_typed(value: Any) -> str:
    """Returns a value as YAML has it, or as Python has what YAML may also make: dates, sets, ..."""
    plain = value is None or isinstance(value, str | bool | int | float)
    return json.dumps(value) if plain else repr(value)


def _valid_keys(model: type[BaseModel], data: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yields every dotted key of `model`, where `data` chooses between kinds."""
    for name, field in model.model_fields.items():
        yield prefix + name
        given = data.get(name)
        inner = given if isinstance(given, dict) else {}
        for part in get_args(field.annotation) or (field.annotation,):
            if isinstance(part, type) and issubclass(part, BaseModel):
                kind = part.model_fields.get("kind")
                if kind is None or inner.get("kind", kind.default) in get_args(kind.annotation):
                    yield from _valid_keys(part, inner, f"{prefix}{name}.")
