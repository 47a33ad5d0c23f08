from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from agents.base import Transition
from agents.dqn import DQN, DQNConfig
from agents.losses import (
    check_shape,
    clipped_policy_loss,
    clipped_value_loss,
    generalized_advantage,
    greedy_action,
    huber_td_loss,
    quantile_huber_loss,
    rescale,
    take_action,
    td_target,
    unrescale,
)
from envs.base import EnvSpec


def slow_quantile_loss(quantiles: Tensor, target: Tensor) -> list[float]:
    """Dabney et al. 2018, eq. 9 and 10 with κ = 1, one pair at a time."""
    losses = []
    for theta, samples in zip(quantiles.tolist(), target.tolist(), strict=True):
        loss = 0.0
        for i, theta_i in enumerate(theta):
            tau = (2 * i + 1) / (2 * len(theta))
            for sample in samples:
                u = sample - theta_i
                huber = 0.5 * u**2 if abs(u) <= 1 else abs(u) - 0.5
                loss += abs(tau - (u < 0)) * huber / len(samples)
        losses.append(loss)
    return losses


def test_td_target_by_hand():
    target = td_target(
        reward_t=torch.tensor([1.0, -1.0]),
        discount_t=torch.tensor([0.5, 0.0]),
        value_t=torch.tensor([[2.0, 4.0], [7.0, 9.0]]),
    )
    assert target.tolist() == [[2.0, 3.0], [-1.0, -1.0]]


def test_greedy_and_taken_actions_by_hand():
    values = torch.tensor([[[0.0, 4.0], [3.0, 3.0]], [[2.0, 2.0], [9.0, -9.0]]])  # [B, A, K]
    assert greedy_action(values).tolist() == [1, 0]  # means 2 < 3 and 2 > 0
    assert take_action(values, torch.tensor([0, 1])).tolist() == [[0.0, 4.0], [9.0, -9.0]]


def test_huber_by_hand():
    value = torch.tensor([[0.0], [1.0], [5.0], [2.0]], requires_grad=True)
    loss, error = huber_td_loss(value, torch.tensor([[0.5], [2.0], [2.0], [2.0]]))
    assert loss.tolist() == [0.125, 0.5, 2.5, 0.0]
    assert error.tolist() == [0.5, 1.0, 3.0, 0.0]
    loss.sum().backward()
    assert value.grad is not None
    assert value.grad[:, 0].tolist() == [-0.5, -1.0, 1.0, 0.0]  # never beyond ±1
    assert not error.requires_grad


def test_quantile_loss_by_hand():
    # τ̂ = 1/4 and 3/4. Errors of quantile 0: 0.5, 3; of quantile 1: -2, 0.5.
    quantiles = torch.tensor([[0.0, 2.5]])
    loss, error = quantile_huber_loss(quantiles, torch.tensor([[0.5, 3.0]]))
    first = (0.25 * 0.125 + 0.25 * 2.5) / 2
    second = (0.25 * 1.5 + 0.75 * 0.125) / 2
    assert loss.tolist() == pytest.approx([first + second])
    assert error.tolist() == pytest.approx([1.75 - 1.25])  # of the means


@pytest.mark.parametrize(("batch", "k", "samples"), [(3, 1, 1), (4, 5, 5), (2, 7, 3)])
def test_quantile_loss_equals_the_double_loop(batch: int, k: int, samples: int):
    quantiles, target = 2 * torch.randn(batch, k), 2 * torch.randn(batch, samples)
    loss, error = quantile_huber_loss(quantiles, target)
    assert loss.tolist() == pytest.approx(slow_quantile_loss(quantiles, target), rel=1e-5)
    of_means = [
        abs(sum(other) / len(other) - sum(row) / len(row))
        for row, other in zip(quantiles.tolist(), target.tolist(), strict=True)
    ]
    assert error.tolist() == pytest.approx(of_means, rel=1e-4, abs=1e-6)


def test_noise_that_is_learned_has_no_priority():
    """Returns of +10 or -10 whose distribution is known: only what is wrong comes back soon."""
    known = torch.tensor([[-10.0, -10, 10, 10], [-9.0, -9, 11, 11]])
    loss, error = quantile_huber_loss(known, torch.tensor([[10.0, -10], [10.0, -10]]))
    assert error.tolist() == pytest.approx([0, 1])
    assert loss.min() > 1  # which says nothing of how wrong the value is


