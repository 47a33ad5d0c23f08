"""Training: what every loop has around its turns: metrics, videos, checkpoints, and an end."""

import ctypes
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import torch

from workbench.config import OffPolicyConfig, OnPolicyConfig, TrainConfig
from workbench.errors import UsageError
from workbench.runs import checkpoint
from workbench.runs.run import Clock, Run
from workbench.training.devices import choose_device
from workbench.training.loop import Loop
from workbench.training.metrics import Meter, MetricsFile, WandbLog, rates
from workbench.training.off_policy import OffPolicyLoop
from workbench.training.on_policy import OnPolicyLoop
from workbench.training.progress import Progress
from workbench.training.self_play import SelfPlayLoop
from workbench.training.stopping import StopRequest

# Parameters of mallopt, as in glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
COLLECTING = "collecting, not learning yet"


def make_loop(config: TrainConfig, device: torch.device, directory: Path | None) -> Loop:
    """Returns the loop in which the configured agent learns, with everything that it needs.

    Args:
        config: resolved.
        device: where the networks live.
        directory: where replay keeps its files; None: it is never saved.

    Raises:
        ValueError: the network does not fit the observations.
        OSError: replay does not fit on the disk.
    """
    match config:
        case OffPolicyConfig():
            return OffPolicyLoop(config, device, directory)
        case OnPolicyConfig():
            return OnPolicyLoop(config, device)
        case _:
            return SelfPlayLoop(config, device)


def train(run: Run, progress: Progress, stop: StopRequest) -> bool:
    """Trains from the run's latest checkpoint, or from nothing, to its end or until `stop`.

    Returns:
        True when finished, False when a signal asked to stop; either way everything is saved.

    Raises:
        UsageError: the device is missing or the checkpoint does not fit.
        WorkError: the loss is not finite, or W&B does not start.
        OSError: the disk is full or not writable; the latest checkpoint stays in force.
    """
    config = run.config
    device = choose_device(config.device)
    torch.set_num_threads(config.torch_threads)
    # Momentum of weights that no longer learn decays into denormals; Adam was 5x slower for them.
    torch.set_flush_denormal(True)
    keep_freed_memory()
    torch.manual_seed(config.seed)
    checkpoint.settle(run.checkpoints)
    step = checkpoint.latest_step(run.checkpoints)
    if step is None:
        if run.info["env_steps"] > 0:
            raise UsageError(f"{run.path} cannot go on: its checkpoints are gone")
        # A disk that was too full, or a kill, may have left half of the files.
        shutil.rmtree(run.replay, ignore_errors=True)
    progress.enter("loading" if step is None else f"loading checkpoint {step:,}")
    with _config_fits(run):
        loop = make_loop(config, device, run.replay)
        agent, meter = loop.agent, Meter()
        parts = {**loop.parts, "meter": meter}
        env_steps, metrics_size, clock = 0, 0, Clock()
        if step is None:
            loop.start()
        else:
            state = checkpoint.load_resume(run.checkpoints / str(step))
            agent.load_network_state(checkpoint.load_model(run.checkpoints / str(step)))
            for name, part in parts.items():
                part.load_state_dict(state[name])
            env_steps, metrics_size = step, state["metrics_size"]
            clock = Clock(state["wall_seconds"])
            run.update_info(env_steps=env_steps, wall_seconds=round(clock.seconds, 3))
    # Killed after its last checkpoint but before it could say so, it has nothing left to do.
    finished = env_steps >= config.total_env_steps

    shown_env_steps, shown_seconds = env_steps, clock.seconds
    if config.wandb.mode != "disabled":
        progress.enter("starting W&B")
    wandb_log = WandbLog(
        config.wandb, run.name, run.path, config.model_dump(mode="json"), run.info["wandb_id"]
    )
    # The line that a finished run ends with lies beyond its checkpoint, see below.
    kept_size = None if finished else metrics_size
    with closing(MetricsFile(run.metrics_path, kept_size)) as metrics_file:
        stop.can_wait = True
        progress.enter(None if agent.updates else COLLECTING)
        for turn in () if finished else loop.turns():
            for tick in turn.steps:
                meter.saw(tick)
            for game in turn.games:
                meter.ended(game)
            meter.told(turn.facts)
            for update in turn.updates:
                meter.learned(update)
            before, env_steps = env_steps, env_steps + turn.env_steps
            finished = env_steps >= config.total_env_steps
            ending = finished or stop.requested
            if turn.updates and len(turn.updates) == agent.updates:
                progress.enter(None)
            logging = _crossed(before, env_steps, config.log_period_env_steps)
            # A run that is extended later goes on as if its last line had never been due.
            unread = None
            if finished and not logging:
                unread = meter.state_dict(), metrics_file.sync()
            if logging or finished:
                meter.check_finite()
                metrics = {
                    "env_steps": env_steps,
                    "wall_seconds": round(clock.seconds, 3),
                    "updates": agent.updates,
                    **agent.schedules(),
                    **meter.read(),
                }
                metrics |= rates(
                    metrics, env_steps - shown_env_steps, clock.seconds - shown_seconds
                )
                shown_env_steps, shown_seconds = env_steps, clock.seconds
                metrics_file.write(metrics)
                wandb_log.log(metrics)
                progress.show(metrics)
            always = before == 0 or finished
            recording = always or _crossed(before, env_steps, config.record_period_env_steps)
            saving = always or _crossed(before, env_steps, config.checkpoint_period_env_steps)
            if recording or saving or ending:
                meter.check_finite(agent.network_state().values())
            # Before the checkpoint: a run killed in between resumes before both and makes both.
            if recording:
                with progress.within("recording" if before else "recording the untrained agent"):
                    wandb_log.log_video(loop.record(run, env_steps), env_steps)
            if saving or ending:
                size = metrics_file.sync()
                state = {name: part.state_dict() for name, part in parts.items()}
                if unread is not None:
                    state["meter"], size = unread
                checkpoint.save(
                    run.checkpoints,
                    env_steps,
                    model=agent.network_state(),
                    resume={**state, "metrics_size": size, "wall_seconds": clock.seconds},
                    facts={"updates": agent.updates},
                )
                run.update_info(env_steps=env_steps, wall_seconds=round(clock.seconds, 3))
            progress.advance(env_steps)
            if ending:
                break
    stop.can_wait, stop.saved = False, True
    if config.wandb.mode != "disabled":
        progress.enter("closing W&B")
    if finished:
        wandb_log.log_checkpoint(run.checkpoints / str(env_steps), run.name)
    loop.close()
    wandb_log.close()
    return finished


@contextmanager
def _config_fits(run: Run) -> Iterator[None]:
    """Says what is wrong where a run's files are not those that its config describes."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault
            raise
        raise UsageError(f"{run.path} does not fit its config.yaml: {error}") from error


def keep_freed_memory() -> None:
    """Lets glibc use the memory of freed tensors again.

    By default it gives large blocks back to the system, and each new tensor is faulted in page by
    page: an update of DQN took 4 % longer on one machine, a third longer on another.
    """
    with suppress(AttributeError):  # only glibc has it
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _crossed(before: int, now: int, period: int) -> bool:
    """Whether a multiple of `period` lies in (before, now]."""
    return now // period > before // period
