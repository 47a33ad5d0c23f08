"""What the loops have in common: they take turns, and between turns a run is saved."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from agents.base import Agent, Memory, Update
from envs.base import Step
from workbench.checkpoint import Stateful


class Turn(NamedTuple):
    """What happened since the last turn."""

    steps: Sequence[Step]  # what the envs showed, tick by tick
    updates: Sequence[Update]
    memory: Memory  # with which the agent meets the next tick


class Loop(Protocol):
    """An agent, what it learns from, and the order in which it acts and learns."""

    @property
    def agent(self) -> Agent:
        """What learns."""

    @property
    def parts(self) -> Mapping[str, Stateful]:
        """All that the next turn depends on, envs and memory excepted; the agent is one."""

    def turns(self, memory: Memory) -> Iterator[Turn]:
        """Acts and learns for ever, from wherever the envs' stream and the parts stand.

        `memory` is that with which the agent meets the next tick.
        """
