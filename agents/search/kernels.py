"""The compiled kernels of a search: descend the trees, expand leaves, back up values.

Kernels that call each other are in this one file: numba's cache does not notice changes in others.
"""

from math import log, sqrt
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from agents.search.forest import NONE, UNPROVEN, Floats, Forest, Ints
from envs.board.base import Status

C_BASE = 19_652.0  # Silver et al. 2018, pseudocode: exploration grows slowly with the visits
C_VISIT = 50.0  # Danihelka et al. 2022, section 3.4


class PUCTNumbers(NamedTuple):
    """The numbers of `choose_puct`, see `PUCTConfig`."""

    c_init: float
    fpu_reduction: float


# Annotations of kernels are for readers; numba infers types itself.
def kernel(function: Any) -> Any:
    """Returns `function` compiled at its first call; it runs without the interpreter's lock."""
    return njit(cache=True, nogil=True)(function)


@kernel
def descend_puct(
    forest: Forest, puct: PUCTNumbers, left: Ints, leaf_node: Ints, leaf_edge: Ints
) -> None:
    """Runs simulations of each game until one reaches a leaf, which then needs the network.

    A simulation that ends at a proven node needs no network: it is backed up at once, and the next
    one begins. A game with a proven root runs none.

    Args:
        forest: G trees, each of which has a root.
        puct: of `choose_puct`.
        left: `[G]` simulations still to run; those begun here are subtracted.
        leaf_node: `[G]` out: the node above the leaf; NONE: this game has no leaf.
        leaf_edge: `[G]` out: the edge from that node to the leaf.
    """
    for g in range(len(left)):
        leaf_node[g] = NONE
        while left[g] > 0 and leaf_node[g] == NONE and forest.proven[g, 0] == UNPROVEN:
            node, edge, child = 0, NONE, 0
            while child != NONE and forest.proven[g, child] == UNPROVEN:
                node = child
                edge = choose_puct(forest, g, node, puct)
                child = forest.child[g, edge]
            left[g] -= 1
            if child == NONE:
                leaf_node[g], leaf_edge[g] = node, edge
            else:
                back_up(forest, g, child, float(forest.proven[g, child]))


@kernel
def descend_gumbel(
    forest: Forest,
    c_scale: float,
    schedule: Ints,
    noise: Floats,
    left: Ints,
    leaf_node: Ints,
    leaf_edge: Ints,
) -> None:
    """Does the same as `descend_puct` for Gumbel AlphaZero; roots follow sequential halving.

    Args:
        forest: G trees, each of which has a root.
        c_scale: see `GumbelConfig`.
        schedule: `[M + 1, simulations]` row m holds `target_visits` of `choose_at_root` for each
            simulation when m edges are considered.
        noise: `[G, E]` Gumbel noise of the roots' edges.
        left: see `descend_puct`.
        leaf_node: see `descend_puct`.
        leaf_edge: see `descend_puct`.
    """
    for g in range(len(left)):
        leaf_node[g] = NONE
        considered = min(len(schedule) - 1, forest.num_edges[g, 0])
        while left[g] > 0 and leaf_node[g] == NONE and forest.proven[g, 0] == UNPROVEN:
            node = 0
            target_visits = schedule[considered, schedule.shape[1] - left[g]]
            edge = choose_at_root(forest, g, c_scale, target_visits, noise)
            child = forest.child[g, edge]
            while child != NONE and forest.proven[g, child] == UNPROVEN:
                node = child
                edge = choose_deterministically(forest, g, node, c_scale)
                child = forest.child[g, edge]
            left[g] -= 1
            if child == NONE:
                leaf_node[g], leaf_edge[g] = node, edge
            else:
                back_up(forest, g, child, float(forest.proven[g, child]))


