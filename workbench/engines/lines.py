"""Reads lines of text from another program, with a timeout."""

import os
import select
import time
from collections import deque

CHUNK_BYTES = 65_536
# What is longer is cut, so that no program can fill the memory; the longest game of chess is 90 kB.
MAX_LINE_BYTES = 262_144
MAX_MILLISECONDS = 2**31 - 1  # that the system can be asked to wait for


class LineReader:
    """Reads lines from a file descriptor, which nobody else may read from."""

    def __init__(self, descriptor: int) -> None:
        """Leaves closing to the caller."""
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._rest = b""

    @property
    def partial(self) -> str:
        """What has come of a line that has not ended yet."""
        return self._rest.decode("utf-8", "replace")

    def read(self, deadline: float | None = None) -> str:
        """Returns the next line without its end; what is no UTF-8 is replaced.

        Args:
            deadline: by `time.monotonic()`; None: however long it takes. What has already come is
                returned even if it is past.

        Raises:
            TimeoutError: nothing came in time.
            EOFError: nothing comes any more.
        """
        while not self._lines:
            wait_for(self._descriptor, select.POLLIN, deadline)
            received = os.read(self._descriptor, CHUNK_BYTES)
            if not received and not self._rest:
                raise EOFError
            *lines, rest = (self._rest + (received or b"\n")).split(b"\n")
            self._lines.extend(lines)
            self._rest = rest[:MAX_LINE_BYTES]
            if not self._lines and deadline is not None and time.monotonic() > deadline:
                raise TimeoutError  # it writes without end, but no whole line
        return self._lines.popleft().decode("utf-8", "replace").rstrip("\r")


def wait_for(descriptor: int, event: int, deadline: float | None) -> None:
    """Waits until a descriptor is ready for `event`, `select.POLLIN` or `select.POLLOUT`.

    Raises:
        TimeoutError: it was not at the deadline.
    """
    poll = select.poll()
    poll.register(descriptor, event)
    if deadline is None:
        poll.poll()
    elif not poll.poll(min(max(0.0, 1000 * (deadline - time.monotonic())), MAX_MILLISECONDS)):
        raise TimeoutError
