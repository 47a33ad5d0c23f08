"""The trace of a recorded episode, as `recording.py` writes it, read with suspicion."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import UsageError

MAX_BYTES = 64_000_000
LARGEST = 1e100  # so that sums stay finite
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """What `recording.py` wrote beside a video, as arrays; see there for what entry t tells."""

    seed: int
    fps: float
    action_names: tuple[str, ...]
    actions: npt.NDArray[np.int64]  # [T]
    rewards: Floats  # [T + 1]
    discounts: Floats  # [T + 1]
    values: Floats  # [T + 1, V]
    policy: Floats | None  # [T + 1, A]
    memory_norm: Floats | None  # [T + 1]

    @property
    def end(self) -> int:
        """T, the number of the last frame."""
        return len(self.actions)


def read_trace(path: Path) -> Trace:
    """Returns the trace at `path`; raises UsageError if it is damaged or that of a board game."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"the trace {path.name} is too large")
        facts = json.loads(path.read_text(encoding="utf-8"))
        if "result" in facts:
            raise UsageError("this is a board game, which has a page of its own")
        steps = facts["steps"]
        trace = Trace(
            seed=int(facts["seed"]),
            fps=float(facts["fps"]),
            action_names=tuple(map(str, facts["action_names"])),
            actions=np.array([step["action"] for step in steps[:-1]], np.int64),
            rewards=_column(steps, "reward"),
            discounts=_column(steps, "discount"),
            values=_column(steps, "values"),
            policy=_column(steps, "policy") if "policy" in steps[0] else None,
            memory_norm=_column(steps, "memory_norm") if "memory_norm" in steps[0] else None,
        )
        _check(trace)
    except FileNotFoundError:
        raise UsageError("this video has no trace beside it") from None
    except (OSError, ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
        raise UsageError(f"the trace {path.name} is damaged ({error})") from None
    return trace


def _column(steps: Sequence[dict[str, Any]], name: str) -> Floats:
    return np.array([step[name] for step in steps], np.float64)


def _check(trace: Trace) -> None:
    """Raises ValueError if numbers are not what they should be."""
    num_actions = len(trace.action_names)
    if not trace.end or not 0 < trace.fps < 1000 or not 0 <= trace.seed < 2**63:
        raise ValueError("no steps, seed or speed")
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