@pytest.mark.parametrize(("loss", "k"), [(huber_td_loss, 1), (quantile_huber_loss, 6)])
def test_gradients_equal_finite_differences(loss, k: int):
    value = (2 * torch.randn(5, k, dtype=torch.float64)).requires_grad_()
    target = 2 * torch.randn(5, k, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: loss(v, target)[0], value)


def test_quantile_loss_is_least_at_the_quantiles_of_the_target():
    # What the loss is for: K = 2 quantiles of samples 0 to 99 are those at 25 % and 75 %.
    quantiles = torch.tensor([[40.0, 60.0]], requires_grad=True)
    target = torch.arange(100.0)[None]
    optimizer = torch.optim.SGD([quantiles], lr=10.0)
    for _ in range(300):
        optimizer.zero_grad()
        quantile_huber_loss(quantiles, target)[0].sum().backward()
        optimizer.step()
    assert quantiles[0].tolist() == pytest.approx([24.5, 74.5], abs=1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: td_target(torch.zeros(3), torch.zeros(3), torch.zeros(3)),
        lambda: td_target(torch.zeros(3, 1), torch.zeros(3), torch.zeros(3, 1)),
        lambda: td_target(torch.zeros(3), torch.zeros(3, 1), torch.zeros(3, 1)),
        lambda: td_target(torch.zeros(1), torch.zeros(3), torch.zeros(3, 1)),
        lambda: huber_td_loss(torch.zeros(3), torch.zeros(3)),
        lambda: huber_td_loss(torch.zeros(3, 1), torch.zeros(3)),
        lambda: huber_td_loss(torch.zeros(3, 2), torch.zeros(3, 2)),
        lambda: quantile_huber_loss(torch.zeros(3, 2), torch.zeros(2, 2)),
        lambda: quantile_huber_loss(torch.zeros(3, 2), torch.zeros(3)),
        lambda: greedy_action(torch.zeros(3, 2)),
        lambda: take_action(torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64)),
        lambda: take_action(torch.zeros(3, 2, 1), torch.zeros(3, 1, dtype=torch.int64)),
        lambda: take_action(torch.zeros(3, 2, 1), torch.zeros(1, dtype=torch.int64)),
        lambda: clipped_policy_loss(torch.zeros(3), torch.zeros(3, 1), 0.2),
        lambda: clipped_value_loss(torch.zeros(3), torch.zeros(3, 1), torch.zeros(3), 0.2),
        lambda: clipped_value_loss(torch.zeros(3), torch.zeros(3), torch.zeros(1), 0.2),
    ],
)
def test_wrong_shapes_are_refused(call):
    with pytest.raises(ValueError, match="has shape"):
        call()


def test_the_error_of_a_wrong_shape_says_which():
    with pytest.raises(ValueError, match=r"reward_t has shape \(3, 1\), not \(3,\)"):
        check_shape("reward_t", torch.zeros(3, 1), (3,))


class Table(nn.Module):
    """Fixed values: `[states, A, K]`, looked up by the brightness of the first pixel."""

    def __init__(self, values: list[list[list[float]]]) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor(values))

    def forward(self, obs: Tensor) -> Tensor:
        return self.values[obs[:, 0, 0, 0].long()]


def make_agent(head: str, double: bool, online: Table, target: Table) -> DQN:
    """A DQN whose networks are replaced by tables."""
    agent = DQN(
        DQNConfig(kind="dqn", network="flat", head=head, quantiles=2, double=double),
        EnvSpec("table", 1, (1, 8, 8), 1, ("a", "b")),
        torch.device("cpu"),
        np.random.default_rng(0),
    )
    agent.network, agent.target = online, target
    return agent


