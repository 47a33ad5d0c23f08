"""What PPO draws, how fast it learns, and what it learns from."""

from typing import Any

import numpy as np
import pytest
import torch

from agents.base import Sequences
from agents.ppo import PPO, PPOConfig
from envs.base import EnvSpec, Step

CPU = torch.device("cpu")
ACTIONS = ("a", "b", "c", "d")


def make_agent(**changes: Any) -> PPO:
    torch.manual_seed(0)
    config = PPOConfig(kind="ppo", **({"network": "flat", "core_size": 8} | changes))
    spec = EnvSpec("random", 8, (1, 8, 8), 1, ACTIONS)
    return PPO(config, spec, CPU, np.random.default_rng(0))


def with_policy(agent: PPO, policy: list[float]) -> PPO:
    """The same policy whatever is seen."""
    with torch.no_grad():
        agent.network.policy[-1].weight.zero_()
        agent.network.policy[-1].bias.copy_(torch.tensor(policy).log())
    return agent


def make_step(num_envs: int) -> Step:
    return Step(
        obs=np.random.default_rng(0).integers(0, 256, (num_envs, 1, 8, 8), dtype=np.uint8),
        reward=np.zeros(num_envs, np.float32),
        discount=np.ones(num_envs, np.float32),
        first=np.zeros(num_envs, np.bool_),
        last=np.zeros(num_envs, np.bool_),
    )


def make_batch(agent: PPO, seed: int = 0) -> Sequences:
    """5 sequences of 6 ticks as the agent itself would have played them."""
    rng = torch.Generator().manual_seed(seed)
    obs = torch.randint(256, (5, 6, 1, 8, 8), generator=rng, dtype=torch.uint8)
    first = (torch.rand(5, 6, generator=rng) < 0.2).numpy()
    memory = tuple(torch.randn(part.shape, generator=rng) for part in agent.initial_memory(5))
    action = torch.randint(len(ACTIONS), (5, 6), generator=rng)
    with torch.no_grad():
        logits, value, _ = agent.network(obs, first, memory)
    return Sequences(
        obs=obs,
        first=first,
        valid=torch.rand(5, 6, generator=rng) < 0.8,
        action=action,
        log_prob=logits.log_softmax(-1).gather(-1, action[..., None])[..., 0],
        value=value,
        advantage=torch.randn(5, 6, generator=rng),
        memory=memory,
    )


def weights(agent: PPO) -> torch.Tensor:
    return torch.cat([tensor.flatten() for tensor in agent.network_state().values()])


@pytest.mark.parametrize("policy", [[0.1, 0.2, 0.3, 0.4], [0.7, 0.0, 0.3, 0.0], [0.0, 1.0, 0, 0]])
def test_actions_are_drawn_from_the_policy(policy: list[float]):
    agent, step = with_policy(make_agent(core="none"), policy), make_step(10_000)
    decision, _ = agent.act(step, (), explore=True)
    counts = np.bincount(decision.action, minlength=4)
    expected = 10_000 * np.array(policy)
    possible = expected > 0
    assert counts[~possible].sum() == 0
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    assert chi_square < 16.3  # 1 in 1,000 with 3 degrees of freedom
    np.testing.assert_allclose(decision.policy, np.tile(policy, (10_000, 1)), atol=1e-6)
    # Rows are drawn independently, and so are ticks.
    again = agent.act(step, (), explore=True)[0].action
    same = np.square(policy).sum()
    assert np.mean(again == decision.action) == pytest.approx(same, abs=0.02)
    assert np.mean(again[1:] == again[:-1]) == pytest.approx(same, abs=0.02)


@pytest.mark.parametrize("best", range(4))
def test_without_exploring_the_likeliest_action_is_taken(best: int):
    policy = [0.24] * 4
    policy[best] = 0.28
    decision, _ = with_policy(make_agent(), policy).act(
        make_step(100), make_agent().initial_memory(100), explore=False
    )
    assert set(decision.action.tolist()) == {best}


class Extreme(np.random.Generator):
    """Always draws the same number from [0, 1)."""

    def __init__(self, number: float) -> None:
        super().__init__(np.random.PCG64())
        self._number = number

    def random(self, size: Any) -> Any:  # type: ignore[override]
        return np.full(size, self._number)


@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_an_action_without_probability_is_never_drawn(number: float):
    """The log-probability of one would be -inf; in float32 the first ones sum to less than 1."""
    for policy, possible in (
        ([0.67, 0.16, 0.17, 0], {0, 2}),
        ([0.11, 0.62, 0.27, 0], {0, 2}),
        ([0, 0.1, 0.9, 0], {1, 2}),
        ([0, 0.7 / 3, 0.7, 0.2 / 3], {1, 3}),
    ):
        agent = with_policy(make_agent(core="none"), policy)
        agent._rng = Extreme(number)
        decision, _ = agent.act(make_step(3), (), explore=True)
        if policy[0] in (0.67, 0.11):
            assert decision.policy is not None
            assert (decision.policy.cumsum(1)[:, -1] < 1).all()
        action = decision.action
        assert set(action.tolist()) == {min(possible) if number == 0 else max(possible)}


