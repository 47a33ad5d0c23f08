"""A line-based subprocess: started, queried with time limits, and never left running."""

import os
import select
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

import psutil

from workbench.engines.lines import LineReader, wait_for

LAST_WORDS = 3  # lines of what it printed that are kept, to be shown
LAST_WORDS_CHARACTERS = 120  # of each


class EngineDied(Exception):
    """The program has ended or closed its output; the message says how, e.g. `exit status 3`."""


class EngineUnfit(Exception):
    """The program runs, but cannot be used as it is asked to; the message says why."""


class Idle(Exception):
    """The program says nothing, and does not work on anything, either."""


class Engine:
    """A running program and whatever it starts itself: one process group.

    If this process is killed, a guard ends the group: a shell that waits for the end of its input,
    which this process holds. Not all engines notice that theirs has ended: GNU Chess 6.2.7 goes on
    for ever. (A parent's death could also be signalled, but the kernel counts the death of the
    thread that started a program, and pools end their threads.)

    Attributes:
        pid: the number of its process, which leads its group.
    """

    def __init__(self, command: Sequence[str]) -> None:
        """Starts it; of what it writes to stderr, the end is kept to be shown.

        Raises:
            OSError: it cannot be started.
        """
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # a group to be killed, which Ctrl-C does not reach
        )
        self.pid = self._process.pid
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", f"read _; kill -s KILL -- -{self.pid}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._ending = threading.Lock()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._input.fileno(), False)
        self._reader = LineReader(self._output.fileno())
        self._printed: deque[str] = deque(maxlen=LAST_WORDS)
        self._complained: deque[str] = deque(maxlen=LAST_WORDS)
        # All that comes must be read, or the program would wait until it is.
        self._listener = threading.Thread(
            target=_keep_end, args=(self._process.stderr, self._complained), daemon=True
        )
        self._listener.start()

    def last_words(self) -> str:
        """Returns the end of what it printed, on either output, in quotes; empty if nothing."""
        if self._process.returncode is not None:
            self._listener.join(1.0)  # the end of what it wrote may not have been read yet
        lines = [*self._printed, *self._complained, _readable(self._reader.partial)]
        return " ".join(repr(line) for line in [*filter(None, lines)][-LAST_WORDS:])

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
            line = self._reader.read(deadline).strip()
        except EOFError:
            raise self._died() from None
        if line:
            self._printed.append(_readable(line))
        return line

    def read_unless_idle(self, *, deadline: float, patience: float) -> str:
        """As `read`, but does not wait for who does nothing.

        A program that loads computes, or waits for its disk; one that waits for input sleeps.

        Raises:
            Idle: it has neither written a line nor computed for `patience` seconds.
        """
        since, seen = time.monotonic(), self._computed()
        while True:
            now = time.monotonic()
            try:
                return self.read(deadline=min(deadline, now + min(0.25, patience)))
            except TimeoutError:
                if now > deadline:
                    raise
            computed = self._computed()
            if computed != seen:
                since, seen = now, computed
            elif now - since > patience:
                raise Idle("it says nothing")

    def _computed(self) -> object:
        """Returns something that changes while it works: the time that its processes computed."""
        try:
            group = family(self.pid)
            sleeps = group and all(one.status() == psutil.STATUS_SLEEPING for one in group)
            return [(one.pid, one.cpu_times()[:2]) for one in group] if sleeps else object()
        except psutil.Error:  # one of them has just ended
            return object()

    def _died(self) -> EngineDied:
        self.kill()
        with suppress(EOFError, TimeoutError):  # it may have said why
            while line := self._reader.read(time.monotonic()):
                self._printed.append(_readable(line))
        code = self._process.returncode
        if code >= 0:
            return EngineDied(f"exit status {code}")
        return EngineDied(signal.strsignal(-code) or f"signal {-code}")

    def kill(self) -> None:
        """Ends it and all its group, at once; may be called from any thread, and again."""
        with self._ending:
            if self._process.returncode is None:  # its number cannot be another group's yet
                self._guard.kill()
                self._guard.communicate()  # closes its input
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()

    def close(self) -> None:
        """Ends it and frees what it holds; nobody may be waiting for it."""
        self.kill()
        self._input.close()
        self._output.close()
        self._listener.join(1.0)  # something that left its group may still hold the other end


def family(pid: int) -> list[psutil.Process]:
    """Returns a process and all that come from it; none if it has ended."""
    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return []


def _keep_end(stderr: IO[bytes], kept: deque[str]) -> None:
    """Reads everything and keeps the end of it."""
    reader = LineReader(stderr.fileno())
    with stderr, suppress(EOFError, OSError):
        while True:
            line = reader.read().strip()
            if line:
                kept.append(_readable(line))


def _readable(line: str) -> str:
    """Returns the beginning of a line, without what a terminal would not show as it is."""
    shown = line.strip()[:LAST_WORDS_CHARACTERS]
    return "".join(
        c if c.isprintable() and c != "\N{REPLACEMENT CHARACTER}" else "?" for c in shown
    )
