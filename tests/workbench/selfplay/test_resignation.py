"""Resignation: who gives up, and how often that is wrong."""

import numpy as np
import pytest

from agents.config import ResignationConfig
from workbench.selfplay.resignation import MOST, Resignation

FIRST, SECOND = np.array([0], np.int8), np.array([1], np.int8)


def make(played_out_share: float = 1.0, games: int = 1) -> Resignation:
    config = ResignationConfig(played_out_share=played_out_share)
    return Resignation(config, games, np.random.default_rng(0))


def played(resignation: Resignation, values: list[float], result: float) -> None:
    """One game in which the first player's expectations were `values`, asked at its turns."""
    for value in values:
        resignation.gives_up(np.array([value], np.float32), FIRST)
    resignation.end(0, result)
    resignation.begin(0)


def test_nobody_gives_up_before_there_is_evidence():
    resignation = make()
    for _ in range(10):
        played(resignation, [-0.9], -1)
    assert resignation.threshold == -np.inf


def test_the_threshold_parts_those_who_lost_from_those_who_did_not():
    resignation = make()
    for i in range(60):
        played(resignation, [0.1, -0.65 - 0.004 * i], -1)
        played(resignation, [0.2, -0.55 - 0.001 * i], 1)
    # By hand: up to -0.65 are 60, all of which lost. The next, -0.609, -0.608 and so on, did not:
    # of them (1 + 2) / 62 is within 5%, (1 + 3) / 63 is not.
    assert resignation.threshold == pytest.approx(-0.608, abs=1e-6)


def test_nobody_gives_up_with_good_chances():
    """Where all that is known lost, or expected to win all along."""
    resignation = make()
    for _ in range(40):
        played(resignation, [-0.9], -1)
    assert resignation.threshold == MOST


def test_a_side_that_gives_up_is_the_one_to_move():
    resignation = make()
    for _ in range(40):
        played(resignation, [-0.8], -1)
    resignation._played_out[:] = False
    low, high = np.array([-0.9], np.float32), np.array([0.9], np.float32)
    assert resignation.gives_up(low, FIRST)[0]
    assert not resignation.gives_up(low, SECOND)[0]
    assert resignation.gives_up(high, SECOND)[0]
    assert not resignation.gives_up(high, FIRST)[0]


def test_a_game_that_is_played_out_has_nobody_giving_up():
    resignation = make(played_out_share=0.2, games=2_000)
    resignation.threshold = -0.5
    given = resignation.gives_up(np.full(2_000, -0.9, np.float32), np.zeros(2_000, np.int8))
    assert 0.75 < given.mean() < 0.85


def test_fewer_than_promised_are_wrong_in_games_it_has_not_seen():
    """Expectations that are honest: who expects v wins with probability (1 + v) / 2."""
    rng, resignation = np.random.default_rng(1), make()
    for _ in range(500):
        value = rng.uniform(-1, 1)
        played(resignation, [value], 1 if rng.random() < (1 + value) / 2 else -1)
    lost = rng.random(20_000) > (1 + rng.uniform(-1, resignation.threshold, 20_000)) / 2
    assert -1 < resignation.threshold < -0.7
    assert 1 - lost.mean() < 0.07


def test_it_goes_on_alike_when_brought_back():
    one, other = make(0.5, 3), make(0.5, 3)
    rng = np.random.default_rng(2)
    for _ in range(200):
        values = rng.uniform(-1, 1, 3).astype(np.float32)
        one.gives_up(values, rng.integers(2, size=3).astype(np.int8))
        one.end(0, -1.0 if values[0] < -0.5 else 1.0)
        one.begin(0)
    other.load_state_dict(one.state_dict())
    assert other.threshold == one.threshold
    assert np.isfinite(one.threshold)
    values = np.full(3, -0.999, np.float32)
    to_play = np.array([0, 1, 0], np.int8)
    assert np.array_equal(other.gives_up(values, to_play), one.gives_up(values, to_play))
    other.end(1, 1.0)
    one.end(1, 1.0)
    assert other.threshold == one.threshold
