"""What the training loops share: a run can be saved between any two iterations."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
import torch

from agents.base import Agent, Learner, Update
from envs import make_envs
from envs.base import Step
from workbench.config import OffPolicyConfig, OnPolicyConfig
from workbench.evaluation.load import record_progress
from workbench.runs.checkpoint import Stateful
from workbench.runs.run import Run
from workbench.training.interact import Stream


class Pause(NamedTuple):
    """A part of an iteration in which no env steps were made."""

    kind: str
    seconds: float
    period_env_steps: int  # one comes at each multiple of it


class Progress(NamedTuple):
    """What one iteration of a loop brought."""

    env_steps: int  # decisions made, of all envs together
    updates: Sequence[Update]
    steps: Sequence[Step] = ()  # what the envs showed, tick by tick
    games: Sequence[Mapping[str, float]] = ()  # of each board game that ended
    facts: Mapping[str, float] = MappingProxyType({})  # other metrics
    pauses: Sequence[Pause] = ()


class Loop(Protocol):
    """An agent, its world, what it learns from, and the order in which it acts and learns.

    Attributes:
        agent: what learns.
        parts: all that the next iteration depends on; the agent is one.
    """

    agent: Learner
    parts: Mapping[str, Stateful]

    def start(self) -> None:
        """Begins a new training, where none is brought back into the parts."""

    def iterations(self) -> Iterator[Progress]:
        """Acts and learns for ever, from wherever the parts stand; call it once."""

    def record(self, run: Run, env_steps: int) -> Path:
        """Records how the agent plays now, into the run's directory; returns the video."""

    def close(self) -> None:
        """Frees what the world holds, after at least one iteration."""


class EpisodicLoop(Loop):
    """What loops in worlds with episodes share."""

    def __init__(self, config: OffPolicyConfig | OnPolicyConfig, device: torch.device) -> None:
        """Makes the world and the agent; `_seed` is for what else the loop draws."""
        agent_seed, self._seed = np.random.SeedSequence(config.seed).spawn(2)
        envs = make_envs(config.env)
        self._world = config
        rng = np.random.default_rng(agent_seed)
        self.agent: Agent = config.agent.make(envs.spec, device, rng)
        self._stream = Stream(envs, self.agent)
        self.parts = {"agent": self.agent, "stream": self._stream}

    def start(self) -> None:
        self._stream.envs.reset(self._world.seed)

    def record(self, run: Run, env_steps: int) -> Path:
        return record_progress(self.agent, self._world.env, run.videos, env_steps)

    def close(self) -> None:
        self._stream.close()


class Every:
    """A clock of env_steps, due at each multiple of its period, as in DreamerV3's `run/train.py`.

    It has nothing to save: where it stands follows from the env_steps of the checkpoint.
    """

    def __init__(
        self, period_env_steps: int | None, env_steps: int, *, at_start: bool = False
    ) -> None:
        """Starts to count.

        Args:
            period_env_steps: None: it is never due.
            env_steps: how far the training is.
            at_start: whether it is due at once in a training that begins.
        """
        self._period = period_env_steps
        self._next = 0.0 if at_start and not env_steps else self._multiple_after(env_steps)

    def __call__(self, env_steps: int) -> bool:
        """Returns whether it is due at `env_steps`; once for each multiple that was reached."""
        if env_steps < self._next:
            return False
        self._next = self._multiple_after(env_steps)
        return True

    def _multiple_after(self, env_steps: int) -> float:
        if self._period is None:
            return math.inf
        return (env_steps // self._period + 1) * self._period