@kernel
def choose_puct(forest: Forest, g: int, node: int, puct: PUCTNumbers) -> int:
    """Returns the edge with the highest upper confidence bound.

    Silver et al. 2018 (AlphaZero), pseudocode. An unvisited edge has the value of its node minus
    `fpu_reduction` times the square root of the visited edges' prior (Wu 2019, KataGo). Proven
    losses are never chosen.
    """
    sign = 1.0 if forest.to_play[g, node] == 0 else -1.0
    visits = forest.visits[g, node]
    first = forest.first_edge[g, node]
    end = first + forest.num_edges[g, node]
    explored = 0.0
    for edge in range(first, end):
        if forest.child[g, edge] != NONE:
            explored += forest.prior[g, edge]
    value = sign * forest.value_sum[g, node] / visits
    unvisited = value - puct.fpu_reduction * sqrt(explored)
    scale = (log((visits + C_BASE + 1) / C_BASE) + puct.c_init) * sqrt(visits)
    best, best_score = NONE, -np.inf
    for edge in range(first, end):
        child = forest.child[g, edge]
        if child == NONE:
            score = unvisited + scale * forest.prior[g, edge]
        else:
            if forest.proven[g, child] == -sign:
                continue
            score = sign * forest.value_sum[g, child] / forest.visits[g, child]
            score += scale * forest.prior[g, edge] / (1 + forest.visits[g, child])
        if score > best_score:
            best, best_score = edge, score
    return best


@kernel
def completed_values(forest: Forest, g: int, node: int) -> Floats:
    """Returns `[edges of the node]` the value of each move for the side to move, in -1..1.

    The completed Q of Danihelka et al. 2022, eq. 10 and appendix D: all unvisited edges have one
    value, a mix of the node's own value and those of its visited edges. Proven values are exact.
    """
    sign = 1.0 if forest.to_play[g, node] == 0 else -1.0
    first = forest.first_edge[g, node]
    values = np.empty(forest.num_edges[g, node], np.float32)
    visited_prior, weighted, visits = 0.0, 0.0, 0
    below = 0.0
    for i in range(len(values)):
        child = forest.child[g, first + i]
        if child != NONE:
            n = forest.visits[g, child]
            values[i] = sign * forest.value_sum[g, child] / n
            if forest.proven[g, child] != UNPROVEN:
                values[i] = sign * forest.proven[g, child]
            visited_prior += forest.prior[g, first + i]
            weighted += forest.prior[g, first + i] * values[i]
            visits += n
            below += forest.value_sum[g, child]
    own = sign * (forest.value_sum[g, node] - below) / max(1, forest.visits[g, node] - visits)
    mixed = own
    if visits > 0:
        mixed = (own + visits * weighted / max(visited_prior, 1e-30)) / (1 + visits)
    for i in range(len(values)):
        if forest.child[g, first + i] == NONE:
            values[i] = mixed
    return values


@kernel
def completed_logits(forest: Forest, g: int, node: int, c_scale: float) -> Floats:
    """Returns `[edges of the node]` logits of the improved policy, up to a constant.

    Danihelka et al. 2022, eq. 8: logits + sigma(completed Q). Our Q is in -1..1, the paper's in
    0..1, so it is halved.
    """
    first = forest.first_edge[g, node]
    logits: Floats = completed_values(forest, g, node)
    most = 0
    for i in range(len(logits)):
        child = forest.child[g, first + i]
        if child != NONE:
            most = max(most, forest.visits[g, child])
    for i in range(len(logits)):
        sigma = (C_VISIT + most) * c_scale * logits[i] / 2
        logits[i] = log(max(forest.prior[g, first + i], 1e-30)) + sigma
    return logits


@kernel
def choose_at_root(
    forest: Forest, g: int, c_scale: float, target_visits: int, noise: Floats
) -> int:
    """Returns the edge of the root with the highest noise + improved logit at `target_visits`.

    Sequential halving as in mctx: the edges still considered are those with `target_visits`
    visits. Proven losses are skipped. If no edge is left, those with the nearest number of visits
    are considered.
    """
    logits = completed_logits(forest, g, 0, c_scale)
    sign = 1.0 if forest.to_play[g, 0] == 0 else -1.0
    best, best_score, best_gap = NONE, -np.inf, 1 << 30
    for i in range(len(logits)):
        child = forest.child[g, i]
        if child != NONE and forest.proven[g, child] == -sign:
            continue
        visits = forest.visits[g, child] if child != NONE else 0
        gap = abs(visits - target_visits)
        score = noise[g, i] + logits[i]
        if gap < best_gap or (gap == best_gap and score > best_score):
            best, best_score, best_gap = i, score, gap
    return best


