"""Whom the studio refuses, and that nothing that is asked of it brings it down."""

import base64
import hashlib
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Mount, Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.workbench.studio.conftest import Server, served
from tests.workbench.studio.made_runs import ZOO, ask, make_run
from workbench.errors import UsageError, WorkError
from workbench.studio import server
from workbench.studio.guard import HEADERS, LOOPBACK, Access, PublicAddress
from workbench.studio.library import Library
from workbench.studio.runs import api as runs_api
from workbench.studio.runs.facts import Cards
from workbench.studio.server import make_app

TOKEN = "a-token"
KNOWN_TYPES = (
    "application/json",
    "text/html; charset=utf-8",
    "text/javascript; charset=utf-8",
    "application/javascript",
    "text/css; charset=utf-8",
    "image/svg+xml",
    "image/jpeg",
    "image/png",
    "video/mp4",
    "text/plain; charset=utf-8",
)
FETCHED = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """The address of a studio that asks for a token."""
    with served(make_app(Library([ZOO]), Access(None, TOKEN))) as url:
        yield url


def check_is_safe(answer) -> None:
    """Every answer forbids what no page of ours needs, and tells nothing of the inside."""
    for name, value in HEADERS.items():
        assert answer.headers[name.lower()] == value
    assert b"Traceback" not in answer.body
    if answer.status >= 400 and answer.status != 416 and answer.body:
        assert set(answer.json) == {"error"}


def test_the_page_and_its_parts_come_with_all_headers(studio):
    for path in (
        "/",
        "/static/page/app.js",
        "/static/page/style.css",
        "/api/runs/",
        "/api/runs/go5/poster",
    ):
        answer = ask(studio, path)
        assert answer.status == 200
        check_is_safe(answer)
    assert ask(studio, "/", method="HEAD").body == b""


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/api/runs/nowhere", 404),
        ("/static/../server.py", 404),
        ("/static/%2e%2e/server.py", 404),
        ("/static/..%2fserver.py", 404),
        ("/static//etc/passwd", 404),
        ("/static/%00", 400),
        ("/../../../../etc/passwd", 404),
        ("/api/runs/..", 404),
        ("/api/runs/%2e%2e", 404),
        ("/api/runs/..%2f..%2fconfigs", 404),
        ("/api/runs/../zoo/go5/config.yaml", 404),
        ("/api/runs/go5/videos/..%2f..%2fconfig.yaml.mp4", 404),
        ("/api/runs/go5/videos/../../run.json", 404),
        ("/api/runs/go5%00", 400),
        ("/api/runs/%F0%9F%8E%B2", 404),
        ("/api/runs/%ff%fe", 404),
        ("/api/runs/" + "a" * 1000, 404),
        ("/api/runs/" + "a" * 3000, 414),
        ("/api/runs/?" + "a" * 20_000, 414),
    ],
)
def test_addresses_of_nothing_are_refused_in_words(studio, path, status):
    answer = ask(studio, path)
    assert answer.status == status
    assert answer.json["error"]
    check_is_safe(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_only_get_is_answered(studio, method):
    answer = ask(studio, "/api/runs/", method=method)
    assert answer.status == 405
    check_is_safe(answer)


@pytest.mark.parametrize(
    "headers",
    [{"Content-Length": "5"}, {"Content-Length": "9999999999"}, {"Transfer-Encoding": "chunked"}],
)
def test_uploads_are_refused_before_they_are_read(studio, headers):
    answer = ask(studio, "/api/runs/", headers)
    assert answer.status == 413
    check_is_safe(answer)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "[::1"]
)
def test_a_name_that_was_bent_to_this_machine_is_refused(studio, host):
    answer = ask(studio, "/api/runs/", {"Host": host})
    assert answer.status == 421
    check_is_safe(answer)


def test_the_names_of_this_machine_are_answered(studio):
    port = studio.rsplit(":", 1)[1]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert ask(studio, "/api/runs/", {"Host": host}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", **FETCHED},
        {"Sec-Fetch-Site": "same-site", **FETCHED},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    ],
)
def test_pages_of_other_sites_may_not_ask(studio, headers):
    answer = ask(studio, "/api/runs/", headers)
    assert answer.status == 403
    check_is_safe(answer)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", **FETCHED},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_its_own_pages_may_ask(studio, headers):
    assert ask(studio, "/api/runs/", headers | {"Origin": studio}).status == 200


