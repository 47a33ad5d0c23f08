"""Agents: one file per algorithm, none imports another."""

from typing import assert_never

import numpy as np
import torch

from agents.base import Agent
from agents.dqn import DQN, DQNConfig
from agents.ppo import PPO, PPOConfig
from agents.r2d2 import R2D2, R2D2Config
from envs.base import EnvSpec

AgentConfig = DQNConfig | PPOConfig | R2D2Config


def make_agent(
    config: AgentConfig, spec: EnvSpec, device: torch.device, rng: np.random.Generator
) -> Agent:
    """Returns the configured agent, untrained; `rng` draws its exploration."""
    match config:
        case DQNConfig():
            return DQN(config, spec, device, rng)
        case PPOConfig():
            return PPO(config, spec, device, rng)
        case R2D2Config():
            return R2D2(config, spec, device, rng)
        case _:
            assert_never(config)
