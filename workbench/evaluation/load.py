"""Bringing a saved agent back to play: its run's world, its weights, nothing of its training."""

import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from agents import make_agent
from agents.base import Actor, Agent
from envs import env_spec, make_rendered_env
from envs.base import EnvConfig
from workbench.config import SelfPlayConfig
from workbench.errors import UsageError
from workbench.recording.episode import Recording, record_episode
from workbench.runs import checkpoint
from workbench.runs.run import open_player
from workbench.suggestions import PROTOCOLS_ELSEWHERE, choices
from workbench.training.devices import choose_device

# Videos made while training are cut after this many env_steps (two minutes of Atari).
MAX_VIDEO_ENV_STEPS = 1_800


def load_player(player: str) -> tuple[Agent, EnvConfig, int]:
    """Returns the agent that `player` names, its world, and the env_steps it had trained for.

    Raises:
        UsageError: there is no such run or checkpoint, or the checkpoint is damaged.
    """
    run, path = open_player(player)
    config = run.config
    if isinstance(config, SelfPlayConfig):
        raise UsageError(f"{run.name} plays a board game, which has no episodes")
    torch.set_num_threads(config.torch_threads)
    try:
        device = choose_device("auto")
        agent = make_agent(config.agent, env_spec(config.env), device, np.random.default_rng(0))
        agent.load_network_state(checkpoint.load_model(path))
    except ValueError as error:
        raise UsageError(f"{path} does not belong to {run.config_path}: {error}") from None
    return agent, config.env, int(path.name)


def with_protocol(env_config: EnvConfig, protocol: str | None) -> EnvConfig:
    """Returns the world under another protocol; raises UsageError if it has no such protocol."""
    if protocol is None:
        return env_config
    if not env_config.protocols:
        raise UsageError(f"{env_config.kind} has no protocols; leave --protocol out")
    if protocol not in env_config.protocols:
        known = choices(protocol, PROTOCOLS_ELSEWHERE, env_config.protocols)
        raise UsageError(f"unknown protocol {protocol!r}{known}")
    return env_config.model_copy(update={"protocol": protocol})


def record_player(
    actor: Actor,
    env_config: EnvConfig,
    directory: Path,
    env_steps: int,
    *,
    seed: int,
    env_index: int = 0,
    max_env_steps: int = sys.maxsize,
) -> Recording:
    """Records one episode under the world's protocol, as `directory/STEP_SEED.mp4` and `.json`.

    It is the one that `evaluate` scores first with the same `seed` in the env of this index. The
    files of an env but the first are `STEP_SEED_ENV`.

    Args:
        actor: chooses the actions; it is not changed.
        env_config: the world; one env of it is played.
        directory: where the video and its trace go.
        env_steps: how long the actor had trained, for the name and the title.
        seed: of the evaluation; never shared with training.
        env_index: below `MAX_EVAL_ENVS`.
        max_env_steps: the video is cut after this many.
    """
    with closing(make_rendered_env(env_config)) as env:
        return record_episode(
            actor,
            env,
            seed=seed,
            env_index=env_index,
            directory=directory,
            name=f"{env_steps}_{seed}" + f"_{env_index}" * (env_index > 0),
            title=f"{env.spec.name}  step {env_steps:,}",
            max_env_steps=max_env_steps,
        )


def record_progress(actor: Actor, env_config: EnvConfig, directory: Path, env_steps: int) -> Path:
    """Records an actor in the midst of its training, the same episode each time; see above."""
    return record_player(
        actor, env_config, directory, env_steps, seed=0, max_env_steps=MAX_VIDEO_ENV_STEPS
    ).video
