"""Configs: YAML with dotted overrides, validated by models kept beside the code they configure."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from agents import AGENTS
from agents.config import AgentConfig, OffPolicyAgentConfig, OnPolicyAgentConfig
from envs import ENVS
from envs.base import Config, EnvConfig
from workbench.config_file import apply_override, config_path, read_yaml
from workbench.errors import UsageError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
# Integers up to here are exact as floats too, which the schedules compute with.
MAX_INTEGER = 2**53
MAX_STEPS = MAX_INTEGER  # of what is counted while training; a period so long means never
Steps = Annotated[int, Field(ge=1, le=MAX_STEPS)]
Even = Annotated[int, Field(ge=2, le=100_000, multiple_of=2)]


def _of_its_kind(models: Mapping[str, str]) -> Any:
    """Returns a validator that checks a group of keys by the model that its `kind` names.

    The model's module, and with it a simulator or torch, is imported then and not before.
    """

    def check(given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        kind = given.get("kind")
        if kind is None:
            raise PydanticCustomError("kind_missing", "there is no kind")
        if not isinstance(kind, str) or kind not in models:
            raise PydanticCustomError("kind_unknown", "there is no such kind", {"known": [*models]})
        return resolve_name(models[kind]).model_validate(given)

    return BeforeValidator(check)


BOARDS = {"board": "envs.board.openspiel:BoardConfig"}
PLAIN_WORLDS = {"gymnasium": "envs.plain_worlds:PlainConfig"}
_an_agent = _of_its_kind(AGENTS)
Env = Annotated[SerializeAsAny[EnvConfig], _of_its_kind(ENVS)]
OffPolicyAgent = Annotated[SerializeAsAny[OffPolicyAgentConfig], _an_agent]
OnPolicyAgent = Annotated[SerializeAsAny[OnPolicyAgentConfig], _an_agent]
if TYPE_CHECKING:
    from agents.alphazero import AlphaZeroConfig as SelfPlayAgent
    from agents.sb3 import SB3Config as SB3Agent
    from envs.board.openspiel import BoardConfig as Board
    from envs.plain_worlds import PlainConfig as PlainWorld
else:
    SelfPlayAgent = Annotated[SerializeAsAny[AgentConfig], _an_agent]
    SB3Agent = Annotated[SerializeAsAny[AgentConfig], _an_agent]
    Board = Annotated[SerializeAsAny[Config], _of_its_kind(BOARDS)]
    PlainWorld = Annotated[SerializeAsAny[EnvConfig], _of_its_kind(PLAIN_WORLDS)]


class WandbConfig(Config):
    """Weights & Biases: what `metrics.jsonl` holds, also there."""

    mode: Literal["offline", "online", "disabled"] = Field(
        default="offline", description="offline: kept on disk; online: uploaded while training"
    )
    project: str = Field(default="ludus", description="project in W&B")
    entity: str | None = Field(default=None, description="team or user in W&B; null: your default")


class RunConfig(Config):
    """What every training has, whatever learns in it."""

    seed: int = Field(default=1, ge=0, lt=2**31, description="of all random numbers")
    total_env_steps: Steps = Field(description="length of the training; an env step is one action")
    init_from: str | None = Field(
        default=None, description="RUN or RUN@STEP whose network a new run begins with; null: none"
    )
    checkpoint_period_env_steps: Steps = Field(
        default=50_000, description="env steps between checkpoints"
    )
    record_period_env_steps: Steps = Field(default=250_000, description="env steps between videos")
    log_period_env_steps: Steps = Field(
        default=5_000, description="env steps between lines of metrics"
    )
    device: DeviceName = Field(
        default="auto", description="where networks run; auto: cuda, else mps, else cpu"
    )
    torch_threads: int = Field(default=1, ge=1, le=1024, description="CPU threads of PyTorch")
    wandb: WandbConfig = Field(default=WandbConfig(), description="Weights & Biases")


class ReplayConfig(Config):
    """How much is remembered, where, and what is replayed."""

    capacity_env_steps: int = Field(
        default=200_000, ge=1, le=10**12, description="env steps held; then the oldest go"
    )
    sampling: Literal["uniform", "prioritized"] = Field(
        default="uniform", description="uniform: all alike; prioritized: by TD error (PER)"
    )
    priority_exponent: float = Field(
        default=0.5, ge=0, le=1, description="α of prioritized; 0: uniform"
    )
    importance_exponent: float = Field(
        default=0.5, ge=0, le=1, description="β of prioritized; 1: unbiased"
    )
    storage: Literal["memory", "memmap"] = Field(
        default="memory",
        description="memory: in RAM; memmap: in a file of the run, for buffers larger than RAM",
    )


class OffPolicyConfig(RunConfig):
    """A training that learns from replay."""

    env: Env = Field(description="the environment")
    agent: OffPolicyAgent = Field(description="what learns")
    replay: ReplayConfig = Field(default=ReplayConfig(), description="the replay buffer")
    learning_starts_env_steps: Steps = Field(
        default=10_000, description="env steps before the first update"
    )
    samples_per_env_step: float = Field(
        default=8.0, ge=1e-6, le=100_000, description="transitions replayed per env step"
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
        window += self.agent.sample_period_ticks
        needed = self.env.num_envs * window
        if self.replay.capacity_env_steps < needed:
            raise ValueError(
                f"replay.capacity_env_steps must be at least {needed}: "
                f"env.num_envs times the {window} ticks of which one sample is drawn"
            )
        return self


class OnPolicyConfig(RunConfig):
    """A training that learns from what it has just done, and forgets it."""

    env: Env = Field(description="the environment")
    agent: OnPolicyAgent = Field(description="what learns")

    @model_validator(mode="after")
    def _minibatches_can_be_made(self) -> "OnPolicyConfig":
        sequences = self.env.num_envs * self.agent.rollout_ticks // self.agent.sequence_ticks
        if sequences < self.agent.minibatches:
            raise ValueError(
                f"agent.minibatches must be at most {sequences}, the number of sequences: "
                "env.num_envs * agent.rollout_ticks / agent.sequence_ticks"
            )
        return self


class SB3TrainConfig(RunConfig):
    """A training by the loop of Stable-Baselines3, in a world as its author wrote it."""

    env: PlainWorld
    agent: SB3Agent


class PositionReplayConfig(Config):
    """How many positions are kept, and how many of them are learned from."""

    capacity_positions: int = Field(
        default=500_000, ge=1, le=10**9, description="positions held; then the oldest go"
    )
    window_positions: int = Field(
        default=20_000,
        ge=1,
        le=10**9,
        description="sampling window at first; it grows while playing",
    )


class GateConfig(Config):
    """How often the network that learns challenges the frozen one, and what it must score."""

    period_env_steps: Steps = Field(
        default=50_000, description="moves between matches with the playing network"
    )
    games: Even = Field(default=200, description="games per match, in pairs from the same opening")
    # Not above a half: 40 games at 0.6 rejected networks that were better for months (research).
    min_score: float = Field(
        default=0.5, ge=0, le=1, description="share of the points to replace the playing network"
    )


class SelfPlayConfig(RunConfig):
    """A training that learns a board game from games against itself; env_steps are moves."""

    env: Board = Field(description="the board game")
    agent: SelfPlayAgent = Field(description="what learns")
    replay: PositionReplayConfig = Field(
        default=PositionReplayConfig(), description="the replay buffer"
    )
    gate: GateConfig | None = Field(
        default=None,
        description="match that a new network must win to play; null: the latest plays",
    )
    play_threads: int = Field(
        default=2, ge=1, le=64, description="groups of games that search side by side"
    )
    learning_starts_positions: Steps = Field(
        default=2_000, description="positions in the replay buffer before the first update"
    )
    samples_per_position: float = Field(
        default=4.0, ge=1e-6, le=1000, description="how often each is learned from, on average"
    )
    anchors: tuple[str, ...] = Field(
        default=("random", "mcts:100"), description="fixed players that strength is measured by"
    )
    anchor_period_env_steps: Steps = Field(
        default=100_000, description="moves of self-play between measurements of strength"
    )
    anchor_games: Even = Field(default=20, description="games against each anchor per measurement")
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


# What has episodes, unlike board games.
EpisodicConfig = OffPolicyConfig | OnPolicyConfig | SB3TrainConfig
# One training run, complete: the resolved config alone relaunches it.
TrainConfig = EpisodicConfig | SelfPlayConfig
TRAININGS: dict[str, type[TrainConfig]] = {
    "off_policy": OffPolicyConfig,
    "on_policy": OnPolicyConfig,
    "sb3": SB3TrainConfig,
    "self_play": SelfPlayConfig,
}


def config_of_agent(kind: str) -> type[TrainConfig]:
    """Returns the model of a whole config with an agent of this kind, one of `AGENTS`."""
    return TRAININGS[resolve_name(AGENTS[kind]).training]


# Keys of earlier versions that nobody set, and the values that are constants now.
DROPPED = {
    "agent.pooling": True,
    "agent.priority_mix": 0.9,
    "agent.search.c_base": 19_652,
    "agent.search.c_visit": 50,
    "replay.window_exponent": 0.75,
    "replay.window_growth": 0.4,
    "gate.opening_plies": 2,
}


def load_saved_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Reads the config that a run was saved with, as `load_config` does.

    What is missing there means what it meant before there was such a key. Keys that there are no
    more (`DROPPED`) must have the value that always holds now.
    """
    data = read_yaml(path)
    _take_end_weight(data)
    _drop_constants(path, data)
    for override in overrides:
        apply_override(data, override)
    env = data.get("env")
    if isinstance(env, dict) and env.get("kind") == "board":
        env.setdefault("planes", 1)
    return _checked(path, data)


