from collections import Counter
from typing import Any

import numpy as np
import pytest
import scipy.stats

import workbench.evaluation.episodes
from agents.base import Decision, Memory
from envs.base import EnvSpec, Step
from envs.probes import ProbeConfig
from workbench.evaluation.episodes import (
    EVAL_SEED_OFFSET,
    MAX_EVAL_ENVS,
    EvalActor,
    Evaluation,
    evaluate,
)

SPEC = EnvSpec("fake", 1, (1, 8, 8), 1, ("left", "right"))


class Constant:
    """Always the same action; remembers with what it was asked."""

    def __init__(self, action: int) -> None:
        self.action = action
        self.explored: set[bool] = set()

    def initial_memory(self, num_envs: int) -> Memory:
        return ()

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        self.explored.add(explore)
        n = len(step.obs)
        return Decision(np.full(n, self.action), np.zeros((n, 2), np.float32)), memory


class UnequalEnvs:
    """Episodes of env i last i + 1 steps and score i + 1; what comes later scores 100 more."""

    def __init__(self, num_envs: int) -> None:
        self.spec = EnvSpec("fake", num_envs, (1, 8, 8), 1, ("left", "right"))
        self._t = np.full(num_envs, -1)
        self._episodes = np.zeros(num_envs)
        self.seeds: list[int] = []

    def reset(self, seed: int, first_env: int = 0) -> None:
        self.seeds.append(seed)

    def send(self, actions: Any) -> None:
        pass

    def recv(self) -> Step:
        n = self.spec.num_envs
        lengths = np.arange(1, n + 1)
        self._t = np.where(self._t == lengths, 0, self._t + 1)
        first, last = self._t == 0, self._t == lengths
        self._episodes += first
        bonus = np.where(last, 100 * (self._episodes - 1), 0)
        return Step(
            np.zeros((n, 1, 8, 8), np.uint8),
            reward=np.where(first, 0, 1 + bonus).astype(np.float32),
            discount=1 - last.astype(np.float32),
            first=first,
            last=last,
        )

    def close(self) -> None:
        pass


@pytest.fixture
def envs_made(monkeypatch: pytest.MonkeyPatch) -> list[UnequalEnvs]:
    made: list[UnequalEnvs] = []

    def make(config: Any) -> UnequalEnvs:
        made.append(UnequalEnvs(config.num_envs))
        return made[-1]

    monkeypatch.setattr(workbench.evaluation.episodes, "make_envs", make)
    return made


CONFIG = ProbeConfig(kind="probe", probe="counter", num_envs=3)


def test_long_episodes_count_as_often_as_short_ones(envs_made: list[UnequalEnvs]) -> None:
    told: list[float] = []
    result = evaluate(Constant(0), CONFIG, episodes=16, seed=0, on_episode=told.append)
    # The first to end are many episodes of env 0, whose score is 1; each env's first counts.
    assert result.returns == [float(i) for i in range(1, 17)]
    assert result.lengths == list(range(1, 17))
    assert told == result.returns
    assert result.mean_return == 8.5


def test_every_env_plays_its_quota(envs_made: list[UnequalEnvs]) -> None:
    result = evaluate(Constant(0), CONFIG, episodes=35, seed=7)
    per_env = Counter(length - 1 for length in result.lengths)
    assert [per_env[i] for i in range(16)] == [3] * 3 + [2] * 13
    assert result.returns[:4] == [1, 101, 201, 2]
    assert envs_made[0].seeds == [EVAL_SEED_OFFSET + 7]


@pytest.mark.parametrize("episodes", [1, 2, 15, 17])
def test_as_many_episodes_are_played_as_asked(envs_made: list[UnequalEnvs], episodes: int) -> None:
    result = evaluate(Constant(0), CONFIG, episodes=episodes, seed=0)
    assert len(result.returns) == len(result.lengths) == episodes
    assert envs_made[0].spec.num_envs == min(episodes, 16)


