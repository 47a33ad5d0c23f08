"""Evaluation over whole episodes, without learning, by the same acting code as training."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from agents.base import Actor, Decision, Memory
from agents.exploration import replace_at_random
from envs import make_envs
from envs.base import EnvConfig, EnvSpec, Step
from workbench.evaluation.intervals import Interval, counted, mean95, share95, told, why_none
from workbench.training.interact import playing

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
        spec, count = self.spec, len(self.returns)
        facts = {"game": spec.name, "protocol": spec.protocol, "epsilon": spec.eval_epsilon}
        if spec.success_return_above is None:
            return facts
        successes = sum(value > spec.success_return_above for value in self.returns)
        return facts | {
            "success_rate": successes / count,
            "success_ci95": share95(successes, count),
        }

    def report(self, seed: int, env_steps: int) -> dict[str, Any]:
        """What is kept of an evaluation with this seed, of an agent trained for `env_steps`."""
        return {
            **self.facts(),
            "mean_return": self.mean_return,
            "ci95": self.ci95(),
            "returns": self.returns,
            "lengths": self.lengths,
            "episodes": len(self.returns),
            "seed": seed,
            "env_steps": env_steps,
        }

    def ci95(self) -> Interval | None:
        """95 % interval of the mean; None where the returns tell of none, see `mean95`."""
        return mean95(self.returns)

    def text(self) -> str:
        """The mean, its interval, and the share of successes where there is one, for people."""
        count, facts = len(self.returns), self.facts()
        interval = told(self.ci95(), ".2f", why_none(self.returns, "episode"))
        text = f"mean return {self.mean_return:.2f}  {interval}  over {counted(count, 'episode')}"
        if "success_rate" in facts:
            success = told(facts["success_ci95"], ".1%", "no episodes")
            text += f"\nsuccess {facts['success_rate']:.1%}  {success}"
        return text


class EvalActor(Actor):
    """Another actor as evaluations ask it: whoever else plays, it decides the same.

    It is asked about `MAX_EVAL_ENVS` rows at least, some of them blank, for batches of other sizes
    round otherwise in the last digit, which now and then is another action. So one env that is
    recorded shows the very episode that an evaluation scored.
    """

    def __init__(self, actor: Actor, spec: EnvSpec, seed: int, first_env: int = 0) -> None:
        """Replaces the share of actions that the protocol asks for by random ones.

        Args:
            actor: chooses the actions; it is not changed.
            spec: of the world that it plays in, and under which protocol.
            seed: determines which actions are replaced, and by what.
            first_env: which env of an evaluation the first row is; see `VectorEnv.reset`.
        """
        self._actor, self._spec, self._first_env = actor, spec, first_env
        self._rng = np.random.default_rng(seed)

    def initial_memory(self, num_envs: int) -> Memory:
        """See `Actor.initial_memory`; that of blank rows is behind that of the envs."""
        return self._actor.initial_memory(max(num_envs, MAX_EVAL_ENVS))

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """See `Actor.act`; each call advances the generator."""
        count = len(step.obs)
        blanks = max(0, MAX_EVAL_ENVS - count)
        whole = step
        if blanks:
            whole = Step._make(np.pad(x, [(0, blanks)] + [(0, 0)] * (x.ndim - 1)) for x in step)
            whole.first[count:] = True  # nothing to remember there
        decision, memory = self._actor.act(whole, memory, explore=explore)
        action, values, policy = decision
        spec = self._spec
        if spec.eval_epsilon > 0:
            asked = np.roll(action, self._first_env)
            asked = replace_at_random(asked, spec.eval_epsilon, spec.num_actions, self._rng)
            action = np.roll(asked, -self._first_env)
        shown = None if policy is None else policy[:count]
        return Decision(action[:count], values[:count], shown), memory


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
    favour short ones. Up to `MAX_EVAL_ENVS` episodes, the i-th score is of the first episode of the
    i-th env, which `record_player` shows given the same `seed` and `env_index=i`.

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
    ended: list[list[tuple[float, int]]] = [[] for _ in range(num_envs)]  # returns and lengths
    with closing(make_envs(env_config.model_copy(update={"num_envs": num_envs}))) as env:
        spec = env.spec
        env.reset(EVAL_SEED_OFFSET + seed)
        with playing(env, EvalActor(actor, spec, seed)) as ticks:
            for step, _, _ in ticks:
                running += step.reward
                length += ~step.first
                for i in np.nonzero(step.last)[0]:
                    if len(ended[i]) < quota[i]:
                        ended[i].append((float(running[i]), int(length[i])))
                        on_episode(float(running[i]))
                running[step.last] = length[step.last] = 0
                if sum(map(len, ended)) == episodes:
                    break
    returns, lengths = zip(*chain(*ended), strict=True)
    return Evaluation(spec, list(returns), list(lengths))
