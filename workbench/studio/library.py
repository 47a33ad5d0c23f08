"""Finds the runs and tournaments that the studio shows."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from starlette.exceptions import HTTPException

from workbench.runs.run import Run

# Runs lie in a folder, or in a folder of it: runs/NAME, runs/zoo/NAME, runs/zoo/seeds/NAME.
DEPTH = 3
# Either makes a directory a run, even one that is no longer whole.
RUN_MARKS = ("config.yaml", "run.json")
TOURNAMENT_MARKS = ("conditions.json",)


class Library:
    """Finds runs and tournaments anew at every call, since they come and go."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """`folders`: each holds runs or is one."""
        self._folders = list(dict.fromkeys(folder.resolve() for folder in folders))
        self._known: dict[str, Path] = {}

    def runs(self) -> dict[str, Run]:
        """Returns all runs by id, e.g. `zoo:connect-four`: an id holds no slash."""
        self._known = self._found(RUN_MARKS)
        return {name: Run(path) for name, path in self._known.items()}

    def tournaments(self) -> dict[str, Path]:
        """Returns the folders of all tournaments by id, but those of which a link leads out."""
        return {
            name: path
            for name, path in self._found(TOURNAMENT_MARKS).items()
            if all(map(self._is_sound, (path / "conditions.json", *path.glob("*.jsonl"))))
        }

    def run(self, run_id: str) -> Run:
        """Returns one run; raises HTTPException 404 if there is none of this id."""
        path = self._known.get(run_id)
        if path is not None and any(os.path.lexists(path / mark) for mark in RUN_MARKS):
            return Run(path)
        run = self.runs().get(run_id)
        if run is None:
            raise HTTPException(404, "there is no such run")
        return run

    def trained_run(self, run_id: str) -> Run:
        """Returns one run to be read as a whole; raises HTTPException 404 if a link leads out."""
        run = self.run(run_id)
        if not self.serves(run.config_path) or not self.holds_checkpoints(run):
            raise HTTPException(404, "the config or the checkpoints of this run cannot be read")
        return run

    def tournament(self, tournament_id: str) -> Path:
        """Returns one tournament's folder; raises HTTPException 404 if there is none."""
        path = self.tournaments().get(tournament_id)
        if path is None:
            raise HTTPException(404, "there is no such tournament")
        return path

    def holds_checkpoints(self, run: Run) -> bool:
        """Returns whether all checkpoints of a run, links followed, lie in one of the folders."""
        folder = run.checkpoints
        try:
            found = [*folder.glob("*"), *folder.glob("[0-9]*/*")]
        except OSError:  # one is gone just now
            return False
        return self.holds(folder) and all(map(self._is_sound, found))

    def holds(self, path: Path) -> bool:
        """Returns whether `path`, all links followed, lies in one of the folders."""
        try:
            real = path.resolve()
        except (OSError, RuntimeError):  # a loop of links
            return False
        return any(real.is_relative_to(folder) for folder in self._folders)

    def serves(self, path: Path) -> bool:
        """Returns whether `path` is an ordinary file that may be given out."""
        try:
            return stat.S_ISREG(path.stat().st_mode) and self.holds(path)
        except OSError:
            return False

    def _is_sound(self, path: Path) -> bool:
        """Returns whether a path leads out of no folder, and is a file or folder if it is there."""
        try:
            if path.is_symlink() and not self.holds(path):
                return False
            # What a training has tidied up since does no harm; a FIFO would: it may never end.
            return path.is_file() or path.is_dir() or not path.exists()
        except OSError:
            return False

    def _found(self, marks: Sequence[str]) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in self._marked(folder, marks):
                parts = path.relative_to(folder).parts or (folder.name,)
                # What is no text on disk becomes some in the address.
                name = ":".join(parts).encode(errors="surrogateescape").decode(errors="replace")
                if found.get(name, path) != path:  # of another folder
                    name = f"{folder.name}:{name}"
                while found.get(name, path) != path:
                    name += "~"
                found[name] = path
        return found

    def _marked(self, folder: Path, marks: Sequence[str]) -> Iterator[Path]:
        """Yields the nearest marked directories below `folder`; none that a link leads out to."""
        for name, below, files in os.walk(folder, followlinks=True):
            path = Path(name)
            is_marked = not {*below, *files}.isdisjoint(marks)
            if is_marked:
                yield path
            if is_marked or len(path.parts) - len(folder.parts) == DEPTH:
                below.clear()
            below[:] = sorted(one for one in below if self._leads_on(path / one))

    def _leads_on(self, path: Path) -> bool:
        return path.name[0] != "." and (not path.is_symlink() or self.holds(path))
