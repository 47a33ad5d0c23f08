"""Modes: who meets whom, and when it is enough."""

import numpy as np
import pytest

from workbench.evaluation.ratings import ELO_PER_UNIT, Results, rate
from workbench.tournament.schedule import (
    Pair,
    active,
    fixed,
    gauntlet,
    neighbours,
    round_robin,
    sequential,
    verdict,
)
from workbench.tournament.sprt import Sprt


def test_everybody_meets_everybody_once():
    assert round_robin(4) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_in_a_gauntlet_only_the_first_meet_others():
    assert gauntlet(2, 4) == [(0, 2), (0, 3), (1, 2), (1, 3)]


def test_a_ladder_joins_everybody_to_neighbours():
    pairings = neighbours(7)
    assert pairings == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (0, 5), (1, 6)]
    assert neighbours(2) == [(0, 1)]


def test_fixed_rounds_play_all_openings_of_one_pairing_before_the_next():
    (pairs,) = fixed([(0, 1), (0, 2)], 2)
    assert pairs == [Pair(0, 1, 0), Pair(0, 1, 1), Pair(0, 2, 0), Pair(0, 2, 1)]


class World:
    """Players of known strength; games are played at once, by chance."""

    def __init__(self, elo: list[float]) -> None:
        self.elo = np.array(elo)
        self.rng = np.random.default_rng(0)
        self.games: list[tuple[int, int, float, int]] = []

    def play(self, pairs) -> None:
        for one, other, opening in pairs:
            for first, second in ((one, other), (other, one)):
                gap = (self.elo[first] - self.elo[second]) / ELO_PER_UNIT
                won = self.rng.random() < 1 / (1 + np.exp(-gap))
                self.games.append((first, second, float(won), opening))

    def results(self) -> Results:
        first, second, score, pair = zip(*self.games, strict=True)
        return Results(np.array(first), np.array(second), np.array(score), np.array(pair))


def test_active_mode_spends_its_games_where_they_tell_most():
    elo = [150.0 * i for i in range(8)]
    world = World(elo)
    for pairs in active(8, world.results, half_width_elo=120, openings=500, anchor=None):
        world.play(pairs)
    half_width = rate(world.results(), 8).half_width.max()
    assert half_width <= 120
    assert len({game[:2] + game[3:] for game in world.games}) == len(world.games)
    met = np.zeros((8, 8), int)
    for first, second, *_ in world.games:
        met[first, second] += 1
    assert np.diag(met, 1).sum() > 3 * np.diag(met, 5).sum()  # neighbours, and who is far apart
    everybody, pairings = World(elo), round_robin(8)
    count = len(world.games) // 2
    everybody.play(Pair(*pairings[i % 28], i // 28) for i in range(count))
    assert half_width < rate(everybody.results(), 8).half_width.max()


@pytest.mark.parametrize("width", [100, 130, 160, 190])
def test_active_mode_ends_only_when_the_table_says_so(width):
    """The last word is that of as many resamples as the table has."""
    world = World([0.0, 60, 200, 500])
    for pairs in active(4, world.results, half_width_elo=width, openings=500, anchor=None):
        world.play(pairs)
    assert (rate(world.results(), 4).half_width <= width).all()


def test_active_mode_ends_when_the_openings_do():
    world = World([0, 100, 1_000])
    for pairs in active(3, world.results, half_width_elo=1, openings=3, anchor=None):
        world.play(pairs)
    assert sorted(set(game[3] for game in world.games)) == [0, 1, 2]
    assert len(world.games) <= 3 * 3 * 2


@pytest.mark.parametrize(("gap", "expected"), [(150, "H1"), (-100, "H0")])
def test_a_test_ends_as_soon_as_it_is_decided(gap, expected):
    world, test = World([gap, 0]), Sprt(0, 60)
    for pairs in sequential(test, world.results, 500):
        world.play(pairs)
    assert verdict(test, world.results()).decision == expected
    assert len(world.games) < 500


def test_a_test_that_runs_out_of_games_is_undecided():
    world, test = World([30, 0]), Sprt(0, 60)
    for pairs in sequential(test, world.results, 3):
        world.play(pairs)
    assert len(world.games) == 6
    assert verdict(test, world.results()).decision is None


@pytest.mark.parametrize(("openings", "pairs"), [(5, 16), (16, 32), (20, 32)])
def test_a_test_ends_when_pairs_come_again(openings, pairs):
    """Players that draw nothing, with few openings: half of these are won for either player."""
    games: list[tuple[int, int, float, int]] = []

    def distinct() -> Results:
        first, second, score, pair = zip(*games[: 2 * openings], strict=True)
        return Results(np.array(first), np.array(second), np.array(score), np.array(pair))

    for round_of_pairs in sequential(Sprt(0, 5), distinct, 500):
        for _, _, opening in round_of_pairs:
            won = float(opening % openings % 2)
            games += [(0, 1, won, opening), (1, 0, 1 - won, opening)]
    assert len(games) == 2 * pairs
    assert verdict(Sprt(0, 5), distinct()).decision is None


def test_a_pair_is_two_games_whoever_moved_first():
    results = Results(
        np.array([0, 1, 0, 1]),
        np.array([1, 0, 1, 0]),
        np.array([1, 0, 0.5, 1]),
        np.array([4, 4, 7, 7]),
    )
    assert verdict(Sprt(0, 50), results) == Sprt(0, 50).judge([2, 0.5])
