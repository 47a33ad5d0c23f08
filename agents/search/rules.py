"""The search rules, PUCT and Gumbel: how simulations choose moves, and the answer at the root.

A rule belongs to one search. Moves of a root are numbered as its edges are, from 0.
"""

from math import ceil, log2
from typing import Protocol

import numpy as np
import numpy.typing as npt

from agents.search.config import GumbelConfig, PUCTConfig
from agents.search.forest import NONE, UNPROVEN, Floats, Forest, Ints, root_visits
from agents.search.kernels import (
    PUCTNumbers,
    completed_logits,
    completed_values,
    descend_gumbel,
    descend_puct,
)


class Rule(Protocol):
    """How one search explores and answers.

    Attributes:
        keeps_subtree: whether the tree below a move is kept when the move is made.
    """

    keeps_subtree: bool

    def begin(self, forest: Forest, simulations: int, noise: np.random.Generator | None) -> None:
        """Prepares `simulations` of every tree; all trees have a root.

        Args:
            forest: its priors may change.
            simulations: of each tree.
            noise: makes the root explore; None: no noise.
        """

    def descend(self, forest: Forest, left: Ints, leaf_node: Ints, leaf_edge: Ints) -> None:
        """Finds the next leaf of every game, see `kernels.descend_puct`."""

    def value(self, forest: Forest, g: int) -> float:
        """Returns player 0's value of a root that is not proven."""

    def policy(self, forest: Forest, g: int) -> Floats:
        """Returns `[edges]` the improved policy of a root; moves proven to be worse have 0."""

    def best(self, forest: Forest, g: int) -> int:
        """Returns the edge of the move to play."""


class PUCT(Rule):
    """AlphaZero's search: Silver et al. 2018."""

    keeps_subtree = True

    def __init__(self, config: PUCTConfig) -> None:
        """Keeps the numbers for the kernel."""
        self._config = config
        self._numbers = PUCTNumbers(config.c_init, config.fpu_reduction)

    def begin(self, forest: Forest, simulations: int, noise: np.random.Generator | None) -> None:
        """Mixes Dirichlet noise into the priors of the roots."""
        if noise is None:
            return
        alpha, share = self._config.noise_alpha, self._config.noise_share
        for g, moves in enumerate(forest.num_edges[:, 0]):
            prior = forest.prior[g, :moves]
            prior += share * (noise.dirichlet(np.full(moves, alpha / moves)) - prior)

    def descend(self, forest: Forest, left: Ints, leaf_node: Ints, leaf_edge: Ints) -> None:
        descend_puct(forest, self._numbers, left, leaf_node, leaf_edge)

    def value(self, forest: Forest, g: int) -> float:
        """Returns the mean of all visits, most of which are of the best moves."""
        return float(forest.value_sum[g, 0] / forest.visits[g, 0])

    def policy(self, forest: Forest, g: int) -> Floats:
        """Returns each move's share of the visits."""
        visits = root_visits(forest, g).astype(np.float32)
        return _shares(forest, g, visits, _sound_moves(forest, g))

    def best(self, forest: Forest, g: int) -> int:
        """Returns the most visited edge."""
        return int(self.policy(forest, g).argmax())


