"""Serves the page with its scripts and styles, and compresses responses."""

from importlib.resources import files
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

STUDIO = Path(str(files("workbench.studio")))
STYLES = "<!-- styles of the pages -->"


async def page(request: Request) -> Response:
    """Answers with the one page there is, which asks for the styles of all folders."""
    html = (STUDIO / "page/index.html").read_text(encoding="utf-8")
    folders = sorted(path for path in STUDIO.glob("*/*.css") if path.parent.name != "page")
    links = "\n    ".join(
        f'<link rel="stylesheet" href="static/{path.relative_to(STUDIO).as_posix()}">'
        for path in folders
    )
    html = html.replace(STYLES, links)
    return Response(html, media_type="text/html", headers={"Cache-Control": "no-cache"})


class Compressed:
    """Compresses pages and JSON, but not pictures, which are small, nor videos, where one seeks."""

    def __init__(self, app: ASGIApp) -> None:
        """Compresses what `app` answers."""
        self._app = app
        self._compressing = GZipMiddleware(app, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the app answer."""
        is_media = scope["type"] != "http" or scope["path"].endswith((".mp4", "/poster", ".png"))
        await (self._app if is_media else self._compressing)(scope, receive, send)


class Static(StaticFiles):
    """Serves scripts and styles, which lie beside the studio's Python files, and nothing else.

    Browsers ask whether they have changed.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Returns a file."""
        if not path.endswith((".css", ".js", ".svg")):
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"  # a newer Ludus brings newer pages
        return response
