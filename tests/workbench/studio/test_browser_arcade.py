"""Playing beside an agent, in a real browser."""

import threading
import time
from contextlib import closing

import pytest
from playwright.sync_api import expect

from workbench.studio import arcade_api
from workbench.studio.arcade import Duel

SLOW = 30_000  # milliseconds; games and agents take seconds to load
SCREEN = """label => {
    const canvas = document.querySelector(`canvas[aria-label="${label}"]`);
    return canvas.toDataURL();
}"""


def sessions():
    return [t.name for t in threading.enumerate() if t.name.startswith("arcade")]


@pytest.fixture(autouse=True)
def _ended(page):
    """However a test leaves a game, its page's end is the session's."""
    yield
    page.goto("about:blank")
    end = time.monotonic() + 20
    while sessions():
        assert time.monotonic() < end, "a session stays on the server"
        time.sleep(0.05)


def status(page):
    return page.locator(".arcade-status")


def side(page, name):
    return page.get_by_role("region", name=name)


def steps(page):
    return int(page.locator(".arcade").get_attribute("data-steps"))


def reach(page, count):
    page.wait_for_function(
        "count => Number(document.querySelector('.arcade').dataset.steps) >= count", arg=count
    )


def test_pong_is_played_by_keys_beside_the_agent(studio, page, shoot, accessible):
    page.goto(f"{studio}/#/play/atari-pong?seed=3")
    expect(page.get_by_role("heading", name="Play Pong beside the agent")).to_be_visible()
    expect(status(page)).to_contain_text("Ready", timeout=SLOW)
    beginning = page.evaluate(SCREEN, "Your screen")
    assert beginning == page.evaluate(SCREEN, "The agent's screen")
    page.keyboard.down("ArrowUp")
    expect(status(page)).to_have_text("Playing.")
    reach(page, 75)
    expect(side(page, "You")).to_have_attribute("data-action", "right")  # up, in Pong
    expect(page.get_by_role("button", name="Up (↑ or W or → or D)")).to_have_class(
        "a-pad a-up a-held"
    )
    mine, its = page.evaluate(SCREEN, "Your screen"), page.evaluate(SCREEN, "The agent's screen")
    assert len({beginning, mine, its}) == 3
    page.keyboard.up("ArrowUp")
    page.keyboard.down("KeyS")
    expect(side(page, "You")).to_have_attribute("data-action", "left")
    page.keyboard.up("KeyS")
    expect(side(page, "You")).to_have_attribute("data-action", "noop")
    expect(side(page, "You").locator(".a-score")).to_have_text("−1")
    expect(side(page, "The agent").locator("li.a-best")).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    expect(status(page)).to_contain_text("Paused")
    page.wait_for_timeout(300)
    before = steps(page)
    page.wait_for_timeout(500)
    assert steps(page) == before
    accessible(page)
    shoot(page, "arcade")
    assert len(sessions()) == 1
    page.keyboard.press("Space")  # any key goes on
    reach(page, before + 5)
    page.get_by_role("link", name="Tournaments").click()
    expect(page.get_by_role("heading", name="Tournaments")).to_be_visible()
    end = time.monotonic() + 20
    while sessions():
        assert time.monotonic() < end
        page.wait_for_timeout(50)


def test_a_hidden_tab_pauses_the_game(studio, page):
    page.goto(f"{studio}/#/play/atari-pong")
    expect(status(page)).to_contain_text("Ready", timeout=SLOW)
    page.get_by_role("button", name="Start").click()
    reach(page, 3)
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    expect(status(page)).to_contain_text("Paused")


class Short(Duel):
    """A game in which the person has 20 steps."""

    def advance(self, action):
        super().advance(action)
        self.person.over = self.person.over or self.person.steps >= 20


def test_a_grid_is_played_step_by_step_and_the_scores_compared(studio, page, shoot, monkeypatch):
    monkeypatch.setattr(arcade_api, "Duel", Short)
    page.goto(f"{studio}/#/play/grid-doorkey?seed=2")
    expect(status(page)).to_have_text("Your turn: each key is a step.", timeout=SLOW)
    for count, key in enumerate(["ArrowLeft", "ArrowRight", "KeyW"], 1):
        page.keyboard.press(key)
        reach(page, count)
        page.wait_for_timeout(80)
        assert steps(page) == count
        expect(side(page, "The agent")).to_contain_text(f"{count} step")
    expect(side(page, "You")).to_have_attribute("data-action", "forward")
    shoot(page, "arcade-grid")
    page.get_by_role("button", name="Done (X)").focus()  # does nothing, so that time runs out
    while "The agent's game is over" not in status(page).inner_text():
        page.keyboard.press("Enter")
        page.wait_for_timeout(70)
    expect(side(page, "The agent").locator(".a-score")).not_to_have_text("0")
    while "You scored" not in status(page).inner_text():
        page.keyboard.press("Enter")
        page.wait_for_timeout(70)
    expect(status(page)).to_contain_text("You scored 0, the agent 0.9")
    expect(status(page)).to_contain_text("the agent did better")
    page.get_by_role("button", name="Same game again").click()
    expect(status(page)).to_have_text("Your turn: each key is a step.", timeout=SLOW)
    expect(page.locator(".arcade")).to_have_attribute("data-steps", "0")
    page.get_by_role("button", name="New game").click()
    expect(page).not_to_have_url(f"{studio}/#/play/grid-doorkey?seed=2")


def test_buttons_on_the_screen_are_held_by_touch(studio, browser):
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    with closing(phone) as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(f"{studio}/#/play/atari-boxing")
        expect(status(page)).to_contain_text("Ready", timeout=SLOW)
        page.get_by_role("button", name="Left (← or A)").tap()
        expect(status(page)).to_have_text("Playing.")
        pad = page.get_by_role("button", name="Fire (Space)")
        for kind in ("pointerdown", "pointerup"):
            pad.dispatch_event(kind, {"pointerId": 1, "pointerType": "touch", "isPrimary": True})
            action = "fire" if kind == "pointerdown" else "noop"
            expect(side(page, "You")).to_have_attribute("data-action", action)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_cannot_be_played_is_said(studio, page, accessible):
    page.goto(f"{studio}/#/play/grid-doorkey?step=7")
    expect(status(page)).to_contain_text("has no checkpoint '7'")
    accessible(page)
