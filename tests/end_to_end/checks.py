"""What is the same for every command that fails."""

import hashlib
from pathlib import Path

from tests.end_to_end.launcher import Outcome


def complaint(outcome: Outcome, code: int) -> str:
    """Returns the one line that a failed command ends with; progress may stand before it."""
    assert outcome.code == code, outcome.err
    lines = outcome.err.splitlines()
    assert [line.startswith("ludus: ") for line in lines] == [False] * (len(lines) - 1) + [True]
    assert "Traceback" not in outcome.err
    if code == 2:
        assert len(lines) == 1 or "Ctrl-C saves and stops" in lines[0]
    assert outcome.out == ""
    assert "--debug" not in lines[-1], "this was not foreseen"
    return lines[-1].removeprefix("ludus: ")


def fingerprint(directory: Path, *, but: tuple[str, ...] = ()) -> dict[str, str]:
    """Returns a digest of every file below `directory`."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in but
    }
