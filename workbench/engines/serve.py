"""How a process that serves a protocol on stdin and stdout ends."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

INTERRUPTED = 130


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
