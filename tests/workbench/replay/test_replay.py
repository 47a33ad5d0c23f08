import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from envs.base import EnvSpec
from envs.probes import ProbeConfig, ProbeEnvs
from tests.workbench.replay.streams import (
    Case,
    Stream,
    actions,
    cases,
    learnable,
    make_spec,
    random_stream,
    reference_return,
)
from workbench.config import OffPolicyConfig, ReplayConfig
from workbench.replay import Replay, Ring, RingSize, replay_bytes, ring_size
from workbench.replay.replay import Sample

SAMPLINGS = ["uniform", "prioritized"]
STORAGES = ["memory", "memmap"]


def make_replay(
    spec: EnvSpec,
    capacity_ticks: int,
    *,
    n_step: int = 1,
    slack_ticks: int = 0,
    directory: Path | None = None,
    storage: str = "memory",
    **config,
) -> Replay:
    size = RingSize(capacity_ticks, slack_ticks + 1)
    ring = Ring(spec, size, device=torch.device("cpu"), directory=directory, storage=storage)
    rng = np.random.default_rng(7)
    return Replay(ring, ReplayConfig(**config), rng, n_step=n_step, discount=0.9)


def fill(replay: Replay, stream: Stream, begin: int = 0) -> None:
    for tick, step in enumerate(stream[begin:], start=begin):
        replay.add(step, actions(tick, replay.ring.num_envs), ())


def priorities(replay: Replay) -> np.ndarray:
    """`[ring rows, N]` as a checkpoint would hold them."""
    leaves = replay.state_dict()["sampler"]["priorities"]
    shape = (replay.ring.length, replay.ring.num_envs)
    return leaves[: shape[0] * shape[1]].reshape(shape)


def set_errors(replay: Replay, ticks: list[int], envs: list[int], errors: list[float]) -> None:
    batch = replay.sample(1).batch  # what was in the batch plays no part
    replay.update_priorities(Sample(batch, np.array(ticks), np.array(envs)), torch.tensor(errors))


@pytest.mark.parametrize("sampling", SAMPLINGS)
@settings(max_examples=50)
@given(case=cases)
def test_samples_equal_a_slow_reference(case: Case, sampling: str):
    stream = case.stream()
    replay = make_replay(
        case.spec,
        case.capacity_ticks,
        n_step=case.n_step,
        slack_ticks=case.slack_ticks,
        sampling=sampling,
    )
    fill(replay, stream)
    many = replay.sample(1000)
    drawn = set(zip(many.tick.tolist(), many.env.tolist(), strict=True))
    # At most 57 rows are learnable, so that 1000 draws miss one of them once in 10^6 cases.
    assert drawn == learnable(stream, case.capacity_ticks, case.n_step)
    # Small batches too: frames are gathered in another way where no row is near an end.
    for sample in [many, *(replay.sample(2) for _ in range(5))]:
        check_sample(case, stream, sample)


