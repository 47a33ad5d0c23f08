"""Reads learning curves from `metrics.jsonl` as it grows, and downsamples them for plotting."""

import errno
import json
import math
import os
import threading
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
XName = Literal["env_steps", "wall_seconds"]
X_NAMES: tuple[XName, ...] = ("env_steps", "wall_seconds")
CHUNK_BYTES = 8_388_608
MAX_BYTES = 1 << 30  # of a file; it takes a minute
READER_BYTES = 1 << 18  # of an empty one, by far, so that not too many small ones are kept
MARK_BYTES = 256  # of what was read last, to see whether it is still there
MAX_NAMES = 300  # no training has as many metrics
LARGEST = 1e300  # so that sums stay finite
BAND_CELLS = 150


@dataclass(frozen=True)
class Curve:
    """Points in the order of `x`, all finite."""

    x: Numbers  # [N] float64
    y: Numbers  # [N] float64


class MetricsReader:
    """One `metrics.jsonl` in memory; `update` reads what was added since."""

    def __init__(self, path: Path) -> None:
        """Reads nothing yet."""
        self._path = path
        self._lock = threading.Lock()
        self._start_anew()

    def _start_anew(self) -> None:
        self._offset, self._mark, self._file_id = 0, b"", (0, 0)
        self._x = {name: array("d") for name in X_NAMES}  # by line; NaN where a line has none
        self._y: dict[str, array[float]] = {}
        self._lines: dict[str, array[int]] = {}  # which line each value stands in

    def update(self) -> None:
        """Reads the lines added since; all, if the file was cut or replaced.

        Raises:
            OSError: the file cannot be read.
        """
        with self._lock, self._path.open("rb", buffering=0) as file:
            facts = os.fstat(file.fileno())
            if facts.st_size > MAX_BYTES:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            file_id = facts.st_dev, facts.st_ino
            at = self._offset - len(self._mark)
            there = os.pread(file.fileno(), len(self._mark), at)
            if (file_id, there) != (self._file_id, self._mark):
                self._start_anew()
                self._file_id = file_id
            while chunk := os.pread(file.fileno(), CHUNK_BYTES, self._offset):
                end = chunk.rfind(b"\n") + 1
                if not end:
                    if len(chunk) < CHUNK_BYTES:
                        break  # a line that is only half written
                    end = CHUNK_BYTES  # no line is as long
                for line in chunk[:end].splitlines():
                    self._add(line)
                self._offset += end
                self._mark = (self._mark + chunk[max(0, end - MARK_BYTES) : end])[-MARK_BYTES:]

    def _add(self, line: bytes) -> None:
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(told, dict):
            return
        number = len(self._x["env_steps"])
        numbers = {name: value for name, value in told.items() if _is_number(value)}
        for name, column in self._x.items():
            column.append(numbers.get(name, math.nan))
        for name, value in numbers.items():
            if name not in self._y:
                if len(self._y) == MAX_NAMES:
                    continue
                self._y[name], self._lines[name] = array("d"), array("q")
            self._y[name].append(value)
            self._lines[name].append(number)

    @property
    def nbytes(self) -> int:
        """Approximate size in memory: numbers take as many bytes as their text in the file."""
        return self._offset + READER_BYTES

    @property
    def names(self) -> list[str]:
        """All metrics met so far, but those that a curve is drawn over."""
        with self._lock:
            return sorted(set(self._y) - set(X_NAMES))

    def newest(self) -> dict[str, float]:
        """Returns the last value of each metric."""
        with self._lock:
            return {name: values[-1] for name, values in self._y.items()}

    def curve(self, name: str, x_name: XName) -> Curve:
        """Returns all points of a metric; none of one that is not known."""
        with self._lock:
            if name not in self._y:
                return Curve(np.zeros(0), np.zeros(0))
            y = np.array(self._y[name])
            x = np.array(self._x[x_name])[np.array(self._lines[name])]
        there = np.isfinite(x)
        x, y = x[there], y[there]
        order = np.argsort(x, kind="stable")
        return Curve(x[order], y[order])


def thin(curve: Curve, points: int) -> Curve:
    """Returns at most `points` points that look the same: the extremes of each of equal parts.

    The first and the last point stay, and so do the smallest and the largest value.

    Args:
        curve: any number of points.
        points: at least 4.
    """
    count = len(curve.x)
    if count <= points:
        return curve
    cuts = np.linspace(0, count, (points - 2) // 2 + 1).astype(int)
    kept = {0, count - 1}
    for start, end in pairwise(cuts):
        part = curve.y[start:end]
        kept |= {start + int(part.argmin()), start + int(part.argmax())}
    chosen = np.array(sorted(kept))
    return Curve(curve.x[chosen], curve.y[chosen])


def band(curves: Sequence[Curve]) -> dict[str, Any]:
    """Returns `x`, `mean`, `min`, `max` and `count` (who reach there) over several seeds.

    Each curve is first averaged in equal cells of x, for runs do not tell at the same steps. Where
    a run has not got to, the others alone count.
    """
    curves = [curve for curve in curves if len(curve.x)]
    if not curves:
        return {"x": [], "mean": [], "min": [], "max": [], "count": []}
    low, high = min(curve.x[0] for curve in curves), max(curve.x[-1] for curve in curves)
    cells = min(BAND_CELLS, max(len(curve.x) for curve in curves))
    edges = np.linspace(low, high, cells + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    rows = np.stack([_in_cells(curve, edges, middles) for curve in curves])
    there = np.isfinite(rows)
    some = there.any(0)
    rows, there = rows[:, some], there[:, some]
    return {
        "x": middles[some].tolist(),
        "mean": (np.where(there, rows, 0).sum(0) / there.sum(0)).tolist(),
        "min": np.where(there, rows, np.inf).min(0).tolist(),
        "max": np.where(there, rows, -np.inf).max(0).tolist(),
        "count": there.sum(0).tolist(),
    }


def _in_cells(curve: Curve, edges: Numbers, middles: Numbers) -> Numbers:
    """Returns `[C]` means by cell: between its first and last an empty one is interpolated."""
    cell = np.clip(np.searchsorted(edges, curve.x, side="right") - 1, 0, len(middles) - 1)
    counts = np.bincount(cell, minlength=len(middles))
    sums = np.bincount(cell, curve.y, minlength=len(middles))
    full = np.flatnonzero(counts)
    means = sums[full] / counts[full]
    return np.interp(middles, middles[full], means, left=np.nan, right=np.nan)


def _is_number(value: Any) -> bool:
    """Returns whether a value can be drawn; true is not 1 here, and NaN is nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -LARGEST < value < LARGEST
