"""Signals that stop training: any of them saves the run first."""

import io
import os
import signal
import sys
from collections.abc import Iterator, Mapping
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

    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    caught = [number for number in SIGNALS if not (ignored and number == signal.SIGHUP)]
    previous: Mapping[int, Any] = {number: signal.signal(number, handle) for number in caught}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class LastingStream(io.TextIOBase):
    """A stream for people that may go away, as a terminal or the `tee` behind a pipe does."""

    def __init__(self, stream: TextIO) -> None:
        """Passes all on to `stream` for as long as that is there."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes; what nobody can read any more is dropped."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes; what nobody can read any more is dropped."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """See `io.IOBase.isatty`."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """See `io.IOBase.fileno`."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """See `io.TextIOBase.encoding`."""
        return self._stream.encoding


@contextmanager
def lasting_stderr() -> Iterator[None]:
    """Keeps a lost terminal from ending what is at work."""
    stream = sys.stderr
    sys.stderr = cast("TextIO", LastingStream(stream))
    try:
        yield
    finally:
        sys.stderr = stream
