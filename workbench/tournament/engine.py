"""A program that speaks lines: started, asked with time limits, and never left behind."""

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from workbench.lines import LineReader, wait_for


class EngineDied(Exception):
    """The program has ended or closed its output; the message says how, e.g. `exit status 3`."""


class Engine:
    """A running program and whatever it starts itself: one process group.

    If this process is killed, nobody ends the group: then it ends itself as soon as it notices that
    its input has, as all known engines do. (A parent's death could also be signalled to it, but
    the kernel counts the death of the thread that started it, and pools end their threads.)
    """

    def __init__(self, command: Sequence[str]) -> None:
        """Starts it; what it writes to stderr is lost.

        Raises:
            OSError: it cannot be started.
        """
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # a group to be killed, which Ctrl-C does not reach
        )
        self._ending = threading.Lock()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._input.fileno(), False)
        self._reader = LineReader(self._output.fileno())

    def send(self, *lines: str, deadline: float) -> None:
        """Writes lines to it.

        Raises:
            TimeoutError: it had not taken them at the deadline (by `time.monotonic()`).
            EngineDied: it takes no more.
        """
        left = "".join(f"{line}\n" for line in lines).encode()
        while left:
            wait_for(self._input.fileno(), select.POLLOUT, deadline)
            try:
                with suppress(BlockingIOError):
                    left = left[os.write(self._input.fileno(), left) :]
            except BrokenPipeError:
                raise self._died() from None

    def read(self, *, deadline: float) -> str:
        """Returns the next line that it writes, without white space around.

        Raises:
            TimeoutError: the deadline has passed, even if it has written a lot.
            EngineDied: it writes no more.
        """
        if time.monotonic() > deadline:
            raise TimeoutError
        try:
            return self._reader.read(deadline).strip()
        except EOFError:
            raise self._died() from None

    def _died(self) -> EngineDied:
        self.kill()
        code = self._process.returncode
        if code >= 0:
            return EngineDied(f"exit status {code}")
        return EngineDied(signal.strsignal(-code) or f"signal {-code}")

    def kill(self) -> None:
        """Ends it and all its group, at once; may be called from any thread, and again."""
        with self._ending:
            if self._process.returncode is None:  # its number cannot be another group's yet
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def close(self) -> None:
        """Ends it and frees what it holds; nobody may be waiting for it."""
        self.kill()
        self._input.close()
        self._output.close()
