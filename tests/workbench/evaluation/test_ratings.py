"""Ratings beside closed forms, scipy's optimiser, and simulated players of known strength."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from workbench.evaluation import ratings
from workbench.evaluation.ratings import ELO_PER_UNIT, Ratings, Results, information, rate


def results_of(games: list[tuple[int, int, float, int]]) -> Results:
    first, second, score, pair = np.array(games, float).reshape(-1, 4).T
    return Results(first.astype(int), second.astype(int), score, pair.astype(int))


def match(first: int, second: int, scores: list[float], reply: list[float] = ()) -> list[tuple]:
    """Games from as many openings; `reply` are the second's scores when it moves first."""
    there = [(first, second, score, i) for i, score in enumerate(scores)]
    return there + [(second, first, score, i) for i, score in enumerate(reply)]


def simulated(
    strength: np.ndarray,
    openings: int,
    rng: np.random.Generator,
    *,
    advantage: float = 0.2,
    nu: float = 0.5,
) -> Results:
    """Every two players' games from both sides of each opening; strengths in natural units."""
    low, high = np.repeat(np.triu_indices(len(strength), 1), openings, axis=1)
    first, second = np.concatenate([low, high]), np.concatenate([high, low])
    d = strength[first] - strength[second] + advantage
    odds = np.stack([np.exp(d / 2), np.full(len(d), nu), np.exp(-d / 2)])
    drawn = (rng.random(len(d)) > np.cumsum(odds / odds.sum(0), 0)).sum(0)
    return Results(first, second, 1 - drawn / 2, np.tile(np.arange(len(low)), 2))


def minus_log_likelihood(parameters: np.ndarray, results: Results) -> float:
    """Ratings, the advantage and log(nu), one game at a time; the ghost's half games too."""
    *rating, advantage, log_nu = parameters
    total = 0.0
    for first, second, score, _ in zip(*results, strict=True):
        d = rating[first] - rating[second] + advantage
        terms = {1.0: d / 2, 0.5: log_nu, 0.0: -d / 2}
        total += np.logaddexp.reduce(list(terms.values())) - terms[score]
    for x in (*rating, advantage, log_nu - np.log(2)):
        total += 0.5 * (np.logaddexp(0, x) + np.logaddexp(0, -x))
    return total


def widths(rated: Ratings) -> tuple[np.ndarray, np.ndarray]:
    return rated.high - rated.low, rated.hessian_high - rated.hessian_low


def test_two_players_in_closed_form(monkeypatch):
    """Davidson's estimates for two: exp(d) = wins / losses, nu = draws / sqrt(wins * losses)."""
    monkeypatch.setattr(ratings, "GHOST_GAMES", 1e-7)
    mine, other = [1] * 30 + [0.5] * 20 + [0] * 10, [0] * 30 + [0.5] * 20 + [1] * 10
    rated = rate(results_of(match(0, 1, mine, other)), 2, anchor=1, resamples=2)
    nu = 40 / np.sqrt(60 * 20)
    assert rated.elo == pytest.approx([400 * np.log10(3), 0], abs=1e-3)
    assert rated.first_player_advantage == pytest.approx(0, abs=1e-3)
    assert rated.draw_share == pytest.approx(nu / (nu + 2), abs=1e-5)
    deviation = ELO_PER_UNIT * np.sqrt(1 / 60 + 1 / 20)
    assert widths(rated)[1] == pytest.approx([2 * 1.96 * deviation, 0], rel=1e-4)


