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
from functools import cache, partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from workbench.engines.lines import LineReader
from workbench.engines.serve import Say, Server, known_at_once

if TYPE_CHECKING:
    from workbench.engines.uci_search import UCIEngine

Word = Literal["stop", "ponderhit"]
Heard = Callable[[float | None], Word | None]
MAX_SIMULATIONS = 100_000  # that a player may ask for; how many a clock allows depends on memory
POLL_SECONDS = 0.02  # how often it is looked whether the network has been loaded
CHECKS = ("Ponder", "UCI_AnalyseMode")
SEARCHES = ("position", "go", "stop", "ponderhit", "quit")
COMMANDS = (*SEARCHES, "uci", "isready", "setoption", "debug", "register", "ucinewgame")


class Spin(NamedTuple):
    """An option that is a number."""

    name: str
    default: int
    low: int
    high: int


class Options(dict[str, int]):
    """The values of what can be set by `setoption`."""

    def __init__(self, simulations: int) -> None:
        """`simulations` per move where `go` has no limit of its own."""
        self._spins = [
            Spin("Simulations", min(simulations, MAX_SIMULATIONS), 1, MAX_SIMULATIONS),
            Spin("Hash", 512, 1, 1_048_576),  # megabytes for the tree
            Spin("Threads", 1, 1, 1024),  # that compute the network
            Spin("Move Overhead", 50, 0, 10_000),  # ms until a move has reached the other side
            Spin("MultiPV", 1, 1, 500),
        ]
        super().__init__((spin.name, spin.default) for spin in self._spins)

    def announced(self) -> list[str]:
        """Returns what is said of them after `uci`."""
        spins = [
            f"option name {name} type spin default {default} min {low} max {high}"
            for name, default, low, high in self._spins
        ]
        # Both change nothing; a program thinks on in its opponent's time only where there is one.
        return spins + [f"option name {name} type check default false" for name in CHECKS]

    def change(self, text: str) -> str:
        """Carries out `name X value Y`; returns what is wrong with it, or nothing."""
        option = re.fullmatch(r"name\s+(.*?)(?:\s+value(?:\s+(.*))?)?", text, re.IGNORECASE)
        name, value = (found or "" for found in option.groups()) if option else ("", "")
        name, value = " ".join(name.lower().split()), value.strip()
        if name in map(str.lower, CHECKS):
            return "" if value.lower() in ("true", "false") else f"{name} must be true or false"
        for spin in self._spins:
            if name == spin.name.lower():
                if re.fullmatch(r"[0-9]{1,9}", value) and spin.low <= int(value) <= spin.high:
                    self[spin.name] = int(value)
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

    @cache
    def load() -> "UCIEngine":
        from workbench.engines.uci_search import UCIEngine
        from workbench.evaluation.load import load_served

        return UCIEngine(*load_served("chess", "UCI", player))

    say = partial(print, flush=True)
    known = known_at_once(player, "chess") or (load().name, load().simulations)
    UCIServer(known, load, LineReader(sys.stdin.fileno()), say).run()


class UCIServer(Server["UCIEngine"]):
    """Understands one line after the other; while it searches, it looks for further lines."""

    def __init__(
        self, known: tuple[str, int], load: Callable[[], "UCIEngine"], lines: LineReader, say: Say
    ) -> None:
        """`known` is what it is called, and its simulations per move, see `known_at_once`."""
        super().__init__(load, lines, say)
        self._name, simulations = known
        self._options = Options(simulations)
        self.engine: UCIEngine
        self._unread: deque[str] = deque()  # what came while the network was being loaded

    def _next(self, deadline: float | None = None) -> str:
        return self._unread.popleft() if self._unread else self._lines.read(deadline)

    def obey(self, line: str) -> None:
        """Carries out a command; words before it that nobody knows are skipped."""
        came = time.monotonic()
        command, rest = command_in(line)
        match command:
            case "uci":
                about = [f"id name Ludus {self._name}", "id author the authors of Ludus"]
                for one in (*about, *self._options.announced(), "uciok"):
                    self._say(one)
            case "isready":
                if self._engine_is_there():
                    self._say("readyok")
            case "setoption":
                self._complain(self._options.change(rest))
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
        while not self.loading().done():
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
            self.engine = self.loading().result()
        except BaseException as error:
            self._complain(str(error))
            raise
        return True

    def _complain(self, text: str) -> None:
        if text:
            self._say(f"info string {' '.join(text.split())}")

    def _heard(self, deadline: float | None) -> Word | None:
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
                case "stop" | "ponderhit" as word:
                    return word
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
