import numpy as np
import pytest
import torch
from torch import Tensor, nn

from agents.base import Transition
from agents.dqn import DQN, DQNConfig
from agents.losses import (
    check_shape,
    greedy_action,
    huber_td_loss,
    quantile_huber_loss,
    take_action,
    td_target,
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
    assert error.tolist() == pytest.approx([(0.5 + 3 + 2 + 0.5) / 4])


@pytest.mark.parametrize(("batch", "k", "samples"), [(3, 1, 1), (4, 5, 5), (2, 7, 3)])
def test_quantile_loss_equals_the_double_loop(batch: int, k: int, samples: int):
    quantiles, target = 2 * torch.randn(batch, k), 2 * torch.randn(batch, samples)
    loss, error = quantile_huber_loss(quantiles, target)
    assert loss.tolist() == pytest.approx(slow_quantile_loss(quantiles, target), rel=1e-5)
    every_pair = [
        [abs(t - q) for q in row for t in other]
        for row, other in zip(quantiles.tolist(), target.tolist(), strict=True)
    ]
    assert error.tolist() == pytest.approx([sum(p) / len(p) for p in every_pair], rel=1e-5)


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
    agent.online, agent.target = online, target
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
    assert update.errors.tolist() == [abs(target - 2.0)]
    assert agent.target.values.grad is None
    assert agent.online.values.grad[1].abs().sum() == 0  # the bootstrap is a constant


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
    assert update.errors.tolist() == [1.0]
