"""Signals that stop training: any of them saves the run first."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

# Ctrl-C; what `kill` sends; the terminal is lost; Slurm's warning (sbatch --signal=USR1@120).
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
# A process that a signal stopped ends with this, whichever it was.
STOPPED = 130


class StopRequest:
    """Whether a signal asked for an orderly end.

    Attributes:
        requested: some signal came.
        can_wait: whether there is anything that an orderly end would save. Where there is not,
            the signal raises KeyboardInterrupt at once.
        saved: whether all that there ever was is saved.
    """

    requested = False
    can_wait = False
    saved = False


@contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """Turns signals into a request; Ctrl-C after that raises KeyboardInterrupt at once.

    Others may come twice by themselves, as the kernel and the shell both tell of a terminal that
    is lost. SIGHUP that is ignored, as under `nohup`, stays so.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # Python hears signals only there
        yield stop
        return

    def handle(number: int, frame: Any) -> None:
        if not stop.can_wait:
            stop.requested = True
            raise KeyboardInterrupt
        if not stop.requested:
            stop.requested = True
            # Not by way of sys.stderr, in whose midst this may be.
            with suppress(OSError):
                os.write(2, b"\nstopping as soon as all is saved; Ctrl-C ends at once, unsaved\n")
        elif number == signal.SIGINT:
            raise KeyboardInterrupt

    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else set()
    previous = {number: signal.signal(number, handle) for number in {*SIGNALS} - ignored}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class LastingStream:
    """A stream for people that may go away, as a terminal or the `tee` behind a pipe does."""

    def __init__(self, stream: TextIO) -> None:
        """Is like `stream`, but drops what nobody can read any more."""
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes, where it can."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes, where it can."""
        with suppress(OSError, ValueError):
            self._stream.flush()


@contextmanager
def lasting_stderr() -> Iterator[None]:
    """Keeps a lost terminal from ending what is at work."""
    stream = sys.stderr
    sys.stderr = cast("TextIO", LastingStream(stream))
    try:
        yield
    finally:
        sys.stderr = stream
