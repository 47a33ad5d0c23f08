"""Fixtures: what has to be true after every test with engines."""

from collections.abc import Iterator

import psutil
import pytest


@pytest.fixture
def no_process_is_left() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) == before
