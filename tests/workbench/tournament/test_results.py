"""Scores of records, counted by hand."""

from workbench.evaluation.match import Game
from workbench.tournament.records import Key, Record
from workbench.tournament.results import results_of, without_repeats


def record(seat_0: str, seat_1: str, opening: int, score: float, moves: list[int]) -> Record:
    return Record(Key(seat_0, seat_1, opening), Game(moves, score, "", []), 0, 1)


RECORDS = [
    record("a", "b", 0, 1.0, [4, 0]),
    record("b", "a", 0, 0.5, [4, 1]),
    record("a", "b", 7, 1.0, [4, 0]),
    record("b", "a", 7, 0.5, [4, 1]),
    record("a", "c", 0, 0.0, [4, 0]),
]


def test_a_score_is_that_of_who_moved_first():
    by_seat_0 = results_of(RECORDS, ["c", "b", "a"], first_seat=0)
    assert by_seat_0.first.tolist() == [2, 1, 2, 1, 2]
    assert by_seat_0.second.tolist() == [1, 2, 1, 2, 0]
    assert by_seat_0.score.tolist() == [1.0, 0.5, 1.0, 0.5, 0.0]
    assert by_seat_0.pair.tolist() == [0, 0, 7, 7, 0]
    by_seat_1 = results_of(RECORDS, ["c", "b", "a"], first_seat=1)
    assert by_seat_1.first.tolist() == by_seat_0.second.tolist()
    assert by_seat_1.score.tolist() == [0.0, 0.5, 0.0, 0.5, 1.0]
    assert results_of([], ["a"], first_seat=0).score.shape == (0,)


def test_a_pair_counts_again_only_if_one_of_its_games_differs():
    assert without_repeats(RECORDS) == [RECORDS[0], RECORDS[1], RECORDS[4]]
    other = [*RECORDS[:3], record("b", "a", 7, 0.5, [4, 2]), RECORDS[4]]
    assert without_repeats(other) == other
