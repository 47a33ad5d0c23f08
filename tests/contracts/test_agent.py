"""What every agent must do, whatever it learns with."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from agents.base import Agent, History, Memory, ReplayedSequences, Sequences, Transition
from agents.config import EpisodicAgentConfig as AgentConfig
from agents.dqn import DQN, DQNConfig
from agents.ppo import PPO, PPOConfig
from agents.r2d2 import R2D2, R2D2Config
from envs.base import EnvSpec, Step
from workbench.runs import checkpoint

NUM_ACTIONS = 3
ObsShape = tuple[int, int, int]
CPU = torch.device("cpu")


class Case(NamedTuple):
    """An agent, what it sees, and how a batch is made for it: `(agent, obs_shape, seed)`."""

    config: AgentConfig
    obs_shape: ObsShape
    random_batch: Callable[[Any, ObsShape, int], Any]


def random_transitions(agent: Agent, obs_shape: ObsShape, seed: int) -> Transition:
    return random_batch(obs_shape, seed=seed)


def random_sequences(agent: PPO, obs_shape: ObsShape, seed: int) -> Sequences:
    """4 sequences of 5 ticks."""
    rng = torch.Generator().manual_seed(seed)
    return Sequences(
        obs=torch.randint(256, (4, 5, *obs_shape), generator=rng, dtype=torch.uint8),
        first=(torch.rand(4, 5, generator=rng) < 0.2).numpy(),
        valid=torch.rand(4, 5, generator=rng) < 0.8,
        action=torch.randint(NUM_ACTIONS, (4, 5), generator=rng),
        log_prob=-torch.rand(4, 5, generator=rng),
        value=torch.randn(4, 5, generator=rng),
        advantage=torch.randn(4, 5, generator=rng),
        memory=tuple(torch.randn(part.shape, generator=rng) for part in agent.initial_memory(4)),
    )


def random_replayed_sequences(agent: R2D2, obs_shape: ObsShape, seed: int) -> ReplayedSequences:
    """4 windows of 8 ticks, of which 4 are learned from, and a history for two of them."""
    rng = torch.Generator().manual_seed(seed)
    return ReplayedSequences(
        obs=torch.randint(256, (4, 8, *obs_shape), generator=rng, dtype=torch.uint8),
        first=(torch.rand(4, 8, generator=rng) < 0.2).numpy(),
        memory=tuple(torch.randn(part.shape, generator=rng) for part in agent.initial_memory(4)),
        action=torch.randint(NUM_ACTIONS, (4, 4), generator=rng),
        valid=torch.arange(16).view(4, 4) % 5 > 0,
        reward=torch.randn(4, 4, generator=rng),
        discount=torch.rand(4, 4, generator=rng),
        end=torch.arange(4) + torch.randint(3, 5, (4, 4), generator=rng),
        weights=torch.rand(4, generator=rng) + 0.5,
        history=History(
            torch.randint(256, (2, 6, *obs_shape), generator=rng, dtype=torch.uint8),
            np.arange(6) % np.array([[3], [4]]) == 0,
            np.array([1, 3]),
        ),
    )


def dqn(**changes: Any) -> DQNConfig:
    """Small, and with a learning rate at which one update shows."""
    defaults = {"network": "flat", "learning_rate": 1e-3, "quantiles": 5}
    return DQNConfig(kind="dqn", **(defaults | changes))


def ppo(**changes: Any) -> PPOConfig:
    """Small, and with schedules and a learning rate that show."""
    defaults = {
        "network": "flat",
        "core_size": 16,
        "learning_rate": 1e-3,
        "learning_rate_decay_env_steps": 1_000,
    }
    return PPOConfig(kind="ppo", **(defaults | changes))


def r2d2(**changes: Any) -> R2D2Config:
    """Small, with windows as `random_replayed_sequences` makes them."""
    defaults = {
        "network": "flat",
        "core_size": 16,
        "burn_in_ticks": 2,
        "sequence_ticks": 4,
        "n_step": 2,
        "learning_rate": 1e-3,
        "target_period_updates": 3,
    }
    return R2D2Config(kind="r2d2", **(defaults | changes))


# What only DQN does is tested with these.
DQNS: dict[str, tuple[DQNConfig, ObsShape]] = {
    "dqn": (dqn(double=False, dueling=False), (1, 8, 8)),
    "dqn-double": (dqn(double=True, dueling=False), (1, 8, 8)),
    "dqn-dueling": (dqn(double=False, dueling=True), (1, 8, 8)),
    "dqn-quantile": (dqn(head="quantile", dueling=False), (1, 8, 8)),
    "dqn-quantile-dueling": (dqn(head="quantile"), (1, 8, 8)),
    "dqn-small": (dqn(network="small", head="quantile", dueling=False), (4, 24, 24)),
    "dqn-nature": (dqn(network="nature"), (4, 36, 36)),
    "dqn-bfloat16": (dqn(precision="bfloat16"), (1, 8, 8)),
}
# Every agent: to add one, say how it is built and how a random batch for it is made.
AGENTS: dict[str, Case] = {
    **{name: Case(*case, random_transitions) for name, case in DQNS.items()},
    "ppo-lstm": Case(ppo(core="lstm"), (1, 8, 8), random_sequences),
    "ppo-none": Case(ppo(core="none"), (1, 8, 8), random_sequences),
    "ppo-lstm-bfloat16": Case(ppo(core="lstm", precision="bfloat16"), (1, 8, 8), random_sequences),
    "ppo-small": Case(ppo(network="small"), (4, 24, 24), random_sequences),
    "ppo-grid": Case(ppo(network="grid", core="none"), (3, 24, 24), random_sequences),
    "r2d2-lstm": Case(r2d2(), (1, 8, 8), random_replayed_sequences),
    "r2d2-none": Case(r2d2(core="none", dueling=False), (1, 8, 8), random_replayed_sequences),
    "r2d2-bfloat16": Case(r2d2(precision="bfloat16"), (1, 8, 8), random_replayed_sequences),
    "r2d2-small": Case(r2d2(network="small"), (4, 24, 24), random_replayed_sequences),
}
every_agent = pytest.mark.parametrize("case", AGENTS.values(), ids=AGENTS.keys())
every_dqn = pytest.mark.parametrize("case", DQNS.values(), ids=DQNS.keys())


def make_spec(obs_shape: ObsShape) -> EnvSpec:
    return EnvSpec(
        name="random",
        num_envs=8,
        obs_shape=obs_shape,
        frame_channels=1,
        action_names=tuple("abc")[:NUM_ACTIONS],
    )


def build(case: Case, seed: int = 0) -> Agent:
    torch.manual_seed(seed)
    agent = case.config.make(make_spec(case.obs_shape), CPU, np.random.default_rng(seed))
    if isinstance(agent, PPO):
        with torch.no_grad():  # else its policy starts almost uniform
            agent.network.policy[-1].weight.mul_(100)
    return agent


def make_agent(config: DQNConfig, obs_shape: ObsShape = (1, 8, 8), seed: int = 0) -> DQN:
    torch.manual_seed(seed)
    return DQN(config, make_spec(obs_shape), CPU, np.random.default_rng(seed))


def random_step(obs_shape: ObsShape, num_envs: int = 8, seed: int = 0) -> Step:
    """Among its rows are first ones."""
    rng = np.random.default_rng(seed)
    return Step(
        obs=rng.integers(0, 256, (num_envs, *obs_shape), dtype=np.uint8),
        reward=rng.normal(size=num_envs).astype(np.float32),
        discount=np.ones(num_envs, np.float32),
        first=np.arange(num_envs) % 3 == 1,
        last=np.zeros(num_envs, np.bool_),
    )


def random_batch(obs_shape: ObsShape, batch_size: int = 8, seed: int = 0) -> Transition:
    rng = torch.Generator().manual_seed(seed)
    return Transition(
        obs_tm1=torch.randint(256, (batch_size, *obs_shape), generator=rng, dtype=torch.uint8),
        action_tm1=torch.randint(NUM_ACTIONS, (batch_size,), generator=rng),
        reward_t=torch.randn(batch_size, generator=rng),
        discount_t=torch.rand(batch_size, generator=rng),
        obs_t=torch.randint(256, (batch_size, *obs_shape), generator=rng, dtype=torch.uint8),
        weights=torch.rand(batch_size, generator=rng) + 0.5,
    )


def rows(step: Step, index: Any) -> Step:
    return Step(*(np.ascontiguousarray(field[index]) for field in step))


def same(ours: Any, theirs: Any) -> bool:
    """Whether two state dicts are equal bit for bit."""
    if isinstance(ours, torch.Tensor | np.ndarray):
        return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    if isinstance(ours, Mapping):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


def random_memory(agent: Agent, num_envs: int) -> Memory:
    rng = torch.Generator().manual_seed(0)
    return tuple(torch.randn(m.shape, generator=rng) for m in agent.initial_memory(num_envs))


@every_agent
def test_rows_are_independent(case: Case):
    agent, step = build(case), random_step(case.obs_shape)
    memory = random_memory(agent, 8)
    decision, after = agent.act(step, memory, explore=False)
    assert decision.action.shape == (8,)
    assert decision.values.shape in ((8, NUM_ACTIONS), (8, 1))
    preferred = decision.values if decision.policy is None else decision.policy
    assert preferred.shape == (8, NUM_ACTIONS)
    assert decision.action.tolist() == preferred.argmax(1).tolist()
    if decision.policy is not None:
        np.testing.assert_allclose(decision.policy.sum(1), 1, rtol=1e-5)

    def compare(index: list[int], rtol: float, atol: float) -> None:
        some, some_after = agent.act(
            rows(step, index), tuple(m[:, index] for m in memory), explore=False
        )
        np.testing.assert_allclose(some.values, decision.values[index], rtol=rtol, atol=atol)
        if decision.policy is not None and some.policy is not None:
            np.testing.assert_allclose(some.policy, decision.policy[index], rtol=rtol, atol=atol)
        for ours, theirs in zip(some_after, after, strict=True):
            torch.testing.assert_close(ours, theirs[:, index], rtol=rtol, atol=atol)

    compare(np.random.default_rng(0).permutation(8).tolist(), 1e-4, 1e-5)
    compare([3], 2e-2, 1e-3)
    assert np.ptp(decision.values, axis=0).min() > 1e-3  # rows differ: mixing them up would show
    assert np.ptp(preferred, axis=0).min() > 1e-3


@every_agent
def test_memory_is_cleared_where_an_episode_begins(case: Case):
    agent, step = build(case), random_step(case.obs_shape)
    assert 0 < step.first.sum() < 8
    memory = random_memory(agent, 8)
    given = copy.deepcopy(memory)
    decision, after = agent.act(step, memory, explore=False)
    fresh, fresh_after = agent.act(step, agent.initial_memory(8), explore=False)
    assert same(memory, given), "the caller's memory was written to"
    np.testing.assert_allclose(fresh.values[step.first], decision.values[step.first], rtol=1e-5)
    remembered = np.abs(fresh.values - decision.values)[~step.first].max(1)
    assert (remembered > 1e-4).all() if memory else (remembered == 0).all()
    for ours, theirs in zip(after, fresh_after, strict=True):
        torch.testing.assert_close(ours[:, step.first], theirs[:, step.first])


@every_agent
def test_without_exploring_acting_is_deterministic_and_changes_nothing(case: Case):
    agent, step = build(case), random_step(case.obs_shape)
    before = copy.deepcopy((agent.state_dict(), agent.network_state(), agent.schedules()))
    torch_rng = torch.get_rng_state()
    once = agent.act(step, agent.initial_memory(8), explore=False)
    twice = agent.act(step, agent.initial_memory(8), explore=False)
    assert same(once, twice)
    assert same((agent.state_dict(), agent.network_state(), agent.schedules()), before)
    assert torch.equal(torch.get_rng_state(), torch_rng)


@every_agent
def test_an_update_is_one_optimizer_step(case: Case):
    agent = build(case)
    before = copy.deepcopy(agent.network_state())
    batch = case.random_batch(agent, case.obs_shape, 0)
    given = copy.deepcopy(batch)
    update = agent.update(batch)
    assert same(batch, given), "the batch was written to"
    after = agent.network_state()
    assert agent.updates == 1
    steps = [state["step"].item() for state in agent.state_dict()["optimizer"]["state"].values()]
    assert steps == [1.0] * len(before)
    assert all((after[name] != before[name]).any() for name in before)
    assert {"loss", "value"} <= update.metrics.keys()
    assert all(metric.shape == () and metric.isfinite() for metric in update.metrics.values())
    assert not any(tensor.requires_grad for tensor in (*update.metrics.values(), update.priorities))
    # Raw priorities, where there is replay.
    assert len(update.priorities) == (0 if isinstance(agent, PPO) else len(batch[0]))
    assert (update.priorities >= 0).all()


@every_dqn
def test_the_target_is_copied_every_period(case: tuple[DQNConfig, ObsShape]):
    config, obs_shape = case
    agent = make_agent(config.model_copy(update={"target_period_updates": 3}), obs_shape)
    assert same(agent.target.state_dict(), agent.network.state_dict())
    for count in range(1, 8):
        expected = copy.deepcopy(agent.target.state_dict())
        agent.update(random_batch(obs_shape, seed=count))
        if count in (3, 6):
            expected = copy.deepcopy(agent.network.state_dict())
        assert same(agent.target.state_dict(), expected)
        assert same(agent.target.state_dict(), agent.network.state_dict()) == (count in (3, 6))


@every_agent
def test_a_saved_agent_continues_bit_for_bit(case: Case, tmp_path: Path):
    # Short, so that both have schedules that go on and targets that are copied on the way.
    short = {"target_period_updates": 3, "epsilon_decay_env_steps": 90}
    changes = {key: value for key, value in short.items() if hasattr(case.config, key)}
    case = case._replace(config=case.config.model_copy(update=changes))

    def live(agent: Agent, memory: Memory, ticks: range) -> tuple[list[Any], Memory]:
        """Acts and learns; returns all that can be seen from outside, and the memory."""
        seen: list[Any] = []
        for tick in ticks:
            step = random_step(case.obs_shape, seed=tick)
            decision, memory = agent.act(step, memory, explore=True)
            seen += [*decision, *memory, agent.schedules()]
            seen += agent.update(case.random_batch(agent, case.obs_shape, tick))
        return seen, memory

    agent = build(case)
    _, memory = live(agent, agent.initial_memory(8), range(4))
    resume = {"agent": agent.state_dict(), "memory": list(memory)}
    saved = checkpoint.save(tmp_path, 4, model=agent.network_state(), resume=resume, facts={})
    expected, _ = live(agent, memory, range(4, 10))

    restored = build(case, seed=1)
    restored.load_network_state(checkpoint.load_model(saved))
    resume = checkpoint.load_resume(saved)
    restored.load_state_dict(resume["agent"])
    seen, _ = live(restored, tuple(resume["memory"]), range(4, 10))
    assert same(seen, expected)
    assert same(restored.network_state(), agent.network_state())
    assert same(restored.state_dict(), agent.state_dict())


@every_dqn
def test_a_row_of_weight_zero_has_no_influence(case: tuple[DQNConfig, ObsShape]):
    config, obs_shape = case
    batch, other = random_batch(obs_shape, seed=0), random_batch(obs_shape, seed=1)

    def weights_after(weight: float, changed: bool) -> torch.Tensor:
        row = torch.arange(8) == 2
        fields = [
            torch.where(row.view(-1, *[1] * (ours.dim() - 1)), theirs, ours) if changed else ours
            for ours, theirs in zip(batch, other, strict=True)
        ]
        agent = make_agent(config, obs_shape)
        agent.update(Transition(*fields)._replace(weights=torch.where(row, weight, 1.0)))
        return torch.cat([tensor.flatten() for tensor in agent.network_state().values()])

    # One step of Adam at rate 1e-3 moves a weight by 1e-3 at most.
    unmoved = (weights_after(0.0, True) - weights_after(0.0, False)).abs().max()
    moved = (weights_after(1.0, True) - weights_after(1.0, False)).abs().max()
    assert unmoved < 1e-5
    assert moved > 1e-4


@every_dqn
def test_the_loss_is_the_weighted_mean_over_rows(case: tuple[DQNConfig, ObsShape]):
    config, obs_shape = case
    batch = random_batch(obs_shape)
    losses = []
    for row in range(8):
        single = Transition(*(field[row : row + 1] for field in batch))
        losses.append(make_agent(config, obs_shape).update(single).metrics["loss"].item())
    whole = make_agent(config, obs_shape).update(batch).metrics["loss"].item()
    assert whole == pytest.approx(np.mean(losses), rel=1e-2)


@pytest.mark.parametrize("name", ["ppo-lstm", "ppo-none"])
def test_weights_of_another_core_are_refused(name: str):
    other = "ppo-none" if name == "ppo-lstm" else "ppo-lstm"
    with pytest.raises(ValueError, match="do not fit"):
        build(AGENTS[name]).load_network_state(build(AGENTS[other]).network_state())


def test_weights_of_another_network_are_refused():
    agent = make_agent(dqn(dueling=True))
    with pytest.raises(ValueError, match="do not fit"):
        agent.load_network_state(make_agent(dqn(dueling=False)).network_state())


def test_epsilon_by_hand():
    config = dqn(epsilon_start=1.0, epsilon_end=0.2, epsilon_decay_env_steps=80)
    agent, step = make_agent(config), random_step((1, 8, 8))
    seen = []
    for _ in range(12):  # of 8 env steps each
        seen.append(agent.schedules()["epsilon"])
        agent.act(step, (), explore=True)
    assert seen == pytest.approx([1, 0.92, 0.84, 0.76, 0.68, 0.6, 0.52, 0.44, 0.36, 0.28, 0.2, 0.2])


@pytest.mark.parametrize(("epsilon", "expected"), [(0.0, 1.0), (0.6, 0.4 + 0.6 / 3), (1.0, 1 / 3)])
def test_the_share_of_greedy_actions(epsilon: float, expected: float):
    agent = make_agent(dqn(epsilon_start=epsilon, epsilon_end=epsilon))
    step = random_step((1, 8, 8), num_envs=1000)
    greedy = agent.act(step, (), explore=False)[0].action
    share = np.mean([agent.act(step, (), explore=True)[0].action == greedy for _ in range(10)])
    assert share == pytest.approx(expected, abs=0.02)  # 10,000 draws: 0.02 is 4 deviations


def test_every_env_of_r2d2_explores_by_its_own_share():
    agent = build(Case(r2d2(epsilon=0.5, epsilon_exponent=2.0), (1, 8, 8), random_sequences))
    step = random_step((1, 8, 8))
    memory = agent.initial_memory(8)
    greedy = agent.act(step, memory, explore=False)[0].action
    same_action = [agent.act(step, memory, explore=True)[0].action == greedy for _ in range(4000)]
    epsilon = 0.5 ** (1 + 2 * np.arange(8) / 7)  # Horgan et al. 2018: 0.5 of the first, 0.5^3 last
    expected = 1 - epsilon + epsilon / 3  # a random action is the greedy one in a third of cases
    assert np.mean(same_action, 0) == pytest.approx(expected, abs=0.035)  # 5 deviations
