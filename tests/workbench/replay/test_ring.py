from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from envs.base import EnvSpec, Step
from tests.workbench.replay.streams import (
    Case,
    actions,
    cases,
    learnable,
    make_spec,
    random_stream,
    reference_return,
)
from workbench.replay.ring import FIELDS, Ring, RingSize

CPU = torch.device("cpu")


def make_ring(spec: EnvSpec, capacity_ticks: int, slack_ticks: int = 0) -> Ring:
    return Ring(spec, RingSize(capacity_ticks, slack_ticks), device=CPU)


def row(obs: list[int], reward: float, discount: float, *, first=False, last=False) -> Step:
    """One tick of one env; each frame is 2 x 2 pixels of one brightness."""
    return Step(
        np.tile(np.array(obs, np.uint8)[None, :, None, None], (1, 1, 2, 2)),
        np.array([reward], np.float32),
        np.array([discount], np.float32),
        np.array([first]),
        np.array([last]),
    )


@settings(max_examples=60)
@given(cases)
def test_every_stored_transition_equals_a_slow_reference(case: Case):
    # After every tick, so that the write head meets every row of the ring, many times over.
    ring = make_ring(case.spec, case.capacity_ticks, case.slack_ticks)
    stream = case.stream()
    for head, step in enumerate(stream, start=1):
        ring.add(step, actions(head - 1, case.num_envs))
        rows = sorted(learnable(stream[:head], case.capacity_ticks, case.n_step))
        if not rows:
            continue
        tick, env = np.array(rows).T
        reward, discount, end = ring.returns(tick, env, case.n_step, 0.9)
        expected = [reference_return(stream[:head], t, e, case.n_step, 0.9) for t, e in rows]
        np.testing.assert_allclose(reward, [r for r, _, _ in expected], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(discount, [d for _, d, _ in expected], rtol=1e-5)
        assert end.tolist() == [m for _, _, m in expected]
        for at in (tick, end):
            seen = np.stack([stream[t].obs[e] for t, e in zip(at, env, strict=True)])
            np.testing.assert_array_equal(ring.observations(at, env).numpy(), seen)
        assert ring.field("action", tick, env).tolist() == [(t + e) % 3 for t, e in rows]


def test_frames_before_the_first_are_black_though_another_episode_lies_there():
    ring = make_ring(make_spec(1, stack=3), capacity_ticks=8)
    stream = [
        row([0, 0, 1], 0, 1, first=True),
        row([0, 1, 2], 0, 1),
        row([1, 2, 3], 0, 0, last=True),
        row([0, 0, 4], 0, 1, first=True),
        row([0, 4, 5], 0, 1),
        row([4, 5, 6], 0, 1),
    ]
    for step in stream:
        ring.add(step, np.zeros(1, np.int64))
    obs = ring.observations(np.arange(6), np.zeros(6, np.int64))
    assert obs.dtype == torch.uint8
    assert obs[:, :, 0, 0].tolist() == [
        [0, 0, 1], [0, 1, 2], [1, 2, 3], [0, 0, 4], [0, 4, 5], [4, 5, 6],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("discounts", "last", "expected"),
    [
        # Rewards 1, 2, 4, 8 arrive at ticks 1 to 4; γ = 1/2, n = 3.
        pytest.param([1, 1, 1, 1], None, (1 + 2 / 2 + 4 / 4, 1 / 8, 3), id="goes on"),
        pytest.param([1, 0, 1, 1], 2, (1 + 2 / 2, 0, 2), id="terminates at 2"),
        pytest.param([1, 1, 1, 1], 2, (1 + 2 / 2, 1 / 4, 2), id="cut off at 2"),
        pytest.param([1, 1, 0, 1], 3, (1 + 2 / 2 + 4 / 4, 0, 3), id="terminates at n"),
        pytest.param([0, 1, 1, 1], None, (1, 0, 3), id="life lost at 1"),
    ],
)
def test_returns_by_hand(discounts: list[float], last: int | None, expected):
    ring = make_ring(make_spec(1, stack=1), capacity_ticks=8)
    ring.add(row([9], 0, 1, first=True), np.zeros(1, np.int64))
    for t, discount in enumerate(discounts, start=1):
        # What follows a last here would be wrong in any sum that it entered.
        ring.add(row([9], 2 ** (t - 1), discount, last=t == last), np.zeros(1, np.int64))
    reward, discount, end = ring.returns(np.array([0]), np.array([0]), 3, 0.5)
    assert (reward[0], discount[0], end[0]) == expected
    assert reward.dtype == discount.dtype == np.float32


def test_the_file_holds_each_frame_once(tmp_path: Path):
    spec = make_spec(2, stack=4, channels=3, size=84)
    Ring(spec, RingSize(10, 2), device=CPU, directory=tmp_path)
    rows = (10 + 2 + 3) * 2  # capacity, slack and the frames that the oldest stack reaches back to
    assert (tmp_path / "frames.bin").stat().st_size == rows * 3 * 84 * 84


@pytest.mark.parametrize("storage", ["memory", "memmap"])
@pytest.mark.parametrize("head", [5, 11, 12, 13, 40])
def test_slack_ticks_after_a_flush_overwrite_nothing_of_it(tmp_path: Path, storage, head: int):
    spec = make_spec(2, stack=3)
    stream = random_stream(spec, head + 4, 0.2, np.random.default_rng(0))

    def open_ring() -> Ring:
        return Ring(spec, RingSize(6, 4), device=CPU, directory=tmp_path, storage=storage)

    ring = open_ring()
    for t, step in enumerate(stream):
        if t == head:
            ring.flush()
        ring.add(step, actions(t, 2))
    ring.flush()
    ring = open_ring()
    ring.restore(head)
    assert ring.head == head
    for t in range(max(0, head - 6), head):
        tick, env = np.full(2, t), np.arange(2)
        np.testing.assert_array_equal(ring.observations(tick, env), stream[t].obs)
        for name, sent in zip(FIELDS, (actions(t, 2), *stream[t][1:]), strict=True):
            assert ring.field(name, tick, env).tolist() == sent.tolist()


@pytest.mark.parametrize("storage", ["memory", "memmap"])
@pytest.mark.parametrize("name", ["frames", "reward"])
def test_files_of_another_size_are_refused(tmp_path: Path, storage, name: str):
    def open_ring(capacity_ticks: int) -> Ring:
        spec, size = make_spec(1, stack=2), RingSize(capacity_ticks, 1)
        return Ring(spec, size, device=CPU, directory=tmp_path, storage=storage)

    open_ring(10)
    open_ring(10)
    damaged = tmp_path / f"{name}.bin"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(OSError, match=rf"{name}\.bin has \d+ bytes where \d+ were expected"):
        open_ring(10)
    damaged.unlink()
    with pytest.raises(OSError, match="were expected"):
        open_ring(11)


@pytest.mark.parametrize("storage", ["memory", "memmap"])
def test_files_that_a_kill_stopped_growing_grow_on_for_another_total(tmp_path: Path, storage):
    spec = make_spec(2, stack=2)
    stream = random_stream(spec, 8, 0.2, np.random.default_rng(0))

    def open_ring(total_ticks: int) -> Ring:
        size = RingSize(100, 4, total_ticks)
        return Ring(spec, size, device=CPU, directory=tmp_path, storage=storage)

    ring = open_ring(8)
    for t, step in enumerate(stream):
        ring.add(step, actions(t, 2))
    ring.flush()
    last = (tmp_path / "last.bin").read_bytes()
    del ring
    open_ring(12)
    (tmp_path / "last.bin").write_bytes(last)  # as if it had not come to this file
    ring = open_ring(16)
    ring.restore(8)
    tick, env = np.full(2, 7), np.arange(2)
    np.testing.assert_array_equal(ring.observations(tick, env), stream[7].obs)
    assert ring.length == 16
