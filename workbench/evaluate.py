"""Evaluation: whole episodes without learning, by the same acting code as training."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.base import Actor, Decision, Memory
from agents.exploration import replace_at_random
from envs import EnvConfig, make_envs
from envs.base import EnvSpec, Step
from workbench.interact import playing
from workbench.intervals import Interval, mean95, share95

# Training seeds are below 2**31, so no evaluation ever replays a training episode.
EVAL_SEED_OFFSET = 2**31
MAX_EVAL_ENVS = 16


@dataclass(frozen=True)
class Evaluation:
    """Raw game scores of whole episodes, in the order of the envs that played them."""

    spec: EnvSpec
    returns: list[float]
    lengths: list[int]  # in env_steps

    @property
    def mean_return(self) -> float:
        """The mean raw game score."""
        return float(np.mean(self.returns))

    def facts(self) -> dict[str, Any]:
        """What was played under which rules, and how often it succeeded where worlds say so."""
        facts = {
            "game": self.spec.name,
            "protocol": self.spec.protocol,
            "epsilon": self.spec.eval_epsilon,
        }
        above = self.spec.success_return_above
        if above is not None:
            successes = int((np.array(self.returns) > above).sum())
            facts["success_rate"] = successes / len(self.returns)
            facts["success_ci95"] = share95(successes, len(self.returns))
        return facts

    def ci95(self) -> Interval | None:
        """95 % interval of the mean; None where the returns tell of none, see `mean95`."""
        return mean95(self.returns)


class EpsilonActor:
    """Another actor whose actions are replaced by random ones with probability `epsilon`."""

    def __init__(self, actor: Actor, epsilon: float, num_actions: int, seed: int) -> None:
        """`seed` determines which actions are replaced, and by what."""
        self._actor = actor
        self._epsilon = epsilon
        self._num_actions = num_actions
        self._rng = np.random.default_rng(seed)

    def initial_memory(self, num_envs: int) -> Memory:
        """See `Actor.initial_memory`."""
        return self._actor.initial_memory(num_envs)

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """See `Actor.act`; each call advances the generator."""
        decision, memory = self._actor.act(step, memory, explore=explore)
        action = replace_at_random(decision.action, self._epsilon, self._num_actions, self._rng)
        return decision._replace(action=action), memory


def with_epsilon(actor: Actor, epsilon: float, num_actions: int, seed: int) -> Actor:
    """Returns `actor` as a protocol that asks for a share of random actions evaluates it."""
    return EpsilonActor(actor, epsilon, num_actions, seed) if epsilon > 0 else actor


def evaluate(
    actor: Actor,
    env_config: EnvConfig,
    *,
    episodes: int,
    seed: int,
    on_episode: Callable[[float], None] = lambda episode_return: None,
) -> Evaluation:
    """Plays `episodes` whole episodes and returns their raw scores.

    Each env plays a number of episodes that is fixed beforehand: taking whichever end first would
    favour short ones.

    Args:
        actor: chooses the actions; it is not changed.
        env_config: the world and its protocol; `num_envs` is chosen here.
        episodes: how many episodes to play.
        seed: determines every random choice; never shared with a training episode.
        on_episode: told the score of each episode as it ends.
    """
    num_envs = min(episodes, MAX_EVAL_ENVS)
    quota = np.full(num_envs, episodes // num_envs)
    quota[: episodes % num_envs] += 1
    running = np.zeros(num_envs)
    length = np.zeros(num_envs, np.int64)
    returns: list[list[float]] = [[] for _ in range(num_envs)]
    lengths: list[list[int]] = [[] for _ in range(num_envs)]
    with closing(make_envs(env_config.model_copy(update={"num_envs": num_envs}))) as env:
        spec = env.spec
        env.reset(EVAL_SEED_OFFSET + seed)
        with playing(env, with_epsilon(actor, spec.eval_epsilon, spec.num_actions, seed)) as ticks:
            for step, _, _ in ticks:
                running += step.reward
                length += ~step.first
                for i in np.nonzero(step.last)[0]:
                    if len(returns[i]) < quota[i]:
                        returns[i].append(float(running[i]))
                        lengths[i].append(int(length[i]))
                        on_episode(returns[i][-1])
                running[step.last] = 0
                length[step.last] = 0
                if all(len(r) == q for r, q in zip(returns, quota, strict=True)):
                    break
    return Evaluation(
        spec,
        [value for per_env in returns for value in per_env],
        [value for per_env in lengths for value in per_env],
    )
