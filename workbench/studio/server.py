"""The studio's server: its routes and their handlers.

Names in addresses are looked up among what was found on disk, never joined to a path. All addresses
in pages are relative, so that a proxy may show the studio below any path.
"""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

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
from workbench.studio.guard import Access, Guard, PublicAddress
from workbench.studio.library import Library
from workbench.studio.pages import STUDIO, Compressed, Static, page
from workbench.studio.runs import api as runs_api
from workbench.studio.runs import changes as changes_api
from workbench.studio.runs.facts import Cards
from workbench.studio.tournaments import api as tournaments_api
from workbench.studio.videos import api as insight_api


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Answer({"error": error.detail}, status_code=error.status_code)


async def _on_usage_error(request: Request, error: Exception) -> Response:
    return Answer({"error": str(error)}, status_code=400)


async def _on_failure(request: Request, error: Exception) -> Response:
    return Answer({"error": f"the studio failed: {error}"}, status_code=500)


def make_app(
    library: Library,
    *,
    hosts: Sequence[str] | None,
    token: str | None,
    public: PublicAddress | None = None,
    changes: changes_api.Changes | None = None,
) -> Starlette:
    """Returns the whole studio.

    Args:
        library: the runs and tournaments that it shows.
        hosts: the names under which it may be asked, None: any.
        token: what visitors must know, None: nothing.
        public: where a proxy shows it, whose name it may be asked by, too.
        changes: which runs may be changed, and by whom; None: none.
    """
    cards = Cards(library.serves)
    access = Access(hosts, token, public, changes.token if changes else None)

    @asynccontextmanager
    async def warming(app: Starlette) -> AsyncIterator[None]:
        """Reads all runs while the browser opens."""
        threading.Thread(target=lambda: cards.all(library.runs()), daemon=True).start()
        yield

    routes: list[BaseRoute] = [
        Route("/", page),
        Mount("/static", Static(directory=STUDIO)),
        Mount("/api/runs", routes=runs_api.routes(library, cards)),
        Mount("/api/changes", routes=changes_api.routes(library, changes)),
        *(
            Mount(f"/api/{name}", routes=api.routes(library))
            for name, api in (
                ("insight", insight_api),
                ("boards", boards_api),
                ("arcade", arcade_api),
                ("tournaments", tournaments_api),
            )
        ),
    ]
    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: _on_http_error,
        UsageError: _on_usage_error,
        WorkError: _on_failure,
    }
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, access=access), Middleware(Compressed)],
        exception_handlers=dict(handlers),
        lifespan=warming,
    )
