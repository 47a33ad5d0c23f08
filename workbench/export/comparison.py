"""Whether an exported file computes what the agent does, on observations from its world."""

from contextlib import closing
from itertools import islice
from math import ceil
from typing import NamedTuple

import numpy as np

from agents.base import Actor, Array, Decision, Memory
from agents.exploration import replace_at_random
from envs import make_envs
from envs.base import EnvConfig, Step
from workbench.evaluation.episodes import EVAL_SEED_OFFSET
from workbench.export.onnx_file import Arrays, Session
from workbench.training.interact import playing

OBSERVATIONS = 1_000
LIMIT = 1e-5
NUM_ENVS = 8
# Agents that only do what they think best soon see the same again.
RANDOM_SHARE = 0.25


class Comparison(NamedTuple):
    """How far two ways of computing the same outputs are apart.

    A difference is relative where a value exceeds 1, as float32 is.
    """

    observations: int
    difference: float  # the largest of all outputs
    same_actions: int  # on how many observations the best action is the same

    def and_(self, other: "Comparison") -> "Comparison":
        """Returns the comparison of both batches."""
        return Comparison(
            self.observations + other.observations,
            max(self.difference, other.difference),
            self.same_actions + other.same_actions,
        )

    def at_least(self, other: "Comparison") -> "Comparison":
        """Returns the worse of two comparisons of the same batch."""
        return Comparison(
            self.observations,
            max(self.difference, other.difference),
            min(self.same_actions, other.same_actions),
        )


NOTHING = Comparison(0, 0.0, 0)


def compare(found: Arrays, expected: Arrays) -> Comparison:
    """Compares the outputs of one batch, those that `expected` names; NaN is infinitely far off."""
    farthest = 0.0
    for name, right in expected.items():
        apart = np.abs(found[name] - right) / np.maximum(1, np.abs(right))
        farthest = max(farthest, float(np.nan_to_num(apart, nan=np.inf).max()))
    best = "q_values" if "q_values" in expected else "policy"
    same = found[best].argmax(1) == expected[best].argmax(1)
    return Comparison(len(same), farthest, int(same.sum()))


def decided(decision: Decision) -> Arrays:
    """Returns what an agent decided, named as an exported file names it."""
    if decision.policy is None:
        return {"q_values": decision.values}
    return {"policy": decision.policy, "value": decision.values[:, 0]}


class ComparedActor(Actor):
    """Plays as an agent does, and asks an exported file and another agent the same.

    The file is asked twice: with the agent's memory, and with what it remembers itself, as it is
    used. A memory that is carried along adds up rounding: after 125 ticks in DoorKey, that of an
    agent in float32 is 7e-5 from that of the same agent in float64. So only what the file decides
    with it is compared, while the new memory is that of one tick.

    Attributes:
        exported: how far the file is from the agent.
        played: how far the other agent is from the agent.
    """

    def __init__(self, agent: Actor, session: Session, other: Actor, num_actions: int) -> None:
        """`agent` computes in float32; `other` is the same agent as it was trained."""
        self._agent, self._session, self._other = agent, session, other
        self._num_actions = num_actions
        self._rng = np.random.default_rng(0)
        self._carried: list[Array] = []
        self._other_memory: Memory = ()
        self.exported = self.played = NOTHING

    def initial_memory(self, num_envs: int) -> Memory:
        """See `Actor.initial_memory`."""
        memory = self._agent.initial_memory(num_envs)
        self._carried = _halves(memory)
        self._other_memory = self._other.initial_memory(num_envs)
        return memory

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """See `Actor.act`; a share of the actions is random."""
        decision, after = self._agent.act(step, memory, explore=False)
        expected = decided(decision)
        names = self._session.memory_names
        carried = self._ask(step, self._carried)
        self._carried = [carried[f"next_{name}"] for name in names]
        once = self._ask(step, _halves(memory)) if names else carried
        remembered = {f"next_{name}": h for name, h in zip(names, _halves(after), strict=True)}
        one_tick = compare(once, expected | remembered)
        self.exported = self.exported.and_(compare(carried, expected).at_least(one_tick))
        other, self._other_memory = self._other.act(step, self._other_memory, explore=False)
        self.played = self.played.and_(compare(decided(other), expected))
        action = replace_at_random(decision.action, RANDOM_SHARE, self._num_actions, self._rng)
        return decision._replace(action=action), after

    def _ask(self, step: Step, memory: list[Array]) -> Arrays:
        begun = [np.where(step.first[:, None], np.float32(0), half) for half in memory]
        named = dict(zip(self._session.memory_names, begun, strict=True))
        return self._session.run({"obs": step.obs, **named})


def _halves(memory: Memory) -> list[Array]:
    return [half[0].numpy() for half in memory]


def compare_in_world(
    agent: Actor, session: Session, other: Actor, env_config: EnvConfig
) -> tuple[Comparison, Comparison]:
    """Returns how far a file, and the agent as trained, are from the agent in float32."""
    with closing(make_envs(env_config.model_copy(update={"num_envs": NUM_ENVS}))) as env:
        env.reset(EVAL_SEED_OFFSET)
        actor = ComparedActor(agent, session, other, env.spec.num_actions)
        with playing(env, actor) as ticks:
            for _ in islice(ticks, ceil(OBSERVATIONS / NUM_ENVS)):
                pass
    return actor.exported, actor.played