def check_sample(case: Case, stream: Stream, sample: Sample) -> None:
    batch, ticks, envs = sample
    rows = list(zip(ticks.tolist(), envs.tolist(), strict=True))
    expected = [reference_return(stream, t, e, case.n_step, 0.9) for t, e in rows]
    np.testing.assert_allclose(batch.reward_t, [r for r, _, _ in expected], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(batch.discount_t, [d for _, d, _ in expected], rtol=1e-5)
    assert batch.action_tm1.tolist() == [(t + e) % 3 for t, e in rows]
    np.testing.assert_array_equal(batch.obs_tm1, [stream[t].obs[e] for t, e in rows])
    ends = [(end, e) for (_, _, end), (_, e) in zip(expected, rows, strict=True)]
    np.testing.assert_array_equal(batch.obs_t, [stream[t].obs[e] for t, e in ends])
    floats = (batch.reward_t, batch.discount_t, batch.weights)
    assert {field.dtype for field in floats} == {torch.float32}
    assert (batch.obs_tm1.dtype, batch.action_tm1.dtype) == (torch.uint8, torch.int64)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_both_observations_show_one_episode_and_stacks_count_up(sampling: str):
    # Read off the pixels alone, without the reference above; see `streams` for what they say.
    spec = make_spec(num_envs=3, stack=4, channels=3)
    replay = make_replay(spec, 20, n_step=3, sampling=sampling)
    fill(replay, random_stream(spec, 90, 0.15, np.random.default_rng(0)))
    sample = replay.sample(500)
    obs_tm1, obs_t = (
        obs.unflatten(1, (4, 3)).int() for obs in (sample.batch.obs_tm1, sample.batch.obs_t)
    )
    assert torch.equal(obs_tm1[:, -1, :, 0, 0], obs_t[:, -1, :, 0, 0])  # episode
    steps_between = obs_t[:, -1, 0, 0, 1] - obs_tm1[:, -1, 0, 0, 1]
    assert set(steps_between.tolist()) == {1, 2, 3}
    for obs in (obs_tm1, obs_t):
        newest_t = obs[:, -1:, 0, 0, 1]
        counted = (newest_t + torch.arange(-3, 1)).clamp(min=0)  # [B, 4]; 0 before the start
        assert torch.equal(obs[:, :, 0, 0, 1], counted)
        black = counted == 0
        assert black.any()
        assert obs[black].sum() == 0
        env, channel = obs[~black][:, :, 1, 0], obs[~black][:, :, 1, 1]
        assert torch.equal(channel, torch.tensor([1, 2, 3]).expand_as(channel))
        assert torch.equal(
            env[:, 0], (torch.from_numpy(sample.env)[:, None] + 1).expand(-1, 4)[~black]
        )


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=8), n_step=st.integers(1, 5))
def test_there_are_as_many_transitions_as_steps_were_taken(lengths: list[int], n_step: int):
    """The autoreset's rows are stored, and never replayed."""
    spec = make_spec(num_envs=1, stack=2)
    ends = [t == length for length in lengths for t in range(length + 1)]
    stream = random_stream(spec, len(ends) + n_step, 0.0, np.random.default_rng(0))
    for tick, last in enumerate(ends):
        first = tick == 0 or ends[tick - 1]
        stream[tick] = stream[tick]._replace(first=np.array([first]), last=np.array([last]))
    replay = make_replay(spec, 100, n_step=n_step, sampling="prioritized")
    fill(replay, stream)
    assert np.count_nonzero(priorities(replay)) == sum(lengths)


def test_a_config_leaves_two_ticks_to_draw_from():
    """With one alone there may be nothing to draw: all envs may end an episode at that tick."""
    data = {
        "env": {"kind": "probe", "probe": "constant", "num_envs": 2},
        "agent": {"kind": "dqn", "network": "flat", "n_step": 3},
        "total_env_steps": 100,
    }
    OffPolicyConfig.model_validate(data | {"replay": {"capacity_env_steps": 2 * 5}})
    with pytest.raises(ValueError, match="capacity_env_steps must be at least 10"):
        OffPolicyConfig.model_validate(data | {"replay": {"capacity_env_steps": 2 * 5 - 1}})


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_at_the_least_capacity_there_is_always_something_to_draw(sampling: str):
    envs = ProbeEnvs(ProbeConfig(kind="probe", probe="constant", num_envs=2))
    envs.reset(seed=0)
    replay = make_replay(envs.spec, 3, sampling=sampling)
    for tick in range(8):
        step = envs.recv()
        envs.send(actions(tick, 2))
        replay.add(step, actions(tick, 2), ())
        if tick >= 1:
            sample = replay.sample(4)
            assert (sample.tick % 2 == 0).all()  # every other tick is a last in both envs
            assert sample.batch.weights.tolist() == [1.0] * 4


def test_uniform_is_uniform():
    spec = make_spec(num_envs=2, stack=1)
    stream = random_stream(spec, 60, 0.3, np.random.default_rng(1))
    replay = make_replay(spec, 25)
    fill(replay, stream)
    rows = sorted(learnable(stream, 25, 1))
    sample = replay.sample(20_000)
    drawn = list(zip(sample.tick.tolist(), sample.env.tolist(), strict=True))
    assert stats.chisquare([drawn.count(row) for row in rows]).pvalue > 0.001
    assert sample.batch.weights.tolist() == [1.0] * 20_000


def test_prioritized_draws_in_proportion_to_the_priorities():
    spec = make_spec(num_envs=2, stack=1)
    stream = random_stream(spec, 60, 0.3, np.random.default_rng(1))
    replay = make_replay(spec, 25, sampling="prioritized", priority_exponent=0.7)
    fill(replay, stream)
    rows = sorted(learnable(stream, 25, 1))
    errors = np.random.default_rng(2).uniform(0, 3, len(rows))
    set_errors(replay, [t for t, _ in rows], [e for _, e in rows], errors.tolist())
    mass = (errors + 0.001) ** 0.7
    # Strata make the counts more even than independent draws, never less.
    samples = [replay.sample(32) for _ in range(600)]
    drawn = [
        row
        for sample in samples
        for row in zip(sample.tick.tolist(), sample.env.tolist(), strict=True)
    ]
    expected = mass / mass.sum() * len(drawn)
    assert stats.chisquare([drawn.count(row) for row in rows], expected).pvalue > 0.001


