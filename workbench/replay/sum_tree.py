"""Sampling in proportion to priorities: leaves in blocks, and the sum of each block.

Two wide levels instead of the usual binary tree: on batches of tens to hundreds the cost is numpy's
per-call overhead, and one running sum over all blocks costs less than a walk of eighteen levels.
"""

import numpy as np
import numpy.typing as npt

BLOCK = 128  # leaves; a million of them make 8,000 blocks, whose running sum takes 10 microseconds
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class SumTree:
    """`size` non-negative leaves in blocks; the sum of a block is recomputed whenever it changes.

    Nothing is accumulated incrementally, so the sums are a pure function of the leaves: those
    rebuilt from saved leaves equal the originals bit for bit.
    """

    def __init__(self, size: int) -> None:
        """All leaves start at 0."""
        blocks = _count_blocks(size)
        self._blocks: Floats = np.zeros((blocks, BLOCK))
        self._sums: Floats = np.zeros(blocks)
        self.leaves: Floats = self._blocks.reshape(-1)  # padded to whole blocks; not to be written

    @property
    def total(self) -> float:
        """The sum of all leaves; one after another, so that zeros at the end change nothing."""
        return float(self._sums.cumsum()[-1])

    def set(self, index: Indices, value: Floats | float) -> None:
        """Sets leaves `index` `[B]`; where an index is repeated the last value holds."""
        self.leaves[index] = value
        block = index // BLOCK
        self._sums[block] = self._blocks[block].sum(1)

    def set_all(self, leaves: Floats) -> None:
        """Replaces the leaves; `leaves` as read from `leaves`, of a smaller tree if need be."""
        self.leaves[: len(leaves)] = leaves
        self._sums[:] = self._blocks.sum(1)

    def get(self, index: Indices) -> Floats:
        """Returns leaves `index`, `[B]`."""
        return self.leaves[index]

    def find(self, mass: Floats) -> Indices:
        """Returns, for each `mass` `[B]` in [0, total), the leaf in whose interval it falls.

        Leaves lie side by side on a line, each as long as its value; a leaf of 0 is never found.
        """
        # Rounding may put the mass at or past the end: it then belongs to the last leaf above 0.
        ends = np.concatenate(([0.0], self._sums.cumsum()))
        mass = np.minimum(mass, np.nextafter(ends[-1], 0))
        block = ends.searchsorted(mass, side="right") - 1
        mass = mass - ends[block]
        ends = self._blocks[block].cumsum(1)  # [B, BLOCK]
        mass = np.minimum(mass, np.nextafter(ends[:, -1], 0))
        leaf: Indices = block * BLOCK + (ends > mass[:, None]).argmax(1)
        return leaf


def tree_bytes(size: int) -> int:
    """Returns the bytes of the arrays of a `SumTree` of `size` leaves."""
    return _count_blocks(size) * (BLOCK + 1) * np.dtype(np.float64).itemsize


def _count_blocks(size: int) -> int:
    return -(-size // BLOCK)
