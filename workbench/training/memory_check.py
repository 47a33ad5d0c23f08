"""Checks that a training run fits in memory, and refuses one that surely will not.

Linux grants memory that it does not have and kills who uses it, so nothing can be caught later.
These are lower bounds of what the largest parts need, not forecasts.
"""

from math import prod
from typing import NamedTuple

import numpy as np
import psutil
import torch

from agents.alphazero import AlphaZero
from agents.base import Learner
from agents.sb3 import SB3Config
from agents.search import GumbelConfig
from envs.base import EnvSpec
from envs.board.base import GameSpec
from envs.board.openspiel import OpenSpielGame
from workbench.config import (
    OffPolicyConfig,
    OnPolicyConfig,
    SB3TrainConfig,
    SelfPlayConfig,
    TrainConfig,
)
from workbench.errors import UsageError
from workbench.replay import position_replay_bytes

# What the process needs beside these parts: torch, the emulators.
OVERHEAD_BYTES = 1_000_000_000
FLOAT = 4
COPIES = 4  # of the weights that learn: they, their gradients, and two averages of Adam's
PIXEL_BYTES = 1 + FLOAT  # as it is stored, and as a network reads it
NODE_BYTES = 1_029  # of a tree: its numbers, and at least 1 kB for OpenSpiel's state
EDGE_BYTES = 12
REPLAY_KEYS = (
    "replay.capacity_env_steps or checkpoint_period_env_steps, or set replay.storage=memmap"
)


class Part(NamedTuple):
    """What needs memory.

    Attributes:
        name: what it is called.
        size: bytes.
        keys: of the config that make it smaller.
        on_device: whether it is where the network is.
    """

    name: str
    size: int
    keys: str
    on_device: bool = True


def refuse_what_exceeds_memory(parts: list[Part], device: torch.device) -> None:
    """Raises UsageError, naming the largest part, if the parts do not fit together."""
    host = psutil.virtual_memory().available - OVERHEAD_BYTES
    places = [("memory", host, [p for p in parts if device.type != "cuda" or not p.on_device])]
    if device.type == "cuda":
        there = torch.cuda.mem_get_info()[0] - OVERHEAD_BYTES
        places.append(("GPU memory", there, [p for p in parts if p.on_device]))
    for where, free, inside in places:
        needed = sum(part.size for part in inside)
        if needed > free:
            largest = max(inside, key=lambda part: part.size)
            raise UsageError(
                f"{largest.name} needs at least {gb(largest.size)} of {where}, and {gb(free)} "
                f"are free for everything; lower {largest.keys}"
            )


def parts_of_episodes(
    config: OffPolicyConfig | OnPolicyConfig, spec: EnvSpec, replay_bytes: int
) -> list[Part]:
    """Returns what learning from a world with episodes needs.

    Args:
        config: resolved.
        spec: of the world, for any number of envs.
        replay_bytes: that replay keeps in memory.
    """
    agent, num_envs = config.agent, config.env.num_envs
    obs_bytes = prod(spec.obs_shape) * PIXEL_BYTES
    copies = COPIES
    parts = [
        Part("stepping the envs", num_envs * obs_bytes, "env.num_envs"),
        Part("replay", replay_bytes, REPLAY_KEYS),
    ]
    if isinstance(config, OnPolicyConfig):
        ticks = (config.agent.rollout_ticks + 1) * num_envs
        keys = "agent.rollout_ticks or env.num_envs"
        minibatch = ticks // config.agent.minibatches * obs_bytes
        parts += [
            # As it was played, stacked, and cut into sequences.
            Part("a rollout", 3 * ticks * prod(spec.obs_shape), keys),
            Part("a minibatch", minibatch, f"{keys}, or raise agent.minibatches"),
        ]
    else:
        batch = config.agent.batch_size * config.agent.sample_bytes(obs_bytes)
        parts.append(Part("a batch", batch, config.agent.batch_keys))
        copies += 1  # the target network
    keys = "agent.core_size" if hasattr(agent, "core_size") else "env.obs_size"
    parts.append(Part("the network", copies * network_bytes(config, spec), keys))
    return parts


def parts_of_sb3(config: SB3Config, spec: EnvSpec) -> list[Part]:
    """Returns what SB3's replay needs; raises ValueError if SB3 refuses the world or arguments."""
    device = torch.device("cpu")  # replay is there in any case
    agent = config.make(spec, device, np.random.default_rng(0))
    keys = "agent.kwargs.buffer_size"
    return [Part("replay", agent.replay_bytes, keys, on_device=False)]


def parts_of_self_play(config: SelfPlayConfig, game: OpenSpielGame) -> list[Part]:
    """Returns what learning a board game needs."""
    agent, spec = config.agent, game.spec
    obs, cells = prod(spec.obs_shape), prod(spec.obs_shape[1:])
    replay = position_replay_bytes(config.replay, spec, config.total_env_steps)
    # Two convolutions of each block, of which the results are kept for the gradients.
    features = cells * agent.channels * FLOAT * (2 * agent.blocks + 1)
    row = obs * PIXEL_BYTES + spec.num_actions * 3 * FLOAT
    moves = int(game.status([game.start()]).num_legal[0])
    simulations = max(agent.simulations, agent.fast_simulations)
    trees = config.env.num_games * simulations * (NODE_BYTES + moves * EDGE_BYTES)
    networks = (COPIES + 2) * network_bytes(config, spec)
    parts = [
        Part("the network", networks, "agent.channels or agent.blocks"),
        Part("replay", replay, "replay.capacity_positions", on_device=False),
        Part("a batch", agent.batch_size * (features + row), "agent.batch_size"),
        Part("search", trees, "agent.simulations or env.num_games", on_device=False),
    ]
    if isinstance(agent.search, GumbelConfig):
        schedules = (min(agent.search.max_considered, moves) + 1) * simulations * FLOAT
        keys = "agent.simulations or agent.search.max_considered"
        parts.append(Part("the schedule of the search", schedules, keys, on_device=False))
    return parts


def network_bytes(config: TrainConfig, spec: EnvSpec | GameSpec) -> int:
    """Returns the size of the networks that acting needs; raises ValueError if they do not fit."""
    return sum(tensor.nbytes for tensor in unfilled_network(config, spec).values())


def unfilled_network(config: TrainConfig, spec: EnvSpec | GameSpec) -> dict[str, torch.Tensor]:
    """Returns the parameters that acting needs, without memory; raises ValueError as above."""
    device = torch.device("meta")  # weights that have sizes and no memory
    agent: Learner
    with device:
        if isinstance(spec, GameSpec):
            assert isinstance(config, SelfPlayConfig)
            agent = AlphaZero(config.agent, spec, device)
        else:
            assert not isinstance(config, SelfPlayConfig)
            if isinstance(config, SB3TrainConfig):
                device = torch.device("cpu")  # SB3 computes with its weights as it makes them
            with device:
                agent = config.agent.make(spec, device, np.random.default_rng(0))
    return agent.network_state()


def gb(size: float) -> str:
    """Returns a number of bytes as people read it."""
    return f"{max(size, 0) / 1e9:.2f} GB"
