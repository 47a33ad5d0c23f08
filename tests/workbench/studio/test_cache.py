"""Answers that are kept: made once, bounded, and made again when a file has changed."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.studio.cache import Cache, fingerprint


class Maker:
    """Makes answers and notes which."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, answer: str) -> Callable[[], str]:
        return lambda: (self.made.append(answer), answer)[1]


def test_an_answer_is_made_once():
    kept, make = Cache[str](2), Maker()
    assert [kept.get("a", make("A")) for _ in range(3)] == ["A"] * 3
    assert make.made == ["A"]


def test_nothing_is_an_answer_too():
    kept, asked = Cache[None](2), []
    for _ in range(2):
        assert kept.get("a", lambda: asked.append("a")) is None
    assert asked == ["a"]


def test_what_was_asked_for_longest_ago_is_forgotten():
    kept, make = Cache[str](2), Maker()
    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, make(key))
    assert make.made == ["a", "b", "c", "b"]


def test_another_stamp_takes_the_place_of_the_one_before():
    kept, make = Cache[str](2), Maker()
    kept.get("other", make("other"))
    assert kept.get("a", make("old"), 1) == "old"
    assert kept.get("a", make("new"), 2) == "new"
    assert kept.get("other", make("again")) == "other"
    assert kept.get("a", make("old again"), 1) == "old again"


def test_sizes_count_and_the_newest_stays_however_large():
    kept, make = Cache[str](10, len), Maker()
    for answer in ("four", "six...", "x" * 99):
        assert kept.get(answer[0], make(answer)) == answer
        assert kept.get(answer[0], make("not again")) == answer
    assert kept.get("f", make("four")) == "four"
    assert kept.get("s", make("six...")) == "six..."
    assert kept.get("f", make("not again")) == "four"  # both fit
    assert make.made == ["four", "six...", "x" * 99, "four", "six..."]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 9)), max_size=60))
def test_never_more_is_kept_than_fits(asked):
    alive: dict[int, int] = {}  # sizes by key, the one asked for longest ago first
    kept, fingerprints = Cache[int](12, int), {}
    for key, mark, size in asked:
        known = key in alive and fingerprints[key] == mark
        answer = kept.get(key, lambda size=size: size, mark)
        assert answer == (alive[key] if known else size)
        alive.pop(key, None)
        alive[key], fingerprints[key] = answer, mark
        while sum(alive.values()) > 12 and len(alive) > 1:
            del alive[next(iter(alive))]


def test_who_asks_at_once_waits_for_one_and_the_same():
    kept, made, begun, go = Cache[object](4), [], threading.Event(), threading.Event()

    def make() -> object:
        begun.set()
        assert go.wait(120)
        made.append(object())
        return made[-1]

    with ThreadPoolExecutor(8) as askers:
        asked = [askers.submit(kept.get, "a", make) for _ in range(8)]
        assert begun.wait(120)
        assert kept.get("b", lambda: "at once") == "at once"  # others do not wait
        go.set()
        answers = {future.result() for future in asked}
    assert len(made) == 1
    assert answers == set(made)


def test_who_asks_for_what_is_newer_does_not_wait_for_what_is_older():
    kept, begun, go = Cache[str](4), threading.Event(), threading.Event()

    def make() -> str:
        begun.set()
        assert go.wait(120)
        return "old"

    with ThreadPoolExecutor(1) as askers:
        old = askers.submit(kept.get, "a", make)
        assert begun.wait(120)
        assert kept.get("a", lambda: "new", 1) == "new"
        go.set()
        assert old.result() == "old"
    assert kept.get("a", lambda: "not again", 1) == "new"


def test_what_has_grown_since_counts_as_large_as_it_is():
    kept, grown = Cache[list](4, len), [0]
    assert kept.get("a", lambda: grown) is grown
    assert kept.get("b", lambda: [1, 2]) == [1, 2]
    grown += [0, 0]
    assert kept.get("b", lambda: "not again") == [1, 2]
    assert kept.get("a", lambda: ["again"]) == ["again"]


def test_a_failure_is_told_to_all_who_wait_and_not_kept():
    kept, begun, go = Cache[str](4), threading.Event(), threading.Event()

    def fail() -> str:
        begun.set()
        assert go.wait(120)
        raise ValueError("damaged")

    with ThreadPoolExecutor(4) as askers:
        first = askers.submit(kept.get, "a", fail)
        assert begun.wait(120)
        others = [askers.submit(kept.get, "a", fail) for _ in range(3)]
        go.set()
        for future in (first, *others):
            with pytest.raises(ValueError, match="damaged"):
                future.result()
    assert kept.get("a", lambda: "mended") == "mended"


def test_a_stamp_changes_with_the_file_and_tells_what_is_missing(tmp_path):
    path = tmp_path / "file"
    assert fingerprint(path) is None
    path.write_text("one")
    os.utime(path, ns=(0, 0))
    first = fingerprint(path)
    assert fingerprint(path) == first
    path.write_text("three")
    os.utime(path, ns=(0, 0))
    second = fingerprint(path)
    os.utime(path, ns=(0, 1))
    third = fingerprint(path)
    other = tmp_path / "other"
    other.write_text("other")
    os.utime(other, ns=(0, 1))
    other.replace(path)
    assert len({None, first, second, third, fingerprint(path)}) == 5
    path.unlink()
    path.symlink_to(path)
    assert fingerprint(path) == ()


def test_the_stamp_of_a_folder_changes_with_its_entries(tmp_path):
    os.utime(tmp_path, ns=(0, 0))
    before = fingerprint(tmp_path)
    (tmp_path / "file").touch()
    assert fingerprint(tmp_path) != before
