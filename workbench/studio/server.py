"""The studio's server: what it answers, and whom it refuses.

Everything is asked for by GET, and nothing that is asked for changes a file. Names in addresses are
looked up among what was found on disk, never joined to a path.
"""

import asyncio
import logging
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from hmac import compare_digest
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench.errors import UsageError, WorkError
from workbench.studio import arcade_api, boards_api, insight_api, runs_api, tournaments_api
from workbench.studio.answers import Answer
from workbench.studio.library import Library
from workbench.studio.run_facts import Cards

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "ludus-token"
MAX_QUERY = 16_384  # bytes; the moves of a long game fit
MAX_PATH = 2_048  # bytes
LOG = logging.getLogger(__name__)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Refuses what does not come from the studio's own pages."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None, token: str | None) -> None:
        """`hosts`: the names by which it may be asked, None: any; `token`: None: not needed."""
        self._app = app
        self._hosts = hosts
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or lets the app answer with `HEADERS` added."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = self._refusal(HTTPConnection(scope))
        if refused is not None:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await refused(scope, receive, send)
            return

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                added = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            # Only the end of the studio does that.
            if scope["type"] != "http":
                raise
            if not started:
                await _problem(503, "the studio has ended")(scope, receive, send)
        except Exception:
            # Told in the terminal, not to visitors; where an answer has begun it just ends.
            LOG.exception("the studio could not answer %s", scope["path"])
            if scope["type"] == "http" and not started:
                await _problem(500, "the studio failed")(scope, receive, send)

    def _refusal(self, asked: HTTPConnection) -> Response | None:
        headers, scope = asked.headers, asked.scope
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
            return _problem(405, "the studio only answers GET")
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            return _problem(413, "the studio takes no uploads")
        if "\0" in scope["path"]:
            return _problem(400, "there is no such address")
        if len(scope["query_string"]) > MAX_QUERY or len(scope["path"]) > MAX_PATH:
            return _problem(414, "the address is too long")
        if self._hosts is not None and _host_name(headers) not in self._hosts:
            return _problem(421, "the studio is not asked by this name")
        if _comes_from_elsewhere(headers, scope):
            return _problem(403, "other sites may not ask the studio")
        if self._token is not None and not self._knows_token(asked):
            return self._welcome(asked)
        return None

    def _knows_token(self, asked: HTTPConnection) -> bool:
        return compare_digest(asked.cookies.get(COOKIE, "").encode(), str(self._token).encode())

    def _welcome(self, asked: HTTPConnection) -> Response:
        """Exchanges the token in the address for a cookie, so that it does not stay there."""
        given = asked.query_params.get("token", "")
        if asked.scope["type"] != "http" or not compare_digest(
            given.encode(), str(self._token).encode()
        ):
            return _problem(401, "open the address that `ludus watch` printed, with its token")
        # One slash in front: two would lead to another site.
        path = quote("/" + asked.scope["path"].lstrip("/"), errors="replace")
        answer = RedirectResponse(path, headers=HEADERS | {"Cache-Control": "no-store"})
        answer.set_cookie(COOKIE, given, httponly=True, samesite="strict")
        return answer


def _host_name(headers: Headers) -> str | None:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return None


def _comes_from_elsewhere(headers: Headers, scope: Scope) -> bool:
    """Returns whether another site's page asks; browsers say so, and pages cannot lie about it."""
    kind = str(scope["type"])
    if kind == "http" and headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/":
        return False  # a link to the studio may be followed, but not to what takes it long
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return kind == "websocket"
    try:
        return urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        return True


def _problem(status: int, message: str) -> Response:
    return Answer({"error": message}, status_code=status, headers=HEADERS)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Answer({"error": error.detail}, status_code=error.status_code)


async def _on_usage_error(request: Request, error: Exception) -> Response:
    return Answer({"error": str(error)}, status_code=400)


async def _on_failure(request: Request, error: Exception) -> Response:
    return Answer({"error": f"the studio failed: {error}"}, status_code=500)


async def _page(request: Request) -> Response:
    page = files("workbench.studio").joinpath("static/index.html").read_bytes()
    return Response(page, media_type="text/html", headers={"Cache-Control": "no-cache"})


class _Compressed:
    """Compresses pages and JSON; pictures are small already, and in videos one seeks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_media = scope["type"] != "http" or scope["path"].endswith((".mp4", "/poster", ".png"))
        await (self._app if is_media else self._compressing)(scope, receive, send)


class _Static(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"  # a newer Ludus brings newer pages
        return response


def make_app(library: Library, *, hosts: Sequence[str] | None, token: str | None) -> Starlette:
    """Returns the whole studio.

    Args:
        library: the runs and tournaments that it shows.
        hosts: the names under which it may be asked, None: any.
        token: what visitors must know, None: nothing.
    """
    cards = Cards(library.serves)

    @asynccontextmanager
    async def warming(app: Starlette) -> AsyncIterator[None]:
        """Reads all runs while the browser opens."""
        threading.Thread(target=lambda: cards.all(library.runs()), daemon=True).start()
        yield

    static = Path(str(files("workbench.studio").joinpath("static")))
    routes: list[BaseRoute] = [
        Route("/", _page),
        Mount("/static", _Static(directory=static)),
        Mount("/api/runs", routes=runs_api.routes(library, cards)),
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
        middleware=[Middleware(Guard, hosts=hosts, token=token), Middleware(_Compressed)],
        exception_handlers=dict(handlers),
        lifespan=warming,
    )


def new_token() -> str:
    """Returns what nobody can guess."""
    return secrets.token_urlsafe(24)
