"""Sequences equal a slow reference: windows, stored memories, n-step returns, priorities."""

import copy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.base import Memory, ReplayedSequences
from agents.r2d2 import R2D2Config
from envs.base import EnvSpec
from tests.workbench.replay.streams import (
    Stream,
    actions,
    make_spec,
    random_stream,
    reference_return,
)
from workbench.config import OffPolicyConfig, ReplayConfig
from workbench.replay import Ring, RingSize, SequenceReplay, replay_bytes, ring_size, sequences
from workbench.replay.replay import Sample

DISCOUNT = 0.9


@dataclass(frozen=True)
class Case:
    """The sizes that sequences and the stream they are cut from may have."""

    burn_in: int
    length: int
    n_step: int
    period: int
    num_envs: int
    stack: int
    spare_ticks: int
    more_ticks: int
    ends: float

    @property
    def agent(self) -> R2D2Config:
        return make_agent(
            burn_in_ticks=self.burn_in,
            sequence_ticks=self.length,
            n_step=self.n_step,
            sequence_period_ticks=self.period,
        )

    @property
    def capacity_ticks(self) -> int:
        return self.agent.window_ticks + self.period + self.spare_ticks

    @property
    def spec(self) -> EnvSpec:
        return make_spec(self.num_envs, self.stack)

    def stream(self) -> Stream:
        ticks = self.agent.window_ticks + self.more_ticks
        return random_stream(self.spec, ticks, self.ends, np.random.default_rng(3))


cases = st.builds(
    Case,
    burn_in=st.integers(0, 4),
    length=st.integers(2, 6),
    n_step=st.integers(1, 4),
    period=st.integers(1, 5),
    num_envs=st.integers(1, 3),
    stack=st.integers(1, 3),
    spare_ticks=st.integers(0, 12),
    more_ticks=st.integers(0, 60),
    ends=st.sampled_from([0.0, 0.1, 0.5]),
)


def make_agent(**changes: Any) -> R2D2Config:
    return R2D2Config(kind="r2d2", discount=DISCOUNT, **changes)


def memory_at(tick: int, num_envs: int) -> Memory:
    """A memory that says of which tick and env it is."""
    numbers = torch.tensor([[100.0 * tick + env, 0.5] for env in range(num_envs)])
    return (numbers[None], -numbers[None])


def make_replay(
    agent: R2D2Config,
    spec: EnvSpec,
    capacity_ticks: int,
    *,
    slack_ticks: int = 0,
    directory: Path | None = None,
    alpha: float = 0.0,
    sampling: str = "prioritized",
) -> SequenceReplay:
    size = RingSize(capacity_ticks, slack_ticks + 1)
    return SequenceReplay(
        Ring(spec, size, device=torch.device("cpu"), directory=directory),
        ReplayConfig(sampling=sampling, priority_exponent=alpha),
        np.random.default_rng(5),
        agent=agent,
        memory=memory_at(0, spec.num_envs),
    )


def fill(replay: SequenceReplay, stream: Stream, begin: int = 0) -> None:
    n = replay.ring.num_envs
    for tick, step in enumerate(stream[begin:], start=begin):
        replay.add(step, actions(tick, n), memory_at(tick, n))


@settings(max_examples=60)
@given(case=cases)
def test_sequences_equal_a_slow_reference(case: Case) -> None:
    stream, agent = case.stream(), case.agent
    replay = make_replay(agent, case.spec, case.capacity_ticks)
    fill(replay, stream)
    sample = replay.sample(500)
    oldest = max(0, len(stream) - case.capacity_ticks)
    begins = [
        tick
        for tick in range(oldest, len(stream) - agent.window_ticks + 1)
        if tick % case.period == 0
    ]
    expected = {(tick, env) for tick in begins for env in range(case.num_envs)}
    assert set(zip(sample.tick.tolist(), sample.env.tolist(), strict=True)) == expected
    for row in range(0, 500, 25):
        check_row(case, stream, sample, row)


def check_row(case: Case, stream: Stream, sample: Sample[ReplayedSequences], row: int) -> None:
    batch, begin, env = sample.batch, int(sample.tick[row]), int(sample.env[row])
    window = range(begin, begin + case.agent.window_ticks)
    np.testing.assert_array_equal(batch.obs[row], [stream[t].obs[env] for t in window])
    assert batch.first[row].tolist() == [stream[t].first[env] for t in window]
    for ours, theirs in zip(batch.memory, memory_at(begin, case.num_envs), strict=True):
        assert torch.equal(ours[0, row], theirs[0, env])
    learned = window[case.burn_in : case.burn_in + case.length]
    assert batch.action[row].tolist() == [(t + env) % 3 for t in learned]
    assert batch.valid[row].tolist() == [not stream[t].last[env] for t in learned]
    returns = [reference_return(stream, t, env, case.n_step, DISCOUNT) for t in learned]
    valid = batch.valid[row].numpy()
    for field, column in ((batch.reward, 0), (batch.discount, 1)):
        wanted = np.array([x[column] for x in returns])
        np.testing.assert_allclose(field[row].numpy()[valid], wanted[valid], rtol=1e-5, atol=1e-6)
    ends = np.array([x[2] - begin for x in returns])
    assert batch.end[row].numpy()[valid].tolist() == ends[valid].tolist()
    assert (batch.end[row] < case.agent.window_ticks).all()


