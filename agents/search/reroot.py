"""Tree reuse: keeps the subtree of a move once it is made.

Its kernel calls none of `kernels.py`, so it may be in a file of its own.
"""

import numpy as np

from agents.search.forest import NONE, Forest, Ints
from agents.search.kernels import kernel


@kernel
def reroot(forest: Forest, g: int, root: int, kept: Ints) -> int:
    """Makes node `root` the root of tree `g` and removes all nodes that are not below it.

    Args:
        forest: changed in place.
        g: the tree.
        root: the new root.
        kept: `[S]` out: the old number of each node that is kept, in the new order.

    Returns:
        The number of nodes that are kept.
    """
    number = np.full(forest.nodes[g], NONE, np.int32)
    nodes, edges = 0, 0
    for old in range(root, forest.nodes[g]):
        parent = forest.parent[g, old]
        if old != root and number[parent] == NONE:
            continue
        new = nodes
        number[old] = new
        kept[new] = old
        nodes += 1
        forest.parent[g, new] = NONE if old == root else number[parent]
        forest.to_play[g, new] = forest.to_play[g, old]
        forest.visits[g, new] = forest.visits[g, old]
        forest.value_sum[g, new] = forest.value_sum[g, old]
        forest.proven[g, new] = forest.proven[g, old]
        first, count = forest.first_edge[g, old], forest.num_edges[g, old]
        forest.first_edge[g, new] = edges
        forest.num_edges[g, new] = count
        for i in range(count):
            forest.action[g, edges + i] = forest.action[g, first + i]
            forest.prior[g, edges + i] = forest.prior[g, first + i]
            forest.child[g, edges + i] = forest.child[g, first + i]
        edges += count
    for edge in range(edges):
        child = forest.child[g, edge]
        if child != NONE:
            forest.child[g, edge] = number[child]
    forest.nodes[g] = nodes
    forest.edges[g] = edges
    return nodes
