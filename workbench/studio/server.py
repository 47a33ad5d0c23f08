"""The studio's server: its routes and their handlers.

Names in addresses are looked up among what was found on disk, never joined to a path. All addresses
in pages are relative, so that a proxy may show the studio below any path.
"""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from workbench.errors import UsageError, WorkError
from workbench.studio.answers import Answer
from workbench.studio.arcade import api as arcade_api
from workbench.studio.boards import api as boards_api
from workbench.studio.guard import Access, Guard
from workbench.studio.library import Library
from workbench.studio.pages import STUDIO, Compressed, Static, page
from workbench.studio.runs import api as runs_api
from workbench.studio.runs import changes as changes_api
from workbench.studio.runs.facts import Cards
from workbench.studio.tournaments import api as tournaments_api
from workbench.studio.videos import api as insight_api


async def _on_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return Answer({"error": error.detail}, status_code=error.status_code)
    if isinstance(error, UsageError):
        return Answer({"error": str(error)}, status_code=400)
    return Answer({"error": f"the studio failed: {error}"}, status_code=500)


def make_app(library: Library, access: Access, changed: Path | None = None) -> Starlette:
    """Returns the whole studio.

    Args:
        library: the runs and tournaments that it shows.
        access: who may ask it, and for what.
        changed: the folder whose runs may be changed; None: none.
    """
    cards = Cards(library.serves)

    @asynccontextmanager
    async def warming(app: Starlette) -> AsyncIterator[None]:
        """Reads all runs while the browser opens."""
        threading.Thread(target=lambda: cards.all(library.runs()), daemon=True).start()
        yield

    routes: list[BaseRoute] = [
        Route("/", page),
        Mount("/static", Static(directory=STUDIO)),
        Mount("/api/runs", routes=runs_api.routes(library, cards)),
        Mount("/api/changes", routes=changes_api.routes(library, changed)),
        Mount("/api/insight", routes=insight_api.routes(library)),
        Mount("/api/boards", routes=boards_api.routes(library)),
        Mount("/api/arcade", routes=arcade_api.routes(library)),
        Mount("/api/tournaments", routes=tournaments_api.routes(library)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, access=access), Middleware(Compressed)],
        exception_handlers=dict.fromkeys((HTTPException, UsageError, WorkError), _on_error),
        lifespan=warming,
    )