@kernel
def choose_deterministically(forest: Forest, g: int, node: int, c_scale: float) -> int:
    """Returns the edge whose share of visits is furthest below its improved probability.

    Danihelka et al. 2022, eq. 14. Proven losses are never chosen.
    """
    logits = completed_logits(forest, g, node, c_scale)
    sign = 1.0 if forest.to_play[g, node] == 0 else -1.0
    first = forest.first_edge[g, node]
    largest = logits.max()
    total = 0.0
    for i in range(len(logits)):
        logits[i] = np.exp(logits[i] - largest)
        total += logits[i]
    best, best_score = NONE, -np.inf
    for i in range(len(logits)):
        child = forest.child[g, first + i]
        if child != NONE and forest.proven[g, child] == -sign:
            continue
        visits = forest.visits[g, child] if child != NONE else 0
        score = logits[i] / total - visits / forest.visits[g, node]
        if score > best_score:
            best, best_score = first + i, score
    return best


@kernel
def expand(
    forest: Forest,
    games: Ints,
    leaf_node: Ints,
    leaf_edge: Ints,
    status: Status,
    logits: Floats,
    value: Floats,
) -> None:
    """Adds one leaf to the tree of each of B games and backs its value up.

    Args:
        forest: G trees with room for the leaves.
        games: `[B]` the game of each leaf.
        leaf_node: `[B]` the node above the leaf; NONE: the leaf is the root.
        leaf_edge: `[B]` the edge to the leaf; NONE: the leaf is the root.
        status: of the B leaves.
        logits: `[R, A]` of the leaves that are not over, all actions, legal or not.
        value: `[R]` their values for the side to move.
    """
    begin, r = 0, 0  # of `status.legal`, and of the network's answers
    for b in range(len(games)):
        g = games[b]
        node = forest.nodes[g]
        forest.nodes[g] = node + 1
        first = forest.edges[g]
        count = status.num_legal[b]
        forest.edges[g] = first + count
        forest.parent[g, node] = leaf_node[b]
        if leaf_edge[b] != NONE:
            forest.child[g, leaf_edge[b]] = node
        forest.to_play[g, node] = status.to_play[b]
        forest.visits[g, node] = 0
        forest.value_sum[g, node] = 0.0
        forest.proven[g, node] = UNPROVEN
        forest.first_edge[g, node] = first
        forest.num_edges[g, node] = count
        if status.over[b]:
            forest.proven[g, node] = np.int8(status.value[b])
            back_up(forest, g, node, status.value[b])
            continue
        largest = -np.inf
        for i in range(count):
            largest = max(largest, logits[r, status.legal[begin + i]])
        total = 0.0
        for i in range(count):
            weight = np.exp(logits[r, status.legal[begin + i]] - largest)
            forest.action[g, first + i] = status.legal[begin + i]
            forest.prior[g, first + i] = weight
            forest.child[g, first + i] = NONE
            total += weight
        for i in range(count):
            forest.prior[g, first + i] /= total
        back_up(forest, g, node, value[r] if status.to_play[b] == 0 else -value[r])
        begin, r = begin + count, r + 1


@kernel
def back_up(forest: Forest, g: int, node: int, value: float) -> None:
    """Adds one visit with player 0's `value` to `node` and all nodes above it.

    Proofs are backed up as well (Winands et al. 2008, MCTS-Solver): a node is proven when one of
    its edges wins for the side to move, or when all its edges are proven; the best edge then gives
    its result. From a node that has just been proven upwards, this result replaces `value`.
    """
    fresh = forest.proven[g, node] != UNPROVEN
    while True:
        forest.visits[g, node] += 1
        forest.value_sum[g, node] += value
        parent = forest.parent[g, node]
        if parent == NONE:
            break
        if fresh and forest.proven[g, parent] == UNPROVEN:
            result = proof(forest, g, parent)
            fresh = result != UNPROVEN
            if fresh:
                forest.proven[g, parent] = result
                value = float(result)
        node = parent


@kernel
def proof(forest: Forest, g: int, node: int) -> int:
    """Returns the result of `node` that its children prove, or UNPROVEN."""
    sign = 1 if forest.to_play[g, node] == 0 else -1
    first = forest.first_edge[g, node]
    best, complete = -1, True
    for edge in range(first, first + forest.num_edges[g, node]):
        child = forest.child[g, edge]
        if child == NONE or forest.proven[g, child] == UNPROVEN:
            complete = False
            continue
        best = max(best, sign * forest.proven[g, child])
        if best == 1:
            return sign
    return sign * best if complete else UNPROVEN
