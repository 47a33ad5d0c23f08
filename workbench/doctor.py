"""What a config will cost on this machine, before it is paid."""

import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import torch

from agents.networks import make_torso, resolve_precision
from agents.r2d2 import R2D2Config
from envs import env_spec, make_envs
from envs.base import EnvSpec
from envs.board.openspiel import OpenSpielGame
from workbench.config import OffPolicyConfig, SelfPlayConfig, TrainConfig
from workbench.errors import UsageError
from workbench.loops import make_loop
from workbench.replay import replay_bytes, sequence_replay_bytes
from workbench.run import RUNS, choose_device

WARM_UP_TICKS = 64
WARM_UP_SECONDS = 20.0
# What the process needs beside replay: torch, the emulators, the networks.
OVERHEAD_BYTES = 1_000_000_000


def describe_machine() -> dict[str, Any]:
    """Returns what this machine has, in words and GB."""
    device = choose_device("auto")
    cuda = torch.cuda.get_device_name() if device.type == "cuda" else None
    return {
        "device": cuda or device.type,
        "precision": resolve_precision("auto", device),
        "cpu_cores": psutil.cpu_count(),
        "free_memory_gb": psutil.virtual_memory().available / 1e9,
        "free_disk_gb": shutil.disk_usage(_existing(RUNS)).free / 1e9,
        "torch": torch.__version__,
    }


def resolve(config: TrainConfig) -> TrainConfig:
    """Replaces what depends on the machine, so that the saved config means the same elsewhere.

    Raises:
        UsageError: the device is not there.
    """
    device = choose_device(config.device)
    precision = resolve_precision(config.agent.precision, device)
    agent = config.agent.model_copy(update={"precision": precision})
    return config.model_copy(update={"agent": agent})


def warnings(config: TrainConfig) -> list[str]:
    """Returns what can be trained and is hardly meant, a sentence each."""
    if isinstance(config, SelfPlayConfig) and OpenSpielGame(config.env).calls_counted_games_draws:
        return [
            f"env.max_plies={config.env.max_plies} makes draws of games that the rules of "
            f"{config.env.game} decide by counting; leave it out"
        ]
    return []


def refuse_what_will_not_fit(config: TrainConfig) -> None:
    """Raises UsageError if the world does not start, or the network or replay does not fit."""
    if isinstance(config, SelfPlayConfig):
        try:
            OpenSpielGame(config.env)
        except ValueError as error:
            raise UsageError(f"env.game: {error}") from None
        return
    try:
        with closing(make_envs(config.env.model_copy(update={"num_envs": 1}))) as env:
            env.reset(0)
            env.recv()
            spec = env.spec
    except ValueError as error:
        raise UsageError(f"env: {error}") from None
    try:
        make_torso(config.agent.network, spec.obs_shape)
    except ValueError as error:
        raise UsageError(f"agent.network: {error}") from None
    if isinstance(config, OffPolicyConfig):
        _refuse_replay_that_will_not_fit(config, spec)


def _refuse_replay_that_will_not_fit(config: OffPolicyConfig, spec: EnvSpec) -> None:
    needed = _replay_bytes(config, spec)
    remedy = "lower replay.capacity_env_steps or checkpoint_period_env_steps"
    free_disk = shutil.disk_usage(_existing(RUNS)).free
    if needed > free_disk:
        raise UsageError(
            f"replay needs {_gb(needed)} of disk to resume from, and {_gb(free_disk)} are free; "
            + remedy
        )
    free, where = psutil.virtual_memory().available - OVERHEAD_BYTES, "memory"
    if choose_device(config.device).type == "cuda" and config.replay.storage == "memory":
        free, where = torch.cuda.mem_get_info()[0] - OVERHEAD_BYTES, "GPU memory"
    if config.replay.storage == "memory" and needed > free:
        raise UsageError(
            f"replay needs {_gb(needed)} of {where}, and {_gb(free)} are free; {remedy}, "
            "or set replay.storage=memmap"
        )


def measure(config: TrainConfig, seconds: float = 5.0) -> dict[str, Any]:
    """Trains for `seconds`, saving nothing, and predicts what the whole run will cost."""
    device = choose_device(config.device)
    torch.set_num_threads(config.torch_threads)
    replay: dict[str, float] = {}
    if isinstance(config, OffPolicyConfig):
        replay = {"replay_memory_gb": _replay_bytes(config, env_spec(config.env)) / 1e9}
        config = _with_little_replay(config)
    elif isinstance(config, SelfPlayConfig):
        config = config.model_copy(update={"learning_starts_positions": 1})
    loop = make_loop(config, device, None)
    loop.start()
    turns = loop.turns()
    # The first update takes longer than the others; a first game may take too long to wait for.
    warm = time.monotonic() + WARM_UP_SECONDS
    while not loop.agent.updates and time.monotonic() < warm:
        next(turns)
    begin, env_steps = time.monotonic(), 0
    while (elapsed := time.monotonic() - begin) < seconds:
        env_steps += next(turns).env_steps
    loop.close()
    rate = env_steps / elapsed
    parameters = sum(tensor.nbytes for tensor in loop.agent.network_state().values())
    return {
        "run_device": str(device),
        "run_precision": config.agent.precision,
        **replay,
        "checkpoint_model_mb": parameters / 1e6,
        "steps_per_second": rate,
        "wall_minutes": config.total_env_steps / rate / 60,
    }


def _with_little_replay(config: OffPolicyConfig) -> OffPolicyConfig:
    """Learning starts at once, from as few ticks as it can."""
    ticks = WARM_UP_TICKS + config.agent.window_ticks + config.agent.sequence_period_ticks
    env_steps = ticks * config.env.num_envs
    replay = config.replay.model_copy(update={"capacity_env_steps": env_steps})
    changes = {
        "replay": replay,
        "learning_starts_env_steps": env_steps,
        "checkpoint_period_env_steps": 1,
    }
    return config.model_copy(update=changes)


def _replay_bytes(config: OffPolicyConfig, spec: EnvSpec) -> int:
    slack_env_steps = config.checkpoint_period_env_steps
    if isinstance(config.agent, R2D2Config):
        return sequence_replay_bytes(config.replay, config.agent, spec, slack_env_steps)
    return replay_bytes(config.replay, spec, slack_env_steps)


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _gb(size: float) -> str:
    return f"{size / 1e9:.2f} GB"
