"""The only env loop: training, evaluation, recording and watching all consume it."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from inspect import GEN_SUSPENDED, getgeneratorstate
from typing import Any, NamedTuple

from agents.base import Actor, Decision, Memory
from envs.base import State, Step, VectorEnv


class Tick(NamedTuple):
    """One tick of the loop; `memory` is what the actor will remember at the next."""

    step: Step
    decision: Decision
    memory: Memory


def interact(
    env: VectorEnv, actor: Actor, memory: Memory | None = None, *, explore: bool
) -> Generator[Tick, None, None]:
    """Lets `actor` act in `env` for ever, from wherever the env's stream stands.

    Each tick is yielded after its actions were sent: while the caller stores, learns or draws, an
    env with threads already works on the next tick.

    Args:
        env: reset or restored, so that a Step is pending.
        actor: chooses the actions.
        memory: the actor's, when the stream was restored; None: that of a fresh start.
        explore: whether the actor may try actions it does not think best.
    """
    if memory is None:
        memory = actor.initial_memory(env.spec.num_envs)
    while True:
        step = env.recv()
        decision, memory = actor.act(step, memory, explore=explore)
        env.send(decision.action)
        yield Tick(step, decision, memory)


class Stream:
    """An actor that explores envs for ever; part of a checkpoint.

    Attributes:
        envs: in which it acts.
        memory: with which it meets the next tick.
    """

    def __init__(self, envs: VectorEnv, actor: Actor) -> None:
        """Begins once the envs are reset, or `load_state_dict` has brought another stream back."""
        self.envs = envs
        self.memory = actor.initial_memory(envs.spec.num_envs)
        self._actor = actor

    def ticks(self) -> Iterator[Tick]:
        """Yields the ticks from here on; to be called once."""
        for tick in interact(self.envs, self._actor, self.memory, explore=True):
            self.memory = tick.memory
            yield tick

    def close(self) -> None:
        """Frees what the envs hold; `ticks` must have yielded at least once."""
        self.envs.recv()  # the tick in flight
        self.envs.close()

    def state_dict(self) -> dict[str, Any]:
        """Where the envs stand and what the actor remembers."""
        return {"envs": self.envs.state_dict(), "memory": list(self.memory)}

    def load_state_dict(self, state: State) -> None:
        """Brings `state_dict` back; raises ValueError if it belongs to other envs."""
        self.envs.load_state_dict(state["envs"])
        now = zip(state["memory"], self.memory, strict=True)
        self.memory = tuple(then.to(tensor.device) for then, tensor in now)


@contextmanager
def playing(env: VectorEnv, actor: Actor) -> Iterator[Iterator[Tick]]:
    """Lends the ticks of `interact` without exploring; afterwards `env` may be closed.

    Closing an env that still works on a tick is not defined, so the tick in flight is received
    however the block is left: by a break, or by an exception of the actor or of the block itself.
    """
    ticks = interact(env, actor, explore=False)
    try:
        yield ticks
    finally:
        if getgeneratorstate(ticks) == GEN_SUSPENDED:  # at its yield, which follows a send
            env.recv()