def test_links_lead_to_the_page_but_to_nothing_that_takes_long(studio):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert ask(studio, "/", headers).status == 200
    assert ask(studio, "/api/runs/", headers).status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
def test_websockets_of_other_sites_are_refused(studio, origin):
    address = studio.replace("http", "ws") + "/api/runs/"
    with pytest.raises(InvalidStatus) as refused, connect(address, origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_without_the_token_nothing_is_told(guarded):
    for path in (
        "/",
        "/api/runs/",
        "/static/page/app.js",
        "/?token=wrong",
        "/?token=",
        "/?token=%ff",
    ):
        answer = ask(guarded, path)
        assert answer.status == 401
        check_is_safe(answer)
    for cookie in ("ludus-token=wrong", "ludus-token=", "ludus-token=\xff", "other=a-token"):
        assert ask(guarded, "/api/runs/", {"Cookie": cookie}).status == 401
    with (
        pytest.raises(InvalidStatus),
        connect(guarded.replace("http", "ws") + f"/?token={TOKEN}", origin=guarded),
    ):
        pass


def test_the_token_is_exchanged_for_a_cookie(guarded):
    answer = ask(guarded, f"/?token={TOKEN}")
    assert (answer.status, answer.headers["location"]) == (307, "./")  # a proxy may be before it
    check_is_safe(answer)
    told = answer.headers["set-cookie"]
    assert "HttpOnly" in told
    assert "SameSite=strict" in told
    assert "path" not in told.lower()  # so it is that of the address, which only browsers know
    assert TOKEN not in answer.headers["location"]
    assert ask(guarded, "/api/runs/", {"Cookie": told.split(";")[0]}).status == 200


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/%5cevil.example", "/\\evil.example", "/a%0d%0aX:y", "/a/b//c:d"]
)
def test_the_token_leads_to_no_other_site(guarded, path):
    answer = ask(guarded, f"{path}?token={TOKEN}")
    location = answer.headers["location"]
    assert location.startswith("./")
    assert not location.startswith((".//", "./\\"))
    assert urljoin(f"{guarded}{path}", location).startswith(f"{guarded}/")
    assert "x" not in answer.headers


PUBLIC = PublicAddress.parse("https://Hub.example.org:443/user/me/")


@pytest.fixture(scope="module")
def proxied() -> Iterator[str]:
    """The address of a studio that a proxy shows to others."""
    app = make_app(Library([ZOO]), Access(LOOPBACK, TOKEN, PUBLIC))
    with served(app) as url:
        yield url


def test_a_public_address_is_read_as_browsers_tell_it():
    assert PUBLIC == ("https://hub.example.org", "hub.example.org", "/user/me")
    assert PUBLIC.url == "https://hub.example.org/user/me/"
    assert PublicAddress.parse("http://[fd00::2]:8080").url == "http://[fd00::2]:8080/"
    for wrong in ("hub.example.org", "ftp://x/", "https://", "http://x:y/", "http://h/?a=b", "["):
        with pytest.raises(UsageError, match="--public-url is an address"):
            PublicAddress.parse(wrong)


def test_behind_a_proxy_only_the_name_that_was_said_may_ask(proxied):
    cookie = ask(proxied, f"/?token={TOKEN}").headers["set-cookie"].split(";")[0]
    own = {"Host": "hub.example.org", "Cookie": cookie}
    assert ask(proxied, "/api/runs/", own).status == 200
    assert ask(proxied, "/user/me/api/runs/", own).status == 200
    assert ask(proxied, "/user/me", own).status == 200
    assert ask(proxied, "/user/you/api/runs/", own).status == 404
    assert ask(proxied, "/api/runs/", {"Host": "hub.example.org"}).status == 401
    other = ask(proxied, "/api/runs/", own | {"Host": "evil.example"})
    assert (other.status, "--public-url" in other.json["error"]) == (421, True)
    assert ask(proxied, "/api/runs/", own | {"Origin": "https://hub.example.org"}).status == 200
    for origin in ("https://evil.example", "https://hub.example.org.evil.example", "null"):
        assert ask(proxied, "/api/runs/", own | {"Origin": origin}).status == 403
    for path in ("/user/me//evil.example/", "/user/me/%2e%2e/server.py"):
        assert ask(proxied, path, own).status == 404


