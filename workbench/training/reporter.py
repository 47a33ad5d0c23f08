"""Reports training to the terminal, `metrics.jsonl` and W&B: lines of metrics, and videos."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from agents.base import Learner
from envs.base import State
from workbench.config import TrainConfig
from workbench.runs.run import Clock, Run
from workbench.training.loop import Loop, Progress
from workbench.training.metrics import Meter, MetricsFile, WandbLog, rates
from workbench.training.progress import ProgressLine


class Reporter:
    """Collects what iterations bring and tells it; part of a checkpoint."""

    def __init__(self, run: Run, config: TrainConfig, line: ProgressLine) -> None:
        """Starts the wall clock; touches no file before it is opened."""
        self._run = run
        self._config = config
        self._line = line
        self._meter = Meter()
        self._clock = Clock()
        self._metrics_size = 0  # bytes
        self._before_end: dict[str, Any] | None = None

    @property
    def wall_seconds(self) -> float:
        """Seconds spent on the run so far, across interruptions."""
        return round(self._clock.seconds, 3)

    @contextmanager
    def opened(self, env_steps: int, *, finished: bool) -> Iterator[None]:
        """Starts W&B and opens `metrics.jsonl`.

        Args:
            env_steps: how far the training is; later lines are cut off.
            finished: whether no line will come, so that all are kept.

        Raises:
            WorkError: W&B does not start.
        """
        self._told = env_steps, self._clock.seconds
        config, run = self._config, self._run
        if config.wandb.mode != "disabled":
            self._line.enter("starting W&B")
        self._wandb = WandbLog(
            config.wandb, run.name, run.path, config.model_dump(mode="json"), run.info["wandb_id"]
        )
        # The line that a finished run ends with lies beyond its checkpoint, see `tell_end`.
        size = None if finished else self._metrics_size
        with closing(MetricsFile(run.metrics_path, size)) as self._file:
            yield

    def add(self, progress: Progress) -> None:
        """Adds one iteration to the next line."""
        for step in progress.steps:
            self._meter.add_step(step)
        for game in progress.games:
            self._meter.add_game(game)
        self._meter.add_facts(progress.facts)
        for update in progress.updates:
            self._meter.add_update(update)
        for pause in progress.pauses:
            self._line.paused(*pause)

    def tell(self, agent: Learner, env_steps: int) -> None:
        """Writes one line of metrics; raises WorkError if a loss is not a finite number."""
        self._meter.check_finite()
        seconds = self._clock.seconds
        metrics = {
            "env_steps": env_steps,
            "wall_seconds": round(seconds, 3),
            "updates": agent.updates,
            **agent.schedules(),
            **self._meter.read(),
        }
        told_env_steps, told_seconds = self._told
        metrics |= rates(metrics, env_steps - told_env_steps, seconds - told_seconds)
        self._told = env_steps, seconds
        self._file.write(metrics)
        self._wandb.log(metrics)
        self._line.show(metrics)

    def tell_end(self, agent: Learner, env_steps: int) -> None:
        """Writes the line that a run ends with, where none is due.

        A run that is extended later goes on as if this line had never been written.
        """
        self._before_end = self._state()
        self.tell(agent, env_steps)

    def record(self, loop: Loop, env_steps: int) -> None:
        """Records a video of the agent as it is now."""
        untrained = "" if loop.agent.updates else " the untrained agent"
        period = self._config.record_period_env_steps
        with self._line.within(f"recording{untrained}"), self._line.pause("recording", period):
            self._wandb.log_video(loop.record(self._run, env_steps), env_steps)

    def check_finite(self, agent: Learner) -> None:
        """Raises WorkError if a loss since the last line, or a weight, is not a finite number."""
        self._meter.check_finite(agent.network_state().values())

    def finish(self, checkpoint: Path | None) -> None:
        """Ends the W&B run once all is saved, with the last checkpoint of a finished run."""
        if self._config.wandb.mode != "disabled":
            self._line.enter("closing W&B")
        if checkpoint is not None:
            self._wandb.log_checkpoint(checkpoint, self._run.name)
        self._wandb.close()

    def _state(self) -> dict[str, Any]:
        return {"meter": self._meter.state_dict(), "metrics_size": self._file.sync()}

    def state_dict(self) -> dict[str, Any]:
        """What has been collected, how much of `metrics.jsonl` stays, and the wall clock."""
        state = self._state()  # makes the last line durable in any case
        return {**(self._before_end or state), "wall_seconds": self._clock.seconds}

    def load_state_dict(self, state: State) -> None:
        """Brings `state_dict` back."""
        self._meter.load_state_dict(state["meter"])
        self._metrics_size = state["metrics_size"]
        self._clock = Clock(state["wall_seconds"])
