"""Estimates what a config will cost on this machine, before training."""

import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from agents.alphazero import AlphaZero
from agents.base import Learner
from agents.networks import make_torso
from envs import env_spec, make_envs
from envs.base import EnvSpec
from envs.board.openspiel import OpenSpielGame
from workbench.config import MAX_INTEGER, OffPolicyConfig, SelfPlayConfig, TrainConfig
from workbench.errors import UsageError
from workbench.evaluation.baselines import make_baseline
from workbench.replay import position_replay_bytes, replay_bytes
from workbench.runs.removal import disk_bytes
from workbench.runs.run import RUNS
from workbench.training.devices import choose_device, prepare_torch, resolve_precision
from workbench.training.memory_check import (
    gb,
    parts_of_episodes,
    parts_of_self_play,
    refuse_what_exceeds_memory,
)
from workbench.training.train import make_loop

WARM_UP_TICKS = 64
WARM_UP_SECONDS = 20.0


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


def warnings(config: TrainConfig) -> list[str]:
    """Returns what can be trained and is hardly meant, a sentence each."""
    if isinstance(config, SelfPlayConfig) and OpenSpielGame(config.env).calls_decided_games_draws:
        return [
            f"env.max_plies={config.env.max_plies} makes draws of games that the rules of "
            f"{config.env.game} decide in the end; leave it out"
        ]
    return []


def refuse_what_will_not_fit(config: TrainConfig, replay: Path | None = None) -> None:
    """Raises UsageError if the world does not start, or the network or replay does not fit.

    Args:
        config: resolved.
        replay: the folder of a run that goes on, whose files need not be had again.
    """
    device = choose_device(config.device)
    if isinstance(config, SelfPlayConfig):
        try:
            game = OpenSpielGame(config.env)
        except ValueError as error:
            raise UsageError(f"env.game: {error}") from None
        for name in config.anchors:  # now, and not when strength is measured for the first time
            make_baseline(name, game)
        refuse_what_exceeds_memory(parts_of_self_play(config, game), device)
    else:
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
        in_memory = 0
        if isinstance(config, OffPolicyConfig):
            _refuse_replay_that_the_disk_cannot_hold(config, spec, replay)
            if config.replay.storage == "memory":
                in_memory = replay_bytes(config, spec)
        refuse_what_exceeds_memory(parts_of_episodes(config, spec, in_memory), device)


def describe_shortage(config: TrainConfig, folder: Path) -> str | None:
    """Returns what to do where the disk cannot hold all that a run in `folder` will write."""
    free = shutil.disk_usage(_existing(folder)).free
    if folder.is_dir():  # what the run has already need not be had again
        free += disk_bytes(folder)
    try:
        needed = needed_disk_bytes(config)
    except ValueError:  # a config that was edited: loading the run says what does not fit
        return None
    if needed <= free:
        return None
    return (
        f"replay and checkpoints will need {gb(needed)} of disk, and {gb(free)} are free; raise "
        "checkpoint_period_env_steps, or make room: ludus prune, ludus delete"
    )


def _refuse_replay_that_the_disk_cannot_hold(
    config: OffPolicyConfig, spec: EnvSpec, folder: Path | None
) -> None:
    needed = replay_bytes(config, spec)
    free_disk = shutil.disk_usage(_existing(folder or RUNS)).free
    if folder is not None and folder.is_dir():
        free_disk += disk_bytes(folder)
    if needed > free_disk:
        raise UsageError(
            f"replay needs {gb(needed)} of disk to resume from, and {gb(free_disk)} are free; "
            "lower replay.capacity_env_steps or checkpoint_period_env_steps"
        )


def needed_disk_bytes(config: TrainConfig) -> int:
    """Returns what a run will take on the disk at most, except for videos, games and W&B's files.

    That is replay, the networks of every checkpoint, and twice what resuming needs besides: the
    old is kept until the new is there.
    """
    device, rng = torch.device("cpu"), np.random.default_rng(0)
    rng_state = torch.get_rng_state()
    replay = twice = 0
    agent: Learner
    if isinstance(config, SelfPlayConfig):
        spec = OpenSpielGame(config.env).spec
        agent = AlphaZero(config.agent, spec, device)
        twice = position_replay_bytes(config.replay, spec, config.total_env_steps)
    elif isinstance(config, OffPolicyConfig):
        agent = config.agent.make(env_spec(config.env), device, rng)
        replay = replay_bytes(config, env_spec(config.env))
    else:
        agent = config.agent.make(env_spec(config.env), device, rng)
    torch.set_rng_state(rng_state)
    networks = sum(tensor.nbytes for tensor in agent.network_state().values())
    checkpoints = 2 + config.total_env_steps // config.checkpoint_period_env_steps
    # A target network or an average, and two moments of Adam.
    twice += 3 * networks
    return replay + checkpoints * networks + 2 * twice


def measure(config: TrainConfig, seconds: float = 5.0) -> dict[str, Any]:
    """Trains for `seconds`, saving nothing, and predicts what the whole run will cost."""
    device = choose_device(config.device)
    prepare_torch(config.torch_threads)
    total_env_steps, disk = config.total_env_steps, needed_disk_bytes(config)
    replay: dict[str, float] = {}
    if isinstance(config, OffPolicyConfig):
        replay = {"replay_memory_gb": replay_bytes(config, env_spec(config.env)) / 1e9}
        config = _with_little_replay(config)
    elif isinstance(config, SelfPlayConfig):
        config = config.model_copy(update={"learning_starts_positions": 1})
    loop = make_loop(config, device, None)
    loop.start()
    iterations = loop.iterations()
    # The first update takes longer than the others; a first game may take too long to wait for.
    warm = time.monotonic() + WARM_UP_SECONDS
    while not loop.agent.updates and time.monotonic() < warm:
        next(iterations)
    begin, env_steps = time.monotonic(), 0
    while (elapsed := time.monotonic() - begin) < seconds:
        env_steps += next(iterations).env_steps
    loop.close()
    rate = env_steps / elapsed
    parameters = sum(tensor.nbytes for tensor in loop.agent.network_state().values())
    return {
        "run_device": str(device),
        "run_precision": config.agent.precision,
        **replay,
        "checkpoint_model_mb": parameters / 1e6,
        "needed_disk_gb": disk / 1e9,
        "steps_per_second": rate,
        "wall_minutes": total_env_steps / rate / 60,
    }


def _with_little_replay(config: OffPolicyConfig) -> OffPolicyConfig:
    """Learning starts at once, from as few ticks as it can."""
    ticks = WARM_UP_TICKS + config.agent.window_ticks + config.agent.sample_period_ticks
    env_steps = ticks * config.env.num_envs
    replay = config.replay.model_copy(update={"capacity_env_steps": env_steps})
    changes = {
        "replay": replay,
        "learning_starts_env_steps": env_steps,
        "checkpoint_period_env_steps": 1,
        "total_env_steps": MAX_INTEGER,  # it is stopped by the clock
    }
    return config.model_copy(update=changes)


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
