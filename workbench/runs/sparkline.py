"""A run at a glance: its latest score and a sparkline.

Of a large `metrics.jsonl` only samples are read, by seeking, so that hundreds of runs take no time.
"""

import math
import os
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

POINTS = 32
TOP = 100  # of a sparkline; its lowest point is 0
WHOLE_BYTES = 262_144  # up to here a file is read whole
SPARSE_BYTES = 4_194_304  # and up to here where samples hold too little
WINDOW_BYTES, TAIL_BYTES = 1_024, 8_192
SCORES = re.compile(rb'"(elo|episode_return|score_mcts_\d{1,9}|keeps_value|score_random)": ?-?\d')


@dataclass(frozen=True)
class Spark:
    """`points` from 0 to `TOP`; the other fields are None where there is nothing yet."""

    name: str | None = None
    newest: float | None = None
    points: tuple[int, ...] = ()
    env_steps: int | None = None
    wall_seconds: float | None = None


def read_spark(path: Path) -> Spark:
    """Returns what `metrics.jsonl` tells at a glance; raises OSError if it cannot be read."""
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        pieces = _pieces(file.fileno(), size)
        spark = _spark(pieces)
        if len(pieces) > 1 and len(spark.points) < POINTS // 4 and size <= SPARSE_BYTES:
            spark = _spark([os.pread(file.fileno(), size, 0)])
    return spark


def _pieces(descriptor: int, size: int) -> list[bytes]:
    if size <= WHOLE_BYTES:
        return [os.pread(descriptor, size, 0)]
    span = size - TAIL_BYTES - WINDOW_BYTES
    windows = [
        os.pread(descriptor, WINDOW_BYTES, span * i // (POINTS - 2)) for i in range(POINTS - 1)
    ]
    return [*windows, os.pread(descriptor, TAIL_BYTES, size - TAIL_BYTES)]


def _spark(pieces: list[bytes]) -> Spark:
    # A number at the very end may be cut: only what a newline follows counts.
    pieces = [piece[: piece.rfind(b"\n") + 1] for piece in pieces]
    told = set(SCORES.findall(pieces[-1])) or set(SCORES.findall(b"".join(pieces)))
    name = max(told, key=_rank, default=None)
    found = [_numbers(piece, name) for piece in pieces] if name is not None else []
    newest = [numbers[-1] for numbers in found if numbers][-1:]
    parts = _parts(found[0]) if len(found) == 1 else [numbers for numbers in found if numbers]
    values = [sum(part) / len(part) for part in parts]
    tail = pieces[-1][-TAIL_BYTES:]
    steps, seconds = _numbers(tail, b"env_steps"), _numbers(tail, b"wall_seconds")
    return Spark(
        name=name.decode() if name is not None and newest else None,
        newest=newest[0] if newest else None,
        points=_scaled(values),
        env_steps=int(steps[-1]) if steps else None,
        wall_seconds=seconds[-1] if seconds else None,
    )


def _rank(name: bytes) -> tuple[int, int]:
    """Returns how much a metric says of how well it plays."""
    if name.startswith(b"score_mcts_"):
        return 2, int(name.rsplit(b"_", 1)[1])
    return {b"elo": 4, b"episode_return": 3, b"keeps_value": 1}.get(name, 0), 0


def _numbers(piece: bytes, name: bytes) -> list[float]:
    """Returns all finite values of a metric, in order."""
    numbers = []
    for rest in piece.split(b'"%s":' % name)[1:]:
        try:
            number = float(rest[:40].partition(b"}")[0].partition(b",")[0])
        except ValueError:
            continue
        if math.isfinite(number):
            numbers.append(number)
    return numbers


def _parts(values: list[float]) -> list[list[float]]:
    """Returns `values` in at most `POINTS` parts of about equal length."""
    count = min(POINTS, len(values))
    cuts = [len(values) * i // count for i in range(count + 1)] if count else [0]
    return [values[start:end] for start, end in pairwise(cuts)]


def _scaled(values: list[float]) -> tuple[int, ...]:
    if not values:
        return ()
    low, high = min(values), max(values)
    if not high > low or not math.isfinite(high - low):
        return (TOP // 2,) * len(values)
    return tuple(round((value - low) / (high - low) * TOP) for value in values)
