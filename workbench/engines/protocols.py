"""How engines are spoken to, whatever the protocol; and GTP (go).

GTP 2: https://www.lysator.liu.se/~gunnar/gtp/gtp2-spec-draft2/gtp2-spec.html. See `engine_uci` and
`engine_xboard` for the others.

A position is always sent whole, and an engine is told that it is of a new game. So a move depends
neither on what this process was asked before nor on which of several processes is asked.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from agents.base import Forfeit, Win
from workbench.engines.process import Engine, EngineUnfit, Idle

MAX_ANSWER = 40  # characters of an answer that are shown
# A program that does nothing for so long, and has not said a word of the protocol, does not speak
# it: if it has said something else, if it has said nothing.
PATIENCE_SECONDS = (3.0, 6.0)

Limits = Mapping[str, int]


class EngineProtocol(Protocol):
    """What is said to an engine, and what is understood of its answers.

    One serves all processes of an engine.

    Attributes:
        name: what the engine calls itself, with its version; empty before it was greeted.
        limits: of each search; empty if its command says it all, or before they were tried.
    """

    name: str
    limits: Limits

    def greet(self, engine: Engine, deadline: float) -> None:
        """Gets a new process ready to be asked.

        Raises:
            EngineUnfit: it cannot play as it is wanted to.
            Foreign: it does not speak this protocol.
            TimeoutError: it does not answer.
            EngineDied: it has ended.
        """

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
        """Returns what may be names of files that it reads, e.g. of a network."""

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


class GTP(EngineProtocol):
    """GTP 2; engines that know `set_random_seed`, as GNU Go does, are given the seed.

    GNU Go passes where it thinks that all is settled, but our rules take no dead stones off the
    board: ask it to play on with `--chinese-rules --capture-all-dead`.
    """

    def __init__(self, size: int, komi: float, stones: Sequence[str], first: int) -> None:
        """The board, where Black has `stones` before move 1, which player `first` makes."""
        self._size = size
        self._komi = komi
        self._set_up = ["clear_board", *(f"play b {stone}" for stone in stones)]
        self._first = first
        self._has_seeds = False
        self.name = ""
        self.limits: Limits = {}

    def greet(self, engine: Engine, deadline: float) -> None:
        engine.send("0 protocol_version", deadline=deadline)
        hello(engine, ["protocol_version"], r"[=?]0(?!\d)", deadline)
        commands = [f"boardsize {self._size}", f"komi {self._komi:g}"]
        questions = ["name", "version", "known_command set_random_seed"]
        *answers, name, version, seeds = _ask(engine, [*commands, *questions], deadline)
        for command, answer in zip(commands, answers, strict=True):
            if not answer.done:
                raise EngineUnfit(f"the engine answers {answer.text!r} to {command!r}")
        self.name = " ".join(one.text for one in (name, version) if one.done and one.text)
        self._has_seeds = seeds == (True, "true")

    def try_limits(self, engine: Engine, moves: Sequence[str], deadline: float) -> None:
        """See `EngineProtocol.try_limits`; GTP has none."""

    def files(self) -> list[str]:
        """See `EngineProtocol.files`; its command names them all."""
        return []

    def move(
        self, engine: Engine, moves: Sequence[str], seed: int, deadline: float
    ) -> str | Forfeit | Win:
        """See `EngineProtocol.move`; it cannot be told to stop."""
        colours = ["bw"[(self._first + ply) % 2] for ply in range(len(moves) + 1)]
        plays = [f"play {c} {move}" for c, move in zip(colours, moves, strict=False)]
        seeds = [f"set_random_seed {seed % 2**31}"] if self._has_seeds else []
        commands = [*self._set_up, *plays, *seeds, f"genmove {colours[-1]}"]
        answers = _ask(engine, commands, deadline)
        for command, answer in zip(commands, answers, strict=True):
            if not answer.done:
                return Forfeit(f"answered {answer.text!r} to {command!r}")
        move = answers[-1].text.upper().partition(" ")[0]
        return Forfeit("resigned") if move == "RESIGN" else move


class _Answer(NamedTuple):
    done: bool
    text: str  # the beginning of its first line


def _ask(engine: Engine, commands: Sequence[str], deadline: float) -> list[_Answer]:
    """Sends all commands at once, numbered, and waits for the answers."""
    engine.send(*(f"{i} {command}" for i, command in enumerate(commands)), deadline=deadline)
    return [_answer(engine, i, deadline) for i in range(len(commands))]


def _answer(engine: Engine, number: int, deadline: float) -> _Answer:
    pattern = re.compile(rf"([=?]){number}(?!\d)(.*)")
    while (found := pattern.match(engine.read(deadline=deadline))) is None:
        pass
    while engine.read(deadline=deadline):  # an answer ends with an empty line
        pass
    return _Answer(found[1] == "=", found[2].strip()[:MAX_ANSWER])
