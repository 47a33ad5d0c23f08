"""A sum tree for sampling in proportion to priorities, as a few wide numpy arrays.

Nodes have 64 children instead of 2: on batches of tens to hundreds the cost is numpy's per-call
overhead, and three wide levels need far fewer calls than eighteen narrow ones.
"""

import numpy as np
import numpy.typing as npt

FANOUT = 64
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class SumTree:
    """`size` non-negative leaves; every inner node is the sum of its children, recomputed exactly.

    Nothing is accumulated incrementally, so the tree is a pure function of its leaves: one rebuilt
    from saved leaves equals the original bit for bit.
    """

    def __init__(self, size: int) -> None:
        """All leaves start at 0."""
        self._levels: list[Floats] = []  # from leaves to root, each [blocks, FANOUT]
        while True:
            blocks = -(-size // FANOUT)
            self._levels.append(np.zeros((blocks, FANOUT)))
            if blocks == 1:
                break
            size = blocks

    @property
    def total(self) -> float:
        """The sum of all leaves."""
        return float(self._levels[-1].sum())

    @property
    def leaves(self) -> Floats:
        """`[size]`, padded with zeros to a multiple of 64; a view, not to be written."""
        return self._levels[0].reshape(-1)

    def set(self, index: Indices, value: Floats | float) -> None:
        """Sets leaves `index` `[B]`; where an index is repeated the last value holds."""
        self._levels[0].reshape(-1)[index] = value
        for below, above in zip(self._levels, self._levels[1:], strict=False):
            index = index // FANOUT
            above.reshape(-1)[index] = below[index].sum(1)

    def set_all(self, leaves: Floats) -> None:
        """Replaces every leaf; `leaves` as read from `leaves`."""
        self._levels[0].reshape(-1)[:] = leaves
        for below, above in zip(self._levels, self._levels[1:], strict=False):
            above.reshape(-1)[: len(below)] = below.sum(1)

    def get(self, index: Indices) -> Floats:
        """Returns leaves `index`, `[B]`."""
        return self.leaves[index]

    def find(self, mass: Floats) -> Indices:
        """Returns, for each `mass` `[B]` in [0, total), the leaf in whose interval it falls.

        Leaves lie side by side on a line, each as long as its value; a leaf of 0 is never found.
        """
        node = np.zeros(len(mass), np.int64)
        for level in reversed(self._levels):
            cumulative = level[node].cumsum(1)  # [B, FANOUT]
            # Rounding may put the mass at or past the end: it then belongs to the last child.
            mass = np.minimum(mass, np.nextafter(cumulative[:, -1], 0))
            child = (cumulative > mass[:, None]).argmax(1)
            before = np.take_along_axis(cumulative, np.maximum(child - 1, 0)[:, None], 1)[:, 0]
            mass = mass - np.where(child > 0, before, 0.0)
            node = node * FANOUT + child
        return node
