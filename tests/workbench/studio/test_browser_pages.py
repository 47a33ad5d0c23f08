"""What all pages have in common: names, ways back, and that what was left stays behind."""

import re

import pytest
from playwright.sync_api import expect

PAGES = {
    "": "Runs",
    "run/connect-four": "connect-four",
    "play": "Play",
    "play/connect-four": "Connect four against connect-four",
    "play/grid-doorkey": "Play DoorKey 6×6 beside the agent",
    "tournaments": "Tournaments",
    "tournaments/tournaments%3Aconnect-four": "Connect four tournament",
    "game/runs/go5/300032_0": "Go 5×5: go5 against itself",
    "video/atari-pong/800000_0": "Pong: atari-pong plays",
    "run/nothing": "This page cannot be shown",
}
# Answers wait until they are let through; those to what is asked afterwards do not.
HOLD = """() => {
  const { fetch } = window;
  const through = new Promise((resolve) => { window.letThrough = resolve; });
  window.goOn = () => { window.fetch = fetch; };
  window.fetch = async (...asked) => {
    const answer = await fetch(...asked);
    await through;
    return answer;
  };
}"""


def test_every_page_has_its_name_in_the_title(studio, browser):
    with browser.new_context() as context:  # whose console may tell of the answer 404
        page = context.new_page()
        for address, name in PAGES.items():
            page.goto(f"{studio}/#/{address}")
            expect(page).to_have_title(f"{name} · Ludus studio")
            expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_the_skip_link_leads_to_the_page_that_is_shown(studio, page):
    page.goto(f"{studio}/#/tournaments")
    page.get_by_role("link", name="Skip to content").press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page).to_have_url(re.compile("#/tournaments$"))
    expect(page.get_by_role("heading", name="Tournaments")).to_be_visible()


@pytest.mark.parametrize(
    "slow", ["tournaments/tournaments%3Aconnect-four", "game/runs/go5/300032_0", "play/go5"]
)
def test_a_page_that_was_left_while_it_loaded_changes_nothing(studio, page, slow):
    page.goto(f"{studio}/#/play")
    expect(page.locator(".play-cards").first).to_be_visible()
    page.evaluate(HOLD)
    page.evaluate("to => { location.hash = to }", f"#/{slow}")
    expect(page.get_by_text("Loading…")).to_be_visible()
    page.evaluate("window.goOn()")
    page.evaluate("location.hash = '#/'")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    page.evaluate("window.letThrough()")
    page.wait_for_timeout(1500)  # in which the page that was left would do its harm
    expect(page).to_have_url(re.compile("#/$"))
    expect(page).to_have_title("Runs · Ludus studio")
    expect(page.get_by_text("Loading…")).to_have_count(0)


def test_a_page_says_when_the_studio_does_not_answer(studio, browser):
    with browser.new_context() as context:  # whose console may tell of it too
        page = context.new_page()
        page.goto(f"{studio}/#/play")
        expect(page.locator(".play-cards").first).to_be_visible()
        page.route("**/api/**", lambda route: route.abort())
        page.evaluate("location.hash = '#/run/go5'")
        expect(page.get_by_role("alert")).to_contain_text("the studio does not answer")
