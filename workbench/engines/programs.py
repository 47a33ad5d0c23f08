"""Finds an engine's program on this machine."""

import os
import shlex
import shutil
from pathlib import Path

from envs.spelling import did_you_mean
from workbench.errors import UsageError

DEBIAN_PACKAGES = ("stockfish", "fairy-stockfish", "gnugo", "toga2", "gnuchess", "phalanx")
DEBIAN_GAMES = "/usr/games"  # where Debian puts them, and where not every PATH leads


def find(text: str) -> list[str]:
    """Returns a program's path and its arguments.

    Raises:
        UsageError: there is no such program.
    """
    try:
        name, *arguments = shlex.split(text)
    except ValueError:
        raise UsageError(f"{text!r} is no command") from None
    if not all(word.isprintable() for word in (name, *arguments)):
        raise UsageError(f"{text!r} is no command")
    name = os.path.expanduser(name)  # a shell does not, after the colon
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{DEBIAN_GAMES}")
    if path is not None:
        return [path, *arguments]
    if Path(name).is_dir():
        raise UsageError(f"{name} is a directory; an engine is a program")
    if os.sep in name and Path(name).is_file():
        raise UsageError(f"{name} may not be executed; chmod +x {shlex.quote(name)} allows it")
    hint = did_you_mean(name, DEBIAN_PACKAGES, otherwise="")
    if name in DEBIAN_PACKAGES:
        hint = f"; on Debian: apt install {name}"
    if Path(name).is_file():
        hint = f"; the file here is ./{name}"
    raise UsageError(f"there is no program {name!r}{hint}")
