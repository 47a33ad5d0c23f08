"""Resolves the name or path that a user types to a run directory, by one rule for all commands.

Whatever looks like a path is one: it begins with `.`, `/` or `~`, or has a `/` in it. Anything else
is a name under `runs/`, or the name of just one run anywhere below it, as `atari-pong` is that of
`runs/zoo/atari-pong`. A path that does not begin so and leads nowhere, such as `zoo/atari-pong`, is
also looked for under `runs/`.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import UsageError

RUNS = Path("runs")
DEPTH = 4  # of folders in folders under runs/
# Without spaces and @, so that runs/NAME@STEP can be typed and means one thing.
NAME = re.compile(r"\w[\w.+-]{0,99}")
NAMES_TOLD = 5


def looks_like_path(typed: str) -> bool:
    """Returns whether what was typed is a path rather than a name."""
    return "/" in typed or typed in (".", "..") or typed.startswith("~")


def typed_path(typed: str) -> Path:
    """Returns the path that was typed.

    One that could be read as a name when it is shown, as `./a` could, is made absolute.
    """
    path = Path(os.path.expanduser(typed))  # a shell leaves the ~ of --run=~/a as it is
    return path if len(path.parts) > 1 and path.parts[0] != ".." else Path(os.path.abspath(path))


def _may_be_nested(typed: str) -> bool:
    """Returns whether it could be a name in a folder under `runs/`, such as `zoo/atari-pong`."""
    return typed[0] not in "./~" and "/" in typed.rstrip("/")


def is_run(path: Path) -> bool:
    """Returns whether `path` is the directory of a run; false for impossible names, too."""
    return os.path.isfile(path / "config.yaml")


def run_path(typed: str) -> Path:
    """Returns the directory of the run that is named by what was typed.

    Raises:
        UsageError: there is no such run, or there are several; the message says what there is.
    """
    named = RUNS / typed if typed else None
    if looks_like_path(typed):
        path = typed_path(typed)
        if is_run(path):
            return path
        if _may_be_nested(typed) and named is not None and is_run(named):
            return named
        raise _no_run(typed, path)
    if named is not None and is_run(named):
        return named
    same = [path for path in run_paths() if path.name == typed]
    if len(same) > 1:
        raise UsageError(f"several runs are named {typed!r}: {_listed(same)}; say which")
    if same:
        return same[0]
    raise _no_run(typed, named)


def new_run_path(typed: str) -> Path:
    """Returns where the run to be made lies; raises UsageError if it cannot have this name."""
    if not NAME.fullmatch(Path(typed).name):
        raise UsageError(
            f"a run cannot be named {typed!r}; take up to 100 letters, digits and . _ + -"
        )
    if not looks_like_path(typed):
        return RUNS / typed
    path = typed_path(typed)
    first = Path(typed).parts[0]
    if _may_be_nested(typed) and (RUNS / first).is_dir() and not os.path.isdir(first):
        raise UsageError(f"{typed!r} may be {RUNS / typed} or ./{typed}; write the one you mean")
    for parent in path.parents:
        if is_run(parent) and (parent / "run.json").exists():
            raise UsageError(f"{path} would lie inside the run {parent}; choose another --run")
    return path


def run_paths() -> Iterator[Path]:
    """Yields the directories of all runs under `runs/`; none lies in another."""
    yield from _runs_below(RUNS, DEPTH)


def _runs_below(folder: Path, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            below = sorted(
                Path(entry.path)
                for entry in entries
                if entry.is_dir() and not entry.name.startswith(".")
            )
    except OSError:  # gone, or not for us to read
        return
    for path in below:
        if is_run(path):
            yield path
        elif depth > 1:
            yield from _runs_below(path, depth - 1)


def _no_run(typed: str, path: Path | None) -> UsageError:
    """Returns what is there instead, and what to type."""
    hint = None if path is None else _what_it_is(path)
    if hint is None and not looks_like_path(typed) and typed:
        here = Path(typed)
        hint = f"did you mean ./{typed}?" if is_run(here) else _what_it_is(here)
    if hint is None:
        known = list(run_paths())
        # Imported here, for worlds take half a second to import, and a name is seldom wrong.
        from envs.spelling import nearest

        near = nearest(Path(typed).name, {path.name: None for path in known})
        if same := [path for path in known if path.name == near]:
            by_name = len(same) == 1 and not looks_like_path(typed)
            hint = f"did you mean {near if by_name else str(same[0])!r}?"
    return UsageError(f"there is no run {typed!r}; {hint or '`ludus runs` lists them'}")


def _what_it_is(path: Path) -> str | None:
    if not os.path.lexists(path):
        return None
    for parent in path.parents:
        if is_run(parent) and (parent / "run.json").exists():
            step = path.relative_to(parent).parts[1:2]
            if path.relative_to(parent).parts[0] == "checkpoints" and step and step[0].isdecimal():
                return f"that is a checkpoint of one; name it so: {parent}@{step[0]}"
            return f"that is a part of one; name the run: {parent}"
    if os.path.isdir(path) and not os.access(path, os.R_OK | os.X_OK):
        return f"{path} is there, but its owner lets you not read it (Permission denied)"
    if not os.path.isdir(path):
        if path.suffix in (".yaml", ".yml"):
            return f"that is a config; begin a run with it: ludus train {path}"
        return "that is a file, and a run is a folder with a config.yaml"
    runs = list(_runs_below(path, 1))
    if runs:
        return f"that is a folder of runs; name one: {_listed(runs)}"
    if os.path.exists(path / "conditions.json"):
        return "that is a tournament; `ludus watch` shows it"
    return None


def _listed(paths: list[Path]) -> str:
    shown = ", ".join(map(str, paths[:NAMES_TOLD]))
    more = len(paths) - NAMES_TOLD
    return f"{shown} and {more} more" if more > 0 else shown
