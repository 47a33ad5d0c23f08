"""Rollouts: what was played is what is learned from, tick by tick."""

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from agents.base import Memory, Sequences
from agents.losses import generalized_advantage
from agents.ppo import PPO, PPOConfig
from envs import make_envs
from envs.base import EnvConfig, SavedGenerator
from envs.grid import MiniGridConfig
from envs.probes import ProbeConfig
from workbench.config import OnPolicyConfig
from workbench.training.interact import Tick, interact
from workbench.training.on_policy import OnPolicyLoop, make_sequences, split_at_random, take

CPU = torch.device("cpu")
TICKS = 24
NUM_ENVS = 3

RECALL = ProbeConfig(kind="probe", probe="recall", num_envs=NUM_ENVS)
COUNTER = ProbeConfig(kind="probe", probe="counter", num_envs=NUM_ENVS)
# Random walks soon end in lava, at another time in each env.
LAVA = MiniGridConfig(
    kind="minigrid", env_id="MiniGrid-LavaGapS5-v0", view_size=3, num_envs=NUM_ENVS
)
every_world = pytest.mark.parametrize(
    "world", [RECALL, COUNTER, LAVA], ids=["recall", "counter", "lava"]
)


def ppo(world: EnvConfig, **changes: Any) -> PPOConfig:
    network = "grid" if world is LAVA else "flat"
    defaults = {"network": network, "core_size": 16, "rollout_ticks": TICKS, "sequence_ticks": 6}
    return PPOConfig(kind="ppo", **(defaults | changes))


class Played(NamedTuple):
    """`TICKS + 1` ticks by an agent that has opinions, begun in the middle of episodes."""

    config: PPOConfig
    agent: PPO
    ticks: list[Tick]
    memory: Memory  # before the first of them

    def sequences(self) -> Sequences:
        return make_sequences(self.config, self.ticks, self.memory, CPU)


def play(world: EnvConfig, **changes: Any) -> Played:
    config, envs = ppo(world, **changes), make_envs(world)
    agent = PPO(config, envs.spec, CPU, np.random.default_rng(0))
    with torch.no_grad():  # else it starts almost uniform, and no mistake would show
        agent.network.policy[-1].weight.mul_(100)
    envs.reset(1)
    stream = interact(envs, agent, explore=True)
    before = [next(stream) for _ in range(7)]
    return Played(config, agent, [next(stream) for _ in range(TICKS + 1)], before[-1].memory)


