"""The common interface of engine protocols; implemented by `uci.py`, `xboard.py` and `gtp.py`.

A position is always sent whole, and an engine is told that it is of a new game. So a move depends
neither on what this process was asked before nor on which of several processes is asked.
"""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from math import inf

from agents.base import Forfeit, Win
from workbench.engines.options import Option
from workbench.engines.process import Engine, Idle

MAX_ANSWER = 40  # characters of an answer that are shown
# A program that does nothing for so long, and has not said a word of the protocol, does not speak
# it: if it has said something else, if it has said nothing.
PATIENCE_SECONDS = (3.0, 6.0)
EMPTY = "<empty>"  # how UCI writes an empty string
STOP_SECONDS = 1.0  # told to move at once, an engine has this long to say its move

Limits = Mapping[str, int]
Answer = Callable[[Engine, float], str]  # reads until the engine's move, or until a deadline


class EngineProtocol(ABC):
    """What is said to an engine, and what is understood of its answers.

    One serves all processes of an engine.

    Attributes:
        name: what the engine calls itself, with its version; empty before it was greeted.
        limits: of each search; empty if its command says it all, or before they were tried.
    """

    late_seconds = 0.0  # after its time is up, an engine is told to move

    def __init__(self, limits: Limits, options: Mapping[str, str]) -> None:
        """`limits` of each search, empty: by default; `options` as a person wrote them."""
        self.name = ""
        self.limits = limits
        self._wanted = options
        self._known: dict[str, Option] = {}
        self._values: dict[str, str] = {}

    @abstractmethod
    def greet(self, engine: Engine, deadline: float) -> None:
        """Gets a new process ready to be asked.

        Raises:
            EngineUnfit: it cannot play as it is wanted to.
            Foreign: it does not speak this protocol.
            TimeoutError: it does not answer.
            EngineDied: it has ended.
        """

    @abstractmethod
    def try_limits(self, engine: Engine, moves: Sequence[str], deadline: float) -> None:
        """Makes sure that searches end, by default limits where none are set, see `limits`.

        Args:
            engine: greeted.
            moves: to a position that is in no book of openings.
            deadline: by `time.monotonic()`.

        Raises:
            EngineUnfit: it does not keep to the limits.
            TimeoutError: it does not answer.
            EngineDied: it has ended.
        """

    def files(self) -> list[str]:
        """Returns what options of text name: each may be a file that it reads, but for logs."""
        texts = [
            self._values.get(name, option.default)
            for name, option in self._known.items()
            if option.kind in ("string", "filename") and "log" not in name.lower().split()
        ]
        return [text for text in texts if text not in ("", EMPTY)]

    @abstractmethod
    def move(
        self, engine: Engine, moves: Sequence[str], seed: int, deadline: float
    ) -> str | Forfeit | Win:
        """Returns its move in the position after `moves`, as it writes it.

        It is told to stop at the deadline, and may still say its move. A win that it declares has
        not been checked.

        Raises:
            TimeoutError: it did not answer (the deadline is by `time.monotonic()`).
            EngineDied: it has ended.
        """

    def _search(
        self, engine: Engine, go: Sequence[str], halt: str, answer: Answer, deadline: float
    ) -> str:
        """Returns what `answer` reads after `go`, or after `halt` when the time is up."""
        engine.send(*go, deadline=deadline)
        seconds = self.limits.get("movetime", inf) / 1000 + self.late_seconds
        try:
            return answer(engine, min(deadline, time.monotonic() + seconds))
        except TimeoutError:
            late = deadline + STOP_SECONDS
            engine.send(halt, deadline=late)
            return answer(engine, late)


class Foreign(Exception):
    """The program does not speak the protocol."""


def hello(engine: Engine, words: Sequence[str], ours: str, deadline: float) -> str:
    """Returns the first line of the protocol that the engine says; see `PATIENCE_SECONDS`.

    Args:
        engine: that was sent a first line.
        words: of that line, which a program that does not know them may say back.
        ours: how a line of the protocol begins, as a regular expression.
        deadline: by `time.monotonic()`.

    Raises:
        Foreign: it says that it does not know a word, or it does nothing and has said no such line.
        TimeoutError: it has not, at the deadline.
        EngineDied: it has ended.
    """
    idle = 0.0
    while True:
        try:
            line = engine.read_unless_idle(deadline=deadline, patience=PATIENCE_SECONDS[0])
        except Idle:
            idle += PATIENCE_SECONDS[0]
            if engine.last_words() or idle >= PATIENCE_SECONDS[1]:
                raise Foreign from None
            continue
        if re.match(ours, line):
            return line
        refuse_refusal(line, words)


def refuse_refusal(line: str, words: Sequence[str]) -> None:
    """Raises Foreign if a program says that it does not know one of these words."""
    unknown = rf"\b(illegal|invalid|unknown|unrecogni|error).*\b({'|'.join(words)})\b"
    if re.search(unknown, line.lower()):
        raise Foreign


def show_limits(limits: Limits, sign: str = "=", between: str = " ") -> str:
    """Returns limits as text, e.g. `nodes=1000`."""
    return between.join(f"{name}{sign}{value}" for name, value in limits.items())