@pytest.mark.parametrize(
    ("double", "discount", "target"),
    [
        # In state 1 the online network prefers action 0, the target network action 1.
        pytest.param(True, 0.5, 1 + 0.5 * 10, id="double"),
        pytest.param(False, 0.5, 1 + 0.5 * 20, id="single"),
        pytest.param(True, 0.0, 1, id="terminal"),
    ],
)
@pytest.mark.parametrize("head", ["scalar", "quantile"])
def test_the_target_by_hand(head: str, double: bool, discount: float, target: float):
    atoms = 1 if head == "scalar" else 2
    agent = make_agent(
        head,
        double,
        online=Table([[[1.0] * atoms, [2.0] * atoms], [[5.0] * atoms, [3.0] * atoms]]),
        target=Table([[[0.0] * atoms, [0.0] * atoms], [[10.0] * atoms, [20.0] * atoms]]),
    )
    update = agent.update(
        Transition(
            obs_tm1=torch.full((1, 1, 8, 8), 0, dtype=torch.uint8),
            action_tm1=torch.tensor([1]),
            reward_t=torch.tensor([1.0]),
            discount_t=torch.tensor([discount]),
            obs_t=torch.full((1, 1, 8, 8), 1, dtype=torch.uint8),
            weights=torch.ones(1),
        )
    )
    assert update.metrics["value"].item() == 2.0
    assert update.priorities.tolist() == [abs(target - 2.0)]
    assert agent.target.values.grad is None
    assert agent.network.values.grad[1].abs().sum() == 0  # the bootstrap is a constant


def test_quantiles_of_the_target_are_those_of_the_chosen_action():
    # Online means: action 0 has 4, action 1 has 3; so the target's atoms 1 and 3 are taken.
    agent = make_agent(
        "quantile",
        double=True,
        online=Table([[[0.0, 8.0], [3.0, 3.0]]]),
        target=Table([[[1.0, 3.0], [50.0, 50.0]]]),
    )
    obs = torch.zeros((1, 1, 8, 8), dtype=torch.uint8)
    one = torch.ones(1)
    update = agent.update(Transition(obs, torch.tensor([1]), 0 * one, one, obs, one))
    # Errors of predictions 3, 3 against 1, 3: -2, 0. Weights of the -2: 3/4 and 1/4.
    assert update.metrics["loss"].item() == pytest.approx((0.75 * 1.5 + 0.25 * 1.5) / 2)
    assert update.priorities.tolist() == [1.0]


GAMMA = 0.9


class Rollout(NamedTuple):
    """T + 1 ticks of N envs as `envs.base.Step` has them; `discount` holds γ."""

    reward: np.ndarray
    discount: np.ndarray
    last: np.ndarray
    value: np.ndarray


def random_rollout(ticks: int, num_envs: int, seed: int) -> Rollout:
    """Episodes of 1 to 5 steps that begin anywhere and terminate or are cut off."""
    rng = np.random.default_rng(seed)
    shape = (ticks + 1, num_envs)
    reward, value = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    discount, last = np.full(shape, GAMMA, np.float32), np.zeros(shape, np.bool_)
    for env in range(num_envs):
        tick = int(rng.integers(-3, 5))
        while tick <= ticks:
            if tick >= 0:
                last[tick, env] = True
                discount[tick, env] *= rng.integers(2)
            if 0 <= tick < ticks:
                reward[tick + 1, env] = 0  # comes with the first obs of the next episode
            tick += 1 + int(rng.integers(1, 6))
    return Rollout(reward, discount, last, value)


def slow_advantage(rollout: Rollout, t: int, env: int, gae_lambda: float) -> float:
    """Advantage at t: the sum over k of (γλ)^k δ_(t+k), up to the end of the episode or rollout."""
    reward, discount, last, value = (field[:, env].astype(np.float64) for field in rollout)
    error = reward[t + 1] + discount[t + 1] * value[t + 1] - value[t]
    if last[t + 1] or t + 2 == len(reward):
        return float(error)
    following = slow_advantage(rollout, t + 1, env, gae_lambda)
    return float(error + GAMMA * gae_lambda * following)


@given(
    ticks=st.integers(1, 12),
    num_envs=st.integers(1, 4),
    seed=st.integers(0, 2**31),
    gae_lambda=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
)
def test_gae_equals_the_slow_reference(ticks: int, num_envs: int, seed: int, gae_lambda: float):
    rollout = random_rollout(ticks, num_envs, seed)
    advantage = generalized_advantage(*rollout, gae_lambda=gae_lambda)
    assert advantage.shape == (ticks, num_envs)
    assert advantage.dtype == np.float32
    for t, env in np.argwhere(~rollout.last[:-1]):
        expected = slow_advantage(rollout, t, env, gae_lambda)
        assert advantage[t, env] == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("terminated", [True, False])
