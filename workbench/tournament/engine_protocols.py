"""How engines are spoken to: UCI (chess), USI (shogi) and GTP (go).

UCI: https://backscattering.de/chess/uci/, USI: http://hgm.nubati.net/usi.html,
GTP 2: https://www.lysator.liu.se/~gunnar/gtp/gtp2-spec-draft2/gtp2-spec.html.

A position is always sent whole, and an engine is told that it is of a new game. So a move depends
neither on what this process was asked before nor on which of several processes is asked.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Literal, NamedTuple, Protocol

from agents.base import Forfeit
from workbench.errors import UsageError
from workbench.tournament.engine import Engine

MAX_OPTIONS = 1000  # that are believed
MAX_ANSWER = 40  # characters of an answer that are shown


class EngineProtocol(Protocol):
    """What is said to an engine, and what is understood of its answers."""

    def greet(self, engine: Engine, deadline: float) -> None:
        """Gets a new process ready to be asked.

        Raises:
            UsageError: it can do something else than what it is wanted for.
            TimeoutError: it does not answer.
            EngineDied: it has ended.
        """

    def move(
        self, engine: Engine, moves: Sequence[str], seed: int, deadline: float
    ) -> str | Forfeit:
        """Returns its move in the position after `moves`, as it writes it.

        Raises:
            TimeoutError: it had not answered at the deadline (by `time.monotonic()`).
            EngineDied: it has ended.
        """


class UCI:
    """UCI and its younger brother USI.

    With a limit of nodes or depth, known engines answer the same each time: they get one thread
    unless the options say otherwise, and forget before each move. Not so where they are told to
    play badly (`Skill Level`): then Stockfish draws from a generator that nobody can seed.
    """

    def __init__(
        self, dialect: Literal["uci", "usi"], limits: str, options: Mapping[str, str]
    ) -> None:
        """`limits` of each search are those of `go`, e.g. `nodes 1000`."""
        self._dialect = dialect
        self._limits = limits
        self._options = options

    def greet(self, engine: Engine, deadline: float) -> None:
        """See `EngineProtocol.greet`; options must be among those that the engine announces."""
        engine.send(self._dialect, deadline=deadline)
        known: dict[str, str] = {}
        while (line := engine.read(deadline=deadline)) != f"{self._dialect}ok":
            option = re.fullmatch(r"option name (.+?) type (.+)", line)
            if option is not None and len(known) < MAX_OPTIONS:
                known[option[1]] = option[2]
        one_thread = {"Threads": "1"} if "Threads" in known else {}
        for name, value in {**one_thread, **self._options}.items():
            _check_option(name, value, known)
            engine.send(f"setoption name {name} value {value}", deadline=deadline)
        self._new_game(engine, deadline)

    def _new_game(self, engine: Engine, deadline: float) -> None:
        engine.send(f"{self._dialect}newgame", "isready", deadline=deadline)
        while engine.read(deadline=deadline) != "readyok":
            pass

    def move(
        self, engine: Engine, moves: Sequence[str], seed: int, deadline: float
    ) -> str | Forfeit:
        """See `EngineProtocol.move`; there is no use for the seed."""
        self._new_game(engine, deadline)
        position = " ".join(["position startpos", *(["moves", *moves] if moves else [])])
        engine.send(position, f"go {self._limits}", deadline=deadline)
        while True:
            words = engine.read(deadline=deadline).split()
            if words[:1] == ["bestmove"]:
                break
        move = words[1] if len(words) > 1 else ""
        if move == "resign":
            return Forfeit("resigned")
        if move == "win":  # USI: by a king that has entered the camp, or 24 points
            return Forfeit("declared a win, which our rules do not know")
        return move


def _check_option(name: str, value: str, known: Mapping[str, str]) -> None:
    names = {other.lower(): other for other in known}  # the case is of no matter
    if name.lower() not in names:
        near = get_close_matches(name.lower(), names, n=1)
        hint = f"; did you mean {names[near[0]]!r}?" if near else ""
        raise UsageError(f"the engine has no option {name!r}{hint}")
    bounds = re.search(r"^spin .*?min (-?\d+) max (-?\d+)", known[names[name.lower()]])
    if bounds is not None and not (
        re.fullmatch(r"-?\d+", value) and int(bounds[1]) <= int(value) <= int(bounds[2])
    ):
        raise UsageError(f"{name!r} must be a number from {bounds[1]} to {bounds[2]}, not {value}")


class GTP:
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

    def greet(self, engine: Engine, deadline: float) -> None:
        """See `EngineProtocol.greet`."""
        commands = [f"boardsize {self._size}", f"komi {self._komi:g}"]
        *answers, seeds = _ask(engine, [*commands, "known_command set_random_seed"], deadline)
        for command, answer in zip(commands, answers, strict=True):
            if not answer.done:
                raise UsageError(f"the engine answers {answer.text!r} to {command!r}")
        self._has_seeds = seeds == (True, "true")

    def move(
        self, engine: Engine, moves: Sequence[str], seed: int, deadline: float
    ) -> str | Forfeit:
        """See `EngineProtocol.move`."""
        colours = ["bw"[(self._first + ply) % 2] for ply in range(len(moves) + 1)]
        plays = [f"play {c} {move}" for c, move in zip(colours, moves, strict=False)]
        seeds = [f"set_random_seed {seed % 2**31}"] if self._has_seeds else []
        commands = [*self._set_up, *plays, *seeds, f"genmove {colours[-1]}"]
        answers = _ask(engine, commands, deadline)
        for command, answer in zip(commands, answers, strict=True):
            if not answer.done:
                return Forfeit(f"answered {answer.text!r} to {command!r}")
        move = answers[-1].text.upper()
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