def test_what_a_proxy_tells_of_the_name_does_not_open_the_studio(studio):
    forwarded = {"X-Forwarded-Host": "hub.example.org"}
    own = forwarded | {"Origin": "http://hub.example.org"}
    assert ask(studio, "/api/runs/", own).status == 200
    assert ask(studio, "/api/runs/", own | {"Host": "hub.example.org"}).status == 421
    assert ask(studio, "/api/runs/", forwarded | {"Origin": "http://evil.example"}).status == 403
    assert ask(studio, "/api/runs/", own | {"Sec-Fetch-Site": "cross-site"}).status == 403
    same = {"Sec-Fetch-Site": "same-origin", "Origin": "http://hub.example.org"}
    assert ask(studio, "/api/runs/", same).status == 200  # a browser's word, which pages cannot say
    assert ask(studio, "/api/runs/", same | {"Host": "hub.example.org"}).status == 421
    assert ask(studio, "/api/runs/", same | {"Origin": "null"}).status == 403


@pytest.mark.parametrize("prefix", ["/deep/path", "/api", "/static", "/"])
def test_a_path_that_a_proxy_has_left_is_taken_off_where_it_says_so(studio, prefix):
    headers = {"X-Forwarded-Prefix": prefix}
    base = prefix.rstrip("/")
    for path in ("/api/runs/", f"{base}/api/runs/", f"{base}/static/page/app.js", f"{base}/", "//"):
        assert ask(studio, path, headers).status == 200, path
    assert ask(studio, "/other/api/runs/", headers).status == 404


def test_the_script_in_the_page_is_the_one_that_may_run():
    page = (Path(server.__file__).parent / "page/index.html").read_text()
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in HEADERS["Content-Security-Policy"]


def test_all_addresses_in_pages_are_relative():
    studio = Path(server.__file__).parent
    for path in (path for kind in ("js", "css", "html") for path in studio.glob(f"*/*.{kind}")):
        text = path.read_text()
        found = re.findall(r"""["'`(](?:/(?:api|static)\b[^"'`)]*|https?://[^"'`)]*)""", text)
        assert [one for one in found if "www.w3.org" not in one] == [], path.name


class _Failing:
    """An API whose routes fail in every way."""

    @staticmethod
    def routes(library: Library, cards: Cards) -> list[Route]:
        def failing(error: BaseException):
            def answer(request):
                raise error

            return answer

        return [
            Route("/bug", failing(RuntimeError("secret inside"))),
            Route("/usage", failing(UsageError("this is not so"))),
            Route("/work", failing(WorkError("the disk is full"))),
        ]


