"""Config facts that lists of runs show, kept in `run.json` so that no list has to parse YAML.

`facts` there hold the SHA-256 of the `config.yaml` that they tell of. Where it is another file by
now, or the run is of an older version that wrote none, the config itself is read.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from workbench.config import SelfPlayConfig, TrainConfig, flatten, load_saved_config
from workbench.errors import UsageError

# Runs that differ in these alone are the same experiment: what the machine decides (some of it is
# resolved when a run is made), how results are kept, and the seed.
NOT_THE_EXPERIMENT = re.compile(
    r"seed|device|torch_threads|agent\.precision|env\.env_threads|replay\.storage|wandb\..*"
    r"|\w+_period_env_steps"
)
MAX_BYTES = 1_000_000  # of a config; no one is near it


class Facts(NamedTuple):
    """What lists show of a config.

    Attributes:
        world: kind of env, e.g. `atari`.
        game: what is played there, e.g. `pong`.
        protocol: the evaluation protocol, where the world has several.
        agent: kind of agent, e.g. `dqn`.
        seed: the seed.
        total_env_steps: how long it is to train.
        family: the same for runs that differ in the seed alone.
    """

    world: str
    game: str
    protocol: str | None
    agent: str
    seed: int
    total_env_steps: int
    family: str

    @property
    def name(self) -> str:
        """The world's name, as `EnvSpec.name` says it."""
        return self.game if self.world in ("board", "crafter") else f"{self.world}/{self.game}"


def facts_of(config: TrainConfig) -> Facts:
    """Returns the facts of a config."""
    return Facts(
        world=config.env.kind,
        game=game_of(config),
        protocol=getattr(config.env, "protocol", None),
        agent=config.agent.kind,
        seed=config.seed,
        total_env_steps=config.total_env_steps,
        family=family_of(flatten(config.model_dump(mode="json", exclude_defaults=True))),
    )


def game_of(config: TrainConfig) -> str:
    """Returns the name of what is played."""
    return config.env.game if isinstance(config, SelfPlayConfig) else config.env.title


def family_of(flat: Mapping[str, Any]) -> str:
    """Returns what runs have in common that differ in the seed alone; `flat` is by dotted key."""
    kept = sorted(item for item in flat.items() if not NOT_THE_EXPERIMENT.fullmatch(item[0]))
    return hashlib.sha256(repr(kept).encode()).hexdigest()[:12]


def as_json(config: TrainConfig, text: str) -> dict[str, Any]:
    """Returns `facts` of `run.json`; `text` is what `config.yaml` holds."""
    return {"config_sha256": _digest(text.encode()), **facts_of(config)._asdict()}


def read_facts(config_path: Path, info_path: Path) -> Facts:
    """Returns the facts of a run's config: those of `run.json` if they are of this very file.

    Raises:
        UsageError: the config is missing or wrong.
    """
    try:
        with config_path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read the config {config_path}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise UsageError(f"{config_path} is too large")
    digest = _digest(content)
    told = _told(info_path)
    if told.pop("config_sha256", None) == digest and told.keys() == set(Facts._fields):
        return Facts(**told)
    return _parsed(config_path, digest)


@lru_cache(maxsize=10_000)
def _parsed(config_path: Path, digest: str) -> Facts:
    """Returns the facts of a config without those of `run.json`, once for each content."""
    return facts_of(load_saved_config(config_path))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _told(info_path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(info_path.read_bytes())["facts"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}
    return dict(facts) if isinstance(facts, dict) else {}