def recomputed(agent: PPO, sequences: Sequences) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the actions taken, and values."""
    with torch.no_grad():
        logits, value, _ = agent.network(sequences.obs, sequences.first, sequences.memory)
    log_prob = logits.log_softmax(-1).gather(-1, sequences.action[..., None])[..., 0]
    return log_prob, value


def largest_error(agent: PPO, sequences: Sequences) -> float:
    log_prob, value = recomputed(agent, sequences)
    # At every tick, those whose action was ignored too.
    errors = (log_prob - sequences.log_prob).abs(), (value - sequences.value).abs()
    return max(error.max().item() for error in errors)


@pytest.mark.parametrize("sequence_ticks", [TICKS, 8, 1])
@pytest.mark.parametrize("core", ["lstm", "none"])
@every_world
def test_what_is_recomputed_equals_what_was_played(
    world: EnvConfig, core: str, sequence_ticks: int
) -> None:
    played = play(world, core=core, sequence_ticks=sequence_ticks)
    sequences = played.sequences()
    assert sequences.first.shape == (TICKS // sequence_ticks * NUM_ENVS, sequence_ticks)
    if sequence_ticks > 1:
        assert sequences.first[:, 1:].any(), "no episode begins within a sequence"
    assert np.ptp(sequences.log_prob.numpy()) > 0.02, "an agent without opinions"
    assert largest_error(played.agent, sequences) < 1e-5
    # So do those of a minibatch, in whatever order.
    some = take(sequences, np.random.default_rng(2).permutation(len(sequences.first))[:2])
    assert largest_error(played.agent, some) < 1e-5


@pytest.mark.parametrize("sequence_ticks", [TICKS, 8])
@every_world
def test_another_memory_would_be_noticed(world: EnvConfig, sequence_ticks: int) -> None:
    played = play(world, core="lstm", sequence_ticks=sequence_ticks)
    agent, sequences = played.agent, played.sequences()
    late = [
        tick._replace(memory=following.memory)
        for tick, following in zip(played.ticks, [*played.ticks[1:], played.ticks[0]], strict=True)
    ]
    shifted = make_sequences(played.config, late, played.ticks[0].memory, CPU)
    assert largest_error(agent, shifted) > 1e-4
    forgotten = tuple(torch.zeros_like(part) for part in sequences.memory)
    assert largest_error(agent, sequences._replace(memory=forgotten)) > 1e-4
    if world is not COUNTER:  # where all envs are the same
        swapped = tuple(part.flip(1) for part in sequences.memory)
        assert largest_error(agent, sequences._replace(memory=swapped)) > 1e-4
    cleared_late = np.roll(sequences.first, 1, axis=1)
    assert largest_error(agent, sequences._replace(first=cleared_late)) > 1e-4
    never_cleared = np.zeros_like(sequences.first)
    assert largest_error(agent, sequences._replace(first=never_cleared)) > 1e-4


@pytest.mark.parametrize("core", ["lstm", "none"])
def test_each_sequence_is_one_env_through_consecutive_ticks(core: str) -> None:
    played = play(LAVA, core=core, sequence_ticks=8, discount=0.9, gae_lambda=0.8)
    ticks, sequences = played.ticks, played.sequences()
    before = [played.memory, *(tick.memory for tick in ticks)]
    advantage = generalized_advantage(
        np.stack([tick.step.reward for tick in ticks]),
        np.float32(0.9) * np.stack([tick.step.discount for tick in ticks]),
        np.stack([tick.step.last for tick in ticks]),
        np.stack([tick.decision.values[:, 0] for tick in ticks]),
        gae_lambda=0.8,
    )
    for row in range(len(sequences.first)):
        begin, env = row // NUM_ENVS * 8, row % NUM_ENVS
        for part, played_with in zip(sequences.memory, before[begin], strict=True):
            assert torch.equal(part[:, row], played_with[:, env])
        for k in range(8):
            step, decision = ticks[begin + k].step, ticks[begin + k].decision
            assert np.array_equal(sequences.obs[row, k], step.obs[env])
            assert sequences.first[row, k] == step.first[env]
            assert sequences.valid[row, k] == (not step.last[env])
            assert sequences.action[row, k] == decision.action[env]
            assert sequences.value[row, k] == decision.values[env, 0]
            assert decision.policy is not None
            probability = decision.policy[env, decision.action[env]]
            assert sequences.log_prob[row, k].exp().item() == pytest.approx(probability)
            assert sequences.advantage[row, k].item() == pytest.approx(advantage[begin + k, env])


@pytest.mark.parametrize(("scale", "clip"), [(1.0, None), (1.0, 1.0), (1.0, 2.5), (0.5, 2.5)])
def test_rewards_are_scaled_clipped_and_discounted_for_learning_only(
    scale: float, clip: float | None
) -> None:
    """`counter` pays 1, 2, ..., 9; with λ = 0 the advantage is r + γ V' - V."""
    options = {"reward_scale": scale, "reward_clip": clip, "discount": 0.7, "gae_lambda": 0}
    played = play(COUNTER, core="none", core_size=4, **options)
    sequences = played.sequences()
    ticks = played.ticks
    assert max(tick.step.reward.max() for tick in ticks) == 9
    for t in range(TICKS):
        if ticks[t].step.last[0]:
            continue
        reward = min(scale * ticks[t + 1].step.reward[0], clip or np.inf)
        following, value = (ticks[k].decision.values[0, 0] for k in (t + 1, t))
        row = t // 6 * NUM_ENVS
        expected = reward + 0.7 * following - value
        assert sequences.advantage[row, t % 6].item() == pytest.approx(expected, rel=1e-4)


def make_loop(world: EnvConfig, **changes: Any) -> OnPolicyLoop:
    config = OnPolicyConfig(seed=3, env=world, agent=ppo(world, **changes), total_env_steps=1000)
    loop = OnPolicyLoop(config, CPU)
    loop.start()
    return loop


