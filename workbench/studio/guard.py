"""The request guard, which refuses what does not come from the studio's own pages.

What is shown is asked for by GET, and nothing that is asked for so changes a file. Runs are changed
by POST, where that is on, by who has the token.
"""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from hmac import compare_digest
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench.errors import UsageError
from workbench.studio.answers import Answer

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "ludus-token"  # and the port, for cookies of all ports of a machine lie together
CHANGES = "/api/changes/"
MAX_UPLOAD = 524_288  # bytes; a note and the one before it fit, whatever their letters
MAX_QUERY = 16_384  # bytes; the moves of a long game fit
MAX_PATH = 2_048  # bytes
BEHIND_A_PROXY = "where a proxy shows it, start it with --public-url and the address there"
LOG = logging.getLogger(__name__)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        # The one script in the page itself, which adds a slash to the address where it lacks.
        "script-src 'self' 'sha256-Y0XQXim+tYaQcAlmS1dYZNrXaA35dbh2JJjuetb29NM='; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class PublicAddress(NamedTuple):
    """Where a reverse proxy shows the studio; `origin` is e.g. `https://hub.example.org`."""

    origin: str
    host: str
    prefix: str  # "" or "/user/me/proxy/8765", without a slash at its end

    @classmethod
    def parse(cls, url: str) -> "PublicAddress":
        """Raises UsageError if `url` is none of a page."""
        scheme, netloc, path, *more = parts = _split(url)
        if not parts.hostname or scheme not in ("http", "https") or any(more):
            raise UsageError(
                f"--public-url is an address such as https://host/path/, not {url[:80]!r}"
            )
        return cls(f"{scheme}://{_plain(netloc)}", parts.hostname, path.rstrip("/"))

    @property
    def url(self) -> str:
        """The address of the first page."""
        return f"{self.origin}{self.prefix}/"


class Access(NamedTuple):
    """Who may ask the studio, and for what.

    Attributes:
        hosts: the names by which it may be asked, None: any.
        token: what visitors must know to look, None: nothing.
        public: where a proxy shows it.
        changes_token: what visitors must know to change runs, None: nobody may.
    """

    hosts: Sequence[str] | None
    token: str | None
    public: PublicAddress | None = None
    changes_token: str | None = None