@pytest.mark.parametrize(
    ("sampling", "expected"), [("prioritized", [1 / 8, 2 / 8, 5 / 8]), ("uniform", [1 / 3] * 3)]
)
def test_sequences_are_drawn_in_proportion_to_their_priorities(
    sampling: str, expected: list[float]
) -> None:
    agent = make_agent(burn_in_ticks=1, sequence_ticks=2, n_step=1, sequence_period_ticks=2)
    spec = make_spec(num_envs=1, stack=1)
    replay = make_replay(agent, spec, 20, alpha=1.0, sampling=sampling)
    fill(replay, random_stream(spec, 8, 0.0, np.random.default_rng(0)))
    ticks = np.array([0, 2, 4])  # all that there are
    sample = replay.sample(1)
    replay.update_priorities(
        Sample(sample.batch, ticks, np.zeros(3, np.int64)), torch.tensor([1.0, 2.0, 5.0])
    )
    drawn = replay.sample(8000).tick
    shares = [np.mean(drawn == tick) for tick in ticks]
    assert shares == pytest.approx(expected, abs=0.02)


def test_history_reaches_back_into_the_same_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "HISTORY_TICKS", 12)
    agent = make_agent(
        burn_in_ticks=1,
        sequence_ticks=2,
        n_step=1,
        sequence_period_ticks=1,
        staleness_period_updates=3,
    )
    spec = make_spec(num_envs=2, stack=1)
    stream = random_stream(spec, 60, 0.15, np.random.default_rng(1))
    replay = make_replay(agent, spec, 50)
    fill(replay, stream)
    samples = [replay.sample(64) for _ in range(6)]
    given = [sample.batch.history is not None for sample in samples]
    assert given == [True, False, False, True, False, False]
    for sample in samples:
        if sample.batch.history is None:
            continue
        obs, first, row = sample.batch.history
        assert 1 <= len(row) <= sequences.HISTORY_ROWS
        for k, i in enumerate(row.tolist()):
            begin, env = int(sample.tick[i]), int(sample.env[i])
            before = range(begin - 12, begin)
            assert before[0] >= 60 - 50
            np.testing.assert_array_equal(obs[k], [stream[t].obs[env] for t in before])
            assert first[k].tolist() == [stream[t].first[env] for t in before]
            assert first[k].any()


@settings(max_examples=20)
@given(case=cases, slack=st.integers(0, 4), later_ticks=st.integers(1, 20))
def test_a_restored_replay_goes_on_as_the_first(case: Case, slack: int, later_ticks: int) -> None:
    stream = case.stream()
    later = random_stream(case.spec, later_ticks, 0.2, np.random.default_rng(9))
    saved_at = len(stream)

    def go_on(replay: SequenceReplay) -> list[Sample[ReplayedSequences]]:
        seen = []
        for tick, step in enumerate(later, start=saved_at):
            replay.add(step, actions(tick, case.num_envs), memory_at(tick, case.num_envs))
            seen.append(replay.sample(8))
            replay.update_priorities(seen[-1], seen[-1].batch.reward.abs().amax(1))
        return seen

    with TemporaryDirectory() as directory:

        def make() -> SequenceReplay:
            return make_replay(
                case.agent,
                case.spec,
                case.capacity_ticks,
                slack_ticks=max(slack, saved_at),
                directory=Path(directory),
                alpha=0.7,
            )

        replay = make()
        fill(replay, stream)
        saved = copy.deepcopy(replay.state_dict())
        expected = go_on(replay)
        restored = make()
        restored.load_state_dict(saved)
        for ours, theirs in zip(go_on(restored), expected, strict=True):
            assert ours.tick.tolist() == theirs.tick.tolist()
            assert ours.env.tolist() == theirs.env.tolist()
            assert torch.equal(ours.batch.obs, theirs.batch.obs)
            assert torch.equal(ours.batch.weights, theirs.batch.weights)
            assert all(map(torch.equal, ours.batch.memory, theirs.batch.memory))


@pytest.mark.parametrize("sampling", ["uniform", "prioritized"])
@pytest.mark.parametrize("core", ["lstm", "none"])
def test_sequence_replay_bytes_are_those_of_the_arrays(sampling: str, core: str) -> None:
    spec = make_spec(num_envs=3, stack=4)
    agent = make_agent(core=core, core_size=6, sequence_period_ticks=7)
    memory = tuple(torch.zeros(1, 3, 6) for _ in range(2)) if core == "lstm" else ()
    config = OffPolicyConfig.model_validate(
        {
            "env": {"kind": "probe", "probe": "constant", "num_envs": 3},
            "agent": agent.model_dump(),
            "replay": {"capacity_env_steps": 900, "sampling": sampling},
            "checkpoint_period_env_steps": 120,
            "total_env_steps": 10**9,
        }
    )
    ring = Ring(spec, ring_size(config, spec), device=torch.device("cpu"))
    rng = np.random.default_rng(5)
    replay = SequenceReplay(ring, config.replay, rng, agent=agent, memory=memory)
    tree = replay._sampler._tree
    arrays = [replay.ring._frames, *replay.ring._fields.values(), *replay._memory]
    expected = sum(array.nbytes for array in [*arrays, tree.leaves, tree._sums])
    assert replay_bytes(config, spec) == expected