@pytest.mark.parametrize("core", ["lstm", "none"])
@every_world
def test_the_first_minibatch_of_each_rollout_is_on_policy(world: EnvConfig, core: str) -> None:
    loop = make_loop(world, core=core, epochs=2, minibatches=3, learning_rate=1e-2)
    iterations = loop.iterations()
    later = []
    for _ in range(3):
        first, *others = (update.metrics for update in next(iterations).updates)
        assert abs(first["kl"].item()) < 1e-6
        assert first["clipped"].item() == 0
        # All ratios are 1 and advantages have no mean.
        assert abs(first["policy_loss"].item()) < 1e-5
        later += [metrics["kl"].item() for metrics in others]
    assert max(later) > 1e-3, "it never learns"


def test_a_turn_is_a_rollout_and_the_updates_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = make_loop(RECALL, epochs=3, minibatches=5)
    learned: list[torch.Tensor] = []
    update = loop.agent.update

    def spy(batch: Sequences) -> Any:
        learned.append(batch.value[:, 0].clone())
        return update(batch)

    monkeypatch.setattr(loop.agent, "update", spy)
    for number, progress in zip((1, 2), loop.iterations(), strict=False):
        assert len(progress.steps) == TICKS + 1
        assert len(progress.updates) == 15
        assert loop.agent.updates == 15 * number
        begins = {torch.cat(learned[i : i + 5]).sort().values for i in range(0, 15, 5)}
        sizes = [len(minibatch) for minibatch in learned]
        assert sizes == [3, 3, 2, 2, 2] * 3
        # Each epoch sees each sequence once.
        assert all(torch.equal(begins.copy().pop(), values) for values in begins)
        learned.clear()


def test_rollouts_follow_each_other_without_a_gap() -> None:
    loop = make_loop(COUNTER)
    iterations = loop.iterations()
    steps = [step for _ in range(3) for step in next(iterations).steps]
    brightness = [int(step.obs[0, -1, 0, 0]) for step in steps]
    assert brightness == [10 + t % 10 for t in range(3 * (TICKS + 1))]


def test_an_iteration_begins_with_the_memory_that_the_one_before_left() -> None:
    """Played again from its memory, in envs at the same point: the same decisions."""
    loop = make_loop(LAVA)
    iterations = loop.iterations()
    next(iterations)
    # Copied, as by saving: they refer to tensors that learning changes.
    state = deepcopy({name: part.state_dict() for name, part in loop.parts.items()})
    other = make_loop(LAVA)
    other.agent.load_network_state(loop.agent.network_state())
    for name, part in other.parts.items():
        part.load_state_dict(state[name])
    expected = next(iterations)
    again = next(other.iterations())
    for ours, theirs in zip(again.steps, expected.steps, strict=True):
        assert np.array_equal(ours.obs, theirs.obs)
    states = (one.parts["stream"].state_dict()["memory"] for one in (loop, other))
    for ours, theirs in zip(*states, strict=True):
        assert torch.equal(ours, theirs)
    for name, tensor in loop.agent.network_state().items():
        assert torch.equal(tensor, other.agent.network_state()[name])
    assert again.updates[-1].metrics == expected.updates[-1].metrics


@pytest.mark.parametrize(("count", "parts"), [(12, 4), (13, 4), (5, 5), (1, 1)])
def test_a_shuffle_deals_everything_out_once(count: int, parts: int) -> None:
    rng = SavedGenerator(np.random.PCG64(0))
    orders = []
    for _ in range(2):
        split = split_at_random(rng, count, parts)
        assert len(split) == parts
        assert {len(part) for part in split} <= {count // parts, -(-count // parts)}
        orders.append(np.concatenate(split).tolist())
        assert sorted(orders[-1]) == list(range(count))
    assert orders[0] != orders[1] or count == 1
    other = SavedGenerator(np.random.PCG64(1))
    other.load_state_dict(rng.state_dict())
    ours, theirs = (split_at_random(one, count, parts) for one in (rng, other))
    assert all(map(np.array_equal, ours, theirs))


def test_a_minibatch_from_which_nothing_can_be_learned_is_left_out() -> None:
    """Sequences of one tick: some hold nothing but the last obs of an episode."""
    world = ProbeConfig(kind="probe", probe="constant", num_envs=1)
    loop = make_loop(world, rollout_ticks=6, sequence_ticks=1, minibatches=6, epochs=2)
    updates = next(loop.iterations()).updates
    assert len(updates) == 2 * 3
    assert all(update.metrics["loss"].isfinite() for update in updates)
    assert all(tensor.isfinite().all() for tensor in loop.agent.network_state().values())
