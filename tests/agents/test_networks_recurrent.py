"""The LSTM core against a loop over ticks that clears the memory as a reader would expect it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from agents.base import Memory
from agents.networks import FORGET_GATE_BIAS, PIXEL_GAIN, ActorCritic, Encoder, LSTMCore, Memoryless

FEATURES, SIZE = 3, 4


def slow_unroll(
    core: LSTMCore, features: Tensor, first: np.ndarray, memory: Memory
) -> tuple[Tensor, Memory]:
    """One row and one tick at a time, by the equations in the documentation of nn.LSTM."""
    lstm = core.lstm
    outputs, ends = [], []
    for row in range(len(features)):
        h, c = (part[0, row] for part in memory)
        ticks = []
        for tick in range(features.shape[1]):
            if first[row, tick]:
                h, c = torch.zeros_like(h), torch.zeros_like(c)
            gates = lstm.weight_ih_l0[:, :FEATURES] @ features[row, tick] + lstm.bias_ih_l0
            gates = gates + lstm.weight_hh_l0 @ h + lstm.bias_hh_l0
            i, f, g, o = gates.chunk(4)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            ticks.append(h)
        outputs.append(torch.stack(ticks))
        ends.append((h, c))
    after = tuple(torch.stack(parts)[None] for parts in zip(*ends, strict=True))
    return torch.stack(outputs), after


def make_core() -> LSTMCore:
    return LSTMCore(FEATURES, SIZE).double()


def random_memory(rows: int, rng: torch.Generator) -> Memory:
    return tuple(torch.randn(1, rows, SIZE, generator=rng, dtype=torch.float64) for _ in range(2))


def cut(memory: Memory, rows: slice) -> Memory:
    return tuple(part[:, rows] for part in memory)


# [B, T] of where episodes begin, from none to every tick.
firsts = st.integers(1, 5).flatmap(
    lambda rows: st.integers(1, 9).flatmap(
        lambda ticks: st.lists(
            st.lists(st.booleans(), min_size=ticks, max_size=ticks), min_size=rows, max_size=rows
        ).map(np.array)
    )
)
seeds = st.integers(0, 2**31)


@settings(max_examples=60)
@given(first=firsts, seed=seeds)
def test_the_lstm_equals_the_slow_loop_and_so_do_its_gradients(first: np.ndarray, seed: int):
    rng = torch.Generator().manual_seed(seed)
    core = make_core()
    features = torch.randn(*first.shape, FEATURES, generator=rng, dtype=torch.float64)
    memory = random_memory(len(first), rng)
    given_first = first.copy()
    found = []
    for unroll in (core, lambda *inputs: slow_unroll(core, *inputs)):
        inputs = [tensor.clone().requires_grad_() for tensor in (features, *memory)]
        output, after = unroll(inputs[0], first, tuple(inputs[1:]))
        # Another factor for each number: a mixed-up order would show.
        total = sum(
            (tensor * torch.arange(1.0, tensor.numel() + 1).view_as(tensor)).sum()
            for tensor in (output, *after)
        )
        # The slow loop does not even look at a memory that it clears.
        gradients = torch.autograd.grad(
            total, [*inputs, *core.parameters()], materialize_grads=True
        )
        found.append((output, *after, *gradients))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    assert np.array_equal(first, given_first), "the caller's array was written to"


@settings(max_examples=40)
@given(first=firsts, seed=seeds, data=st.data())
def test_an_unroll_in_chunks_equals_one_unroll(first: np.ndarray, seed: int, data: st.DataObject):
    rng = torch.Generator().manual_seed(seed)
    core, rows, ticks = make_core(), *first.shape
    features = torch.randn(rows, ticks, FEATURES, generator=rng, dtype=torch.float64)
    memory = random_memory(rows, rng)
    whole, end = core(features, first, memory)
    cuts = sorted(data.draw(st.sets(st.integers(1, ticks - 1))) if ticks > 1 else [])
    outputs = []
    for begin, stop in zip([0, *cuts], [*cuts, ticks], strict=True):
        output, memory = core(features[:, begin:stop], first[:, begin:stop], memory)
        outputs.append(output)
    torch.testing.assert_close(torch.cat(outputs, 1), whole)
    torch.testing.assert_close(memory, end)


@settings(max_examples=40)
@given(first=firsts, seed=seeds)
def test_rows_do_not_mix(first: np.ndarray, seed: int):
    rng = torch.Generator().manual_seed(seed)
    core = make_core()
    features = torch.randn(*first.shape, FEATURES, generator=rng, dtype=torch.float64)
    memory = random_memory(len(first), rng)
    together, after = core(features, first, memory)
    for row in range(len(first)):
        one = slice(row, row + 1)
        alone, after_alone = core(features[one], first[one], cut(memory, one))
        torch.testing.assert_close(alone, together[one])
        torch.testing.assert_close(after_alone, cut(after, one))


@pytest.mark.parametrize("begins", [1, 4, 6])
def test_what_was_seen_before_an_episode_does_not_matter_in_it(begins: int):
    encoder = Encoder("flat", (1, 8, 8), "lstm", SIZE, torch.float32)
    network = ActorCritic(encoder, num_actions=3)
    obs = torch.randint(256, (2, 7, 1, 8, 8), dtype=torch.uint8)
    permuted = obs.clone()
    permuted[:, :begins] = permuted[:, :begins].flip(1) ^ 255
    first = np.zeros((2, 7), np.bool_)
    first[0, begins] = True
    memories = [tuple(k * torch.randn(1, 2, SIZE) for _ in range(2)) for k in (1, 2)]
    (logits, value, after), (other_logits, other_value, other_after) = (
        network(pixels, first, memory)
        for pixels, memory in zip((obs, permuted), memories, strict=True)
    )
    for ours, theirs in ((logits, other_logits), (value, other_value)):
        torch.testing.assert_close(ours[0, begins:], theirs[0, begins:])
        # The other row goes on with its episode, and there it does matter.
        assert (ours[1, begins:] - theirs[1, begins:]).abs().amax(-1).min() > 1e-6
    torch.testing.assert_close(cut(after, slice(1)), cut(other_after, slice(1)))


def test_no_gradient_crosses_the_beginning_of_an_episode():
    core = make_core()
    features = torch.randn(1, 6, FEATURES, dtype=torch.float64, requires_grad=True)
    memory = tuple(torch.randn(1, 1, SIZE, dtype=torch.float64).requires_grad_() for _ in range(2))
    first = np.array([[False, False, False, True, False, False]])
    output, after = core(features, first, memory)
    (output[:, 3:].sum() + sum(part.sum() for part in after)).backward()
    assert features.grad is not None
    assert features.grad[0, :3].abs().sum() == 0
    assert (features.grad[0, 3:].abs().sum(-1) > 0).all()
    assert all(part.grad.abs().sum() == 0 for part in memory)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_memory_is_cleared_to_zero_and_training_never_moves_what_clears_it(dtype: torch.dtype):
    """Not to nearly zero: in float32 the library's own kernels decide what a shut gate lets by."""
    core = LSTMCore(8, 64).to(dtype)
    features = 50 * torch.randn(6, 40, 8, dtype=dtype)
    first = np.random.default_rng(0).random((6, 40)) < 0.1
    memory = tuple(9 * torch.randn(1, 6, 64, dtype=dtype) for _ in range(2))
    output, after = core(features, first, memory)
    (output.sum() + after[1].sum()).backward()
    assert (core.lstm.weight_ih_l0.grad[:, -2:] == 0).all()
    assert (core.lstm.weight_ih_l0.grad[:, :-2] != 0).any()
    # Whatever is remembered, what comes out is the same, bit for bit.
    row, tick = np.argwhere(first)[-1]
    other, _ = core(features, first, tuple(-3 * part for part in memory))
    assert torch.equal(other[row, tick:], output[row, tick:])


