"""How a process that serves a protocol on stdin and stdout starts and ends.

Nothing here imports torch, for programs wait only a moment for the first answer.
"""

import os
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, NoReturn, TypeVar

import yaml

from workbench.errors import UsageError
from workbench.runs.names import run_path

INTERRUPTED = 130
Made = TypeVar("Made")


class Background(Generic[Made]):
    """What is made in a thread meanwhile, such as a network that is loaded."""

    def __init__(self, make: Callable[[], Made]) -> None:
        """`make` is called once, after `start`."""
        self._make = make
        self._made: Made
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="loading", daemon=True)

    def start(self) -> None:
        """Begins, unless it has begun."""
        if self._thread.ident is None:
            self._thread.start()

    @property
    def is_going_on(self) -> bool:
        """Whether it has begun and not ended."""
        return self._thread.is_alive()

    def result(self) -> Made:
        """Waits for what is made and returns it; raises what making it has raised."""
        self.start()
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._made

    def _run(self) -> None:
        try:
            self._made = self._make()
        except BaseException as error:  # raised again where it is waited for
            self._failed = error


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
