"""Identifies the program behind an engine name, so that no other continues its games."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil

from workbench.engines.process import family

# Of a script, they count that it is and what it starts, not what runs it.
SHELLS = ("sh", "bash", "dash", "env")
# Whoever plays: a network's checksum, what `EnginePlayer.identity` tells of an engine, or nothing.
Identity = str | Mapping[str, Any]


def files_of(pid: int, named: Iterable[str]) -> dict[str, str]:
    """Returns the files that make a running program what it is, with their SHA-256.

    They are the programs of all its processes, as a script may start another, the files among
    their arguments, which may be the script or a network, and those that options name.

    Args:
        pid: of the process that leads the others.
        named: what may be files, as seen from where the program runs or from where it lies.
    """
    found: list[Path] = []
    for process in family(pid):
        try:
            program, home = Path(process.exe()), Path(process.cwd())
            arguments = process.cmdline()[1:]
        except psutil.Error:  # it ends just now, or is another user's
            continue
        if program.name not in SHELLS:
            found.append(program)
        found += [home / one.rpartition("=")[2] for one in arguments]
        found += [folder / name for name in named for folder in (home, program.parent)]
    paths = sorted({str(path.resolve()) for path in found if _is_file(path)})
    return {path: _sha256(path) for path in paths}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except (OSError, ValueError):  # too long to be a name, or with a null in it
        return False


def _sha256(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def difference(before: Identity, now: Identity) -> str:
    """Returns what makes a player another than before, in words; empty if nothing does.

    The same files elsewhere are the same. Where nothing was noted before, nothing differs.
    """
    if not before:
        return ""
    if isinstance(before, str) or isinstance(now, str):
        return "" if before == now else "another network"
    for fact in ("name", "limits"):
        if before[fact] != now[fact]:
            return f"another program ({now[fact]}, not {before[fact]})"
    new = [path for path, sha256 in now["files"].items() if sha256 not in before["files"].values()]
    gone = set(before["files"].values()) - set(now["files"].values())
    if new:
        return f"another program ({', '.join(new)} is not what it was)"
    return "another program (it reads fewer files)" if gone else ""
