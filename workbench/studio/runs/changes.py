"""Answers `/api/changes`, which changes runs.

- `/`, by GET: whether who asks may change runs, and if not, why
- `/RUN/notes`, by POST: `text`, and `was`, the notes that the page showed
- `/RUN/rename`, by POST: `name`
- `/RUN/delete`, by POST: `name`, the run's own, as a confirmation

`guard.Guard` lets nobody post who does not know the token, nor from another site's page.
"""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Lock
from typing import Any

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workbench.errors import UsageError, WorkError
from workbench.runs.notes import notes_path, read_notes, rename_run, write_notes
from workbench.runs.removal import delete_run
from workbench.runs.run import Run
from workbench.studio.answers import Answer
from workbench.studio.library import Library

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(library: Library, root: Path | None) -> list[BaseRoute]:
    """Returns the routes below `/api/changes`, for runs below `root`; None: one that says no."""

    def about(request: Request) -> Response:
        may = bool(request.scope.get("may_change"))
        why = None if may else "open the address for changes that ludus watch printed"
        if root is None:
            why = "ludus watch was started without --changes"
        return Answer({"on": may, "why": why})

    if root is None:
        return [Route("/", about)]
    one_at_a_time = Lock()  # so that nobody overwrites what he has not seen

    def changed(act: Callable[[Run, dict[str, Any]], dict[str, Any]]) -> Endpoint:
        async def answer(request: Request) -> Response:
            asked = _asked(await request.body())
            name = request.path_params["run"]

            def work() -> dict[str, Any]:
                try:
                    with one_at_a_time:
                        return act(_changeable(library.run(name), root), asked)
                except OSError as error:
                    raise WorkError(f"it cannot be changed: {error.strerror or error}") from None

            return Answer(await to_thread.run_sync(work))

        return answer

    def notes(run: Run, asked: dict[str, Any]) -> dict[str, Any]:
        if not (isinstance(asked.get("text"), str) and isinstance(asked.get("was"), str)):
            raise UsageError("text and was are texts")
        if notes_path(run).is_symlink():
            raise UsageError(f"{notes_path(run).name} is a link, which is not followed")
        if read_notes(run) != asked["was"]:
            raise HTTPException(409, "somebody has changed these notes meanwhile")
        write_notes(run, asked["text"])
        return {"notes": read_notes(run)}

    def rename(run: Run, asked: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(asked.get("name"), str):
            raise UsageError("name is a text")
        renamed = rename_run(run, asked["name"])
        found = [name for name, one in library.runs().items() if one.path == renamed.path]
        return {"id": found[0] if found else None}

    def delete(run: Run, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("name") != run.name:
            raise UsageError("to delete a run, its name is to be given")
        delete_run(run)
        return {"deleted": run.name}

    return [
        Route("/", about),
        Route("/{run}/notes", changed(notes), methods=["POST"]),
        Route("/{run}/rename", changed(rename), methods=["POST"]),
        Route("/{run}/delete", changed(delete), methods=["POST"]),
    ]


def _asked(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise UsageError("what is to be changed is told as a JSON object")
    return asked


def _changeable(run: Run, root: Path) -> Run:
    """Returns the run, if it lies below `root` and no link leads there."""
    if run.path.resolve() != run.path or root.resolve() not in run.path.parents:
        raise UsageError(f"only runs under {root}/ can be changed here; {run.name} lies elsewhere")
    return run
