"""What every agent must do, whatever it learns with."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.base import Transition
from agents.dqn import DQN, DQNConfig
from envs.base import EnvSpec, Step
from workbench import checkpoint

NUM_ACTIONS = 3
Case = tuple[DQNConfig, tuple[int, int, int]]


def dqn(**changes: Any) -> DQNConfig:
    """Small, and with a learning rate at which one update shows."""
    defaults = {"network": "flat", "learning_rate": 1e-3, "quantiles": 5}
    return DQNConfig(kind="dqn", **(defaults | changes))


AGENTS: dict[str, Case] = {
    "dqn": (dqn(double=False, dueling=False), (1, 8, 8)),
    "dqn-double": (dqn(double=True, dueling=False), (1, 8, 8)),
    "dqn-dueling": (dqn(double=False, dueling=True), (1, 8, 8)),
    "dqn-quantile": (dqn(head="quantile", dueling=False), (1, 8, 8)),
    "dqn-quantile-dueling": (dqn(head="quantile"), (1, 8, 8)),
    "dqn-small": (dqn(network="small", head="quantile", dueling=False), (4, 24, 24)),
    "dqn-nature": (dqn(network="nature"), (4, 36, 36)),
    "dqn-bfloat16": (dqn(precision="bfloat16"), (1, 8, 8)),
}
every_agent = pytest.mark.parametrize("case", AGENTS.values(), ids=AGENTS.keys())


def make_agent(
    config: DQNConfig, obs_shape: tuple[int, int, int] = (1, 8, 8), seed: int = 0
) -> DQN:
    torch.manual_seed(seed)
    spec = EnvSpec(
        name="random",
        num_envs=8,
        obs_shape=obs_shape,
        frame_channels=1,
        action_names=tuple("abc")[:NUM_ACTIONS],
    )
    return DQN(config, spec, torch.device("cpu"), np.random.default_rng(seed))


def random_step(obs_shape: tuple[int, int, int], num_envs: int = 8, seed: int = 0) -> Step:
    rng = np.random.default_rng(seed)
    return Step(
        obs=rng.integers(0, 256, (num_envs, *obs_shape), dtype=np.uint8),
        reward=rng.normal(size=num_envs).astype(np.float32),
        discount=np.ones(num_envs, np.float32),
        first=np.zeros(num_envs, np.bool_),
        last=np.zeros(num_envs, np.bool_),
    )


def random_batch(obs_shape: tuple[int, int, int], batch_size: int = 8, seed: int = 0) -> Transition:
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


@every_agent
def test_rows_are_independent(case: Case):
    agent, step = make_agent(*case), random_step(case[1])
    decision, _ = agent.act(step, agent.initial_memory(8), explore=False)
    assert decision.action.shape == (8,)
    assert decision.values.shape == (8, NUM_ACTIONS)
    assert decision.action.tolist() == decision.values.argmax(1).tolist()
    order = np.random.default_rng(0).permutation(8)
    permuted, _ = agent.act(rows(step, order), agent.initial_memory(8), explore=False)
    np.testing.assert_allclose(permuted.values, decision.values[order], rtol=1e-4, atol=1e-5)
    alone, _ = agent.act(rows(step, [3]), agent.initial_memory(1), explore=False)
    np.testing.assert_allclose(alone.values, decision.values[3:4], rtol=2e-2, atol=1e-3)
    assert np.ptp(decision.values, axis=0).min() > 1e-3  # rows differ: mixing them up would show


@every_agent
def test_without_exploring_acting_is_deterministic_and_changes_nothing(case: Case):
    agent, step = make_agent(*case), random_step(case[1])
    before = copy.deepcopy((agent.state_dict(), agent.network_state(), agent.epsilon))
    torch_rng = torch.get_rng_state()
    once, _ = agent.act(step, agent.initial_memory(8), explore=False)
    twice, _ = agent.act(step, agent.initial_memory(8), explore=False)
    assert same(once, twice)
    assert same((agent.state_dict(), agent.network_state(), agent.epsilon), before)
    assert torch.equal(torch.get_rng_state(), torch_rng)


@every_agent
def test_an_update_is_one_optimizer_step(case: Case):
    agent = make_agent(*case)
    before = copy.deepcopy(agent.network_state())
    update = agent.update(random_batch(case[1]))
    after = agent.network_state()
    assert agent.updates == 1
    steps = [state["step"].item() for state in agent.state_dict()["optimizer"]["state"].values()]
    assert steps == [1.0] * len(before)
    assert all((after[name] != before[name]).any() for name in before)
    assert update.metrics["loss"].shape == update.metrics["value"].shape == ()
    assert update.errors.shape == (8,)
    assert not any(tensor.requires_grad for tensor in (*update.metrics.values(), update.errors))
    assert (update.errors >= 0).all()


@every_agent
def test_the_target_is_copied_every_period(case: Case):
    config, obs_shape = case
    agent = make_agent(config.model_copy(update={"target_period_updates": 3}), obs_shape)
    assert same(agent.target.state_dict(), agent.online.state_dict())
    for count in range(1, 8):
        expected = copy.deepcopy(agent.target.state_dict())
        agent.update(random_batch(obs_shape, seed=count))
        if count in (3, 6):
            expected = copy.deepcopy(agent.online.state_dict())
        assert same(agent.target.state_dict(), expected)
        assert same(agent.target.state_dict(), agent.online.state_dict()) == (count in (3, 6))


@every_agent
def test_a_saved_agent_continues_bit_for_bit(case: Case, tmp_path: Path):
    config, obs_shape = case
    config = config.model_copy(update={"target_period_updates": 3, "epsilon_decay_env_steps": 90})

    def live(agent: DQN, ticks: range) -> list[Any]:
        """Acts and learns; returns all that can be seen from outside."""
        seen: list[Any] = []
        for tick in ticks:
            decision, _ = agent.act(random_step(obs_shape, seed=tick), (), explore=True)
            seen += [decision.action, decision.values, agent.epsilon]
            seen += agent.update(random_batch(obs_shape, seed=tick))
        return seen

    agent = make_agent(config, obs_shape)
    live(agent, range(4))
    saved = checkpoint.save(
        tmp_path, 4, model=agent.network_state(), resume=agent.state_dict(), facts={}
    )
    expected = live(agent, range(4, 10))

    restored = make_agent(config, obs_shape, seed=1)
    restored.load_network_state(checkpoint.load_model(saved))
    restored.load_state_dict(checkpoint.load_resume(saved))
    assert same(live(restored, range(4, 10)), expected)
    assert same(restored.network_state(), agent.network_state())
    assert same(restored.state_dict(), agent.state_dict())


@every_agent
def test_a_row_of_weight_zero_has_no_influence(case: Case):
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


@every_agent
def test_the_loss_is_the_weighted_mean_over_rows(case: Case):
    config, obs_shape = case
    batch = random_batch(obs_shape)
    losses = []
    for row in range(8):
        single = Transition(*(field[row : row + 1] for field in batch))
        losses.append(make_agent(config, obs_shape).update(single).metrics["loss"].item())
    whole = make_agent(config, obs_shape).update(batch).metrics["loss"].item()
    assert whole == pytest.approx(np.mean(losses), rel=1e-2)


def test_weights_of_another_network_are_refused():
    agent = make_agent(dqn(dueling=True))
    with pytest.raises(ValueError, match="do not fit"):
        agent.load_network_state(make_agent(dqn(dueling=False)).network_state())


def test_epsilon_by_hand():
    config = dqn(epsilon_start=1.0, epsilon_end=0.2, epsilon_decay_env_steps=80)
    agent, step = make_agent(config), random_step((1, 8, 8))
    seen = []
    for _ in range(12):  # of 8 env steps each
        seen.append(agent.epsilon)
        agent.act(step, (), explore=True)
    assert seen == pytest.approx([1, 0.92, 0.84, 0.76, 0.68, 0.6, 0.52, 0.44, 0.36, 0.28, 0.2, 0.2])


@pytest.mark.parametrize(("epsilon", "expected"), [(0.0, 1.0), (0.6, 0.4 + 0.6 / 3), (1.0, 1 / 3)])
def test_the_share_of_greedy_actions(epsilon: float, expected: float):
    agent = make_agent(dqn(epsilon_start=epsilon, epsilon_end=epsilon))
    step = random_step((1, 8, 8), num_envs=1000)
    greedy = agent.act(step, (), explore=False)[0].action
    share = np.mean([agent.act(step, (), explore=True)[0].action == greedy for _ in range(10)])
    assert share == pytest.approx(expected, abs=0.02)  # 10,000 draws: 0.02 is 4 deviations