def test_a_bug_is_told_without_its_inside_and_the_server_lives(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(server, "runs_api", _Failing)
    app = make_app(Library([tmp_path]), Access(LOOPBACK, None))
    with served(app) as url, caplog.at_level(logging.ERROR):
        answer = ask(url, "/api/runs/bug")
        assert (answer.status, answer.json) == (500, {"error": "the studio failed"})
        check_is_safe(answer)
        usage, work = ask(url, "/api/runs/usage"), ask(url, "/api/runs/work")
        assert (usage.status, usage.json) == (400, {"error": "this is not so"})
        assert (work.status, work.json) == (500, {"error": "the studio failed: the disk is full"})
        assert ask(url, "/").status == 200
    assert "secret inside" in caplog.text


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> Iterator[str]:
    """The address of a studio over runs of which many are broken."""
    folder = tmp_path_factory.mktemp("broken")
    make_run(folder, "whole", video=True)
    for i, name in enumerate(("config.yaml", "run.json", "metrics.jsonl", "videos/400_0.mp4")):
        path = make_run(folder, f"garbled-{i}", video=True) / name
        path.write_bytes(b'{"\xff\x00' * 7)
        path = make_run(folder, f"folder-{i}", video=True) / name
        path.unlink()
        path.mkdir()
    with Server(folder) as made:
        yield made.url


def _addresses() -> list[str]:
    """Returns every address that the studio answers at, `{run}` and the like left open."""
    found = []
    for route in make_app(Library([]), Access(None, None)).routes:
        if isinstance(route, Mount) and route.routes:
            found += [route.path + getattr(inner, "path", "") for inner in route.routes]
        elif isinstance(route, Route):
            found.append(route.path)
    return found


ADDRESSES = [*_addresses(), "/static/{file}"]
parts = st.one_of(
    st.sampled_from(
        [
            "whole",
            "400_0",
            "400_0.mp4",
            "app.js",
            "..",
            ".",
            "%2e%2e%2f",
            "%00",
            "%ff",
            "%F0%9F%8E%B2",
            "*",
        ]
        + [f"{kind}-{i}" for kind in ("garbled", "folder") for i in range(4)]
    ),
    st.text(max_size=30).map(lambda text: quote(text, safe="", errors="replace")),
    st.text("abcé%/?.#~:;,=&+ \\", max_size=12).map(lambda t: quote(t, safe="%/?.:;,=&+")),
    st.integers(0, 3000).map(lambda n: "a" * n),
)
queries = st.one_of(
    st.just(""),
    st.sampled_from(
        [
            "names=episode_return&points=9",
            "x=wall_seconds",
            "name=elo",
            "v=1",
            "points=1e9",
            "x=%00",
            "names=,,,",
        ]
    ),
    st.text(max_size=40).map(lambda text: quote(text, safe="&=", errors="replace")),
)
header_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
HEADER_NAMES = (
    "Range If-Range If-None-Match If-Modified-Since Origin Cookie Accept-Encoding Sec-Fetch-Site "
    "Sec-Fetch-Mode Host X-Forwarded-Host Accept Content-Length"
)
header_values = ["bytes=0-9", "bytes=-1", "bytes=5-2", "bytes=0-0,2-3", "gzip", "0"]
asked_headers = st.dictionaries(
    st.sampled_from(HEADER_NAMES.split()),
    header_texts | st.sampled_from(header_values),
    max_size=3,
)


@settings(max_examples=400)
@given(address=st.sampled_from(ADDRESSES), data=st.data(), query=queries)
def test_whatever_is_asked_there_is_an_answer(broken, address, data, query):
    path = address
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + data.draw(parts) + path[end + 1 :]
    answer = ask(broken, f"{path}?{query}", data.draw(asked_headers))
    assert answer.status < 500
    if answer.status in (304, 307) or not answer.body:
        return
    kind = answer.headers["content-type"]
    if (
        kind == "text/plain; charset=utf-8"
        and answer.status == 400
        and "server" not in answer.headers
    ):
        return  # what is no HTTP never reaches the studio
    assert kind in KNOWN_TYPES or kind.startswith("multipart/byteranges")
    if kind == "application/json" and "content-encoding" not in answer.headers:
        json.loads(answer.body, parse_constant=lambda name: pytest.fail(name))
    assert ask(broken, "/api/runs/whole").json["status"] == "finished"


def test_fifty_viewers_at_once_all_get_their_answers(broken):
    good = [
        ("/", 200),
        ("/api/runs/", 200),
        ("/api/runs/whole", 200),
        ("/api/runs/whole/curves?names=episode_return", 200),
        ("/api/runs/whole/seeds?name=episode_return", 200),
        ("/api/runs/whole/poster", 200),
        ("/api/runs/whole/videos/400_0.mp4", 200),
        ("/api/runs/whole/videos/400_0/trace", 200),
        ("/static/page/app.js", 200),
    ]
    bad = [
        ("/api/runs/nowhere", 404),
        ("/api/runs/garbled-1", 200),
        ("/api/runs/%00", 400),
        ("/api/runs/whole/curves?x=nothing", 400),
        ("/static/../server.py", 404),
        ("/api/runs/folder-2/curves", 404),
        ("/api/runs/?" + "q" * 20_000, 414),
    ]
    expected = {path: ask(broken, path) for path, _ in good}
    start = threading.Barrier(50)

    def view(viewer: int) -> int:
        start.wait(30)
        wanted = (good + bad) * 2
        turned = wanted[viewer % len(wanted) :] + wanted[: viewer % len(wanted)]
        for path, status in turned:
            answer = ask(broken, path)
            assert answer.status == status, path
            if path in expected:
                assert answer.body == expected[path].body
        return len(turned)

    with ThreadPoolExecutor(50) as viewers:
        assert sum(viewers.map(view, range(50))) == 50 * 32
    assert ask(broken, "/api/runs/whole").status == 200


def test_a_visitor_who_leaves_in_the_middle_harms_nobody(studio):
    host, port = studio.removeprefix("http://").split(":")
    for _ in range(5):
        with socket.create_connection((host, int(port))) as visitor:
            path = "/api/runs/atari-pong/videos/800000_0.mp4"
            visitor.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            visitor.recv(100)
    with socket.create_connection((host, int(port))) as visitor:
        visitor.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        time.sleep(0.05)
    assert ask(studio, "/api/runs/go5").status == 200


def test_every_api_of_runs_only_reads():
    library = Library([Path("nowhere")])
    for route in runs_api.routes(library, Cards(library.serves)):
        assert route.methods == {"GET", "HEAD"}