class Guard:
    """Refuses what does not come from the studio's own pages."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._ticket = new_token()  # that only the studio's own pages can have read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or lets the app answer with `HEADERS` added."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope = {**scope, "path": self._path_within(scope)}
        asked = HTTPConnection(scope)
        scope["ticket"] = self._ticket
        scope["may_change"] = _knows(asked, self._access.changes_token)
        refused = self._refusal(asked)
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
                MutableHeaders(scope=message).update(HEADERS)
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

    def _path_within(self, scope: Scope) -> str:
        """Returns the path without what a proxy has put before it, if the proxy left it there.

        A header may tell of it: it only says which of the studio's addresses is meant.
        """
        path, public = str(scope["path"]), self._access.public
        told = Headers(scope=scope).get("x-forwarded-prefix", "").split(",")[0].strip()
        for prefix in (public.prefix if public else "", told.rstrip("/")):
            below = path.removeprefix(prefix)
            if prefix and below != path and below.startswith(("/static/", "/api/")):
                path = below
            elif prefix and path in (prefix, f"{prefix}/"):
                path = "/"
        return "/" + path.lstrip("/")  # some proxies leave two slashes

    def _refusal(self, asked: HTTPConnection) -> Response | None:
        headers, scope = asked.headers, asked.scope
        if "\0" in scope["path"]:
            return _problem(400, "there is no such address")
        if len(scope["query_string"]) > MAX_QUERY or len(scope["path"]) > MAX_PATH:
            return _problem(414, "the address is too long")
        method = scope.get("method", "GET")  # a websocket has none
        changing = method == "POST" and scope["path"].startswith(CHANGES)
        if method not in ("GET", "HEAD") and not changing:
            return _problem(405, "the studio only answers GET")
        if not _has_body_within(headers, MAX_UPLOAD if changing else 0):
            return _problem(413, "the studio takes no uploads")
        if not self._is_asked_by_its_name(headers):
            return _problem(421, f"the studio is not asked by this name; {BEHIND_A_PROXY}")
        if self._comes_from_elsewhere(headers, scope) and not self._has_ticket(asked):
            return _problem(403, f"other sites may not ask the studio; {BEHIND_A_PROXY}")
        given = asked.query_params.get("token", "")
        tokens = (self._access.token, self._access.changes_token)
        if scope["type"] == "http" and not changing and any(_same(given, one) for one in tokens):
            return _welcome(asked, given)
        if self._access.token is not None and not _knows(asked, self._access.token):
            return _problem(401, "open the address that `ludus watch` printed, with its token")
        return self._refusal_of_change(asked) if changing else None

    def _refusal_of_change(self, asked: HTTPConnection) -> Response | None:
        headers, token = asked.headers, self._access.changes_token
        if token is None:
            return _problem(403, "runs cannot be changed here; see `ludus watch --help`: --changes")
        if not _knows(asked, token):
            return _problem(403, "to change runs, open the address that `ludus watch` printed")
        if headers.get("origin") is None:
            return _problem(403, "only the studio's own pages may change runs")
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _problem(415, "what is to be changed is told as JSON")
        return None

    def _is_asked_by_its_name(self, headers: Headers) -> bool:
        hosts, public = self._access.hosts, self._access.public
        name = _split(f"//{headers.get('host', '')}").hostname
        return hosts is None or name in hosts or (public is not None and name == public.host)

    def _comes_from_elsewhere(self, headers: Headers, scope: Scope) -> bool:
        """Returns whether another site's page asks; browsers say so, and pages cannot lie."""
        kind = str(scope["type"])
        if kind == "http" and headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/":
            return False  # a link to the studio may be followed, but not to what takes it long
        site = headers.get("sec-fetch-site")
        if site is not None and site not in ("same-origin", "none"):
            return True
        origin = headers.get("origin")
        if site == "same-origin" and origin not in (None, "null"):
            return False  # whatever name a proxy asks by: the browser knows where its page is from
        if origin is None:
            return kind == "websocket"
        # A proxy may ask by a name of its own, and tell by which one it was asked. No page of
        # another site can add that header to what it asks.
        forwarded = headers.get("x-forwarded-host", "").split(",")[0].strip()
        public = self._access.public
        own = [headers.get("host", ""), forwarded, _split(public.origin).netloc if public else ""]
        asking = _plain(_split(origin).netloc)
        return not asking or asking not in map(_plain, own)

    def _has_ticket(self, asked: HTTPConnection) -> bool:
        """Returns whether a page of ours opens a websocket: there, browsers tell only its origin.

        Behind a proxy that is not the origin of anything that the studio knows.
        """
        is_page = asked.scope["type"] == "websocket" and "origin" in asked.headers
        return is_page and _same(asked.query_params.get("ticket", ""), self._ticket)


def _knows(asked: HTTPConnection, token: str | None) -> bool:
    return _same(asked.cookies.get(_cookie(asked), ""), token)


def _same(given: str, token: str | None) -> bool:
    return token is not None and compare_digest(given.encode(), token.encode())


def _cookie(asked: HTTPConnection) -> str:
    server = asked.scope.get("server")
    return f"{COOKIE}-{server[1] if server else ''}"


def _welcome(asked: HTTPConnection, token: str) -> Response:
    """Exchanges the token in the address for a cookie, so that it does not stay there.

    Where it leads is relative, and the cookie has no path, for only the browser knows the whole
    address: there may be a proxy that shows the studio below some path.
    """
    last = asked.scope["path"].rpartition("/")[2]
    to = "./" + quote(last, safe="", errors="replace")
    answer = RedirectResponse(to, headers=HEADERS | {"Cache-Control": "no-store"})
    answer.set_cookie(
        _cookie(asked),
        token,
        path=None,
        httponly=True,
        samesite="strict",
        secure=asked.headers.get("x-forwarded-proto") == "https",
    )
    return answer


def _has_body_within(headers: Headers, most: int) -> bool:
    length = headers.get("content-length", "0")
    return length.isdecimal() and int(length[:9]) <= most and "transfer-encoding" not in headers


def _split(url: str) -> SplitResult:
    """Returns the parts of an address; those of one that makes no sense are empty."""
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port
        return parts
    except ValueError:
        return SplitResult("", "", "", "", "")


def _plain(netloc: str) -> str:
    """Returns a host and its port as one may compare them."""
    return netloc.lower().removesuffix(":80").removesuffix(":443")


def _problem(status: int, message: str) -> Response:
    return Answer({"error": message}, status_code=status, headers=HEADERS)


def new_token() -> str:
    """Returns what nobody can guess."""
    return secrets.token_urlsafe(24)
