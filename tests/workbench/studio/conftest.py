"""A real server over the zoo, and a real browser that looks at it."""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.applications import Starlette

from workbench.studio.guard import LOOPBACK, Access
from workbench.studio.library import Library
from workbench.studio.server import make_app
from workbench.tournament.comparison import compare
from workbench.tournament.run import Options, run_tournament

ZOO = Path(__file__).parents[3] / "runs/zoo"
CHROMIUM = shutil.which("chromium")
SIZES = {"desktop": (1280, 860), "phone": (390, 844)}
# Milliseconds: machines are busy, games load, and the first thought compiles the search.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)

FIRST, LAST = (f"{ZOO / 'connect-four'}@{step}?simulations=2" for step in (256, 640_000))
GRID = ("grid-memory", "grid-memory-feedforward")


def eventually(holds: Callable[[], object]) -> None:
    """Waits for what no `expect` of playwright tells."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def wait_until(page: Page, holds: str) -> None:
    """Waits for an expression in the page."""
    page.wait_for_function(f"() => {holds}")  # a bare expression needs eval, which is forbidden


def hold_small(folder: Path) -> None:
    """Two checkpoints of the zoo and random, 4 games each."""
    options = Options(games=4, simulations=2, out=folder)
    run_tournament([FIRST, LAST, "random"], options, tell=lambda _: None, on_game=lambda *_: None)


def compare_small(folder: Path) -> None:
    """Two runs of the zoo in a grid, 3 episodes each."""
    compare(
        [str(ZOO / run) for run in GRID], episodes=3, seed=0, out=folder, protocol=None,
        tell=lambda _: None, on_episode=lambda *_: None,
    )  # fmt: skip


class _AllClosed(uvicorn.Server):
    """A server that leaves no connection open, however slowly its answers come."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0.01)  # in which the transports close


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Yields the address at which an app is served, by a thread."""
    server = _AllClosed(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the studio does not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE / 1000)


class Server:
    """The studio over some folders, at the address `url`."""

    def __init__(self, *folders: Path) -> None:
        self._served = served(make_app(Library(folders), Access(LOOPBACK, None)))
        self.url = ""

    def __enter__(self) -> "Server":
        self.url = self._served.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.__exit__(None, None, None)


@pytest.fixture(scope="session")
def studio() -> Iterator[str]:
    """The address of a studio over the zoo."""
    with Server(ZOO) as server:
        yield server.url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here; apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose scripts may not fail."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()
    assert not problems


@pytest.fixture(scope="session")
def shoot() -> Callable[[Page, str], None]:
    """Checks that nothing sticks out of a page at two widths.

    People who want to look at it find pictures, light and dark, in `$LUDUS_SCREENSHOTS`.
    """
    folder = os.environ.get("LUDUS_SCREENSHOTS")

    def take(page: Page, name: str) -> None:
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark") if folder else ():
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(150)
                page.screenshot(path=f"{folder}/{name}-{size}-{scheme}.png", full_page=True)
            wait_until(page, f"document.documentElement.scrollWidth <= {width}")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 860})

    return take


@pytest.fixture(scope="session")
def accessible() -> Callable[[Page], None]:
    """Checks a page with axe; in the dark only colours are others."""
    axe, told = Axe(), {"resultTypes": ["violations"]}
    colours = told | {"runOnly": {"type": "rule", "values": ["color-contrast"]}}

    def check(page: Page) -> None:
        for scheme, options in (("light", told), ("dark", colours)):
            page.emulate_media(color_scheme=scheme)
            found = axe.run(page, options=options).response["violations"]
            serious = [v for v in found if v["impact"] in ("serious", "critical")]
            where = [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in serious]
            assert not where, f"{scheme}: {where}"

    return check


@pytest.fixture(scope="session")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tournaments: `board`, played by the project, and `grid`."""
    folder = tmp_path_factory.mktemp("tournaments")
    hold_small(folder / "board")
    compare_small(folder / "grid")
    return folder
