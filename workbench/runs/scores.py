"""The single score of a run, and what it is the mean of.

An evaluation of the latest checkpoint counts most (`evaluations.jsonl`, a line each, written by
`ludus eval`). Without one it is the mean over the last training episodes, which were played by
networks that still learned, with exploration; of board games, what was measured while training.
"""

import fcntl
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from workbench.evaluation.intervals import counted
from workbench.runs import checkpoint

WINDOW_EPISODES = 100
# Of an evaluation, or of games, that takes the place of what was measured in training: from here on
# intervals hold what they promise.
FEWEST_EVALUATED = 10
BLOCK_BYTES = 16_384
MAX_TAIL_BYTES = 4_194_304
MAX_EVALUATIONS_BYTES = 4_194_304
EVALUATIONS = "evaluations.jsonl"
# Of board games, weakest first.
OPPONENTS = ("random", "greedy", "minimax", "mcts", "solver")


class Window(NamedTuple):
    """The last training episodes."""

    mean: float  # raw game score
    episodes: int


class Score(NamedTuple):
    """How good a run is.

    Attributes:
        value: the number.
        ci95: its interval; None: there is none to be told.
        kind: what the number is of, in words.
        unit: numbers of the same unit may be compared, others not.
        is_share: whether it is a share of the points.
    """

    value: float
    ci95: tuple[float, float] | None
    kind: str
    unit: str
    is_share: bool = False


def window_of(newest_first: Iterable[Mapping[str, Any]]) -> Window | None:
    """Returns the mean over the newest lines of metrics that have 100 episodes between them.

    Lines tell the mean of the episodes that ended since the line before and how many these were, so
    there may be more than 100; fewer where there were no more.
    """
    total, episodes = 0.0, 0
    for line in newest_first:
        mean, count = line.get("episode_return"), line.get("episodes", 1)
        if not _is_number(mean) or not _is_number(count) or count < 1:
            continue
        total, episodes = total + mean * count, episodes + int(count)
        if episodes >= WINDOW_EPISODES:
            break
    return Window(total / episodes, episodes) if episodes else None


def recent_return(metrics_path: Path) -> Window | None:
    """Returns the window of the newest lines of `metrics.jsonl`; None: no episode has ended."""
    try:
        file = metrics_path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        size = os.fstat(file.fileno()).st_size
        tail = BLOCK_BYTES
        while True:
            start = max(0, size - tail)
            lines = os.pread(file.fileno(), size - start, start).split(b"\n")
            # The first may be cut where reading began, the last where writing goes on.
            whole = lines[:-1] if start == 0 else lines[1:-1]
            window = window_of(map(_object, reversed(whole)))
            done = window is not None and window.episodes >= WINDOW_EPISODES
            if done or start == 0 or tail >= MAX_TAIL_BYTES:
                return window
            tail *= 4


def keep_evaluation(run: Path, report: Mapping[str, Any]) -> None:
    """Appends what `ludus eval` found to the run; raises OSError where it cannot be written."""
    left_out = ("player", "lengths")
    line = json.dumps({key: part for key, part in report.items() if key not in left_out})
    with (run / EVALUATIONS).open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file.fileno()).st_size
        cut = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"  # by a kill
        file.write(b"\n" * cut + line.encode() + b"\n")


def evaluations_of(run: Path) -> list[dict[str, Any]]:
    """Returns the evaluations that were kept, oldest first, without lines that make no sense.

    Of very many, these are the newest.
    """
    try:
        with (run / EVALUATIONS).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - MAX_EVALUATIONS_BYTES))  # the first line may then be cut
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    return [found for found in map(_object, lines) if _is_evaluation(found)]


def run_score(
    run: Path, world: str | None, game: str | None, protocol: str | None, measured: Score | None
) -> Score | None:
    """Returns how good a run is, or None as long as nothing tells; raises OSError.

    Args:
        run: its directory.
        world: `board`, `atari`, ...
        game: what is played in it.
        protocol: under which it was trained; evaluations under others are left aside.
        measured: what its metrics tell of a board game.
    """
    latest = checkpoint.latest_step(run / "checkpoints")
    found = [
        one
        for one in evaluations_of(run)
        if one["env_steps"] == latest and one["episodes"] >= FEWEST_EVALUATED
    ]
    if world == "board":
        best = max(found, key=_how_telling, default=None)
        return measured if best is None else _of_games(best)
    found = [one for one in found if one.get("protocol") == protocol]
    unit = " ".join(filter(None, (game, protocol)))
    if found:
        one = max(reversed(found), key=lambda one: one["episodes"])
        kind = f"evaluated, mean of {counted(one['episodes'], 'episode')}"
        return Score(one["mean_return"], _bounds(one["ci95"]), kind, f"{unit} evaluated")
    window = recent_return(run / "metrics.jsonl")
    if window is None:
        return None
    kind = f"training, mean of the last {counted(window.episodes, 'episode')}"
    return Score(window.mean, None, kind, f"{unit} in training")


def measured_in_training(run: Path, game: str | None, name: str, value: float) -> Score | None:
    """Returns what a metric of a board game says, or None if it says nothing of strength."""
    if name == "elo":  # of players that only this run has met
        return Score(value, None, "Elo among its own checkpoints and anchors", f"{game} Elo {run}")
    if not name.startswith("score_"):
        return None
    against = name.removeprefix("score_").replace("_", ":")
    kind = f"of the points against {against}, in training"
    return Score(value, None, kind, f"{game} against {against} in training", is_share=True)


def _of_games(one: Mapping[str, Any]) -> Score:
    kind = f"of the points against {one['against']}, {counted(one['episodes'], 'game')}"
    unit = f"{one.get('game')} against {one['against']}"
    return Score(one["score"], _bounds(one.get("score_ci95")), kind, unit, is_share=True)


def _how_telling(one: Mapping[str, Any]) -> tuple[int, int, int]:
    name, _, number = str(one.get("against")).partition(":")
    rank = OPPONENTS.index(name) if name in OPPONENTS else -1
    return rank, int(number) if number.isascii() and number.isdigit() else 0, one["episodes"]


def _is_evaluation(found: Mapping[str, Any]) -> bool:
    numbers = (found.get("mean_return"), found.get("env_steps"), found.get("episodes"))
    is_game = "against" not in found or _is_number(found.get("score"))
    return all(map(_is_number, numbers)) and isinstance(found["episodes"], int) and is_game


def _bounds(value: Any) -> tuple[float, float] | None:
    if isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)):
        return value[0], value[1]
    return None


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