def test_the_advantage_in_closed_form(monkeypatch):
    """Without draws the log odds of the first are d + a in one seat, and a - d in the other."""
    monkeypatch.setattr(ratings, "GHOST_GAMES", 1e-7)
    games = match(0, 1, [1] * 90 + [0] * 10, [1] * 60 + [0] * 40)
    rated = rate(results_of(games), 2, resamples=2)
    there, back = 400 * np.log10(9), 400 * np.log10(1.5)
    assert rated.first_player_advantage == pytest.approx((there + back) / 2, abs=0.1)
    assert rated.elo[0] - rated.elo[1] == pytest.approx((there - back) / 2, abs=0.1)
    assert rated.draw_share < 1e-4


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spread", [0.5, 3])
def test_the_fit_is_scipy_s(seed, spread):
    rng = np.random.default_rng(seed)
    results = simulated(rng.normal(0, spread, 4), 3, rng)
    results = Results(*(column[: -seed * 4 or None] for column in results))
    found = optimize.minimize(minus_log_likelihood, np.zeros(6), (results,), tol=1e-10).x
    rated = rate(results, 4, resamples=2)
    assert rated.elo == pytest.approx(ELO_PER_UNIT * (found[:4] - found[:4].mean()), abs=0.01)
    assert rated.first_player_advantage == pytest.approx(ELO_PER_UNIT * found[4], abs=0.01)
    nu = np.exp(found[5])
    assert rated.draw_share == pytest.approx(nu / (nu + 2), abs=1e-5)


def test_the_hessian_is_that_of_finite_differences():
    rng = np.random.default_rng(0)
    results = simulated(rng.normal(0, 1, 3), 4, rng)
    found = optimize.minimize(minus_log_likelihood, np.zeros(5), (results,), tol=1e-10).x
    hessian = optimize.approx_fprime(
        found, lambda x: optimize.approx_fprime(x, minus_log_likelihood, 1e-5, results), 1e-4
    )
    covariance = np.linalg.inv(hessian)
    rated = rate(results, 3, anchor=2, resamples=2)
    to_anchor = np.array([[1, 0, -1, 0, 0], [0, 1, -1, 0, 0]])
    half = 1.96 * ELO_PER_UNIT * np.sqrt(np.diag(to_anchor @ covariance @ to_anchor.T))
    assert widths(rated)[1][:2] == pytest.approx(2 * half, rel=2e-3)


def least(samples: int) -> float:
    """What 95 % may look like in as many samples, three deviations down."""
    return 0.95 - 3 * float(np.sqrt(0.95 * 0.05 / samples))


@pytest.mark.parametrize(
    ("players", "openings", "tournaments", "most"),
    [(2, 4, 100, 1), (2, 10, 100, 1), (2, 20, 100, 0.99), (4, 20, 60, 0.99), (8, 1, 60, 0.99)],
)
def test_intervals_hold_what_they_promise(players, openings, tournaments, most):
    """Differences to the anchor, and what moving first is worth, of players of known strength.

    Two players at four pairs of games are covered in 98 to 99 % (by the bootstrap alone in 87 %),
    at ten in 98 % (88 %), at twenty in 95 to 98 % (93 %).
    """
    inside, inside_hessian, of_advantage = [], [], []
    for seed in range(tournaments):
        rng = np.random.default_rng(seed)
        strength = rng.normal(0, 1, players)
        rated = rate(simulated(strength, openings, rng), players, anchor=0, resamples=200)
        true = (ELO_PER_UNIT * (strength - strength[0]))[1:]
        inside += list((rated.low[1:] <= true) & (true <= rated.high[1:]))
        inside_hessian += list((rated.hessian_low[1:] <= true) & (true <= rated.hessian_high[1:]))
        low, high = rated.first_player_advantage_ci95
        of_advantage.append(low <= 0.2 * ELO_PER_UNIT <= high)
    assert 0.91 < np.mean(inside) <= most
    assert 0.9 < np.mean(inside_hessian) <= most
    assert np.mean(of_advantage) > least(tournaments)


@pytest.mark.parametrize("openings", [10, 20])
def test_intervals_hold_where_both_games_of_an_opening_end_alike(openings):
    """So that half as much is known as the Hessian thinks, which covers 83 to 90 % here.

    Equal players: "likely above next" says as seldom that it is 97.5 %, of either.
    """
    inside, sure = [], []
    for seed in range(100):
        wins = [*np.random.default_rng(seed).integers(0, 2, openings)]
        rated = rate(results_of(match(0, 1, wins, [1 - win for win in wins])), 2, resamples=200)
        inside.append(rated.low[0] <= 0 <= rated.high[0])
        sure.append(abs(rated.superiority[0, 1] - 0.5) > 0.475)
    assert np.mean(inside) > least(100)
    assert np.mean(sure) <= 1 - least(100)