def test_a_batch_takes_one_row_of_each_stratum():
    spec = make_spec(num_envs=1, stack=1)
    replay = make_replay(spec, 9, sampling="prioritized")
    fill(replay, random_stream(spec, 9, 0.0, np.random.default_rng(0)))
    for _ in range(20):
        assert sorted(replay.sample(8).tick.tolist()) == list(range(8))


def test_priorities_and_importance_weights_by_hand():
    spec = make_spec(num_envs=1, stack=1)
    stream = random_stream(spec, 10, 0.0, np.random.default_rng(0))
    replay = make_replay(
        spec, 20, sampling="prioritized", priority_exponent=0.5, importance_exponent=0.25
    )
    fill(replay, stream[:3])
    set_errors(replay, [0, 1], [0, 0], [0.999, 15.999])
    assert priorities(replay)[:3, 0] == pytest.approx([1.0, 4.0, 0.0])  # sqrt(error + 0.001)
    sample = replay.sample(200)
    weight = dict(zip(sample.tick.tolist(), sample.batch.weights.tolist(), strict=True))
    # P is 1/5 and 4/5; (P / min P) ** -0.25.
    assert weight == pytest.approx({0: 1.0, 1: 4**-0.25})


def test_a_new_transition_has_the_largest_priority_ever_seen():
    spec = make_spec(num_envs=2, stack=1)
    stream = random_stream(spec, 10, 0.0, np.random.default_rng(0))
    replay = make_replay(spec, 20, n_step=2, sampling="prioritized", priority_exponent=1.0)
    fill(replay, stream[:5])
    assert priorities(replay)[:5].tolist() == [[1, 1], [1, 1], [1, 1], [0, 0], [0, 0]]
    set_errors(replay, [1], [0], [6.999])
    set_errors(replay, [1], [0], [1.999])
    fill(replay, stream[:6], begin=5)
    expected = [[1, 1], [2, 1], [1, 1], [7, 7], [0, 0], [0, 0]]
    np.testing.assert_allclose(priorities(replay)[:6], expected, rtol=1e-6)


def test_an_expired_transition_has_no_priority():
    spec = make_spec(num_envs=2, stack=3)
    stream = random_stream(spec, 70, 0.3, np.random.default_rng(3))
    replay = make_replay(spec, 10, n_step=2, slack_ticks=5, sampling="prioritized")
    for tick, step in enumerate(stream):
        replay.add(step, actions(tick, 2), ())
        alive = {(t % replay.ring.length, e) for t, e in learnable(stream[: tick + 1], 10, 2)}
        assert set(zip(*np.nonzero(priorities(replay)), strict=True)) == alive


def test_a_priority_exponent_of_zero_is_uniform():
    spec = make_spec(num_envs=1, stack=1)
    stream = random_stream(spec, 9, 0.0, np.random.default_rng(0))
    replay = make_replay(spec, 20, sampling="prioritized", priority_exponent=0.0)
    fill(replay, stream)
    set_errors(replay, [0, 1, 2], [0, 0, 0], [0.0, 5.0, 100.0])
    assert priorities(replay)[:8, 0].tolist() == [1.0] * 8
    assert replay.sample(50).batch.weights.tolist() == [1.0] * 50


def test_errors_that_are_no_numbers_do_not_stop_the_sampling():
    """A loss that is not finite is reported where losses are read, some updates later."""
    spec = make_spec(num_envs=1, stack=1)
    replay = make_replay(spec, 20, sampling="prioritized")
    stream = random_stream(spec, 9, 0.0, np.random.default_rng(0))
    fill(replay, stream)
    set_errors(replay, [0, 1, 2, 3], [0] * 4, [1.0, float("nan"), float("inf"), 2.0])
    assert (priorities(replay)[:8] > 0).all()
    assert replay.sample(50).batch.weights.isfinite().all()


