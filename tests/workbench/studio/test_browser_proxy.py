"""The studio behind reverse proxies that show it below a path, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.workbench.studio.conftest import ZOO, Server, served
from tests.workbench.studio.proxy import Proxy
from tests.workbench.studio.test_browser_pages import PAGES
from workbench.studio.guard import LOOPBACK, Access, PublicAddress
from workbench.studio.library import Library
from workbench.studio.server import make_app

PREFIX = "/user/me/proxy/8765"
NAMES = PAGES | {"run/go5": "go5"}
THERE = [name for name in PAGES if name != "run/nothing"]


def port_of(url):
    return int(url.rsplit(":", 1)[1])


def watched(page):
    """Notes what is answered with a failure."""
    failed = []
    page.on("response", lambda r: failed.append((r.status, r.url)) if r.status >= 400 else None)
    return failed


def check(page, base, name):
    page.goto("about:blank")  # else only what stands after # would change
    page.goto(f"{base}#/{name}")
    expect(page).to_have_title(f"{NAMES[name]} · Ludus studio")


def leave(page):
    """Before the proxy ends, of which a page that still asks would tell in its console."""
    page.goto("about:blank")


def plays(page, base):
    """The websocket comes through, too."""
    page.goto("about:blank")
    page.goto(f"{base}#/play/grid-doorkey?seed=2")
    expect(page.locator(".arcade-status")).to_have_text("Your turn: each key is a step.")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".arcade")).to_have_attribute("data-steps", "1")


def test_every_page_is_whole_below_a_path_that_the_proxy_takes_off(studio, page):
    with Proxy(port_of(studio), PREFIX, strips=True) as proxy:
        failed = watched(page)
        for name in THERE:
            check(page, proxy.url, name)
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text(PAGES[THERE[-1]])
        expect(page.locator("video")).to_have_js_property("readyState", 4)
        plays(page, proxy.url)
        check(page, proxy.url, "")
        for image in page.locator(".card img").all()[:3]:
            expect(image).not_to_have_js_property("naturalWidth", 0)
        page.get_by_role("link", name="go5").click()
        expect(page).to_have_url(f"{proxy.url}#/run/go5")
        page.go_back()
        expect(page).to_have_title("Runs · Ludus studio")
        assert not failed
        leave(page)


def test_without_its_last_slash_an_address_leads_to_the_same_page(studio, browser):
    with Proxy(port_of(studio), PREFIX, strips=True) as proxy, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{proxy.url[:-1]}#/run/go5")
        expect(page).to_have_url(f"{proxy.url}#/run/go5")
        expect(page).to_have_title("go5 · Ludus studio")


@pytest.mark.parametrize("tells", [{"X-Forwarded-Prefix": "/api"}, None], ids=["header", "flag"])
def test_a_proxy_that_leaves_the_path_as_it_is(page, tells):
    """Its path is called like one of the studio's own, on purpose."""
    public = None if tells else PublicAddress.parse("http://127.0.0.1/api/")
    app = make_app(Library([ZOO]), Access(LOOPBACK, None, public))
    with served(app) as url, Proxy(port_of(url), "/api", strips=False, headers=tells) as proxy:
        failed = watched(page)
        for name in ("", "run/go5", "video/atari-pong/800000_0"):
            check(page, proxy.url, name)
        plays(page, proxy.url)
        assert not failed
        leave(page)


def test_a_proxy_that_asks_by_a_name_of_its_own_and_tells_by_which_it_was_asked(studio, page):
    """As nginx does, with `proxy_set_header X-Forwarded-Host $http_host`."""
    headers = {"Host": f"127.0.0.1:{port_of(studio)}"}
    with Proxy(port_of(studio), PREFIX, strips=True, headers=headers) as proxy:
        proxy.sets("X-Forwarded-Host", f"127.0.0.1:{proxy.port}")
        check(page, proxy.url, "run/go5")
        plays(page, proxy.url)
        leave(page)


def test_a_proxy_that_asks_by_a_name_of_its_own_and_tells_nothing(studio, page):
    """As nginx does unless it is told otherwise; pages and browser still know where they are."""
    headers = {"Host": f"127.0.0.1:{port_of(studio)}"}
    with Proxy(port_of(studio), PREFIX, strips=True, headers=headers) as proxy:
        check(page, proxy.url, "run/go5")
        plays(page, proxy.url)
        leave(page)


def test_a_name_that_was_said_by_the_flag_may_be_asked_with_the_token(browser):
    """As in JupyterHub: the proxy passes the public name on."""
    public = PublicAddress.parse(f"http://hub.localhost{PREFIX}/")
    app = make_app(Library([ZOO]), Access(LOOPBACK, "a-token", public))
    with (
        served(app) as url,
        Proxy(port_of(url), PREFIX, strips=True) as proxy,
        browser.new_context() as context,
    ):
        page = context.new_page()
        there = proxy.url.replace("127.0.0.1", "hub.localhost")  # browsers know where that is
        page.goto(f"{there}#/run/go5")
        expect(page.locator("body")).to_contain_text("with its token")
        page.goto(f"{there}?token=a-token#/run/go5")
        expect(page).to_have_title("go5 · Ludus studio")
        expect(page).to_have_url(f"{there}#/run/go5")
        (cookie,) = context.cookies()
        assert cookie["path"].rstrip("/") == PREFIX  # other things of that host do not get it
        assert cookie["httpOnly"]
        page.reload()
        expect(page).to_have_title("go5 · Ludus studio")


def test_two_studios_of_a_machine_do_not_take_each_others_token(tmp_path, browser):
    apps = [make_app(Library([tmp_path]), Access(None, token)) for token in ("one", "two")]
    with served(apps[0]) as first, served(apps[1]) as second, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{first}/?token=one")
        expect(page).to_have_title(re.compile("^Runs"))
        page.goto(f"{second}/?token=two")
        expect(page).to_have_title(re.compile("^Runs"))
        page.goto(f"{first}/#/play")
        expect(page).to_have_title(re.compile("^Play"))


def test_the_page_alone_needs_no_proxy(page):
    with Server(ZOO) as server:
        page.goto(server.url)
        expect(page).to_have_title("Runs · Ludus studio")
        assert page.url in (server.url + "/", server.url + "/#/")
        leave(page)
