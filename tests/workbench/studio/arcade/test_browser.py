"""Playing beside an agent, in a real browser."""

import re
import threading

import pytest
from playwright.sync_api import expect

from tests.workbench.studio.conftest import eventually
from workbench.studio.arcade import api as arcade_api
from workbench.studio.arcade.episode import Duel

PHONE = {"width": 390, "height": 844}
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
    eventually(lambda: not sessions())


def status(page):
    return page.locator(".arcade-status")


def side(page, name):
    return page.get_by_role("region", name=name)


def steps(page):
    return int(page.locator(".arcade").get_attribute("data-steps"))


def stand_at(page, count):
    """Both screens are drawn after so many steps of the person."""
    expect(page.locator(".arcade")).to_have_attribute("data-steps", str(count))


def reach(page, count):
    page.wait_for_function(
        "count => Number(document.querySelector('.arcade').dataset.steps) >= count", arg=count
    )


def stand(page):
    """Returns the steps once no more are added; some may still be on their way."""
    seen = [steps(page)]

    def stands():
        page.wait_for_timeout(500)
        seen.append(steps(page))
        return seen[-1] == seen[-2]

    eventually(stands)
    return seen[-1]


def take_step(page, key, count):
    page.keyboard.press(key)
    stand_at(page, count)
    page.wait_for_timeout(80)  # keys that follow sooner are taken for one that is held down


def test_pong_is_played_by_keys_beside_the_agent(studio, page, shoot, accessible):
    page.goto(f"{studio}/#/play/atari-pong?seed=3")
    expect(page.get_by_role("heading", name="Play Pong beside the agent")).to_be_visible()
    expect(status(page)).to_contain_text("Ready")
    stand_at(page, 0)
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
    expect(side(page, "You").locator(".a-score")).to_have_text(re.compile(r"^−\d+$"))
    expect(side(page, "The agent").locator("li.a-best")).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    expect(status(page)).to_contain_text("Paused")
    before = stand(page)
    accessible(page)
    shoot(page, "arcade")
    eventually(lambda: len(sessions()) == 1)  # that of a test before may take longer to end
    page.keyboard.press("Space")  # any key goes on
    reach(page, before + 5)
    page.get_by_role("link", name="Tournaments").click()
    expect(page.get_by_role("heading", name="Tournaments")).to_be_visible()
    eventually(lambda: not sessions())


def test_a_hidden_tab_pauses_the_game(studio, page):
    page.goto(f"{studio}/#/play/atari-pong")
    expect(status(page)).to_contain_text("Ready")
    page.get_by_role("button", name="Start").click()
    reach(page, 3)
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    expect(status(page)).to_contain_text("Paused")


MOST_STEPS = 20


class Short(Duel):
    """A game in which the person has few steps."""

    def advance(self, action):
        super().advance(action)
        self.person.over = self.person.over or self.person.steps >= MOST_STEPS


def test_a_grid_is_played_step_by_step_and_the_scores_compared(studio, page, shoot, monkeypatch):
    monkeypatch.setattr(arcade_api, "Duel", Short)
    page.goto(f"{studio}/#/play/grid-doorkey?seed=2")
    expect(status(page)).to_have_text("Your turn: each key is a step.")
    stand_at(page, 0)
    for count, key in enumerate(["ArrowLeft", "ArrowRight", "KeyW"], 1):
        take_step(page, key, count)
        expect(side(page, "The agent")).to_contain_text(f"{count} step")
    expect(side(page, "You")).to_have_attribute("data-action", "forward")
    shoot(page, "arcade-grid")
    page.get_by_role("button", name="Done (X)").focus()  # does nothing, so that time runs out
    while "still play" not in status(page).text_content():
        count += 1
        take_step(page, "Enter", count)
    expect(status(page)).to_have_text("The agent's game is over; you still play.")
    expect(side(page, "The agent").locator(".a-score")).not_to_have_text("0")
    for later in range(count + 1, MOST_STEPS + 1):
        take_step(page, "Enter", later)
    expect(status(page)).to_contain_text("You scored 0, the agent 0.9")
    expect(status(page)).to_contain_text("the agent did better")
    page.get_by_role("button", name="Same game again").click()
    expect(status(page)).to_have_text("Your turn: each key is a step.")
    stand_at(page, 0)
    page.get_by_role("button", name="New game").click()
    expect(page).not_to_have_url(f"{studio}/#/play/grid-doorkey?seed=2")


def test_buttons_on_the_screen_are_held_by_touch(studio, browser):
    with browser.new_context(viewport=PHONE, has_touch=True) as context:
        page = context.new_page()
        page.goto(f"{studio}/#/play/atari-boxing")
        expect(status(page)).to_contain_text("Ready")
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
