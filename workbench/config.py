"""Configs: YAML with dotted overrides, checked against the models that sit beside what they configure."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from agents.dqn import DQNConfig
from envs import EnvConfig
from workbench.errors import UsageError
from workbench.replay import ReplayConfig

DeviceName = Literal["auto", "cpu", "cuda", "mps"]


class WandbConfig(BaseModel):
    """Weights & Biases: what `metrics.jsonl` holds, also there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["offline", "online", "disabled"] = "offline"
    project: str = "ludus"
    entity: str | None = None


class TrainConfig(BaseModel):
    """One training run, complete: the resolved config alone relaunches it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(1, ge=0, lt=2**31)
    env: EnvConfig
    agent: DQNConfig
    replay: ReplayConfig = ReplayConfig()
    total_env_steps: int = Field(ge=1)
    learning_starts_env_steps: int = Field(10_000, ge=1)
    samples_per_env_step: float = Field(8.0, gt=0, description="replayed per env step")
    checkpoint_period_env_steps: int = Field(50_000, ge=1)
    record_period_env_steps: int = Field(250_000, ge=1)
    log_period_env_steps: int = Field(5_000, ge=1)
    device: DeviceName = "auto"
    torch_threads: int = Field(1, ge=1, le=1024)
    wandb: WandbConfig = WandbConfig()

    @model_validator(mode="after")
    def _learning_can_start(self) -> "TrainConfig":
        needed = self.env.num_envs * (self.agent.n_step + 1)
        if self.learning_starts_env_steps < needed:
            raise ValueError(
                f"learning_starts_env_steps must be at least {needed}, "
                "which is env.num_envs * (agent.n_step + 1)"
            )
        if self.replay.capacity_env_steps < needed:
            raise ValueError(
                f"replay.capacity_env_steps must be at least {needed}, "
                "which is env.num_envs * (agent.n_step + 1)"
            )
        return self


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Reads a config file and applies `key.path=value` overrides, whose values are YAML.

    Raises:
        UsageError: the file cannot be read, an override is malformed, a key is unknown (the nearest
            valid one is named) or a value is wrong.
    """
    data = _read_yaml(path)
    for override in overrides:
        _apply(data, override)
    try:
        return TrainConfig.model_validate(data)
    except ValidationError as error:
        raise UsageError(_explain(path, error.errors()[0], data)) from None


def dump_config(config: TrainConfig) -> str:
    """Returns the config as YAML with every default written out."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads `1e-4` as a string; this reads it as the number that it is."""


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
    except (yaml.YAMLError, ValueError, RecursionError) as error:
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
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UsageError(f"the override {override!r} has a value that is not YAML") from None
    *parents, leaf = key.split(".")
    node = data
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise UsageError(f"the override {override!r}: {parent} holds no keys")
        node = child
    node[leaf] = value


def _explain(path: Path, error: ErrorDetails, data: Mapping[str, Any]) -> str:
    """Turns pydantic's first error into one line with the file, the key and the way out."""
    # The discriminator of a union stands in the location but not in the file.
    location = [str(part) for part in error["loc"]]
    if len(location) > 1 and location[0] == "env":
        del location[1]
    key = ".".join(location)
    if error["type"] == "extra_forbidden":
        valid = _valid_keys(location[:-1], data)
        near = get_close_matches(location[-1], valid, n=1, cutoff=0.0)
        prefix = ".".join([*location[:-1], ""])
        hint = f"; did you mean {prefix}{near[0]}?" if near else ""
        return f"{path}: unknown key {key}{hint}"
    if error["type"] == "missing":
        return f"{path}: the key {key} is missing"
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"{path}: {key}: {message}" if key else f"{path}: {message}"


def _valid_keys(location: Sequence[str], data: Mapping[str, Any]) -> list[str]:
    """Returns the keys that the model at `location` has, given the kinds that `data` chose."""
    model: Any = TrainConfig
    for name in location:
        annotation = model.model_fields[name].annotation
        kind = data[name].get("kind")
        for candidate in get_args(annotation) or (annotation,):
            if "kind" in candidate.model_fields and kind not in get_args(
                candidate.model_fields["kind"].annotation
            ):
                continue
            model = candidate
    return list(model.model_fields)
