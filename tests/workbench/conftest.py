"""Fixtures: what has to be true after every test with engines."""

from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest


def engines_running() -> set[psutil.Process]:
    """Processes of this one, but for the browser of other tests, which starts some at any time."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            command = " ".join(process.cmdline())
            if "chromium" not in command and "playwright" not in command:
                found.add(process)
    return found


@pytest.fixture
def no_process_is_left() -> Iterator[None]:
    before = engines_running()
    yield
    # What other tests have left, such as W&B's service, may end meanwhile.
    assert engines_running() <= before