def test_many_games_find_strengths_the_advantage_and_draws():
    rng = np.random.default_rng(0)
    strength = np.array([-2, -0.5, 0.5, 2])
    rated = rate(simulated(strength, 3000, rng, advantage=0.4, nu=1), 4)
    assert rated.elo == pytest.approx(ELO_PER_UNIT * strength, abs=10)
    assert rated.first_player_advantage == pytest.approx(0.4 * ELO_PER_UNIT, abs=6)
    low, high = rated.first_player_advantage_ci95
    assert low < 0.4 * ELO_PER_UNIT < high
    assert high - low < 12
    assert rated.draw_share == pytest.approx(1 / 3, abs=0.01)
    assert (rated.half_width < 10).all()


def test_twenty_players_come_in_their_order():
    rng = np.random.default_rng(0)
    strength = np.linspace(-4, 4, 20)
    rated = rate(simulated(strength, 11, rng), 20, resamples=50)
    assert np.corrcoef(rated.elo, strength)[0, 1] > 0.99
    assert rated.elo.mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("games", [1, 10, 300])
def test_perfect_scores_stay_finite(games):
    results = results_of(match(0, 1, [1] * games, [0] * games) + match(1, 2, [1] * games))
    rated = rate(results, 3, anchor=1)
    for bounds in ((rated.low, rated.high), (rated.hessian_low, rated.hessian_high)):
        assert np.isfinite(bounds).all()
        assert (bounds[0][[0, 2]] < rated.elo[[0, 2]]).all()
        assert (bounds[1][[0, 2]] > rated.elo[[0, 2]]).all()
    assert rated.elo[0] > 0 > rated.elo[2]
    assert rated.half_width[0] > 300  # nothing was seen of how much stronger it is
    assert np.isfinite(rated.superiority).all()


def test_more_wins_make_a_perfect_score_worth_more():
    elo = [
        rate(results_of(match(0, 1, [1] * games, [0] * games)), 2, resamples=2).elo[0]
        for games in (1, 10, 100, 1000)
    ]
    assert elo == sorted(elo)


@pytest.mark.parametrize("score", [0, 0.5, 1])
def test_games_that_all_end_alike_stay_finite(score):
    results = results_of(match(0, 1, [score] * 200, [score] * 200))
    rated = rate(results, 2)
    assert rated.elo == pytest.approx([0, 0], abs=1e-6)
    assert np.isfinite(rated.low).all()
    assert np.isfinite(rated.first_player_advantage_ci95).all()
    assert np.sign(rated.first_player_advantage) == pytest.approx(np.sign(score - 0.5), abs=1e-6)
    assert rated.draw_share > 0.99 if score == 0.5 else rated.draw_share < 0.1


def test_groups_that_never_met_stay_finite_and_far_from_certain():
    even = [1, 0] * 50
    results = results_of(match(0, 1, even, even) + match(2, 3, even, even))
    rated = rate(results, 4, anchor=0)
    boot, hessian = widths(rated)
    assert max(boot[1], hessian[1]) < 200 < 1000 < min(*boot[2:], *hessian[2:])
    assert rated.superiority == pytest.approx(np.full((4, 4), 0.5), abs=0.05)


def test_players_without_games_are_rated_like_the_ghost():
    rated = rate(results_of(match(0, 1, [1, 0] * 100, [0, 1] * 100)), 3)
    assert rated.elo == pytest.approx([0, 0, 0], abs=1e-6)
    boot, hessian = widths(rated)
    assert 600 < boot[2] < 1500
    assert 600 < hessian[2] < 1500
    nobody = rate(results_of([]), 2, anchor=0, anchor_elo=100)
    assert nobody.elo.tolist() == [100, 100]
    assert nobody.hessian_high[1] == pytest.approx(100 + 1.96 * np.sqrt(8) * ELO_PER_UNIT, rel=1e-4)
    assert 800 < nobody.half_width[1] < 1200


