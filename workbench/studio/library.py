"""What the studio can show: the runs and tournaments found in some folders."""

from collections.abc import Sequence
from pathlib import Path

from starlette.exceptions import HTTPException

from workbench.run import Run

# Runs lie in a folder, or in a folder of it: runs/NAME, runs/zoo/NAME, runs/zoo/seeds/NAME.
DEPTH = 3


class Library:
    """Finds runs and tournaments anew whenever it is asked, for they come and go."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Of `folders`, each holds runs or is one."""
        self._folders = list(dict.fromkeys(folder.resolve() for folder in folders))

    def runs(self) -> dict[str, Run]:
        """Returns all runs by id, e.g. `zoo:connect-four`: an id holds no slash."""
        return {name: Run(path) for name, path in self._found("config.yaml").items()}

    def tournaments(self) -> dict[str, Path]:
        """Returns the folders of all tournaments by id."""
        return self._found("conditions.json")

    def run(self, run_id: str) -> Run:
        """Returns one run; raises HTTPException 404 if there is none of this id."""
        run = self.runs().get(run_id)
        if run is None:
            raise HTTPException(404, "there is no such run")
        return run

    def tournament(self, tournament_id: str) -> Path:
        """Returns one tournament's folder; raises HTTPException 404 if there is none."""
        path = self.tournaments().get(tournament_id)
        if path is None:
            raise HTTPException(404, "there is no such tournament")
        return path

    def _found(self, marker: str) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for depth in range(DEPTH + 1):
                for path in sorted(folder.glob("*/" * depth + marker)):
                    parts = path.parent.relative_to(folder).parts or (folder.name,)
                    name = ":".join(parts)
                    if found.get(name, path.parent) != path.parent:  # of another folder
                        name = ":".join((folder.name, *parts))
                    found[name] = path.parent
        return found