def learned_with_end_head(path: Path) -> bool:
    """Returns whether a saved config is of a network with a third head, which no longer exists."""
    return bool(_take_end_weight(read_yaml(path)))


def _drop_constants(path: Path, data: dict[str, Any]) -> None:
    """Removes keys of earlier versions; raises UsageError where one has another value."""
    for key, constant in DROPPED.items():
        *groups, name = key.split(".")
        inside: Any = data
        for group in groups:
            inside = inside.get(group) if isinstance(inside, dict) else None
        if isinstance(inside, dict) and name in inside and inside.pop(name) != constant:
            raise UsageError(
                f"{path}: {key} is always {constant} in this version; to use this run, install the "
                "version that made it (git_revision in run.json)"
            )


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
    path = config_path(path)
    return make_config(path, read_yaml(path), overrides, tell)


def make_config(
    path: Path,
    data: dict[str, Any],
    overrides: Sequence[str] = (),
    tell: Callable[[str], None] = lambda note: None,
) -> TrainConfig:
    """Does what `load_config` does with `data` that was read before; `path` is for messages."""
    if _take_end_weight(data):
        raise UsageError(f"{path}: agent.end_weight no longer exists; remove it")
    _drop_constants(path, data)
    for override in overrides:
        apply_override(data, override)
    config = _checked(path, data)
    if not isinstance(config, SelfPlayConfig):
        note = config.env.note(data["env"])
        if note is not None:
            tell(note)
    return config


def _checked(path: Path, data: dict[str, Any]) -> TrainConfig:
    from workbench.config_errors import check_numbers, explain, unknown_agent

    agent = data.get("agent")
    kind = agent.get("kind", "dqn") if isinstance(agent, dict) else "dqn"
    if not isinstance(kind, str) or kind not in AGENTS:
        raise UsageError(unknown_agent(path, kind))
    model = config_of_agent(kind)
    try:
        config = model.model_validate(data)
    except ValidationError as error:
        raise UsageError(explain(path, error.errors()[0], data, model)) from None
    check_numbers(path, "", data, config)
    return config


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