def test_the_anchor_is_known():
    rng = np.random.default_rng(0)
    results = simulated(rng.normal(0, 1, 4), 10, rng)
    mean, anchored = rate(results, 4), rate(results, 4, anchor=2, anchor_elo=1500)
    assert mean.elo.mean() == pytest.approx(0, abs=1e-9)
    assert anchored.elo == pytest.approx(mean.elo - mean.elo[2] + 1500)
    for bound in (anchored.elo, *anchored[1:5]):
        assert bound[2] == 1500
    assert (anchored.low[[0, 1, 3]] < anchored.high[[0, 1, 3]]).all()
    assert np.array_equal(mean.superiority, anchored.superiority)
    assert mean.first_player_advantage_ci95 == anchored.first_player_advantage_ci95


def test_an_interval_is_of_the_difference_to_the_anchor():
    """Two that met each other often and the rest seldom: between them little is unknown."""
    rng = np.random.default_rng(0)
    often = match(0, 1, [*rng.integers(0, 2, 400)], [*rng.integers(0, 2, 400)])
    results = results_of(often + match(0, 2, [1, 0], [0, 1]))
    near, far = rate(results, 3, anchor=1), rate(results, 3, anchor=2)
    for near_width, far_width in zip(widths(near), widths(far), strict=True):
        assert near_width[0] < 120
        assert far_width[0] > 400


def test_the_bootstrap_is_the_same_each_time():
    rng = np.random.default_rng(0)
    results = simulated(rng.normal(0, 1, 3), 5, rng)
    one, same = (rate(results, 3, resamples=50) for _ in range(2))
    assert np.array_equal(one.low, same.low)
    assert not np.array_equal(one.low, rate(results, 3, resamples=51).low)


def test_games_of_one_opening_that_one_player_wins_count_as_one():
    """Independent games would make intervals sqrt(2) narrower."""
    wins = [*np.random.default_rng(0).integers(0, 2, 300)]
    results = results_of(match(0, 1, wins, [1 - win for win in wins]))
    boot, hessian = widths(rate(results, 2, anchor=0))
    assert boot[1] == pytest.approx(np.sqrt(2) * hessian[1], rel=0.12)


def test_openings_that_are_won_for_either_seat_say_nothing_for_either_player():
    """Every pair is a tie: drawing pairs shows that, counting games does not."""
    wins = [*np.random.default_rng(0).integers(0, 2, 300)]
    results = results_of(match(0, 1, wins, wins))
    boot, hessian = widths(rate(results, 2, anchor=0))
    assert boot[1] < hessian[1] / 5


def test_openings_are_told_apart_only_within_a_pairing():
    rng = np.random.default_rng(0)
    results = simulated(rng.normal(0, 1, 3), 20, rng)
    same = rate(results._replace(pair=results.pair % 20), 3)
    assert same.low.tolist() == rate(results, 3).low.tolist()


def test_superiority_is_the_share_of_the_interval_s_resamples():
    """Of the difference to the anchor; nearly a normal tail as wide as the interval is."""
    rng = np.random.default_rng(0)
    results = simulated(np.array([0.0, 0.2, 1]), 10, rng)
    rated = rate(results, 3, anchor=1, resamples=4000)
    assert rated.superiority + rated.superiority.T == pytest.approx(np.ones((3, 3)))
    assert np.diag(rated.superiority).tolist() == [0.5] * 3
    deviation = (rated.high[0] - rated.low[0]) / (2 * 1.96)
    superior = NormalDist(rated.elo[0], deviation).cdf(0)
    assert 0.05 < superior < 0.95
    assert rated.superiority[1, 0] == pytest.approx(superior, abs=0.03)


