"""Principal variations: each root move with its value and the best play that follows.

These kernels call none of `kernels.py`, so they may be in a file of their own.
"""

from typing import NamedTuple

import numpy as np

from agents.search.forest import NONE, UNPROVEN, Forest, Ints
from agents.search.kernels import kernel


class Line(NamedTuple):
    """A move of the root and the play that is expected after it.

    Attributes:
        actions: the move, then the best play of both sides as far as the tree goes.
        visits: of the move.
        prior: the network's probability of the move among those that are searched.
        value: player 0's: the proven result, else the mean of the visits, or the value of the root
            if there are none.
        plies: number of plies to the end of the game under best play, with this move; None: the
            result is not proven.
    """

    actions: tuple[int, ...]
    visits: int
    prior: float
    value: float
    plies: int | None


@kernel
def plies_to_end(forest: Forest, g: int) -> Ints:
    """Returns `[nodes]` the number of plies from a proven node to the end; 0 where it is unproven.

    The winner takes the shortest way in the tree, the loser the longest.
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
    """Returns the depth of the deepest node in plies; the root has 0."""
    depth = np.zeros(forest.nodes[g], np.int32)
    deepest = 0
    for node in range(1, forest.nodes[g]):
        depth[node] = depth[forest.parent[g, node]] + 1
        deepest = max(deepest, depth[node])
    return deepest


def ranked_lines(forest: Forest, g: int, best: int, root_value: float) -> list[Line]:
    """Returns a line for each move of a root, the best first.

    Args:
        forest: its root must have been added.
        g: the tree.
        best: the action that comes first, unless the root is a proven win or loss. Then the
            shortest win or the longest loss comes first.
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
