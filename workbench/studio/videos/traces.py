"""Reads the traces beside videos, and validates them.

`workbench.recording.episode` writes those of episodes and `workbench.evaluation.board_games` those
of games. Whatever is wrong with one raises the same error.
"""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from envs.board.base import BoardGame, Position
from workbench.errors import UsageError
from workbench.evaluation.episodes import MAX_EVAL_ENVS
from workbench.recording.frame import ScreenBox
from workbench.studio.answers import finite
from workbench.studio.boards.thought import positions_after
from workbench.studio.videos.screen import parse_screen

MAX_BYTES = 64_000_000
LARGEST = 1e100  # so that sums stay finite
Floats = npt.NDArray[np.float64]
# UsageError: a move is not legal.
DAMAGE = (OSError, ValueError, TypeError, LookupError, OverflowError, RecursionError, UsageError)


@dataclass(frozen=True)
class EpisodeTrace:
    """The trace of an episode as arrays; `record_episode` says what entry t tells."""

    seed: int
    env: int  # with the seed, what `VectorEnv.reset` was given
    fps: float
    action_names: tuple[str, ...]
    actions: npt.NDArray[np.int64]  # [T]
    rewards: Floats  # [T + 1]
    discounts: Floats  # [T + 1]
    values: Floats  # [T + 1, V]
    policy: Floats | None  # [T + 1, A]
    memory_norm: Floats | None  # [T + 1]
    screen: ScreenBox | None = None  # where it is in the video; older versions did not tell

    @property
    def end(self) -> int:
        """T, the number of the last frame."""
        return len(self.actions)


@dataclass(frozen=True)
class GameTrace:
    """A recorded game of T moves, all of them legal; results and values are player 0's."""

    title: str
    result: float
    moves: list[int]  # [T]
    positions: list[Position]  # [T + 1]
    values: list[float]  # [T], finite
    visits: list[dict[int, int]]  # [T], of the most visited actions
    reason: str  # what ended it; empty in traces of older versions


def read_trace(path: Path) -> dict[str, Any]:
    """Returns any trace as it stands, but for numbers that JSON lacks, which are None.

    Raises:
        UsageError: it is missing, damaged or too large.
    """
    with _telling_damage(path):
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        trace = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(trace, dict):
            raise ValueError("it is no JSON object")
        return dict(finite(trace))


def read_episode(path: Path) -> EpisodeTrace:
    """Returns the trace of an episode; raises UsageError as `read_trace`, and for a board game."""
    facts = read_trace(path)
    if "result" in facts:
        raise UsageError("this is a board game, which has a page of its own")
    with _telling_damage(path):
        steps = facts["steps"]
        trace = EpisodeTrace(
            seed=int(facts["seed"]),
            env=int(facts.get("env", 0)),  # older ones are all of the first
            fps=float(facts["fps"]),
            action_names=tuple(map(str, facts["action_names"])),
            actions=np.array([step["action"] for step in steps[:-1]], np.int64),
            rewards=_column(steps, "reward"),
            discounts=_column(steps, "discount"),
            values=_column(steps, "values"),
            policy=_column(steps, "policy") if "policy" in steps[0] else None,
            memory_norm=_column(steps, "memory_norm") if "memory_norm" in steps[0] else None,
            screen=parse_screen(facts["screen"]) if "screen" in facts else None,
        )
        _check(trace)
        return trace


def read_game(path: Path, game: BoardGame) -> GameTrace:
    """Returns the trace of a game by the rules of `game`; raises UsageError as `read_trace`."""
    facts = read_trace(path)
    with _telling_damage(path):
        steps = facts["steps"]
        moves = [int(step["action"]) for step in steps]
        return GameTrace(
            title=str(facts["title"]),
            result=_number(facts["result"]),
            moves=moves,
            positions=positions_after(game, moves),
            values=[_number(step["value"]) for step in steps],
            visits=[{int(a): int(n) for a, n in dict(step["visits"]).items()} for step in steps],
            reason=str(facts.get("reason", "")),
        )


@contextmanager
def _telling_damage(path: Path) -> Iterator[None]:
    """Raises UsageError for whatever goes wrong when a trace is not what it should be."""
    try:
        yield
    except FileNotFoundError:
        raise UsageError("this video has no trace beside it") from None
    except DAMAGE as error:
        raise UsageError(f"the trace {path.name} is damaged ({error})") from None


def _number(number: Any) -> float:
    if not math.isfinite(number):
        raise ValueError(f"{number} is no value")
    return float(number)


def _column(steps: Sequence[dict[str, Any]], name: str) -> Floats:
    return np.array([step[name] for step in steps], np.float64)


def _check(trace: EpisodeTrace) -> None:
    """Raises ValueError if numbers are not what they should be."""
    num_actions = len(trace.action_names)
    if not trace.end or not 0 < trace.fps < 1000 or not 0 <= trace.seed < 2**63:
        raise ValueError("no steps, seed or speed")
    if not 0 <= trace.env < MAX_EVAL_ENVS:
        raise ValueError(f"env {trace.env}")
    if trace.actions.ndim != 1 or not ((trace.actions >= 0) & (trace.actions < num_actions)).all():
        raise ValueError("an action that there is not")
    if trace.rewards.ndim != 1 or trace.discounts.ndim != 1 or trace.values.ndim != 2:
        raise ValueError("not one number for each step")
    if trace.values.shape[1] != (num_actions if trace.policy is None else 1):
        raise ValueError("not one value for each action")
    if trace.policy is not None and trace.policy.shape[1:] != (num_actions,):
        raise ValueError("not one probability for each action")
    for numbers in (trace.rewards, trace.discounts, trace.values, trace.policy, trace.memory_norm):
        if numbers is not None and not (np.abs(numbers) < LARGEST).all():
            raise ValueError("a number that is not finite")
