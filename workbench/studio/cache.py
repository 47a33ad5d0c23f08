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

    def __init__(self, max_size: int, size: Callable[[T], int] | None = None) -> None:
        """Begins empty.

        Args:
            max_size: bound on the sum of the sizes; the newest answer is kept however large it is.
            size: returns the size of an answer, which may grow, in any unit; None: each counts 1.
        """
        self._max_size, self._size = max_size, size
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, tuple[Hashable, Future[T]]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T], fingerprint: Hashable = None) -> T:
        """Returns the answer for `key`; calls `make` if there is none with this `fingerprint`.

        Concurrent callers of one key share one computation. Take the fingerprint of a file before
        `make` reads it: a change meanwhile then leads to a new computation.

        Raises:
            Exception: whatever `make` raises, to all who wait; it is not cached.
        """
        mine: Future[T] = Future()
        with self._lock:
            known = self._kept.get(key)
            if known is None or known[0] != fingerprint:
                known = self._kept[key] = fingerprint, mine
            self._kept.move_to_end(key)
        if known[1] is mine:
            try:
                mine.set_result(make())
            except BaseException as error:
                mine.set_exception(error)
        with self._lock:
            if mine.done() and mine.exception() and self._kept.get(key) is known:
                del self._kept[key]
            while len(self._kept) > 1 and self._total() > self._max_size:
                self._kept.popitem(last=False)
        return known[1].result()

    def _total(self) -> int:
        """Returns the size of all answers; those that are being made count nothing yet."""
        if self._size is None:
            return len(self._kept)
        made = [one for _, one in self._kept.values() if one.done() and not one.exception()]
        return sum(self._size(one.result()) for one in made)


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