class Gumbel(Rule):
    """Gumbel AlphaZero: Danihelka et al. 2022."""

    # Sequential halving counts on moves of the root that have not been visited yet.
    keeps_subtree = False

    def __init__(self, config: GumbelConfig) -> None:
        """There is no noise yet."""
        self._max_considered = config.max_considered
        self._c_scale = config.c_scale
        self._schedule = np.zeros((1, 0), np.int32)  # [M + 1, simulations]
        self._noise = np.zeros((0, 0), np.float32)  # [G, E] of the roots' edges, once begun

    def begin(self, forest: Forest, simulations: int, noise: np.random.Generator | None) -> None:
        """Draws Gumbel noise, which decides what is considered, and plans the halving."""
        most = int(forest.num_edges[:, 0].max())
        self._noise = np.zeros((len(forest.nodes), most), np.float32)
        if noise is not None:
            self._noise[:] = noise.gumbel(size=self._noise.shape)
        considered = range(min(self._max_considered, most) + 1)
        self._schedule = np.stack([halving_schedule(m, simulations) for m in considered])

    def descend(self, forest: Forest, left: Ints, leaf_node: Ints, leaf_edge: Ints) -> None:
        descend_gumbel(
            forest, self._c_scale, self._schedule, self._noise, left, leaf_node, leaf_edge
        )

    def value(self, forest: Forest, g: int) -> float:
        """Returns the improved policy's mean of the completed Q (Danihelka et al. 2022, eq. 10).

        The mean of all visits would be too low: sequential halving visits bad moves as often as
        good ones at first.
        """
        worth = self.policy(forest, g) @ completed_values(forest, g, 0)
        return float(worth if forest.to_play[g, 0] == 0 else -worth)

    def policy(self, forest: Forest, g: int) -> Floats:
        """Returns the improved policy (Danihelka et al. 2022, eq. 11)."""
        sound, logits = _sound_moves(forest, g), completed_logits(forest, g, 0, self._c_scale)
        return _shares(forest, g, np.exp(logits - logits[sound].max()), sound)

    def best(self, forest: Forest, g: int) -> int:
        """Returns the most visited edge; among equals, by Gumbel noise and improved logits."""
        policy, visits = self.policy(forest, g), root_visits(forest, g)
        most_visited = (policy > 0) & (visits == visits[policy > 0].max())
        score = completed_logits(forest, g, 0, self._c_scale)
        if len(self._noise):
            score += self._noise[g, : len(policy)]
        return int(np.where(most_visited, score, -np.inf).argmax())


def make_rule(config: PUCTConfig | GumbelConfig) -> Rule:
    """Returns the rule that a config names, for one search."""
    return PUCT(config) if isinstance(config, PUCTConfig) else Gumbel(config)


def _sound_moves(forest: Forest, g: int) -> npt.NDArray[np.bool_]:
    """Returns `[edges]` whether each move of the root may be the best one.

    If the root is proven, these are the moves that keep its result; else all but proven losses.
    """
    children = forest.child[g, : forest.num_edges[g, 0]]
    proven = np.where(children != NONE, forest.proven[g, children], UNPROVEN)
    sound: npt.NDArray[np.bool_]
    if forest.proven[g, 0] != UNPROVEN:
        sound = proven == forest.proven[g, 0]
    else:
        sound = proven != (1 if forest.to_play[g, 0] == 1 else -1)
    return sound


def _shares(forest: Forest, g: int, weights: Floats, sound: npt.NDArray[np.bool_]) -> Floats:
    """Returns the sound moves' `weights` `[edges]`, normalised; if all are 0, their priors."""
    weights = np.where(sound, weights, 0)
    if not weights.any():  # all moves that were tried are lost; the others are not
        weights = np.where(sound, forest.prior[g, : len(weights)], 0)
    shares: Floats = weights / weights.sum()
    return shares


def halving_schedule(considered: int, simulations: int) -> Ints:
    """Returns `[simulations]` the visits that the root's edge has before each simulation takes it.

    Sequential halving (Karnin et al. 2013): log2(`considered`) phases share the simulations evenly.
    A phase visits its edges equally often; the better half of them, at least two, goes on to the
    next.
    """
    if considered <= 1:
        return np.arange(simulations, dtype=np.int32)
    phases = ceil(log2(considered))
    visits = [0] * considered
    order: list[int] = []
    while len(order) < simulations:
        for _ in range(max(1, simulations // (phases * considered))):
            order += visits[:considered]
            visits[:considered] = [count + 1 for count in visits[:considered]]
        considered = max(2, considered // 2)
    return np.array(order[:simulations], np.int32)