def test_uniform_sampling_does_not_wait_for_the_errors():
    spec = make_spec(num_envs=1, stack=1)
    replay = make_replay(spec, 20)
    fill(replay, random_stream(spec, 10, 0.0, np.random.default_rng(0)))
    sample = replay.sample(4)
    replay.update_priorities(sample, torch.zeros(4, device="meta"))  # cannot be read


def continue_from(replay: Replay, stream: Stream, begin: int) -> list[Sample]:
    """Adds the rest of the stream, with a sample and new priorities after every tick."""
    samples = []
    for tick, step in enumerate(stream[begin:], start=begin):
        replay.add(step, actions(tick, replay.ring.num_envs), ())
        samples.append(replay.sample(16))
        replay.update_priorities(samples[-1], samples[-1].batch.reward_t.abs())
    return samples


@pytest.mark.parametrize("storage", STORAGES)
@settings(max_examples=15)
@given(
    case=cases,
    saved_share=st.floats(0, 1),
    sampling=st.sampled_from(SAMPLINGS),
    flushed_again=st.booleans(),
)
def test_restored_continues_bit_for_bit(
    case: Case, saved_share: float, sampling: str, flushed_again: bool, storage: str
):
    """Ticks written after a checkpoint, flushed or not, do no harm to what it refers to."""
    stream = case.stream()
    least = case.n_step + 1
    saved_at = least + round(saved_share * (case.ticks - least))
    # As many ticks as the loop may add before the next checkpoint.
    later = stream[: saved_at + case.slack_ticks]
    with TemporaryDirectory() as directory:

        def make() -> Replay:
            return make_replay(
                case.spec,
                case.capacity_ticks,
                n_step=case.n_step,
                slack_ticks=case.slack_ticks,
                directory=Path(directory),
                sampling=sampling,
                storage=storage,
            )

        replay = make()
        fill(replay, stream[:least])
        for begin in range(least, saved_at, case.slack_ticks + 1):  # earlier checkpoints
            continue_from(replay, stream[: min(saved_at, begin + case.slack_ticks + 1)], begin)
            replay.state_dict()
        saved = copy.deepcopy(replay.state_dict())
        expected = [replay.sample(16), *continue_from(replay, later, saved_at)]
        if flushed_again:  # killed after the flush, but before the checkpoint was in force
            replay.state_dict()

        restored = make()
        restored.load_state_dict(saved)
        actual = [restored.sample(16), *continue_from(restored, later, saved_at)]
        for ours, theirs in zip(actual, expected, strict=True):
            assert ours.tick.tolist() == theirs.tick.tolist()
            assert ours.env.tolist() == theirs.env.tolist()
            for mine, other in zip(ours.batch, theirs.batch, strict=True):
                assert torch.equal(mine, other)
        if sampling == "prioritized":
            assert priorities(restored).tobytes() == priorities(replay).tobytes()


def run_config(sampling: str, num_envs: int, capacity: int, slack: int) -> OffPolicyConfig:
    return OffPolicyConfig.model_validate(
        {
            "env": {"kind": "probe", "probe": "constant", "num_envs": num_envs},
            "agent": {"kind": "dqn", "network": "flat"},
            "replay": {"capacity_env_steps": capacity, "sampling": sampling},
            "checkpoint_period_env_steps": slack,
            "total_env_steps": 10**9,
        }
    )


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize("slack_ticks", [1, 40])
def test_replay_bytes_are_those_of_the_arrays(sampling: str, num_envs: int, slack_ticks: int):
    spec = make_spec(num_envs, stack=4, channels=3, size=8)
    replay = make_replay(spec, 500, slack_ticks=slack_ticks, sampling=sampling)
    arrays = [replay.ring._frames, *replay.ring._fields.values()]
    if sampling == "prioritized":
        arrays += [replay._sampler._tree.leaves, replay._sampler._tree._sums]
    config = run_config(sampling, num_envs, 500 * num_envs, slack_ticks * num_envs)
    assert replay_bytes(config, spec) == sum(array.nbytes for array in arrays)


def test_a_ring_has_whole_ticks():
    spec = make_spec(num_envs=3, stack=4)
    size = ring_size(run_config("uniform", 3, capacity=1000, slack=100), spec)
    assert size == RingSize(capacity=334, slack=35, total=333_333_334)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_million_transitions_fit_in_seven_gigabytes(sampling):
    config = run_config(sampling, 8, capacity=1_000_000, slack=1)
    spec = make_spec(num_envs=8, stack=4, size=84)
    assert 84 * 84 <= replay_bytes(config, spec) / 1_000_000 <= 7300
