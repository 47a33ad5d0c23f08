"""What a search thinks of each move of a root, and how play would go on from there.

Its kernels call no others, so they may stand in a file of their own (see `kernels`).
"""

from typing import NamedTuple

import numpy as np

from agents.search.forest import NONE, UNPROVEN, Forest, Ints
from agents.search.kernels import kernel


class Line(NamedTuple):
    """A move of the root and what would follow.

    Attributes:
        actions: the move, and best play of both sides as far as it has been tried.
        visits: how often the move was tried.
        prior: how likely the network thought it, among the moves that are searched.
        value: what it is worth to player 0: the proven result, else the mean of all that was found;
            that of the root where it has not been tried.
        plies: after how many plies, this move included, the game ends under best play; None: its
            result is not proven.
    """

    actions: tuple[int, ...]
    visits: int
    prior: float
    value: float
    plies: int | None


@kernel
def plies_to_end(forest: Forest, g: int) -> Ints:
    """Returns `[nodes]`: in how many plies a proven node's game is over; 0 if it is not proven.

    Who wins takes the shortest way that the tree knows, who loses the longest.
    """
    plies = np.zeros(forest.nodes[g], np.int32)
    for node in range(forest.nodes[g] - 1, -1, -1):
        if forest.proven[g, node] == UNPROVEN:
            continue
        wins = forest.proven[g, node] == (1 if forest.to_play[g, node] == 0 else -1)
        first = forest.first_edge[g, node]
        for edge in range(first, first + forest.num_edges[g, node]):
            child = forest.child[g, edge]
            if child == NONE or forest.proven[g, child] != forest.proven[g, node]:
                continue
            further = plies[child] + 1
            if plies[node] == 0 or (further < plies[node]) == wins:
                plies[node] = further
    return plies


@kernel
def depth_of(forest: Forest, g: int) -> int:
    """Returns how many plies below the root the deepest node is."""
    depth = np.zeros(forest.nodes[g], np.int32)
    deepest = 0
    for node in range(1, forest.nodes[g]):
        depth[node] = depth[forest.parent[g, node]] + 1
        deepest = max(deepest, depth[node])
    return deepest


def ranked_lines(forest: Forest, g: int, best: int, root_value: float) -> list[Line]:
    """Returns a line for each move of a root, the one to make first.

    Args:
        forest: its root must have been added.
        g: which tree.
        best: the move to make, unless the root is won or lost for certain: then that is the
            shortest win or the longest resistance.
        root_value: player 0's.
    """
    plies = plies_to_end(forest, g)
    sign = 1 if forest.to_play[g, 0] == 0 else -1
    lines = []
    for edge in range(forest.num_edges[g, 0]):
        action, child = int(forest.action[g, edge]), int(forest.child[g, edge])
        prior = float(forest.prior[g, edge])
        if child == NONE:
            lines.append(Line((action,), 0, prior, root_value, None))
            continue
        visits, proven = int(forest.visits[g, child]), int(forest.proven[g, child])
        value = float(forest.value_sum[g, child]) / visits if proven == UNPROVEN else float(proven)
        after = _best_play(forest, g, child, plies)
        end = None if proven == UNPROVEN else int(plies[child]) + 1
        lines.append(Line((action, *after), visits, prior, value, end))
    decided = forest.proven[g, 0] in (-1, 1)

    def rank(line: Line) -> tuple[float, ...]:
        result = 0 if line.plies is None else sign * line.value
        haste = -result * (line.plies or 0)
        chosen = not decided and line.actions[0] == best
        return chosen, result, haste, line.visits, sign * line.value, line.prior

    return sorted(lines, key=rank, reverse=True)


def _best_play(forest: Forest, g: int, node: int, plies: Ints) -> list[int]:
    actions: list[int] = []
    while True:
        first = forest.first_edge[g, node]
        edges = slice(first, first + forest.num_edges[g, node])
        children = forest.child[g, edges]
        sign = 1 if forest.to_play[g, node] == 0 else -1
        proven = np.where(children == NONE, UNPROVEN, forest.proven[g, children])
        result = forest.proven[g, node]
        if result != UNPROVEN:
            score = np.where(proven == result, 1 + plies.max() - sign * result * plies[children], 0)
        else:
            tried = (children != NONE) & (proven != -sign)
            score = np.where(tried, forest.visits[g, children], 0)
        if not score.any():
            return actions
        i = int(score.argmax())
        actions.append(int(forest.action[g, first + i]))
        node = int(children[i])
