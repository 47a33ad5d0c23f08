"""How a process that serves a protocol on stdin and stdout starts and ends.

Nothing here imports torch, for programs wait only a moment for the first answer.
"""

import os
import re
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Generic, NoReturn, TypeVar

import yaml

from workbench.engines.lines import LineReader
from workbench.errors import UsageError
from workbench.runs.names import run_path

INTERRUPTED = 130
Made = TypeVar("Made")
Say = Callable[[str], None]


class Server(ABC, Generic[Made]):
    """Understands one line after the other, and loads a network in a thread meanwhile.

    Attributes:
        loading: starts loading, unless it has begun, and returns what becomes of it.
    """

    def __init__(self, load: Callable[[], Made], lines: LineReader, say: Say) -> None:
        """`load` is called once, in a thread; `say` is given the answers to `lines`."""
        self.loading = cache(lambda: ThreadPoolExecutor(1, "loading").submit(load))
        self._lines = lines
        self._say = say
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
                self.loading()

    def _next(self, deadline: float | None = None) -> str:
        return self._lines.read(deadline)

    @abstractmethod
    def obey(self, line: str) -> None:
        """Carries out a command and answers."""


def known_at_once(player: str, game: str) -> tuple[str, int] | None:
    """Returns what a player is called and its simulations per move, without loading it.

    None: that is not obvious from its run's config, so it has to be loaded first, which also says
    what is wrong with it, if anything is.

    Args:
        player: `runs/NAME` or `runs/NAME@STEP`, perhaps with `?simulations=N`.
        game: that the protocol is for, as OpenSpiel calls it.
    """
    found = re.fullmatch(r"([^@?]+)(?:@([0-9]{1,18}))?(?:\?simulations=([1-9][0-9]{0,7}))?", player)
    if found is None:
        return None
    run, step, asked = found.groups()
    try:
        path = run_path(run)
        config = yaml.safe_load((path / "config.yaml").read_text(encoding="utf-8"))
        env, simulations = config["env"], int(config["agent"]["simulations"])
        steps = [int(p.name) for p in (path / "checkpoints").iterdir() if p.name.isdecimal()]
        chosen = int(step) if step else max(steps)
        played = str(env["game"]).partition("(")[0]
        if not (env["kind"] == "board" and played == game and chosen in steps):
            return None
    except (UsageError, OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return None
    return f"{path.name}@{chosen}", int(asked or simulations)


def serve_and_leave(serve: Callable[[str], None], player: str) -> NoReturn:
    """Serves, and ends the process at once, even while a thread of it still loads a network.

    Python's own end waits for libraries to clean up, seconds where the machine is busy. Whoever has
    closed the other end of a pipe needs no answer, and Ctrl-C ends without one, too.

    Raises:
        UsageError: `serve` cannot begin.
    """
    code = 0
    try:
        serve(player)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        pass
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)
