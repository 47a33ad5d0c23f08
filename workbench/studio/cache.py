"""Answers that take a while to make, kept for who asks next."""

import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The answers asked for last, by key; any number of threads may ask."""

    def __init__(self, most: int, size: Callable[[T], int] = lambda answer: 1) -> None:
        """Has none.

        Args:
            most: the sum of their sizes; the newest one is kept however large it is.
            size: of an answer, in any unit; as it is, they are counted.
        """
        self._most, self._size = most, size
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, tuple[Hashable, int, T]] = OrderedDict()
        self._total = 0
        self._making: dict[tuple[Hashable, Hashable], Future[T]] = {}

    def get(self, key: Hashable, make: Callable[[], T], stamp: Hashable = None) -> T:
        """Returns the answer for `key`; `make` is called if there is none of this `stamp`.

        Who asks while it is being made waits for it, and others do not. Take stamps before `make`
        reads anything, so that what changes meanwhile is made again.

        Raises:
            Exception: what `make` raises, to all who wait; nothing is kept of that.
        """
        with self._lock:
            known = self._kept.get(key)
            if known is not None and known[0] == stamp:
                self._kept.move_to_end(key)
                return known[2]
            others = self._making.get((key, stamp))
            if others is None:
                mine: Future[T] = Future()
                self._making[key, stamp] = mine
        if others is not None:
            return others.result()
        try:
            answer = make()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(answer)
            with self._lock:
                self._keep(key, stamp, answer)
            return answer
        finally:
            with self._lock:
                del self._making[key, stamp]

    def _keep(self, key: Hashable, stamp: Hashable, answer: T) -> None:
        if key in self._kept:  # of another stamp
            self._total -= self._kept.pop(key)[1]
        size = self._size(answer)
        self._kept[key] = stamp, size, answer
        self._total += size
        while self._total > self._most and len(self._kept) > 1:
            self._total -= self._kept.popitem(last=False)[1][1]


def stamp(path: Path) -> tuple[int, ...] | None:
    """Returns what changes with a file, its links followed; a folder's changes with its entries.

    It is None of a missing file, and empty where that cannot be told.
    """
    try:
        facts = path.stat()
    except OSError:
        return () if os.path.lexists(path) else None
    size = 0 if stat.S_ISDIR(facts.st_mode) else facts.st_size
    return facts.st_mtime_ns, size, facts.st_ino, facts.st_mode