def test_memory_begins_with_zeros():
    h, c = make_core().initial_memory(5, torch.device("cpu"))
    assert h.shape == c.shape == (1, 5, SIZE)
    assert h.abs().sum() == c.abs().sum() == 0


def test_a_core_without_memory_gives_nothing():
    core = Memoryless()
    features = torch.randn(2, 5, FEATURES)
    assert core.size == 0
    assert core.initial_memory(2, torch.device("cpu")) == ()
    output, after = core(features, np.ones((2, 5), np.bool_), ())
    assert output.shape == (2, 5, 0)
    assert after == ()
    assert not list(core.parameters())


@pytest.mark.parametrize("core", ["lstm", "none"])
def test_an_actor_critic_starts_orthogonal_and_almost_uniform(core):
    network = ActorCritic(Encoder("small", (4, 24, 24), core, 16, torch.float32), num_actions=3)
    gains = {"encoder.torso.0.weight": PIXEL_GAIN, "policy.2.weight": 0.01, "value.2.weight": 1.0}
    for name, parameter in network.named_parameters():
        if parameter.dim() == 1:
            forget = parameter[16:32] if name.endswith("bias_ih_l0") else torch.zeros(0)
            assert (forget == FORGET_GATE_BIAS).all()
            assert parameter.abs().sum() == forget.sum(), name
            continue
        gain = 1.0 if ".lstm." in name else gains.get(name, 2**0.5)
        if name.endswith("weight_ih_l0"):
            parameter = parameter[:, :-2]  # those of the flags are constants
        # Orthonormal rows or columns, whichever are fewer, times the gain.
        singular = torch.linalg.svdvals(parameter.detach().flatten(1))
        torch.testing.assert_close(singular, torch.full_like(singular, gain), msg=name)
    assert any(".lstm." in name for name, _ in network.named_parameters()) == (core == "lstm")
    obs = torch.randint(256, (2, 5, 4, 24, 24), dtype=torch.uint8)
    memory = network.encoder.core.initial_memory(2, torch.device("cpu"))
    logits, value, _ = network(obs, np.zeros((2, 5), np.bool_), memory)
    assert logits.shape == (2, 5, 3)
    assert value.shape == (2, 5)
    assert (logits.softmax(-1) - 1 / 3).abs().max() < 0.02


@pytest.mark.parametrize("core", ["lstm", "none"])
def test_bfloat16_features_reach_a_float32_core(core):
    """The convolutions are rounded; what is remembered, and the heads, are not."""
    networks = []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(0)
        networks.append(ActorCritic(Encoder("small", (1, 24, 24), core, 16, dtype), num_actions=3))
    obs = torch.randint(256, (3, 4, 1, 24, 24), dtype=torch.uint8)
    memory = networks[0].encoder.core.initial_memory(3, torch.device("cpu"))
    first = np.zeros((3, 4), np.bool_)
    (_, exact, _), (logits, rounded, after) = (network(obs, first, memory) for network in networks)
    assert {tensor.dtype for tensor in (logits, rounded, *after)} == {torch.float32}
    assert 0 < (rounded - exact).abs().max() < 0.02 * (1 + exact.abs().max())
    assert rounded.bfloat16().float().ne(rounded).any()
