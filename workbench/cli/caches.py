"""Sets where libraries cache compiled code, for users without a cache of their own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def writable_caches() -> Iterator[None]:
    """Gives libraries a folder for this process, where the user has no cache that can be written.

    So it is for a guest without a home in somebody else's checkout. numba then refuses to compile
    what it is told to keep, and Matplotlib complains.
    """
    own = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(own) and _can_be_written(own):
        yield
        return
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="ludus-", ignore_cleanup_errors=True) as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        os.environ.setdefault("MPLCONFIGDIR", folder)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _can_be_written(folder: str) -> bool:
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
