"""Estimates what a config will cost on this machine, before training."""

import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import torch

from agents.networks import make_torso
from envs import env_spec, make_envs
from envs.base import EnvSpec
from envs.board.base import GameSpec
from envs.board.openspiel import OpenSpielGame
from workbench.config import (
    MAX_INTEGER,
    OffPolicyConfig,
    SB3TrainConfig,
    SelfPlayConfig,
    TrainConfig,
)
from workbench.errors import UsageError
from workbench.evaluation.baselines import make_baseline
from workbench.replay import position_replay_bytes, replay_bytes
from workbench.runs.removal import disk_bytes
from workbench.runs.run import RUNS
from workbench.training.devices import choose_device, prepare_torch, resolve_precision
from workbench.training.memory_check import (
    gb,
    network_bytes,
    parts_of_episodes,
    parts_of_sb3,
    parts_of_self_play,
    refuse_what_exceeds_memory,
    unfilled_network,
)
from workbench.training.train import initial_network, make_loop

WARM_UP_TICKS = 64
WARM_UP_SECONDS = 20.0
MEASURED_SECONDS = 5.0


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
        _refuse_network_of_another_shape(config, game.spec)
        return
    try:
        with closing(make_envs(config.env.model_copy(update={"num_envs": 1}))) as env:
            env.reset(0)
            env.recv()
            spec = env.spec
    except ValueError as error:
        raise UsageError(f"env: {error}") from None
    if isinstance(config, SB3TrainConfig):
        try:
            refuse_what_exceeds_memory(parts_of_sb3(config.agent, spec), device)
        except ValueError as error:
            raise UsageError(f"agent: {error}") from None
        return
    try:
        make_torso(config.agent.network, spec.obs_shape, spec.parts)
    except ValueError as error:
        raise UsageError(f"agent.network: {error}") from None
    in_memory = 0
    if isinstance(config, OffPolicyConfig):
        needed, free = replay_bytes(config, spec), _free_disk_bytes(replay)
        if needed > free:
            raise UsageError(
                f"replay needs {gb(needed)} of disk to resume from, and {gb(free)} are free; "
                "lower replay.capacity_env_steps or checkpoint_period_env_steps"
            )
        in_memory = needed if config.replay.storage == "memory" else 0
    refuse_what_exceeds_memory(parts_of_episodes(config, spec, in_memory), device)
    _refuse_network_of_another_shape(config, spec)


def _refuse_network_of_another_shape(config: TrainConfig, spec: EnvSpec | GameSpec) -> None:
    """Raises UsageError if the run does not fit that its network is to come from."""
    if config.init_from is None:
        return
    wanted = {name: tensor.shape for name, tensor in unfilled_network(config, spec).items()}
    given = {name: tensor.shape for name, tensor in initial_network(config.init_from).items()}
    wrong = next((name for name in wanted | given if wanted.get(name) != given.get(name)), None)
    if wrong is not None:
        theirs, ours = (tuple(shapes.get(wrong, ())) or "missing" for shapes in (given, wanted))
        raise UsageError(
            f"init_from: the network of {config.init_from} is another one than this config's: "
            f"{wrong} is {theirs} there and {ours} here"
        )


def describe_shortage(config: TrainConfig, folder: Path) -> str | None:
    """Returns what to do where the disk cannot hold all that a run in `folder` will write."""
    free = _free_disk_bytes(folder)
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


def needed_disk_bytes(config: TrainConfig) -> int:
    """Returns what a run will take on the disk at most, except for videos, games and W&B's files.

    That is replay, the networks of every checkpoint, and twice what resuming needs besides: the
    old is kept until the new is there.
    """
    spec: EnvSpec | GameSpec
    replay = twice = 0
    if isinstance(config, SelfPlayConfig):
        spec = OpenSpielGame(config.env).spec
        twice = position_replay_bytes(config.replay, spec, config.total_env_steps)
    else:
        spec = env_spec(config.env)
        replay = replay_bytes(config, spec) if isinstance(config, OffPolicyConfig) else 0
        if isinstance(config, SB3TrainConfig):
            twice = parts_of_sb3(config.agent, spec)[0].size
    networks = network_bytes(config, spec)
    checkpoints = 2 + config.total_env_steps // config.checkpoint_period_env_steps
    # A target network or an average, and two moments of Adam.
    twice += 3 * networks
    return replay + checkpoints * networks + 2 * twice


def measure(config: TrainConfig) -> dict[str, Any]:
    """Trains for some seconds, saving nothing, and predicts what the whole run will cost."""
    device = choose_device(config.device)
    prepare_torch(config.torch_threads)
    report: dict[str, Any] = {"run_device": str(device), "run_precision": config.agent.precision}
    if isinstance(config, OffPolicyConfig):
        report["replay_memory_gb"] = replay_bytes(config, env_spec(config.env)) / 1e9
    loop = make_loop(_learning_at_once(config), device, None)
    loop.start()
    iterations = loop.iterations()
    # The first update takes longer than the others; a first game may take too long to wait for.
    warm = time.monotonic() + WARM_UP_SECONDS
    while not loop.agent.updates and time.monotonic() < warm:
        next(iterations)
    begin, env_steps = time.monotonic(), 0
    while (elapsed := time.monotonic() - begin) < MEASURED_SECONDS:
        env_steps += next(iterations).env_steps
    loop.close()
    rate = env_steps / elapsed
    parameters = sum(tensor.nbytes for tensor in loop.agent.network_state().values())
    return {
        **report,
        "checkpoint_model_mb": parameters / 1e6,
        "needed_disk_gb": needed_disk_bytes(config) / 1e9,
        "steps_per_second": rate,
        "wall_minutes": config.total_env_steps / rate / 60,
    }


def _learning_at_once(config: TrainConfig) -> TrainConfig:
    """Learning starts at once, from as few ticks as it can."""
    if isinstance(config, SelfPlayConfig):
        return config.model_copy(update={"learning_starts_positions": 1})
    if not isinstance(config, OffPolicyConfig):
        return config
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


def _free_disk_bytes(folder: Path | None) -> int:
    """Returns what may be written to a folder (None: `runs/`); what it has counts as free."""
    own = 0 if folder is None else disk_bytes(folder)
    return shutil.disk_usage(_existing(folder or RUNS)).free + own


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
