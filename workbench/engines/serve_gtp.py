"""A trained go player as an engine that any go program can use.

GTP 2: https://www.lysator.liu.se/~gunnar/gtp/gtp2-spec-draft2/gtp2-spec.html, and what KGS and
Leela Zero added to it. What a network cannot do, another size of board, is said in the answer.

Programs ask first who is there and wait only a moment for the answer, so nothing here imports
torch: the network is loaded in the background meanwhile. What plays is in `gtp_engine.py`.
"""

import re
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.engines.gtp_words import Refused
from workbench.engines.lines import LineReader
from workbench.engines.serve import Background, known_at_once

if TYPE_CHECKING:
    from workbench.engines.gtp_engine import GTPEngine

Heard = Callable[[float | None], bool]
# What is answered without a board or a network; then what is not, see `GTPEngine`.
AT_ONCE = ("protocol_version", "name", "version", "known_command", "list_commands", "quit")
COMMANDS = (
    "boardsize",
    "clear_board",
    "komi",
    "fixed_handicap",
    "place_free_handicap",
    "set_free_handicap",
    "play",
    "genmove",
    "reg_genmove",
    "undo",
    "showboard",
    "final_score",
    "final_status_list",
    "time_settings",
    "kgs-time_settings",
    "time_left",
    "loadsgf",
    "lz-analyze",
    "lz-genmove_analyze",
)


def serve_gtp(player: str) -> None:
    """Speaks GTP on stdin and stdout until `quit` or the end of the input.

    Args:
        player: `runs/NAME` or `runs/NAME@STEP`, trained in go, perhaps with `?simulations=N`.

    Raises:
        UsageError: there is no such player, or it plays something else.
    """

    def say(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def note(text: str) -> None:
        sys.stderr.write(f"ludus: {text}\n")

    def load(heard: Heard) -> "GTPEngine":
        from workbench.engines.gtp_engine import load_engine

        return load_engine(player, heard, say, note)

    known = known_at_once(player, "go")
    if known is not None:
        name, _ = known
    else:
        from workbench.evaluation.load import load_served

        _, name, _ = load_served("go", "GTP", player)
    GTPServer(name, load, LineReader(sys.stdin.fileno()), say).run()


class GTPServer:
    """Understands one command after the other."""

    def __init__(
        self,
        name: str,
        load: Callable[[Heard], "GTPEngine"],
        lines: LineReader,
        say: Callable[[str], None],
    ) -> None:
        """Answers who is there; the rest is the engine's.

        Args:
            name: what it is called among engines.
            load: is called once, in a thread, with what the engine asks for further commands.
            lines: the commands.
            say: is given the answers.
        """
        self._name = name
        self._loading = Background(lambda: load(self._heard))
        self._lines = lines
        self._later: deque[str] = deque()  # what has ended an analysis
        self._say = say
        self._done = False

    @property
    def engine(self) -> "GTPEngine":
        """Waits until it has been loaded; raises what loading has raised."""
        return self._loading.result()

    def run(self) -> None:
        """Serves until `quit` or the end of the input.

        Raises:
            UsageError: there is no such player, or it plays something else.
        """
        while not self._done:
            try:
                line = self._later.popleft() if self._later else self._lines.read()
            except EOFError:
                return
            self.obey(line)
            if not self._done:
                self._loading.start()

    def obey(self, line: str) -> None:
        """Carries out a command and answers, unless there is none in the line."""
        line = "".join(c for c in line.replace("\t", " ") if ord(c) >= 32 and ord(c) != 127)
        words = line.partition("#")[0].split()
        if not words:
            return
        number = words.pop(0) if re.fullmatch(r"[0-9]+", words[0]) else ""
        name, *arguments = words or [""]
        try:
            if name in AT_ONCE:
                self._say(f"={number} {self._introduced(name, arguments)}\n\n")
            elif name in COMMANDS:
                self._engine_for(number).obey(number, name, arguments)
            else:
                raise Refused("unknown command")
        except Refused as error:
            self._say(f"?{number} {error}\n\n")

    def _introduced(self, name: str, words: Sequence[str]) -> str:
        match name:
            case "protocol_version":
                return "2"
            case "name":
                return "Ludus"
            case "version":
                return self._name
            case "known_command":
                return str(words[:1] != [] and words[0] in (*AT_ONCE, *COMMANDS)).lower()
            case "list_commands":
                return "\n".join((*AT_ONCE, *COMMANDS))
        self._done = True  # quit
        return ""

    def _engine_for(self, number: str) -> "GTPEngine":
        try:
            return self.engine
        except BaseException as error:
            self._say(f"?{number} {' '.join(str(error).split())}\n\n")
            raise

    def _heard(self, deadline: float | None) -> bool:
        """Returns whether a further line comes until then, which is kept; None: waits for it."""
        if self._later or self._done:
            return True
        try:
            self._later.append(self._lines.read(deadline))
        except TimeoutError:
            return False
        except EOFError:
            self._done = True
        return True
