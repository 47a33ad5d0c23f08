"""Deleting a run: all of it or nothing, and never while it is being trained."""

import os
import shutil

from workbench.run import Run


def delete_run(run: Run) -> None:
    """Deletes a run's folder for good.

    It disappears at once, under another name, and then file by file, so that nothing reads a half
    of it.

    Raises:
        UsageError: another process is training it.
        OSError: it may not be deleted.
    """
    with run.locked():
        aside = run.path.with_name(f".deleted-{os.urandom(4).hex()}")
        run.path.rename(aside)
        shutil.rmtree(aside)