def test_superiority_knows_that_games_of_one_opening_go_together():
    """Of 300 openings one player wins some more, all of them twice: that is less than 600 games."""
    wins = [1] * 160 + [0] * 140
    together = rate(results_of(match(0, 1, wins, [1 - win for win in wins])), 2, anchor=0)
    games = NormalDist(together.elo[1], (together.hessian_high[1] - together.elo[1]) / 1.96).cdf(0)
    assert games == pytest.approx(0.949, abs=0.005)
    assert together.superiority[0, 1] == pytest.approx(0.876, abs=0.03)


def test_superiority_agrees_with_the_interval():
    """Whoever is above the anchor in 97.5% of the resamples has an interval above it."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rated = rate(simulated(rng.normal(0, 0.7, 4), 6, rng), 4, anchor=0, resamples=200)
        above = rated.superiority[1:, 0]
        assert (rated.low[1:][above > 0.98] > 0).all()
        assert (rated.low[1:][above < 0.97] < 0).all()


def test_information_prefers_the_uncertain_and_the_close():
    even, often = [1, 0], [1, 0] * 50
    close_often = match(0, 1, often, often)
    close_seldom = match(0, 2, even, even)
    far = match(0, 3, [1] * 6, [0] * 6)
    told = information(results_of(close_often + close_seldom + far), 4)
    assert told.shape == (4, 4)
    assert np.diag(told).tolist() == [0] * 4
    assert told == pytest.approx(told.T)
    assert told[0, 2] > 3 * told[0, 1]
    assert told[0, 2] > told[0, 3]
    assert (told[~np.eye(4, dtype=bool)] > 0).all()


def test_information_is_the_share_of_the_variance_that_a_game_takes_away():
    """As many wins, draws and losses more as equals have where nu is 1."""
    rng = np.random.default_rng(0)
    results = simulated(np.zeros(4), 12, rng, advantage=0, nu=1)
    told = information(results, 4)[1, 3]
    more = results_of(match(1, 3, [1, 0.5, 0], [1, 0.5, 0]))
    both = Results(*(np.concatenate(column) for column in zip(results, more, strict=True)))
    before, after = (widths(rate(r, 4, anchor=3, resamples=2))[1][1] for r in (results, both))
    assert (before / after) ** 2 - 1 == pytest.approx(6 * told, rel=0.1)


@st.composite
def tournaments(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, float, int]]]:
    players = draw(st.integers(2, 5))
    seats = st.permutations(range(players)).map(lambda order: order[:2])
    game = st.tuples(seats, st.sampled_from([0, 0.5, 1]), st.integers(0, 3))
    games = draw(st.lists(game, max_size=40))
    return players, [(*seat, score, pair) for seat, score, pair in games]


@settings(max_examples=40)
@given(tournaments(), st.data())
def test_names_and_order_do_not_matter(tournament, data):
    players, games = tournament
    rated = rate(results_of(games), players, resamples=20)
    assert all(np.isfinite(field).all() for field in rated)
    assert (rated.low <= rated.high).all()

    shuffled = rate(results_of(data.draw(st.permutations(games))), players, resamples=20)
    for ours, theirs in zip(rated, shuffled, strict=True):
        assert np.array_equal(ours, theirs)

    order = np.array(data.draw(st.permutations(range(players))))
    renamed = [(order[first], order[second], score, pair) for first, second, score, pair in games]
    theirs = rate(results_of(renamed), players, resamples=20)
    assert theirs.elo[order] == pytest.approx(rated.elo, abs=1e-6)
    assert theirs.hessian_low[order] == pytest.approx(rated.hessian_low, abs=1e-6)
    assert theirs.draw_share == pytest.approx(rated.draw_share, abs=1e-6)
    told, renamed_told = (information(results_of(g), players) for g in (games, renamed))
    assert renamed_told[np.ix_(order, order)] == pytest.approx(told, abs=1e-6)