def test_scores_of_a_real_world_are_raw_and_do_not_explore() -> None:
    actor = Constant(1)
    result = evaluate(actor, CONFIG, episodes=5, seed=3)
    assert result.returns == [45.0] * 5  # 1 + 2 + ... + 9
    assert result.lengths == [9] * 5
    assert actor.explored == {False}
    assert result.facts() == {"game": "probe/counter", "protocol": None, "epsilon": 0.0}


def test_the_seed_decides() -> None:
    config = ProbeConfig(kind="probe", probe="obs_value")
    runs = [evaluate(Constant(0), config, episodes=64, seed=seed).returns for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {-1.0, 1.0}


def test_success_is_a_return_above_what_the_world_says() -> None:
    spec = EnvSpec("fake", 1, (1, 8, 8), 1, ("left",), success_return_above=0.0)
    facts = Evaluation(spec, [0.0, 0.5, 1.0, -1.0], [1] * 4).facts()
    assert facts["success_rate"] == 0.5
    exact = scipy.stats.binomtest(2, 4).proportion_ci(method="exact")
    assert facts["success_ci95"] == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize(
    ("returns", "why"),
    [
        ([7.0], "one episode does not tell how much others differ"),
        ([3.0] * 4, "all 4 episodes scored the same"),
        ([1.0, float("nan")], "some scores are no numbers"),
    ],
)
def test_where_no_interval_can_be_told_it_says_why(returns: list[float], why: str) -> None:
    evaluation = Evaluation(SPEC, returns, [1] * len(returns))
    assert evaluation.ci95() is None
    assert f"no interval: {why}" in evaluation.text()


def test_successes_have_an_interval_even_where_all_succeeded() -> None:
    spec = EnvSpec("fake", 1, (1, 8, 8), 1, ("left",), success_return_above=0.0)
    text = Evaluation(spec, [1.0] * 10, [1] * 10).text()
    assert "success 100.0%  95% interval [69.2%, 100.0%]" in text


def spec_with(epsilon: float, num_actions: int) -> EnvSpec:
    names = tuple(map(str, range(num_actions)))
    return EnvSpec("fake", 1, (1, 8, 8), 1, names, eval_epsilon=epsilon)


@pytest.mark.parametrize("seed", range(3))
def test_epsilon_replaces_that_share_of_actions(seed: int) -> None:
    ticks = 600
    actor = EvalActor(Constant(0), spec_with(0.2, 4), seed)
    step = Step(np.zeros((MAX_EVAL_ENVS, 1, 8, 8), np.uint8), *(np.zeros(MAX_EVAL_ENVS),) * 4)
    actions = np.array([actor.act(step, (), explore=False)[0].action for _ in range(ticks)])
    counts = np.bincount(actions.reshape(-1), minlength=4)
    # A random action is the actor's own one time in four.
    expected = actions.size * np.array([0.85, 0.05, 0.05, 0.05])
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-3
    again = EvalActor(Constant(0), spec_with(0.2, 4), seed)
    assert np.array_equal(again.act(step, (), explore=False)[0].action, actions[0])


def test_an_env_alone_is_asked_and_disturbed_as_among_others() -> None:
    """Its row of the random actions is that of its place, and the batch is always as large."""
    sizes = set()

    class Watched(Constant):
        def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
            sizes.add(len(step.obs))
            return super().act(step, memory, explore=explore)

    def actions(first_env: int, envs: int) -> np.ndarray:
        actor = EvalActor(Watched(0), spec_with(0.5, 9), 3, first_env)
        step = Step(np.zeros((envs, 1, 8, 8), np.uint8), *(np.zeros(envs),) * 4)
        return np.array([actor.act(step, (), explore=False)[0].action for _ in range(40)])

    together = actions(0, MAX_EVAL_ENVS)
    for env in (0, 1, MAX_EVAL_ENVS - 1):
        assert np.array_equal(actions(env, 1)[:, 0], together[:, env])
    assert len({tuple(column) for column in together.T}) == MAX_EVAL_ENVS
    assert sizes == {MAX_EVAL_ENVS}
