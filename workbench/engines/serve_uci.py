"""A trained chess player as an engine that any chess program can use.

UCI: https://backscattering.de/chess/uci/. Everything that is wrong is told by `info string`.

Programs wait only a moment for the first answer, so nothing here imports torch: the network is
loaded in the background as soon as `uci` has been answered. What plays is
`workbench.engines.uci_search`.
"""

import re
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from workbench.engines.lines import LineReader
from workbench.engines.serve import Background, known_at_once

if TYPE_CHECKING:
    from workbench.engines.uci_search import UCIEngine

Heard = Literal["stop", "ponderhit"]
MAX_SIMULATIONS = 100_000  # that a player may ask for; how many a clock allows depends on memory
POLL_SECONDS = 0.02  # how often it is looked whether the network has been loaded
SEARCHES = ("position", "go", "stop", "ponderhit", "quit")
COMMANDS = (*SEARCHES, "uci", "isready", "setoption", "debug", "register", "ucinewgame")


class Spin(NamedTuple):
    """An option that is a number."""

    name: str
    default: int
    low: int
    high: int


@dataclass
class Options:
    """What can be set by `setoption`.

    Attributes:
        simulations: per move where `go` has no limit of its own.
    """

    simulations: int
    spins: list[Spin] = field(init=False)
    values: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Sets what programs find at the start."""
        self.spins = [
            Spin("Simulations", min(self.simulations, MAX_SIMULATIONS), 1, MAX_SIMULATIONS),
            Spin("Hash", 512, 1, 1_048_576),  # megabytes for the tree
            Spin("Threads", 1, 1, 1024),  # that compute the network
            Spin("Move Overhead", 50, 0, 10_000),  # ms until a move has reached the other side
            Spin("MultiPV", 1, 1, 500),
        ]
        self.values = {spin.name: spin.default for spin in self.spins}

    def __getitem__(self, name: str) -> int:
        """Returns the value of an option."""
        return self.values[name]

    def announced(self) -> list[str]:
        """Returns what is said of them after `uci`."""
        spins = [
            f"option name {name} type spin default {default} min {low} max {high}"
            for name, default, low, high in self.spins
        ]
        # Both change nothing; a program thinks on in its opponent's time only where there is one.
        checks = [
            f"option name {name} type check default false" for name in ("Ponder", "UCI_AnalyseMode")
        ]
        return spins + checks

    def set(self, text: str) -> str:
        """Carries out `name X value Y`; returns what is wrong with it, or nothing."""
        option = re.fullmatch(r"name\s+(.*?)(?:\s+value(?:\s+(.*))?)?", text, re.IGNORECASE)
        name = "" if option is None else " ".join(option[1].lower().split())
        value = "" if option is None else (option[2] or "").strip()
        if name in ("ponder", "uci_analysemode"):
            return "" if value.lower() in ("true", "false") else f"{name} must be true or false"
        for spin in self.spins:
            if name != spin.name.lower():
                continue
            if re.fullmatch(r"[0-9]{1,9}", value) and spin.low <= int(value) <= spin.high:
                self.values[spin.name] = int(value)
                return ""
            return f"{spin.name} must be from {spin.low} to {spin.high}, not {value!r}"
        return f"there is no option {text[:100]!r}"


def serve_uci(player: str) -> None:
    """Speaks UCI on stdin and stdout until `quit` or the end of the input.

    Args:
        player: `runs/NAME` or `runs/NAME@STEP`, trained in chess, perhaps with `?simulations=N`.

    Raises:
        UsageError: there is no such player, or it plays something else.
    """

    def load() -> "UCIEngine":
        from workbench.engines.uci_search import load_engine

        return load_engine(player)

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    known, engine = known_at_once(player, "chess"), None
    if known is None:
        engine = load()
        known = engine.name, engine.simulations
    UCIServer(*known, (lambda: engine or load()), LineReader(sys.stdin.fileno()), say).run()


class UCIServer:
    """Understands one line after the other; while it searches, it looks for further lines."""

    def __init__(
        self,
        name: str,
        simulations: int,
        load: Callable[[], "UCIEngine"],
        lines: LineReader,
        say: Callable[[str], None],
    ) -> None:
        """`load` is called once, in a thread; `say` is given the lines of the answers."""
        self._name = name
        self._options = Options(simulations)
        self._lines = lines
        self._say = say
        self.engine: UCIEngine
        self._loading = Background(load)
        self._unread: deque[str] = deque()  # what came while the network was being loaded
        self._later: deque[str] = deque()  # what came in a search and has to wait for its end
        self._done = False

    def run(self) -> None:
        """Serves until `quit` or the end of the input.

        Raises:
            UsageError: there is no such player, or it plays something else.
        """
        while not self._done:
            try:
                line = self._later.popleft() if self._later else self._next()
            except EOFError:
                return
            self.obey(line)
            if not self._done:
                self._loading.start()

    def _next(self, deadline: float | None = None) -> str:
        return self._unread.popleft() if self._unread else self._lines.read(deadline)

    def obey(self, line: str) -> None:
        """Carries out a command; words before it that nobody knows are skipped."""
        came = time.monotonic()
        command, rest = command_in(line)
        match command:
            case "uci":
                self._introduce()
            case "isready":
                if self._engine_is_there():
                    self._say("readyok")
            case "setoption":
                self._complain(self._options.set(rest))
            case "position":
                if self._engine_is_there():
                    self._complain(self.engine.set_position(rest))
            case "go":
                if self._engine_is_there(wanted=True):
                    self.engine.go(rest, self._options, came, self._heard, self._say)
            case "quit":
                self._done = True
            case "":
                if rest:
                    self._complain(f"unknown command {rest[:100]!r}")
            # Of the others none changes anything: nothing is remembered between searches.

    def _engine_is_there(self, *, wanted: bool = False) -> bool:
        """Waits until the network has been loaded, or until it need not be.

        `quit` ends at once, unless a move is `wanted` that was asked for before.
        """
        self._loading.start()
        while self._loading.is_going_on:
            try:
                line = self._lines.read(time.monotonic() + POLL_SECONDS)
            except TimeoutError:
                continue
            except EOFError:  # what has come before is still carried out
                break
            command, _ = command_in(line)
            wanted = wanted or command == "go"
            if command == "quit" and not wanted:
                self._done = True
                return False
            self._unread.append(line)
        try:
            self.engine = self._loading.result()
        except BaseException as error:
            self._complain(str(error))
            raise
        return True

    def _complain(self, text: str) -> None:
        if text:
            self._say(f"info string {' '.join(text.split())}")

    def _introduce(self) -> None:
        self._say(f"id name Ludus {self._name}")
        self._say("id author the authors of Ludus")
        for option in self._options.announced():
            self._say(option)
        self._say("uciok")

    def _heard(self, deadline: float | None) -> Heard | None:
        """Returns what comes until then and concerns a search; most other lines have to wait."""
        while True:
            try:
                line = self._next(deadline)
            except TimeoutError:
                return None
            except EOFError:
                self._done = True
                return "stop"
            match command_in(line)[0]:
                case "stop":
                    return "stop"
                case "ponderhit":
                    return "ponderhit"
                case "quit":
                    self._done = True
                    return "stop"
                case "isready":
                    self._say("readyok")
                case _:
                    self._later.append(line)


def command_in(line: str) -> tuple[str, str]:
    """Returns the first command in a line and what follows it; or nothing and the line."""
    words = line.split()
    for i, word in enumerate(words):
        if word in COMMANDS:
            return word, " ".join(words[i + 1 :])
    return "", " ".join(words)
