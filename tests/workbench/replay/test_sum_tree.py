import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.replay.sum_tree import SumTree

# Within one block, a few blocks, many.
sizes = st.one_of(st.integers(1, 128), st.integers(129, 600), st.integers(4097, 4200))
seeds = st.integers(0, 2**31)


def filled(size: int, seed: int, values, sets: int = 4) -> tuple[SumTree, np.ndarray]:
    """A tree after several `set` calls with repeated indices, and its leaves as a plain array."""
    rng = np.random.default_rng(seed)
    tree, leaves = SumTree(size), np.zeros(size)
    for _ in range(sets):
        count = rng.integers(1, 2 * size + 1)
        index, value = rng.integers(size, size=count), values(rng, count)
        tree.set(index, value)
        for i, v in zip(index, value, strict=True):
            leaves[i] = v
    return tree, leaves


def whole_numbers(rng: np.random.Generator, count: int) -> np.ndarray:
    """Sums of these are exact in any order; one in three is 0."""
    return rng.integers(0, 3, count) * rng.integers(1, 1000, count).astype(float)


def wide_floats(rng: np.random.Generator, count: int) -> np.ndarray:
    """From 1e-9 to 1e9, half of them 0: rounding everywhere."""
    return 10.0 ** rng.uniform(-9, 9, count) * (rng.random(count) < 0.5)


@given(sizes, seeds)
def test_finds_what_a_plain_cumulative_sum_finds(size: int, seed: int):
    tree, leaves = filled(size, seed, whole_numbers)
    assert tree.leaves[:size].tolist() == leaves.tolist()
    assert tree.total == leaves.sum()
    if tree.total == 0:
        return
    cumulative = leaves.cumsum()
    borders = cumulative[cumulative < tree.total]  # where an off-by-one would show
    inside = np.random.default_rng(seed).uniform(0, tree.total, 200)
    mass = np.concatenate([[0.0], borders, inside])
    found = tree.find(mass)
    assert found.tolist() == np.searchsorted(cumulative, mass, side="right").tolist()
    assert tree.get(found).tolist() == leaves[found].tolist()


@given(sizes, seeds)
def test_a_leaf_of_zero_is_never_found(size: int, seed: int):
    tree, leaves = filled(size, seed, wide_floats)
    total = tree.total
    if total == 0:
        return
    ends = [0.0, np.nextafter(0, 1), np.nextafter(total, 0), total, np.nextafter(total, np.inf)]
    mass = np.concatenate(
        [ends, leaves.cumsum(), np.random.default_rng(seed).uniform(0, total, 99)]
    )
    assert (leaves[tree.find(mass)] > 0).all()


@pytest.mark.parametrize("size", [1, 128, 129, 4097])
def test_mass_at_the_end_belongs_to_the_last_leaf_that_has_any(size: int):
    tree = SumTree(size)
    last = max(0, size - 3)
    tree.set(np.arange(last + 1), 0.1)  # a sum of tenths is rounded
    end = tree.total
    assert tree.find(np.array([end, np.nextafter(end, 0), 2 * end])).tolist() == [last] * 3


@given(sizes, seeds)
def test_rebuilt_from_its_leaves_equals_the_original_bit_for_bit(size: int, seed: int):
    tree, _ = filled(size, seed, wide_floats)
    rebuilt = SumTree(size)
    rebuilt.set_all(tree.leaves.copy())
    assert rebuilt.total == tree.total
    assert rebuilt._sums.tobytes() == tree._sums.tobytes()


def test_the_last_of_repeated_indices_holds():
    tree = SumTree(100)
    tree.set(np.array([70, 3, 70]), np.array([5.0, 1.0, 2.0]))
    assert tree.get(np.array([70, 3, 4])).tolist() == [2.0, 1.0, 0.0]
    assert tree.total == 3.0
    assert tree.find(np.array([0.0, 0.99, 1.0, 2.9])).tolist() == [3, 3, 70, 70]
