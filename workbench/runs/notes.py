"""A run's display name and notes, as edited by people."""

import os
from pathlib import Path

from workbench.errors import UsageError
from workbench.runs import checkpoint
from workbench.runs.names import NAME
from workbench.runs.run import Run

NOTES = "notes.md"
MAX_NOTES = 20_000  # characters


def notes_path(run: Run) -> Path:
    """Returns where the notes about a run are kept: plain text, in its folder."""
    return run.path / NOTES


def read_notes(run: Run) -> str:
    """Returns what was noted about a run, "" if nothing was; raises OSError if it is unreadable."""
    try:
        with notes_path(run).open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_NOTES + 1)  # the end of the last line is not counted
    except FileNotFoundError:
        return ""


def write_notes(run: Run, text: str) -> None:
    """Keeps `text` as the notes about a run; it may be being trained.

    Raises:
        UsageError: the text is too long, or what is there cannot be read whole and would be lost.
        OSError: the disk is full or not writable.
    """
    if len(text) > MAX_NOTES:
        raise UsageError(f"notes are at most {MAX_NOTES:,} characters long, not {len(text):,}")
    if not _is_read_whole(notes_path(run)):
        raise UsageError(
            f"{notes_path(run)} is longer than {MAX_NOTES:,} characters, or is not UTF-8; "
            "change it in an editor"
        )
    text = text.replace("\r\n", "\n").rstrip().encode("utf-8", "replace").decode("utf-8")
    if text:
        checkpoint.write_atomically(notes_path(run), text + "\n")
    else:
        notes_path(run).unlink(missing_ok=True)


def _is_read_whole(path: Path) -> bool:
    """Returns whether `read_notes` leaves out nothing of a file, if it is there."""
    try:
        with path.open(encoding="utf-8") as file:
            return len(file.read(MAX_NOTES + 2)) <= MAX_NOTES + 1  # and the end of the last line
    except FileNotFoundError:
        return True
    except UnicodeDecodeError:
        return False


def rename_run(run: Run, name: str) -> Run:
    """Gives a run another name in the folder where it is, and returns it.

    Raises:
        UsageError: the name is taken or none for a run, or the run is being trained.
        OSError: the folder may not be changed.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"a run cannot be named {name[:120]!r}; take up to 100 letters, digits and . _ + -"
        )
    path = run.path.with_name(name)
    with run.locked():
        if os.path.lexists(path):
            raise UsageError(f"{name} exists already")
        run.path.rename(path)
    return Run(path)
