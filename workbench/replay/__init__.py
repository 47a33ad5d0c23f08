"""Experience replay. Every frame is stored once; batches are built at sampling time."""

from pathlib import Path

import numpy as np
import torch

from agents.base import Actor
from agents.config import SequenceAgentConfig
from envs.base import EnvSpec
from workbench.config import OffPolicyConfig
from workbench.replay.positions import Learnable, PositionReplay, position_replay_bytes
from workbench.replay.replay import Replay
from workbench.replay.ring import Ring, RingSize, ring_size
from workbench.replay.sequences import SequenceReplay, replay_bytes

__all__ = [
    "Learnable",
    "PositionReplay",
    "Replay",
    "Ring",
    "RingSize",
    "SequenceReplay",
    "make_replay",
    "position_replay_bytes",
    "replay_bytes",
    "ring_size",
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
    size = ring_size(config, spec)
    ring = Ring(spec, size, device=device, directory=directory, storage=config.replay.storage)
    agent = config.agent
    if isinstance(agent, SequenceAgentConfig):
        memory = actor.initial_memory(spec.num_envs)
        return SequenceReplay(ring, config.replay, rng, agent=agent, memory=memory)
    return Replay(ring, config.replay, rng, n_step=agent.n_step, discount=agent.discount)
