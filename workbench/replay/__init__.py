"""Experience replay. Every frame is stored once; batches are built at sampling time."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.base import Actor
from agents.config import SequenceAgentConfig
from envs.base import EnvSpec
from workbench.config import OffPolicyConfig
from workbench.replay.positions import Learnable, PositionReplay, position_replay_bytes
from workbench.replay.replay import Replay, replay_bytes, ring_bytes
from workbench.replay.sequences import SequenceReplay, sequence_replay_bytes

__all__ = [
    "Learnable",
    "PositionReplay",
    "Replay",
    "SequenceReplay",
    "make_replay",
    "needed_bytes",
    "position_replay_bytes",
    "replay_bytes",
    "ring_bytes",
    "sequence_replay_bytes",
]


def make_replay(
    config: OffPolicyConfig,
    spec: EnvSpec,
    actor: Actor,
    device: torch.device,
    rng: np.random.Generator,
    directory: Path | None,
) -> Replay | SequenceReplay:
    """Returns the replay that the configured agent learns from; see `Ring` for the errors raised.

    Args:
        config: of the training.
        spec: of the envs whose ticks are stored.
        actor: whose memory is stored where the agent learns from sequences.
        device: of the frames.
        rng: draws samples.
        directory: of the ring's files; None: the replay is never saved.
    """
    agent = config.agent
    common: dict[str, Any] = {
        "slack_env_steps": config.checkpoint_period_env_steps,
        "total_env_steps": config.total_env_steps,
        "device": device,
        "rng": rng,
        "directory": directory,
    }
    if isinstance(agent, SequenceAgentConfig):
        memory = actor.initial_memory(spec.num_envs)
        return SequenceReplay(config.replay, agent, spec, memory, **common)
    return Replay(config.replay, spec, n_step=agent.n_step, discount=agent.discount, **common)


def needed_bytes(config: OffPolicyConfig, spec: EnvSpec) -> int:
    """Returns the bytes of all arrays of the replay that `make_replay` makes."""
    slack, total = config.checkpoint_period_env_steps, config.total_env_steps
    if isinstance(config.agent, SequenceAgentConfig):
        return sequence_replay_bytes(config.replay, config.agent, spec, slack, total)
    return replay_bytes(config.replay, spec, slack, total)
