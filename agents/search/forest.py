"""One tree for each of G games, as arrays.

Values are player 0's everywhere (see `envs.board.base`); only the choice of a move changes the
sign. A node has a larger number than its parent, and its edges have larger numbers than its
parent's edges.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

UNPROVEN = 2  # unlike any result of a game
NONE = -1

Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float32]


class Forest(NamedTuple):
    """G trees of up to S nodes and E edges. Node 0 is the root; its parent is NONE."""

    nodes: Ints  # [G] how many are in use
    edges: Ints  # [G] how many are in use
    parent: Ints  # [G, S]
    to_play: Bytes  # [G, S]
    visits: Ints  # [G, S]
    value_sum: Floats  # [G, S] sum of the values backed up through the node
    proven: Bytes  # [G, S] the result under perfect play, or UNPROVEN
    first_edge: Ints  # [G, S]
    num_edges: Ints  # [G, S] 0: the game is over here
    action: Ints  # [G, E]
    prior: Floats  # [G, E]
    child: Ints  # [G, E] the node below it, or NONE


def root_visits(forest: Forest, g: int) -> Ints:
    """Returns `[edges]` the visits of each move of a root."""
    children = forest.child[g, : forest.num_edges[g, 0]]
    return np.where(children != NONE, forest.visits[g, children], 0)


def plant(num_games: int, max_nodes: int, max_edges: int) -> Forest:
    """Returns G empty trees with room for so many nodes and edges each."""
    node, edge = (num_games, max_nodes), (num_games, max_edges)
    return Forest(
        nodes=np.zeros(num_games, np.int32),
        edges=np.zeros(num_games, np.int32),
        parent=np.zeros(node, np.int32),
        to_play=np.zeros(node, np.int8),
        visits=np.zeros(node, np.int32),
        value_sum=np.zeros(node, np.float32),
        proven=np.zeros(node, np.int8),
        first_edge=np.zeros(node, np.int32),
        num_edges=np.zeros(node, np.int32),
        action=np.zeros(edge, np.int32),
        prior=np.zeros(edge, np.float32),
        child=np.zeros(edge, np.int32),
    )
