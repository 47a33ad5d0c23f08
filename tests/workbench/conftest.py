"""Fixtures: what has to be true after every test with engines."""

from collections.abc import Iterator

import psutil
import pytest


@pytest.fixture
def no_process_is_left() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    # What other tests have left, such as W&B's service, may end meanwhile.
    assert set(psutil.Process().children(recursive=True)) <= before
