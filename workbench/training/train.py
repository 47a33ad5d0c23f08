"""What surrounds the iterations of every loop: metrics, videos, checkpoints and a clean end."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from workbench.config import OffPolicyConfig, OnPolicyConfig, SB3TrainConfig, TrainConfig
from workbench.errors import UsageError
from workbench.runs import checkpoint
from workbench.runs.run import Run, open_checkpoint
from workbench.training.devices import choose_device, prepare_torch
from workbench.training.loop import Every, Loop
from workbench.training.off_policy import OffPolicyLoop
from workbench.training.on_policy import OnPolicyLoop
from workbench.training.progress import ProgressLine
from workbench.training.reporter import Reporter
from workbench.training.sb3 import SB3Loop
from workbench.training.self_play import SelfPlayLoop
from workbench.training.stopping import StopRequest

COLLECTING = "collecting, not learning yet"


def train(run: Run, line: ProgressLine, stop: StopRequest) -> bool:
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
    prepare_torch(config.torch_threads)
    torch.manual_seed(config.seed)
    loop, reporter, env_steps = _restore(run, config, device, line)
    agent = loop.agent
    should_log = Every(config.log_period_env_steps, env_steps)
    should_record = Every(config.record_period_env_steps, env_steps, at_start=True)
    should_save = Every(config.checkpoint_period_env_steps, env_steps, at_start=True)
    # Killed after its last checkpoint but before it could say so, it has nothing left to do.
    finished = env_steps >= config.total_env_steps

    with reporter.opened(env_steps, finished=finished):
        stop.can_wait = True
        learning = agent.updates > 0
        line.enter(None if learning else COLLECTING)
        for progress in () if finished else loop.iterations():
            env_steps += progress.env_steps
            finished = env_steps >= config.total_env_steps
            ending = finished or stop.requested
            reporter.add(progress)
            if progress.updates and not learning:
                learning = True
                line.enter(None)

            if should_log(env_steps):
                reporter.tell(agent, env_steps)
            elif finished:
                reporter.tell_end(agent, env_steps)

            recording = should_record(env_steps) or finished
            saving = should_save(env_steps) or ending
            if recording or saving:
                reporter.check_finite(agent)
            # Before the checkpoint: a run killed in between resumes before both and makes both.
            if recording:
                reporter.record(loop, env_steps)
            if saving:
                with line.pause("saving", config.checkpoint_period_env_steps):
                    _save(run, loop, reporter, env_steps)

            line.advance(env_steps)
            if ending:
                break
    stop.can_wait, stop.saved = False, True
    loop.close()
    reporter.finish(run.checkpoints / str(env_steps) if finished else None)
    return finished


def initial_network(named: str) -> dict[str, torch.Tensor]:
    """Returns the weights of RUN or RUN@STEP; raises UsageError if there are none."""
    return checkpoint.load_model(open_checkpoint(named)[1])


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
        case SB3TrainConfig():
            return SB3Loop(config, device)
        case _:
            return SelfPlayLoop(config, device)


def _restore(
    run: Run, config: TrainConfig, device: torch.device, line: ProgressLine
) -> tuple[Loop, Reporter, int]:
    """Returns the loop and the reporter as the latest checkpoint left them, and its env_steps."""
    checkpoint.settle(run.checkpoints)
    step = checkpoint.latest_step(run.checkpoints)
    if step is None:
        if run.info["env_steps"] > 0:
            raise UsageError(f"{run.path} cannot go on: its checkpoints are gone")
        # A disk that was too full, or a kill, may have left half of the files.
        shutil.rmtree(run.replay, ignore_errors=True)
    line.enter("loading" if step is None else f"loading checkpoint {step:,}")
    with _config_fits(run):
        loop = make_loop(config, device, run.replay)
        reporter = Reporter(run, config, line)
        if step is None:
            if config.init_from is not None:
                loop.agent.load_network_state(initial_network(config.init_from))
            loop.start()
            return loop, reporter, 0
        state = checkpoint.load_resume(run.checkpoints / str(step))
        loop.agent.load_network_state(checkpoint.load_model(run.checkpoints / str(step)))
        for name, part in loop.parts.items():
            part.load_state_dict(state[name])
        reporter.load_state_dict(state)
        run.update_info(env_steps=step, wall_seconds=reporter.wall_seconds)
    return loop, reporter, step


def _save(run: Run, loop: Loop, reporter: Reporter, env_steps: int) -> None:
    """Writes a checkpoint, and into `run.json` that it is there."""
    told = reporter.state_dict()
    checkpoint.save(
        run.checkpoints,
        env_steps,
        model=loop.agent.network_state(),
        resume={**{name: part.state_dict() for name, part in loop.parts.items()}, **told},
        facts={"updates": loop.agent.updates},
    )
    run.update_info(env_steps=env_steps, wall_seconds=reporter.wall_seconds)


@contextmanager
def _config_fits(run: Run) -> Iterator[None]:
    """Says what is wrong where a run's files are not those that its config describes."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault
            raise
        raise UsageError(f"{run.path} does not fit its config.yaml: {error}") from error
