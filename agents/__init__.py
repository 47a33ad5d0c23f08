"""Agents: one file per algorithm; none imports another."""

from typing import TYPE_CHECKING

from agents.config import EpisodicAgentConfig

if TYPE_CHECKING:
    import numpy as np
    import torch

    from agents.base import Agent
    from envs.base import EnvSpec

# Each kind of agent: one file, one line here. Torch is loaded where one of them is.
AGENTS = {
    "dqn": "agents.dqn:DQNConfig",
    "ppo": "agents.ppo:PPOConfig",
    "r2d2": "agents.r2d2:R2D2Config",
    "alphazero": "agents.alphazero:AlphaZeroConfig",
}


def make_agent(
    config: EpisodicAgentConfig,
    spec: "EnvSpec",
    device: "torch.device",
    rng: "np.random.Generator",
) -> "Agent":
    """Returns the configured agent, untrained; `rng` is for its exploration."""
    return config.make(spec, device, rng)
