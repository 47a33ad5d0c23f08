"""What the training loops have in common: a run can be saved between any two iterations."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

from agents.base import Learner, Update
from envs.base import Step
from workbench.runs.checkpoint import Stateful
from workbench.runs.run import Run


class Progress(NamedTuple):
    """What one iteration of a loop brought."""

    env_steps: int  # decisions made, of all envs together
    updates: Sequence[Update]
    steps: Sequence[Step] = ()  # what the envs showed, tick by tick
    games: Sequence[Mapping[str, float]] = ()  # of each board game that ended
    facts: Mapping[str, float] = MappingProxyType({})  # other metrics


class Loop(Protocol):
    """An agent, its world, what it learns from, and the order in which it acts and learns."""

    @property
    def agent(self) -> Learner:
        """What learns."""

    @property
    def parts(self) -> Mapping[str, Stateful]:
        """All that the next iteration depends on; the agent is one."""

    def start(self) -> None:
        """Begins a new training, where none is brought back into the parts."""

    def iterations(self) -> Iterator[Progress]:
        """Acts and learns for ever, from wherever the parts stand; call it once."""

    def record(self, run: Run, env_steps: int) -> Path:
        """Records how the agent plays now, into the run's directory; returns the video."""

    def close(self) -> None:
        """Frees what the world holds, after at least one iteration."""
