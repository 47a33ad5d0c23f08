"""A bounded cache of responses that are slow to compute."""

import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Cache(Generic[T]):
    """The answers used last, by key; any number of threads may use it at once."""

    def __init__(self, max_size: int, size: Callable[[T], int] = lambda answer: 1) -> None:
        """Begins empty.

        Args:
            max_size: bound on the sum of the sizes; the newest answer is kept however large it is.
            size: returns the size of an answer, in any unit; by default each counts 1.
        """
        self._max_size, self._size = max_size, size
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, tuple[Hashable, int, T]] = OrderedDict()
        self._total = 0
        self._making: dict[tuple[Hashable, Hashable], Future[T]] = {}

    def get(self, key: Hashable, make: Callable[[], T], fingerprint: Hashable = None) -> T:
        """Returns the answer for `key`; calls `make` if there is none with this `fingerprint`.

        Concurrent callers of one key share one computation. Take the fingerprint of a file before
        `make` reads it: a change meanwhile then leads to a new computation.

        Raises:
            Exception: whatever `make` raises, to all who wait; it is not cached.
        """
        with self._lock:
            known = self._kept.get(key)
            if known is not None and known[0] == fingerprint:
                self._kept.move_to_end(key)
                return known[2]
            others = self._making.get((key, fingerprint))
            if others is None:
                mine: Future[T] = Future()
                self._making[key, fingerprint] = mine
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
                self._keep(key, fingerprint, answer)
            return answer
        finally:
            with self._lock:
                del self._making[key, fingerprint]

    def _keep(self, key: Hashable, fingerprint: Hashable, answer: T) -> None:
        if key in self._kept:  # of another fingerprint
            self._total -= self._kept.pop(key)[1]
        size = self._size(answer)
        self._kept[key] = fingerprint, size, answer
        self._total += size
        while self._total > self._max_size and len(self._kept) > 1:
            self._total -= self._kept.popitem(last=False)[1][1]


def fingerprint(path: Path) -> tuple[int, ...] | None:
    """Returns a value that changes whenever a file does; that of a folder, with its entries.

    Links are followed. It is None for a missing file and empty for one that cannot be read.
    """
    try:
        facts = path.stat()
    except OSError:
        return () if os.path.lexists(path) else None
    size = 0 if stat.S_ISDIR(facts.st_mode) else facts.st_size
    return facts.st_mtime_ns, size, facts.st_ino, facts.st_mode
