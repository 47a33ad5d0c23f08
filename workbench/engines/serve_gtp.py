"""A trained go player as an engine that any go program can use.

GTP 2: https://www.lysator.liu.se/~gunnar/gtp/gtp2-spec-draft2/gtp2-spec.html, and what KGS and
Leela Zero added to it. What a network cannot do, another size of board, is said in the answer.

Programs ask first who is there and wait only a moment for the answer, so nothing here imports
torch: the network is loaded in the background meanwhile. What plays is in `gtp_engine.py`.
"""

import re
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from workbench.engines.gtp_words import Refused
from workbench.engines.lines import LineReader
from workbench.engines.serve import Say, Server, known_at_once

if TYPE_CHECKING:
    from workbench.engines.gtp_engine import GTPEngine
    from workbench.evaluation.load import BoardAgent

Heard = Callable[[float | None], bool]
# What is answered without a board or a network; then what is not, see `GTPEngine`.
AT_ONCE = ("protocol_version", "name", "version", "known_command", "list_commands", "quit")
BOARD = ("boardsize", "clear_board", "komi", "play", "undo", "showboard", "loadsgf")
HANDICAPS = ("fixed_handicap", "place_free_handicap", "set_free_handicap")
SEARCHES = ("genmove", "reg_genmove", "lz-analyze", "lz-genmove_analyze")
RESULTS = ("final_score", "final_status_list")
CLOCKS = ("time_settings", "kgs-time_settings", "time_left")
COMMANDS = (*BOARD, *HANDICAPS, *SEARCHES, *RESULTS, *CLOCKS)


def serve_gtp(player: str) -> None:
    """Speaks GTP on stdin and stdout until `quit` or the end of the input.

    Args:
        player: `runs/NAME` or `runs/NAME@STEP`, trained in go, perhaps with `?simulations=N`.

    Raises:
        UsageError: there is no such player, or it plays something else.
    """
    say = partial(print, end="", flush=True)
    note = partial(print, "ludus:", file=sys.stderr)

    def load(heard: Heard) -> "GTPEngine":
        from workbench.engines.gtp_engine import GTPEngine

        loaded, _, simulations = served()
        return GTPEngine(loaded, heard, say, note, simulations)

    @cache
    def served() -> "tuple[BoardAgent, str, int | None]":
        from workbench.evaluation.load import load_served

        return load_served("go", "GTP", player)

    name, _ = known_at_once(player, "go") or served()[1:]
    GTPServer(name, load, LineReader(sys.stdin.fileno()), say).run()


class GTPServer(Server["GTPEngine"]):
    """Understands one command after the other."""

    def __init__(
        self, name: str, load: Callable[[Heard], "GTPEngine"], lines: LineReader, say: Say
    ) -> None:
        """Answers who is there, `name`; the rest is the engine's, which hears what comes."""
        super().__init__(lambda: load(self._heard), lines, say)
        self._name = name

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
        self._done |= name == "quit"
        all_names = (*AT_ONCE, *COMMANDS)
        return {
            "protocol_version": "2",
            "name": "Ludus",
            "version": self._name,
            "known_command": str(" ".join(words[:1]) in all_names).lower(),
            "list_commands": "\n".join(all_names),
            "quit": "",
        }[name]

    def _engine_for(self, number: str) -> "GTPEngine":
        try:
            return self.loading().result()
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
