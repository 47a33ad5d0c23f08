"""Crafter's own score of a run, and of random actions, with the table of achievements.

The score is the geometric mean of the success rates of the 22 achievements, shifted by 1 (Hafner
2021, section 3.3). There the rates are those of all training episodes of a budget of 1M env_steps;
here they are those of whole episodes played with the last checkpoint, drawing from its policy as in
training. The levels are never those of training.

    python benchmarks/crafter_score.py RUN [--episodes 100] [--json PATH]

Takes about five minutes for 100 episodes.
"""

import argparse
from contextlib import closing
from pathlib import Path

import numpy as np
from side_by_side import show, write_json

from agents.base import Actor, Decision, Memory
from envs.base import Step
from envs.crafter import CrafterConfig, CrafterWorlds
from envs.replayed import ReplayedEnvs
from workbench.evaluation.episodes import EVAL_SEED_OFFSET
from workbench.evaluation.load import load_env_agent
from workbench.training.interact import interact

NUM_ENVS = 10
PUBLISHED_RANDOM, PUBLISHED_PPO = 1.6, 4.6  # percent; danijar/crafter, README, after 1M env_steps


class RandomActor:
    """Every action is equally likely."""

    def __init__(self, num_actions: int) -> None:
        self._num_actions = num_actions
        self._rng = np.random.default_rng(0)

    def initial_memory(self, num_envs: int) -> Memory:
        """Returns `()`."""
        return ()

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """See `Actor.act`."""
        count = len(step.first)
        action = self._rng.integers(self._num_actions, size=count)
        return Decision(action, np.zeros((count, 1), np.float32)), memory


def play(actor: Actor, config: CrafterConfig, episodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns what each episode unlocked, `[episodes, 22]`, and its return, `[episodes]`.

    Each env plays as many episodes as any other: taking those that end first favours short ones.
    """
    worlds = CrafterWorlds(config.model_copy(update={"num_envs": NUM_ENVS}))
    each = -(-episodes // NUM_ENVS)
    unlocked: list[list[np.ndarray]] = [[] for _ in range(NUM_ENVS)]
    returns: list[list[float]] = [[] for _ in range(NUM_ENVS)]
    running = np.zeros(NUM_ENVS)
    with closing(ReplayedEnvs(worlds)) as envs:
        envs.reset(EVAL_SEED_OFFSET)
        for tick in interact(envs, actor, explore=True):
            running += tick.step.reward
            ended = np.flatnonzero(tick.step.last)
            for i in ended:
                if len(unlocked[i]) < each:
                    unlocked[i].append(worlds.achievements[i])
                    returns[i].append(float(running[i]))
            running[ended] = 0
            if all(len(of_env) == each for of_env in unlocked):
                return np.concatenate(unlocked), np.concatenate(returns)
    raise AssertionError("the stream of ticks never ends")


def crafter_score(success_rates: np.ndarray) -> float:
    """Returns Crafter's score in percent; `success_rates` `[22]` are shares of episodes."""
    return float(np.exp(np.log1p(100 * success_rates).mean()) - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    trained = load_env_agent(args.run)
    agent, config, env_steps = trained.agent, trained.env, trained.env_steps
    assert isinstance(config, CrafterConfig), f"{args.run} is not a run of Crafter"
    worlds = CrafterWorlds(config)
    actors = {"random": RandomActor(worlds.spec.num_actions), args.run: agent}
    played = {name: play(actor, config, args.episodes) for name, actor in actors.items()}
    rates = {name: unlocked.mean(0) for name, (unlocked, _) in played.items()}
    scores = {name: crafter_score(rate) for name, rate in rates.items()}
    order = np.argsort(-rates[args.run], kind="stable")
    show(
        f"Crafter after {env_steps:,} env_steps, share of episodes that unlocked it",
        ("achievement", *actors),
        [
            *(
                (worlds.achievement_names[i], *(f"{100 * rate[i]:.0f}%" for rate in rates.values()))
                for i in order
            ),
            ("**score**", *(f"**{score:.1f}%**" for score in scores.values())),
            ("return", *(f"{returns.mean():.1f}" for _, returns in played.values())),
        ],
        (
            f"{len(played['random'][1])} episodes each",
            f"published, over the training episodes of 1M env_steps: random {PUBLISHED_RANDOM}%, "
            f"PPO {PUBLISHED_PPO}%",
        ),
    )
    write_json(
        args.json,
        {
            name: {
                "score": scores[name],
                "success_rates": dict(zip(worlds.achievement_names, rates[name], strict=True)),
                "returns": played[name][1].tolist(),
            }
            for name in actors
        },
    )


if __name__ == "__main__":
    main()
