"""Metrics: sums up the time since the last line, and writes the lines."""

import errno
import json
import math
import os
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.base import Update
from envs.base import State, Step
from workbench.config import WandbConfig
from workbench.errors import WorkError

Metrics = dict[str, float | int]
# What a Meter keeps, by name of the attribute: all but the tensors that updates brought.
PLAIN_PARTS = ("return", "length", "returns", "lengths", "games", "facts")


class Meter:
    """Collects episodes and updates between two lines of metrics; part of a checkpoint."""

    def __init__(self) -> None:
        """Starts with nothing collected."""
        self._return = np.zeros(0)  # [N], once there is a first tick
        self._length = np.zeros(0, np.int64)
        self._returns: list[float] = []
        self._lengths: list[int] = []
        self._games = 0
        self._facts: dict[str, list[float]] = {}
        self._learned: dict[str, list[torch.Tensor]] = {}

    def add_step(self, step: Step) -> None:
        """Adds one tick of all envs."""
        if not len(self._return):
            self._return = np.zeros(len(step.reward))
            self._length = np.zeros(len(step.reward), np.int64)
        self._return += step.reward
        self._length += ~step.first
        if step.last.any():
            self._returns += self._return[step.last].tolist()
            self._lengths += self._length[step.last].tolist()
            self._return[step.last] = 0
            self._length[step.last] = 0

    def add_game(self, game: Mapping[str, float]) -> None:
        """Adds a finished board game, and its facts."""
        self._games += 1
        self.add_facts(game)

    def add_facts(self, facts: Mapping[str, float]) -> None:
        """Adds numbers; a line of metrics has their means."""
        for name, value in facts.items():
            self._facts.setdefault(name, []).append(float(value))

    def add_update(self, update: Update) -> None:
        """Adds one optimizer step; its tensors are read only when a line is due."""
        for name, value in update.metrics.items():
            self._learned.setdefault(name, []).append(value)

    def check_finite(self, weights: Iterable[torch.Tensor] = ()) -> None:
        """Raises WorkError if a loss since the last line, or a weight, is not a finite number."""
        losses = self._collected().get("loss", torch.zeros(0))
        if not all(bool(tensor.isfinite().all()) for tensor in (losses, *weights)):
            raise WorkError(
                "the loss is no longer a finite number; nothing was saved since the last "
                "checkpoint. Lower agent.learning_rate or agent.max_grad_norm and start again"
            )

    def read(self) -> Metrics:
        """Returns the means since the last call and forgets what they were made of."""
        metrics: Metrics = {name: float(np.mean(values)) for name, values in self._facts.items()}
        metrics |= {"games": self._games} if self._facts else {"episodes": len(self._returns)}
        if self._returns:
            metrics["episode_return"] = float(np.mean(self._returns))
            metrics["episode_length"] = float(np.mean(self._lengths))
        metrics |= {name: float(values.mean()) for name, values in self._collected().items()}
        self._returns, self._lengths, self._learned = [], [], {}
        self._games, self._facts = 0, {}
        return metrics

    def _collected(self) -> dict[str, torch.Tensor]:
        """Returns `[K]` of each metric, from the K updates since the last line that told it."""
        # Those brought back from a checkpoint are on the CPU, wherever learning goes on.
        return {
            name: torch.stack([value.to(values[-1].device) for value in values])
            for name, values in self._learned.items()
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything collected so far."""
        plain = {name: deepcopy(getattr(self, f"_{name}")) for name in PLAIN_PARTS}
        return {**plain, "learned": self._collected()}

    def load_state_dict(self, state: State) -> None:
        """Brings `state_dict` back."""
        for name in PLAIN_PARTS:
            setattr(self, f"_{name}", deepcopy(state[name]))
        self._learned = {name: list(values.unbind()) for name, values in state["learned"].items()}


def rates(metrics: Metrics, env_steps: int, seconds: float) -> Metrics:
    """Returns the pace of `env_steps`, of which `metrics` tell; names end in `_per_second`."""
    done = {"env_steps": float(env_steps)}
    if "evaluations_per_move" in metrics:  # a move is an env step of a board game
        done["evaluations"] = metrics["evaluations_per_move"] * env_steps
        done["games"] = metrics["games"]
    return {f"{name}_per_second": count / seconds for name, count in done.items() if seconds > 0}


class MetricsFile:
    """`metrics.jsonl`: one JSON object a line, always with `env_steps` and `wall_seconds`."""

    def __init__(self, path: Path, size: int | None) -> None:
        """Opens the file and cuts it to `size` bytes: lines after the checkpoint come again.

        None: no line will come, and all are kept.
        """
        # Without a buffer: what a full disk refuses must not be tried again when closing.
        self._file = path.open("ab", buffering=0)
        if size is not None:
            self._file.truncate(min(size, self._file.tell()))
        self._file.seek(0, os.SEEK_END)

    def write(self, metrics: Mapping[str, float | int]) -> None:
        """Appends one line; numbers that JSON lacks (NaN, infinities) are left out."""
        finite = {key: value for key, value in metrics.items() if math.isfinite(value)}
        line = json.dumps(finite).encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)

    def sync(self) -> int:
        """Makes all lines durable and returns the size in bytes, for the checkpoint."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class WandbLog:
    """The same metrics, videos and the final checkpoint in Weights & Biases."""

    def __init__(
        self,
        config: WandbConfig,
        run_name: str,
        directory: Path,
        run_config: Mapping[str, Any],
        run_id: str,
    ) -> None:
        """Starts or, with the same `run_id`, continues a W&B run; does nothing if disabled.

        Raises:
            WorkError: W&B cannot be reached although `mode` is online.
        """
        self._online = config.mode == "online"
        self._run: Any = None
        if config.mode == "disabled":
            return
        # W&B takes our package `agents` for a language model's and advertises Weave for it.
        os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")
        # Imported here: it takes a second and starts a service that disabled runs do not need.
        import wandb

        self._wandb: Any = wandb
        try:
            self._run = wandb.init(
                project=config.project,
                entity=config.entity,
                name=run_name,
                id=run_id,
                dir=directory,
                mode=config.mode,
                resume="allow",
                config=dict(run_config),
                allow_val_change=True,  # total_env_steps and the like, in a run that is extended
                settings=wandb.Settings(silent=True, console="off"),
            )
        except Exception as error:
            reason = " ".join(str(error).split())
            raise WorkError(
                f"Weights & Biases did not start ({reason}); log in with `wandb login`, "
                "or set wandb.mode=offline"
            ) from error
        self._run.define_metric("*", step_metric="env_steps")

    def log(self, metrics: Mapping[str, float | int]) -> None:
        """Sends one line of metrics."""
        if self._run is not None:
            self._run.log(dict(metrics))

    def log_video(self, path: Path, env_steps: int) -> None:
        """Sends one recorded video."""
        if self._run is not None:
            video = self._wandb.Video(str(path), format="mp4")
            self._run.log({"video": video, "env_steps": env_steps})

    def log_checkpoint(self, checkpoint: Path, run_name: str) -> None:
        """Sends the final checkpoint as an artifact, when online."""
        if self._run is not None and self._online:
            artifact = self._wandb.Artifact(f"{run_name}-checkpoint", type="model")
            for name in ("model.safetensors", "meta.json"):
                artifact.add_file(str(checkpoint / name))
            self._run.log_artifact(artifact)

    def close(self) -> None:
        """Waits until everything is written or sent."""
        if self._run is not None:
            self._run.finish()
