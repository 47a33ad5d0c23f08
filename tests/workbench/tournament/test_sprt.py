"""The sequential test: its ratio by hand, its bounds, and how often it errs in how many games."""

import numpy as np
import pytest

from workbench.tournament.sprt import Sprt

SCORES = np.array([0, 0.5, 1, 1.5, 2])
COINS = np.array([0.25, 0, 0.5, 0, 0.25])  # both games are coin flips
DRAWISH = np.array([0.05, 0.25, 0.4, 0.25, 0.05])
OPENING_DECIDES = np.array([0.05, 0, 0.9, 0, 0.05])  # mostly a game for either player


def score(elo: float) -> float:
    return 1 / (1 + 10 ** (-elo / 400))


def at_strength(shares: np.ndarray, elo: float) -> np.ndarray:
    """Returns the shares tilted until the mean of pairs is what `elo` is expected to score."""
    low, high = -10.0, 10.0
    while high - low > 1e-9:
        tilt = (low + high) / 2
        tilted = shares * np.exp(tilt * SCORES)
        tilted /= tilted.sum()
        low, high = (tilt, high) if tilted @ SCORES < 2 * score(elo) else (low, tilt)
    return tilted


def run(test: Sprt, shares: np.ndarray, rng: np.random.Generator) -> tuple[str, int]:
    pairs = rng.choice(SCORES, 2000, p=shares)
    for n in range(1, len(pairs) + 1):
        decision = test.judge(pairs[:n]).decision
        if decision:
            return decision, 2 * n
    raise AssertionError("no decision")


def test_the_ratio_of_a_small_record_by_hand():
    """Scores 1, 0.5 and 0.75 of 1; with 0 and 1 beside them their variance is 0.14."""
    verdict = Sprt(0, 400 * np.log10(3)).judge([2, 1, 1.5])  # expected to score 0.5 and 0.75
    assert verdict.llr == pytest.approx(3 * 0.25 * (2 * 0.75 - 1.25) / (2 * 0.14))
    assert (verdict.lower, verdict.upper) == pytest.approx((-np.log(19), np.log(19)))
    assert verdict.decision is None


def test_no_games_say_nothing():
    verdict = Sprt(0, 70).judge([])
    assert (verdict.llr, verdict.decision) == (0, None)


def test_bounds_are_of_both_errors():
    verdict = Sprt(0, 70, alpha=0.01, beta=0.2).judge([1])
    assert (verdict.lower, verdict.upper) == pytest.approx((np.log(0.2 / 0.99), np.log(80)))


def test_a_bound_that_is_reached_decides():
    """Pairs none of which was lost, and their mirror image."""
    test = Sprt(-35, 35)
    pairs = np.array([1, 1.5, 2, 1, 2, 1.5] * 5)
    for n in range(len(pairs) + 1):
        verdict = test.judge(pairs[:n])
        mirrored = test.judge(2 - pairs[:n])
        assert mirrored.llr == pytest.approx(-verdict.llr)
        assert verdict.decision == ("H1" if verdict.llr >= verdict.upper else None)
        assert mirrored.decision == ("H0" if mirrored.llr <= mirrored.lower else None)
    assert verdict.decision == "H1"
    assert mirrored.decision == "H0"


@pytest.mark.parametrize(("pair", "decision"), [(0, "H0"), (1, "H0"), (2, "H1")])
@pytest.mark.parametrize("elo1", [5, 70, 200])
def test_pairs_that_all_went_alike_decide_neither_at_once_nor_never(pair, decision, elo1):
    test = Sprt(0, elo1)
    assert test.judge([pair] * 2).decision is None
    assert test.judge([pair] * 30).decision in (decision, None)
    assert test.judge([pair] * 300).decision == decision


def test_one_opening_s_games_count_as_one():
    """The same mean says more where both games of an opening cancel out."""
    together = Sprt(0, 70).judge([2, 0, 2, 0, 2, 0, 2, 2])
    cancelling = Sprt(0, 70).judge([1, 1, 1, 1, 1, 1, 2, 2])
    assert 0 < 2 * together.llr < cancelling.llr


@pytest.mark.parametrize("shares", [COINS, DRAWISH, OPENING_DECIDES])
@pytest.mark.parametrize(("elo", "wrong"), [(0, "H1"), (70, "H0")])
def test_it_errs_about_as_often_as_it_may(shares, elo, wrong):
    rng = np.random.default_rng(0)
    test, tilted = Sprt(0, 70), at_strength(shares, elo)
    decisions = [run(test, tilted, rng)[0] for _ in range(120)]
    assert np.mean(np.array(decisions) == wrong) < 0.1


@pytest.mark.parametrize("elo", [0, 70])
def test_about_135_games_tell_70_elo_from_none(elo):
    """Wald's expected number: what the bounds are worth on average, over the drift of one pair."""
    rng = np.random.default_rng(1)
    test, tilted = Sprt(0, 70), at_strength(COINS, elo)
    drift = (score(70) - score(0)) ** 2 / (2 * 0.125)
    expected = 2 * (0.95 - 0.05) * np.log(19) / drift
    assert expected == pytest.approx(135, abs=2)
    games = [run(test, tilted, rng)[1] for _ in range(120)]
    assert np.mean(games) == pytest.approx(expected, rel=0.15)


def test_between_both_hypotheses_either_is_accepted():
    rng = np.random.default_rng(2)
    test, tilted = Sprt(-35, 35), at_strength(COINS, 0)
    decisions = [run(test, tilted, rng)[0] for _ in range(100)]
    assert 0.35 < np.mean(np.array(decisions) == "H1") < 0.65
