"""Openings for tournaments: generated from the rules alone, balanced and distinct."""

from collections.abc import Iterable, Iterator
from itertools import islice
from threading import Lock

import numpy as np

from agents.baselines import RolloutPlayer
from envs.board.base import Position
from envs.board.openspiel import OpenSpielGame
from workbench.evaluation.match import play_at_random

MOST_PLIES = 8  # by then most random games of connect four are decided
SIMULATIONS = 200
BALANCED = 0.15  # of values in -1..1
TRIES = 10  # for one opening; then the most balanced of them is taken


def default_opening_plies(game: OpenSpielGame) -> int:
    """Returns a fifth of the longest game, at least one ply and at most `MOST_PLIES`."""
    return min(max(game.spec.max_plies // 5, 1), MOST_PLIES)


class Openings:
    """Openings that are drawn when somebody asks for them, from any thread."""

    def __init__(self, source: Iterable[tuple[int, ...]]) -> None:
        """Draws none yet."""
        self._source = iter(source)
        self._drawn: list[tuple[int, ...]] = []
        self._lock = Lock()

    def __getitem__(self, number: int) -> tuple[int, ...]:
        """Draws up to the one of this number; raises IndexError where there are fewer."""
        with self._lock:
            self._drawn += islice(self._source, max(0, number + 1 - len(self._drawn)))
            return self._drawn[number]

    def __len__(self) -> int:
        """Draws all."""
        with self._lock:
            self._drawn += self._source
            return len(self._drawn)


def balanced_openings(game: OpenSpielGame, plies: int, count: int, seed: int) -> Openings:
    """Returns at most `count` openings; of a larger count, the first ones are the same.

    They are random moves from the start, after which neither side is much better off in the eyes
    of a search with random playouts. None is another's mirror image or rotation. Small games have
    fewer than one may ask for. One takes up to a second and more, so they are drawn when needed.
    """
    if plies == 0:
        return Openings([()])
    return Openings(islice(_openings(game, plies, np.random.default_rng(seed)), count))


def _openings(
    game: OpenSpielGame, plies: int, rng: np.random.Generator
) -> Iterator[tuple[int, ...]]:
    seen: set[bytes] = set()
    judge = RolloutPlayer(game.rules, SIMULATIONS)
    while True:
        least, best = 2.0, None  # how far from balance, and which position
        for _ in range(TRIES):
            position = play_at_random(game, plies, rng)
            if game.status([position]).over[0] or _likeness(game, position) in seen:
                continue
            tilt = abs(judge.value(position, int(rng.integers(2**31))))
            if tilt < least:
                least, best = tilt, position
            if least < BALANCED:
                break
        if best is None:
            return
        seen.add(_likeness(game, best))
        yield tuple(game.history(best))


def _likeness(game: OpenSpielGame, position: Position) -> bytes:
    """Returns the same for positions that differ by a symmetry of the board, or by nothing."""
    cells = game.observe([position])[0].reshape(game.spec.obs_shape[0], -1)
    return min(bytes(cells[:, turned].tobytes()) for turned in game.spec.symmetric_cells)
