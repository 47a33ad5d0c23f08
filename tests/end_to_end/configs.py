"""Configs of runs that take seconds."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

PROBE: dict[str, Any] = {
    "seed": 3,
    "env": {"kind": "probe", "probe": "counter", "num_envs": 4},
    "agent": {
        "kind": "dqn",
        "network": "flat",
        "batch_size": 8,
        "target_period_updates": 7,
        "epsilon_decay_env_steps": 400,
        "precision": "float32",
    },
    # Small enough that the ring wraps around several times.
    "replay": {"capacity_env_steps": 80},
    "total_env_steps": 300,
    "learning_starts_env_steps": 60,
    "samples_per_env_step": 1,
    "checkpoint_period_env_steps": 100,
    "record_period_env_steps": 300,
    "log_period_env_steps": 20,
    "device": "cpu",
    "wandb": {"mode": "disabled"},
}

ATARI: dict[str, Any] = PROBE | {
    "env": {"kind": "atari", "game": "road_runner", "num_envs": 2, "obs_size": 36},
    "agent": PROBE["agent"] | {"network": "small", "dueling": False},
    "replay": {"capacity_env_steps": 100},
    "total_env_steps": 400,
    "checkpoint_period_env_steps": 100,
    "record_period_env_steps": 10_000,
}

# Everything that the first one leaves out.
RICH_ATARI: dict[str, Any] = ATARI | {
    "env": ATARI["env"] | {"protocol": "classic", "env_threads": 2},
    "agent": ATARI["agent"] | {"head": "quantile", "quantiles": 5, "dueling": True},
    "replay": {"capacity_env_steps": 100, "sampling": "prioritized", "storage": "memmap"},
    "record_period_env_steps": 200,
}

OFF_POLICY_KEYS = ("replay", "learning_starts_env_steps", "samples_per_env_step")
# A rollout is 5 ticks of 4 envs.
PPO_PROBE: dict[str, Any] = {
    **{key: PROBE[key] for key in PROBE if key not in OFF_POLICY_KEYS},
    "env": {"kind": "probe", "probe": "recall", "num_envs": 4},
    "agent": {
        "kind": "ppo",
        "network": "flat",
        "core": "lstm",
        "core_size": 8,
        "rollout_ticks": 4,
        "sequence_ticks": 2,
        "epochs": 2,
        "minibatches": 2,
        "learning_rate_decay_env_steps": 1000,
    },
}

# The ring wraps around several times, and a window is 7 ticks of it.
R2D2_PROBE: dict[str, Any] = PROBE | {
    "env": {"kind": "probe", "probe": "recall", "num_envs": 4},
    "agent": {
        "kind": "r2d2",
        "network": "flat",
        "core_size": 8,
        "n_step": 2,
        "burn_in_ticks": 1,
        "sequence_ticks": 4,
        "sequence_period_ticks": 3,
        "batch_size": 4,
        "target_period_updates": 3,
        "staleness_period_updates": 2,
    },
    "replay": {"capacity_env_steps": 80, "sampling": "prioritized"},
    "samples_per_env_step": 4,
}

PPO_GRID: dict[str, Any] = PPO_PROBE | {
    "env": {"kind": "minigrid", "env_id": "MiniGrid-LavaGapS5-v0", "view_size": 3, "num_envs": 2},
    "agent": PPO_PROBE["agent"] | {"network": "grid", "rollout_ticks": 8},
    "total_env_steps": 400,
    "record_period_env_steps": 200,
}

BOARD: dict[str, Any] = {
    "seed": 3,
    "env": {"kind": "board", "game": "tic_tac_toe", "num_games": 5},
    "agent": {
        "kind": "alphazero",
        "blocks": 1,
        "channels": 8,
        "simulations": 12,
        "fast_simulations": 4,
        "random_plies": 2,
        "batch_size": 8,
        "precision": "float32",
    },
    "replay": {"capacity_positions": 100},
    "learning_starts_positions": 10,
    "anchors": ["random"],
    "anchor_games": 2,
    "anchor_period_env_steps": 200,
    "ladder_games": 2,
    "total_env_steps": 600,
    "checkpoint_period_env_steps": 200,
    "record_period_env_steps": 300,
    "log_period_env_steps": 50,
    "device": "cpu",
    "wandb": {"mode": "disabled"},
}


# As little as a training by self-play can be, with all of its parts.
SMALL_BOARD: dict[str, Any] = BOARD | {
    "agent": BOARD["agent"] | {"simulations": 4, "fast_simulations": 2},
    "anchor_period_env_steps": 50,
    "total_env_steps": 150,
    "checkpoint_period_env_steps": 50,
    "record_period_env_steps": 100,
    "log_period_env_steps": 25,
}


def write_config(path: Path, config: dict[str, Any], **changes: Any) -> str:
    """Writes `config` with `changes`, where `a__b` stands for `a.b`; returns the path."""
    changed = deepcopy(config)
    for key, value in changes.items():
        *parents, leaf = key.split("__")
        node = changed
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    path.write_text(yaml.safe_dump(changed), encoding="utf-8")
    return str(path)
