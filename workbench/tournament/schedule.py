"""Pairings: the modes of a tournament, as rounds of pairs of games.

A round is known before it is played, and depends on nothing but the games of the rounds before it:
a tournament that was killed comes to the same rounds again.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from workbench.evaluation.ratings import Results, information, rate
from workbench.tournament.sprt import Sprt, Verdict

STRIDES = 1, 5  # of neighbours
ACTIVE_PAIRINGS = 8  # that are played between two looks at the ratings
ACTIVE_OPENINGS = 2  # of each of them
PLANNING_RESAMPLES = 200  # the table has more, and the last word
SPRT_OPENINGS = 16  # between two looks at the likelihoods


class Pair(NamedTuple):
    """Two games of two players, numbered from 0, from one opening with sides swapped."""

    one: int
    other: int
    opening: int


Pairing = tuple[int, int]
Rounds = Iterator[Sequence[Pair]]


def round_robin(num_players: int) -> list[Pairing]:
    """Everybody meets everybody."""
    return list(combinations(range(num_players), 2))


def gauntlet(num_first: int, num_players: int) -> list[Pairing]:
    """Each of the first `num_first` meets all that come after these."""
    return [(one, other) for one in range(num_first) for other in range(num_first, num_players)]


def neighbours(num_players: int) -> list[Pairing]:
    """Everybody meets the next and the fifth next: few games where those are close."""
    return [(one, one + stride) for stride in STRIDES for one in range(num_players - stride)]


def fixed(pairings: Sequence[Pairing], openings: int) -> Rounds:
    """All pairings play so many openings each; one pairing after the other, for large batches."""
    yield [Pair(*pairing, opening) for pairing in pairings for opening in range(openings)]


def active(
    num_players: int,
    results: Callable[[], Results],
    *,
    half_width_elo: float,
    openings: int,
    anchor: int | None,
) -> Rounds:
    """Whoever's game would tell most plays next, until all ratings are known well enough.

    Args:
        num_players: K
        results: all games of the rounds so far.
        half_width_elo: no 95 % interval shall reach further than that from its middle.
        openings: as many pairs as this does no pairing play.
        anchor: whose rating is given, see `rate`.
    """
    played = np.zeros((num_players, num_players), np.int64)
    next_pairings = [(one, one + 1) for one in range(num_players - 1)]
    while next_pairings:
        pairs = []
        for one, other in next_pairings:
            first = int(played[one, other])
            last = min(first + ACTIVE_OPENINGS, openings)
            pairs += [Pair(one, other, opening) for opening in range(first, last)]
            played[one, other] = last
        yield pairs
        so_far = results()
        ratings = rate(so_far, num_players, anchor=anchor, resamples=PLANNING_RESAMPLES)
        unsure = ratings.half_width > half_width_elo
        if not unsure.any():
            unsure = rate(so_far, num_players, anchor=anchor).half_width > half_width_elo
        # Of those who are not known well enough yet, whose game tells most.
        worth = np.triu(information(so_far, num_players) * (unsure[:, None] + unsure), 1)
        worth[played >= openings] = 0
        order = np.argsort(-worth, axis=None, kind="stable")[:ACTIVE_PAIRINGS]
        found = [(int(i) // num_players, int(i) % num_players) for i in order]
        next_pairings = [pairing for pairing in found if worth[pairing] > 0]


def sequential(test: Sprt, results: Callable[[], Results], openings: int) -> Rounds:
    """Two players meet until the test has decided, or have played all openings.

    So they have, too, where openings came again and a pair was the same as before: `results` has it
    once, and from then on would tell more of what is rare than of who is stronger.
    """
    for first in range(0, openings, SPRT_OPENINGS):
        last = min(first + SPRT_OPENINGS, openings)
        yield [Pair(0, 1, i) for i in range(first, last)]
        found = results()
        if verdict(test, found).decision is not None or len(found.score) < 2 * last:
            return


def verdict(test: Sprt, results: Results) -> Verdict:
    """Returns what the games of player 0 against player 1 say so far."""
    score = np.where(results.first == 0, results.score, 1 - results.score)
    _, pair = np.unique(results.pair, return_inverse=True)
    return test.judge(np.bincount(pair, score))
