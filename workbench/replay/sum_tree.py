"""Sampling in proportion to priorities: a sum tree with two wide levels.

A binary tree of 200,000 leaves has eighteen levels. For batches of tens to hundreds, the cost is
numpy's overhead per call, so one running sum over all blocks is faster.
"""

import numpy as np
import numpy.typing as npt

BLOCK = 128  # leaves; a million of them make 8,000 blocks, whose running sum takes 10 microseconds
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class SumTree:
    """`size` non-negative leaves in blocks; the sum of a block is recomputed when a leaf changes.

    Sums depend on nothing but the leaves. So sums rebuilt from saved leaves equal the originals bit
    for bit.
    """

    def __init__(self, size: int) -> None:
        """All leaves start at 0."""
        blocks = _count_blocks(size)
        self._blocks: Floats = np.zeros((blocks, BLOCK))
        self._sums: Floats = np.zeros(blocks)
        self.leaves: Floats = self._blocks.reshape(-1)  # padded to whole blocks; not to be written

    @property
    def total(self) -> float:
        """The sum of all leaves, added in order, so that zeros at the end do not change it."""
        return float(self._sums.cumsum()[-1])

    def set(self, index: Indices, value: Floats | float) -> None:
        """Sets leaves `index` `[B]`; the last value of a repeated index holds."""
        self.leaves[index] = value
        block = index // BLOCK
        self._sums[block] = self._blocks[block].sum(1)

    def set_all(self, leaves: Floats) -> None:
        """Sets the first leaves to `leaves`, which may be those of a smaller tree."""
        self.leaves[: len(leaves)] = leaves
        self._sums[:] = self._blocks.sum(1)

    def get(self, index: Indices) -> Floats:
        """Returns leaves `index`, `[B]`."""
        return self.leaves[index]

    def find(self, mass: Floats) -> Indices:
        """Returns `[B]` the leaf whose interval holds each `mass` `[B]` in [0, total).

        Intervals lie side by side, each as long as its leaf's value. A leaf of 0 is never returned.
        """
        # Rounding may put a mass at or past the end; it then belongs to the last leaf above 0.
        ends = np.concatenate(([0.0], self._sums.cumsum()))
        mass = np.minimum(mass, np.nextafter(ends[-1], 0))
        block = ends.searchsorted(mass, side="right") - 1
        mass = mass - ends[block]
        ends = self._blocks[block].cumsum(1)  # [B, BLOCK]
        mass = np.minimum(mass, np.nextafter(ends[:, -1], 0))
        leaf: Indices = block * BLOCK + (ends > mass[:, None]).argmax(1)
        return leaf


def tree_bytes(size: int) -> int:
    """Returns the bytes of a `SumTree` of `size` leaves."""
    return _count_blocks(size) * (BLOCK + 1) * np.dtype(np.float64).itemsize


def _count_blocks(size: int) -> int:
    return -(-size // BLOCK)
