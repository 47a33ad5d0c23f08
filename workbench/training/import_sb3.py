"""Brings in a model that Stable-Baselines3 saved, as a run of ours.

SB3's zips hold pickles, which can run any program while they are read. So nothing of a zip is read
before its owner says that whoever made it is trusted, and the run holds none.
"""

import shutil
import zipfile
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch

from agents.sb3 import (
    NOT_KWARGS,
    Algorithm,
    SB3Agent,
    SB3Config,
    algorithm_class,
    unplayed_world,
)
from envs import env_spec
from envs.base import EnvSpec
from workbench.config import RunConfig, SB3TrainConfig, WandbConfig
from workbench.errors import UsageError
from workbench.runs import checkpoint
from workbench.runs.run import Run, create_run
from workbench.suggestions import choices
from workbench.training.metrics import Meter
from workbench.training.sb3 import Ticks

if TYPE_CHECKING:
    from envs.plain_worlds import PlainConfig


def refuse_untrusted(path: Path, algorithm: str, *, trusted: bool) -> None:
    """Raises UsageError unless `path` is a zip that may be read; reads nothing in it."""
    if algorithm not in get_args(Algorithm):
        raise UsageError(
            f"unknown algorithm {algorithm!r}{choices(algorithm, {}, get_args(Algorithm))}"
        )
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    if not zipfile.is_zipfile(path):
        raise UsageError(f"{path} is not a zip, as SB3's model.save writes them")
    if not trusted:
        raise UsageError(
            f"{path} holds pickles, which can run any program on this machine while they are "
            "read; if you trust whoever made it, add --trust-pickle"
        )


def import_model(path: Path, algorithm: str, world: "PlainConfig", name: str | None) -> Run:
    """Makes a finished run of a model, from a zip that is trusted.

    Args:
        path: the zip.
        algorithm: the class that saved it, one of `Algorithm`.
        world: that it was trained in.
        name: of the run, see `create_run`.

    Raises:
        UsageError: the world does not start, the model is of another world or algorithm, or it was
            made with what a config cannot say.
    """
    try:
        spec = env_spec(world)
        model = _load(path, algorithm, spec)
        config = SB3TrainConfig(
            seed=model.seed or RunConfig.model_fields["seed"].default,
            env=world.model_copy(update={"num_envs": model.n_envs}),
            agent=SB3Config.model_validate(
                {
                    "kind": "sb3",
                    "algorithm": algorithm,
                    "policy": _policy_name(model),
                    "kwargs": _kwargs(model),
                }
            ),
            total_env_steps=max(1, model.num_timesteps),
            wandb=WandbConfig(mode="disabled"),
        )
        # What the config says must be what was loaded.
        agent = config.agent.make(spec, torch.device("cpu"))
        agent.load_network_state(model.policy.state_dict())
    except ValueError as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())}") from None
    run = create_run(config, name)
    env_steps = config.total_env_steps
    resume = {
        "agent": SB3Agent(model, spec).state_dict(),
        "ticks": Ticks(model.n_envs).state_dict(),
        "meter": Meter().state_dict(),
        "metrics_size": 0,
        "wall_seconds": 0.0,
    }
    try:
        checkpoint.save(
            run.checkpoints,
            env_steps,
            model=agent.network_state(),
            resume=resume,
            facts={"updates": model._n_updates},
        )
        run.update_info(env_steps=env_steps, status="finished", imported=path.name)
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    return run


def _load(path: Path, algorithm: str, spec: EnvSpec) -> Any:
    """Returns SB3's model, which runs what the zip's pickles say; raises ValueError."""
    maker = algorithm_class(algorithm)
    from stable_baselines3.common.vec_env import DummyVecEnv

    try:
        model = maker.load(path, device="cpu")
        model.set_env(DummyVecEnv([lambda: unplayed_world(spec)] * model.n_envs))
    except Exception as error:  # its pickles may raise anything
        text = " ".join(str(error).split())
        raise ValueError(f"it is no {algorithm} of this world: {text}") from error
    return model


def _policy_name(model: Any) -> str:
    for name, known in model.policy_aliases.items():
        if known is model.policy_class:
            return str(name)
    raise ValueError(f"its policy is a class of its own, {model.policy_class.__name__}")


def _kwargs(model: Any) -> dict[str, Any]:
    """Returns the arguments that the model was made with, where they are not SB3's defaults."""
    given = {}
    for key, parameter in signature(type(model)).parameters.items():
        value = getattr(model, key, parameter.default)
        if key in NOT_KWARGS or value == parameter.default:
            continue
        plain = _as_yaml(key, value)
        if plain not in (parameter.default, None, {}):
            given[key] = plain
    return given


def _as_yaml(key: str, value: Any) -> Any:
    """Returns an argument as a config says it; None: SB3 chooses it anew.

    Of a schedule, that is the number with which it begins: the last one often is 0.

    Raises:
        ValueError: no config can say it.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {name: _as_yaml(name, one) for name, one in value.items()}
        case type():
            ours = value.__module__.startswith(("stable_baselines3.common.", "sb3_contrib.common."))
            if ours and key.endswith("buffer_class"):
                return None
            return f"{value.__module__}:{value.__qualname__}"
        case (int() as count, unit) if key == "train_freq":
            return count if unit.value == "step" else [count, unit.value]
        case list() | tuple():
            return [_as_yaml(key, one) for one in value]
        case _ if hasattr(value, "_sigma") and type(value).__name__ == "NormalActionNoise":
            return {"sigma": float(value._sigma.mean())}
        case _ if callable(value) and key in ("learning_rate", "clip_range", "clip_range_vf"):
            return float(value(1.0))
    raise ValueError(f"no config can say its {key}, a {type(value).__name__}")