def test_gae_by_hand(terminated: bool):
    """Obs 0, 1, 2; the episode ends with 2, and 3 and 4 are of the next one."""
    end = 0.0 if terminated else GAMMA
    rollout = Rollout(
        reward=np.array([[9.0], [1.0], [2.0], [0.0], [5.0]], np.float32),
        discount=np.array([[GAMMA], [GAMMA], [end], [GAMMA], [GAMMA]], np.float32),
        last=np.array([[False], [False], [True], [False], [False]]),
        value=np.array([[0.5], [0.25], [4.0], [100.0], [10.0]], np.float32),
    )
    # What the last obs of the episode was worth counts if the episode was merely cut off; what
    # the next episode was worth (100) never does.
    error_1 = 2 + (0 if terminated else 0.9 * 4) - 0.25
    error_0 = 1 + 0.9 * 0.25 - 0.5
    error_3 = 5 + 0.9 * 10 - 100
    for gae_lambda in (0.0, 0.5, 1.0):
        advantage = generalized_advantage(*rollout, gae_lambda=gae_lambda)[:, 0]
        expected = [error_0 + 0.9 * gae_lambda * error_1, error_1, error_3]
        assert advantage[[0, 1, 3]].tolist() == pytest.approx(expected, rel=1e-5)
    # λ = 1 is the return minus the value: 1 + γ 2 + γ² (what follows) - V.
    following = 0 if terminated else 0.81 * 4
    assert advantage[0] == pytest.approx(1 + 0.9 * 2 + following - 0.5, rel=1e-5)


def test_the_clipped_policy_loss_by_hand():
    # Ratios 0.5, 1, 1.1 and 2, clipped to 0.8 .. 1.2.
    ratio = torch.tensor([0.5, 1.0, 1.1, 2.0] * 2, dtype=torch.float64)
    log_ratio = ratio.log().requires_grad_()
    advantage = torch.tensor([3.0] * 4 + [-3.0] * 4, dtype=torch.float64)
    loss = clipped_policy_loss(log_ratio, advantage, 0.2)
    # A better action gains nothing beyond 1.2, a worse one nothing below 0.8.
    assert loss.tolist() == pytest.approx([-1.5, -3.0, -3.3, -3.6, 2.4, 3.0, 3.3, 6.0])
    loss.sum().backward()
    # d(ratio)/d(log_ratio) is the ratio.
    assert log_ratio.grad is not None
    assert log_ratio.grad.tolist() == pytest.approx([-1.5, -3.0, -3.3, 0, 0, 3.0, 3.3, 6.0])


def test_the_clipped_value_loss_by_hand():
    old, target = torch.full((5,), 1.0), torch.tensor([2.0, 2.0, 2.0, 0.0, 1.1])
    value = torch.tensor([1.1, 1.5, 0.5, 1.5, 1.5], requires_grad=True)
    loss = clipped_value_loss(value, old, target, 0.2)
    # Near the old value; towards the target beyond 1.2, which counts as 1.2; away from it, twice;
    # and beyond both.
    expected = [0.9**2, 0.8**2, 1.5**2, 1.5**2, 0.4**2]
    assert loss.tolist() == pytest.approx([0.5 * square for square in expected])
    loss.sum().backward()
    assert value.grad is not None
    assert value.grad.tolist() == pytest.approx([-0.9, 0.0, -1.5, 1.5, 0.4])


def test_a_value_loss_that_is_not_clipped_is_half_the_squared_error():
    value, old, target = (torch.randn(20) for _ in range(3))
    loss = clipped_value_loss(value, old, target, float("inf"))
    torch.testing.assert_close(loss, 0.5 * (value - target) ** 2)


def test_rescaled_values_by_hand():
    """Pohlen et al. 2018: sign(x) (sqrt(|x| + 1) - 1) + 0.001 x."""
    value = torch.tensor([0.0, 3.0, -8.0, 99.0])
    torch.testing.assert_close(rescale(value), torch.tensor([0.0, 1.003, -2.008, 9.099]))


@pytest.mark.parametrize("size", [1e-6, 1e-4, 1e-2, 1.0, 10.0, 1000.0])
def test_small_values_come_back_from_being_rescaled_as_well_as_large_ones(size: float):
    value = size * torch.linspace(-1, 1, 1001)
    there = rescale(value)
    assert (there.diff() > 0).all()
    torch.testing.assert_close(unrescale(there), value, rtol=1e-3, atol=6e-7)
