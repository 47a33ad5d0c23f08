"""Worlds whose values are known in closed form, learned as in training.

Which of them fails says what is broken; see `envs.probes`.
"""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from agents.base import Transition
from agents.dqn import DQN, DQNConfig
from agents.ppo import PPO, PPOConfig
from agents.r2d2 import R2D2, R2D2Config
from envs.base import EnvSpec, Step
from envs.probes import SIZE, ProbeConfig, ProbeEnvs
from workbench.config import OffPolicyConfig, OnPolicyConfig, ReplayConfig
from workbench.evaluation.episodes import evaluate
from workbench.replay import Replay, Ring, RingSize
from workbench.training.interact import interact
from workbench.training.off_policy import OffPolicyLoop
from workbench.training.on_policy import OnPolicyLoop

DISCOUNT = 0.8
BLACK, GRAY, WHITE = 0, 128, 255


def learn(probe: str, *, sampling: str = "uniform", updates: int = 250, **changes: Any) -> DQN:
    """Trains from random actions, one update per tick of 8 envs."""
    config = DQNConfig(
        kind="dqn",
        network="flat",
        discount=DISCOUNT,
        quantiles=8,
        learning_rate=3e-3,
        target_period_updates=8,
        epsilon_end=1.0,
        **changes,
    )
    envs = ProbeEnvs(ProbeConfig(kind="probe", probe=probe))
    envs.reset(seed=0)
    agent = DQN(config, envs.spec, torch.device("cpu"), np.random.default_rng(1))
    replay = Replay(
        Ring(envs.spec, RingSize(1000 // envs.spec.num_envs, 1), device=torch.device("cpu")),
        ReplayConfig(sampling=sampling),
        np.random.default_rng(2),
        n_step=config.n_step,
        discount=DISCOUNT,
    )
    for ticks, tick in enumerate(interact(envs, agent, explore=True), start=1):
        replay.add(tick.step, tick.decision.action, ())
        if ticks > config.n_step:
            sample = replay.sample(config.batch_size)
            update = agent.update(sample.batch)
            replay.update_priorities(sample, update.priorities)
        if agent.updates == updates:
            return agent
    raise AssertionError("interact never ends")


def q_values(agent: DQN, *brightness: int) -> list[list[float]]:
    """What the agent expects of each action where it sees a frame of this brightness."""
    obs = torch.tensor(brightness, dtype=torch.float32)[:, None, None, None]
    with torch.no_grad():
        values: list[list[float]] = agent.network(obs.expand(-1, 1, SIZE, SIZE)).mean(-1).tolist()
    return values


# What is seen, and the value there of each action.
KNOWN: dict[str, dict[int, list[float]]] = {
    "constant": {GRAY: [1]},
    "obs_value": {BLACK: [-1], WHITE: [1]},
    "delayed_reward": {BLACK: [DISCOUNT], WHITE: [1]},
    "action_value": {GRAY: [-1, 1]},
    "obs_action": {BLACK: [1, -1], WHITE: [-1, 1]},
    "endless": {GRAY: [1 / (1 - DISCOUNT)]},
}


NONE = {"n_step": 1, "head": "scalar", "double": False, "dueling": False, "sampling": "uniform"}
ALL = {"n_step": 3, "head": "quantile", "double": True, "dueling": True, "sampling": "prioritized"}
EVERY_MIX = [
    dict(zip(NONE, mix, strict=True))
    for mix in itertools.product(*zip(NONE.values(), ALL.values(), strict=True))
]


def check_learns_known_values(probe: str, improvements: dict[str, Any]) -> None:
    values = q_values(learn(probe, **improvements), *KNOWN[probe])
    np.testing.assert_allclose(values, list(KNOWN[probe].values()), rtol=0.03)


@pytest.mark.parametrize("improvements", [NONE, ALL], ids=["none", "all"])
@pytest.mark.parametrize("probe", KNOWN)
def test_dqn_learns_the_known_values(probe: str, improvements: dict[str, Any]):
    check_learns_known_values(probe, improvements)


@pytest.mark.slow
@pytest.mark.parametrize(
    "improvements", EVERY_MIX, ids=lambda mix: "-".join(map(str, mix.values()))
)
@pytest.mark.parametrize("probe", KNOWN)
def test_dqn_learns_the_known_values_with_any_mix(probe: str, improvements: dict[str, Any]):
    check_learns_known_values(probe, improvements)


def learn_on_policy(probe: str, core: str, *, turns: int, **changes: Any) -> PPO:
    """Trains by PPO; every turn plays 32 ticks of 8 envs and takes 8 updates."""
    defaults = {
        "network": "flat",
        "core_size": 32,
        "discount": DISCOUNT,
        "rollout_ticks": 32,
        "sequence_ticks": 8,
        "minibatches": 2,
        "value_clip": 10.0,
        "learning_rate": 1e-3,
    }
    env = ProbeConfig(kind="probe", probe=probe)
    config = OnPolicyConfig(
        env=env,
        agent=PPOConfig(kind="ppo", core=core, **(defaults | changes)),
        total_env_steps=1,
    )
    loop = OnPolicyLoop(config, torch.device("cpu"))
    loop.start()
    for _ in zip(range(turns), loop.iterations(), strict=False):
        pass
    return loop.agent


def meet(agent: PPO, *brightness: int) -> tuple[np.ndarray, np.ndarray]:
    """The value and the policy where an episode's first frame is of this brightness."""
    obs = torch.tensor(brightness, dtype=torch.uint8)[:, None, None, None, None]
    first = np.ones((len(brightness), 1), np.bool_)
    with torch.no_grad():
        logits, value, _ = agent.network(
            obs.expand(-1, 1, 1, SIZE, SIZE), first, agent.initial_memory(len(brightness))
        )
    return value[:, 0].numpy(), logits[:, 0].softmax(-1).numpy()


BOTH_CORES = pytest.mark.parametrize("core", ["lstm", "none"])


@BOTH_CORES
@pytest.mark.parametrize(
    ("probe", "known"),
    [
        ("constant", {GRAY: 1}),
        ("obs_value", {BLACK: -1, WHITE: 1}),
        ("delayed_reward", {BLACK: DISCOUNT}),
        # The finite sum of an episode would be 3.4.
        ("endless", {GRAY: 1 / (1 - DISCOUNT)}),
    ],
)
def test_ppo_learns_the_known_values(probe: str, known: dict[int, float], core: str):
    agent = learn_on_policy(probe, core, turns=40)
    np.testing.assert_allclose(meet(agent, *known)[0], list(known.values()), rtol=0.06)


@BOTH_CORES
@pytest.mark.parametrize(
    ("probe", "best"), [("action_value", {GRAY: 1}), ("obs_action", {BLACK: 0, WHITE: 1})]
)
def test_ppo_learns_what_to_do(probe: str, best: dict[int, int], core: str):
    _, policy = meet(learn_on_policy(probe, core, turns=30), *best)
    # Black is all zeros, and biases begin at 0: without a core only the last bias can learn there.
    assert (policy[range(len(best)), list(best.values())] > 0.75).all()


@pytest.mark.parametrize(
    ("core", "sequence_ticks", "low", "high"),
    [("lstm", 8, 0.99, 1.0), ("lstm", 32, 0.99, 1.0), ("none", 8, 0.4, 0.6)],
)
def test_only_who_remembers_recalls(core: str, sequence_ticks: int, low: float, high: float):
    agent = learn_on_policy("recall", core, turns=40, sequence_ticks=sequence_ticks)
    env = ProbeConfig(kind="probe", probe="recall")
    result = evaluate(agent, env, episodes=400, seed=0)
    assert low <= result.mean_return <= high


def learn_from_sequences(probe: str, core: str, *, updates: int, **changes: Any) -> R2D2:
    """Trains R2D2 from random actions."""
    defaults = {
        "network": "flat",
        "core_size": 32,
        "discount": DISCOUNT,
        "n_step": 2,
        "burn_in_ticks": 4,
        "sequence_ticks": 8,
        "sequence_period_ticks": 4,
        "learning_rate": 3e-3,
        "target_period_updates": 10,
        "epsilon": 1.0,
    }
    env = ProbeConfig(kind="probe", probe=probe)
    config = OffPolicyConfig(
        env=env,
        agent=R2D2Config(kind="r2d2", core=core, **(defaults | changes)),
        replay=ReplayConfig(capacity_env_steps=2_000, sampling="prioritized"),
        learning_starts_env_steps=500,
        samples_per_env_step=32,
        total_env_steps=1_000_000,
    )
    loop = OffPolicyLoop(config, torch.device("cpu"), None)
    loop.start()
    for _ in loop.iterations():
        if loop.agent.updates >= updates:
            break
    return loop.agent


def first_q_values(agent: R2D2, *brightness: int) -> np.ndarray:
    """What is expected of each action where an episode's first frame is of this brightness."""
    n = len(brightness)
    obs = np.array(brightness, np.uint8)[:, None, None, None] * np.ones(
        (1, 1, SIZE, SIZE), np.uint8
    )
    flags = np.ones(n, np.bool_)
    step = Step(obs, np.zeros(n, np.float32), np.ones(n, np.float32), flags, ~flags)
    return agent.act(step, agent.initial_memory(n), explore=False)[0].values


@BOTH_CORES
@pytest.mark.parametrize("probe", [probe for probe in KNOWN if probe != "endless"])
def test_r2d2_learns_the_known_values(probe: str, core: str):
    agent = learn_from_sequences(probe, core, updates=300)
    known = dict(KNOWN[probe])
    if probe == "delayed_reward":
        known.pop(WHITE)  # is never the first of an episode
    values = first_q_values(agent, *known)
    np.testing.assert_allclose(
        values, np.broadcast_to(list(known.values()), values.shape), atol=0.1
    )


@pytest.mark.parametrize(("core", "low", "high"), [("lstm", 0.99, 1.0), ("none", 0.4, 0.6)])
def test_r2d2_recalls_what_it_saw(core: str, low: float, high: float):
    agent = learn_from_sequences("recall", core, updates=400, discount=0.95)
    env = ProbeConfig(kind="probe", probe="recall")
    result = evaluate(agent, env, episodes=400, seed=0)
    assert low <= result.mean_return <= high


@pytest.mark.parametrize("head", ["scalar", "quantile"])
@pytest.mark.parametrize("network", ["small", "flat"])
def test_one_batch_can_be_learned_by_heart(network: str, head: str):
    """16 random pictures, each with a reward of its own: the loss goes to 0."""
    obs_shape = (2, 20, 20)
    config = DQNConfig(kind="dqn", network=network, head=head, quantiles=4, learning_rate=1e-3)
    spec = EnvSpec("pictures", 1, obs_shape, 1, ("a", "b", "c"))
    agent = DQN(config, spec, torch.device("cpu"), np.random.default_rng(0))
    obs = torch.randint(0, 256, (16, *obs_shape), dtype=torch.uint8)
    batch = Transition(
        obs_tm1=obs,
        action_tm1=torch.arange(16) % 3,
        reward_t=torch.randn(16),
        discount_t=torch.zeros(16),
        obs_t=obs,
        weights=torch.ones(16),
    )
    first = agent.update(batch)
    for _ in range(150):
        last = agent.update(batch)
    assert first.metrics["loss"] > 0.1
    assert last.metrics["loss"] < 1e-3
    assert last.priorities.max() < 0.1
