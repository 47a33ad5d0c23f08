"""What the loops have in common: they take turns, and between turns a run is saved."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

from agents.base import Learner, Update
from envs.base import Step
from workbench.runs.checkpoint import Stateful
from workbench.runs.run import Run


class Pause(NamedTuple):
    """A part of a turn in which no env steps were made."""

    kind: str
    seconds: float
    period_env_steps: int  # one comes at each multiple of it


class Turn(NamedTuple):
    """What happened since the last turn."""

    env_steps: int  # decisions made
    updates: Sequence[Update]
    steps: Sequence[Step] = ()  # what the envs showed, tick by tick
    games: Sequence[Mapping[str, float]] = ()  # of each board game that ended
    facts: Mapping[str, float] = MappingProxyType({})  # what else there is to tell
    pauses: Sequence[Pause] = ()


class Loop(Protocol):
    """An agent, its world, what it learns from, and the order in which it acts and learns."""

    @property
    def agent(self) -> Learner:
        """What learns."""

    @property
    def parts(self) -> Mapping[str, Stateful]:
        """All that the next turn depends on; the agent is one."""

    def start(self) -> None:
        """Begins a new training, where none is brought back into the parts."""

    def turns(self) -> Iterator[Turn]:
        """Acts and learns for ever, from wherever the parts stand; to be called once."""

    def record(self, run: Run, env_steps: int) -> Path:
        """Records how the agent plays now, into the run's directory; returns the video."""

    def close(self) -> None:
        """Frees what the world holds, after at least one turn."""