def test_the_learning_rate_falls_to_zero_by_hand():
    """In rollouts of one tick: the last one before the end still teaches something."""
    agent = make_agent(
        core="none",
        rollout_ticks=1,
        sequence_ticks=1,
        learning_rate=1e-3,
        learning_rate_decay_env_steps=40,
    )
    batch, step = make_batch(agent), make_step(8)
    for expected in (1e-3, 1e-3, 8e-4, 6e-4, 4e-4, 2e-4, 0):
        assert agent.schedules() == {"learning_rate": pytest.approx(expected)}
        before = weights(agent)
        agent.update(batch)
        # Adam moves a weight by about its rate, whatever the gradient.
        moved = (weights(agent) - before).abs().max().item()
        assert moved <= 4 * expected
        assert moved > 0.2 * expected or expected == 0
        agent.act(step, (), explore=False)  # is no training
        agent.act(step, (), explore=True)


def test_without_a_decay_the_learning_rate_stays():
    agent = make_agent(core="none", learning_rate=3e-4)
    for _ in range(3):
        agent.act(make_step(8), (), explore=True)
    assert agent.schedules() == {"learning_rate": 3e-4}


@pytest.mark.parametrize("core", ["lstm", "none"])
def test_what_was_ignored_does_not_count(core: str):
    """Whatever stands at the last obs of an episode, the update is the same bit for bit."""
    updated = []
    for garbage in (False, True):
        agent = make_agent(core=core)
        batch = make_batch(agent)
        assert 0 < batch.valid.sum() < batch.valid.numel()
        if garbage:
            batch = batch._replace(
                action=torch.where(batch.valid, batch.action, 3 - batch.action),
                log_prob=torch.where(batch.valid, batch.log_prob, -9.0),
                value=torch.where(batch.valid, batch.value, 1e3),
                advantage=torch.where(batch.valid, batch.advantage, 1e6),
            )
        updated.append((agent.update(batch).metrics, weights(agent)))
    assert updated[0][0] == updated[1][0]
    assert torch.equal(updated[0][1], updated[1][1])


@pytest.mark.parametrize("core", ["lstm", "none"])
def test_the_loss_by_hand(core: str):
    agent = make_agent(core=core, value_coefficient=0.25, entropy_coefficient=0.5)
    with torch.no_grad():
        agent.network.policy[-1].weight.mul_(100)
    batch = make_batch(agent)
    # As if the policy had moved since.
    batch = batch._replace(log_prob=batch.log_prob + 0.3 * torch.randn(5, 6))
    with torch.no_grad():
        logits, value, _ = agent.network(batch.obs, batch.first, batch.memory)
    policy = logits.softmax(-1).double().numpy()
    advantages = batch.advantage[batch.valid].double().numpy()
    policy_loss, entropy, kl, clipped = [], [], [], []
    for b, t in np.argwhere(batch.valid.numpy()):
        advantage = (batch.advantage[b, t].item() - advantages.mean()) / advantages.std()
        ratio = policy[b, t, batch.action[b, t]] / np.exp(batch.log_prob[b, t].item())
        policy_loss.append(-min(ratio * advantage, np.clip(ratio, 0.8, 1.2) * advantage))
        entropy.append(-(policy[b, t] * np.log(policy[b, t])).sum())
        kl.append(ratio - 1 - np.log(ratio))
        clipped.append(not 0.8 < ratio < 1.2)
    # The value has not moved, so its target is the advantage away from it.
    value_loss = 0.5 * np.square(advantages).mean()
    expected = {
        "policy_loss": np.mean(policy_loss),
        "value_loss": value_loss,
        "value": value[batch.valid].mean().item(),
        "entropy": np.mean(entropy),
        "kl": np.mean(kl),
        "clipped": np.mean(clipped),
        "loss": np.mean(policy_loss) + 0.25 * value_loss - 0.5 * np.mean(entropy),
    }
    assert 0 < np.mean(clipped) < 1
    metrics = {name: tensor.item() for name, tensor in agent.update(batch).metrics.items()}
    assert metrics == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_gradients_are_clipped():
    norms = []
    for max_grad_norm in (1e-2, 1e6):
        agent = make_agent(max_grad_norm=max_grad_norm)
        agent.update(make_batch(agent))
        gradients = [parameter.grad for parameter in agent.network.parameters()]
        norms.append(torch.cat([g.flatten() for g in gradients if g is not None]).norm().item())
    assert norms[0] == pytest.approx(1e-2, rel=1e-3)
    assert 0.1 < norms[1] < 1e5


def test_minibatches_need_not_have_more_than_one_decision():
    agent = make_agent()
    batch = make_batch(agent)
    valid = torch.zeros_like(batch.valid)
    valid[2, 3] = True
    assert agent.update(batch._replace(valid=valid)).metrics["loss"].isfinite()
    assert weights(agent).isfinite().all()
