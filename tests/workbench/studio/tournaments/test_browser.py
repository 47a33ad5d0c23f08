"""Tournaments in a real browser."""

import json
import re
import shutil
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from tests.workbench.studio.conftest import Server, wait_until
from tests.workbench.studio.tournaments.test_api import write_games

SEEN = """{
    const { left, top, width, height } = document.activeElement.getBoundingClientRect();
    return document.elementFromPoint(left + width / 2, top + height / 2) === document.activeElement;
}"""
# How far the table is scrolled where two keys come before one frame.
HASTY = """async () => {
    const numbers = document.querySelector(".t-crosstable");
    const row = [...numbers.querySelectorAll("tbody tr:first-child button")];
    row[1].focus();
    row.at(-1).focus();
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return numbers.parentElement.scrollLeft;
}"""
MANY = [f"runs/connect-four-with-a-long-name@{1000 * n}?simulations=64" for n in range(1, 29)]
MANY += ["random", "gtp:gnugo --mode gtp --level 1 --chinese-rules --capture-all-dead"]


@pytest.fixture
def site(held, tmp_path):
    """The address of a studio over a copy of those folders, and the copy."""
    shutil.copytree(held, tmp_path / "all")
    with Server(tmp_path / "all") as server:
        yield server.url, tmp_path / "all"


def rows(page, name):
    return page.get_by_role("region", name=name, exact=True).locator("tbody tr")


def test_from_the_list_to_a_game(site, page, shoot, accessible):
    url, folder = site
    (folder / "damaged").mkdir()
    (folder / "damaged/conditions.json").write_text("{")
    page.goto(f"{url}/#/tournaments")
    cards = page.locator(".t-card")
    expect(cards).to_have_count(3)
    board = cards.filter(has=page.get_by_role("link", name="Connect four"))
    expect(board).to_contain_text("connect-four@640000")
    expect(board).to_contain_text("Games12")
    expect(cards.filter(has_text="conditions.json is damaged")).to_have_count(1)
    accessible(page)
    shoot(page, "tournaments")

    page.get_by_role("link", name="Connect four").click()
    expect(page.get_by_role("heading", name="Connect four")).to_be_visible()
    ratings = rows(page, "Ratings")
    expect(ratings).to_have_count(3)
    expect(ratings.first).to_contain_text("connect-four@640000")
    expect(ratings.first.locator(".t-player")).to_have_attribute("title", page_title(folder))
    expect(ratings.locator(".t-whisker circle")).to_have_count(3)
    middle = ratings.locator(".t-whisker circle").evaluate_all(
        "circles => circles.map((circle) => parseFloat(circle.getAttribute('cx')))"
    )
    assert middle == sorted(middle, reverse=True)  # all on one scale, the best on the right
    expect(page.locator(".t-ladder polyline")).to_have_count(1)
    expect(page.locator(".t-ladder circle.t-dot")).to_have_count(2)
    expect(page.locator(".t-ladder text", has_text="random")).to_be_visible()
    games = rows(page, "Games")
    expect(games).to_have_count(12)
    accessible(page)
    shoot(page, "tournament")

    page.get_by_label("Player", exact=True).select_option(label="connect-four@640000")
    expect(games).to_have_count(8)
    page.get_by_label("Result", exact=True).select_option(label="Won")
    won = int(ratings.first.locator("td").nth(4).text_content().split("–")[0])
    expect(games).to_have_count(won)
    expect(page).to_have_url(f"{url}/#/tournaments/board?player=0&result=won")
    page.reload()
    expect(games).to_have_count(won)
    rows(page, "Who beat whom").nth(0).locator("td").nth(2).click()  # the best against the last
    expect(page).to_have_url(f"{url}/#/tournaments/board?player=0&against=2")
    expect(games).to_have_count(4)
    link = games.nth(1).get_by_role("link")
    number = int(link.text_content().split()[1]) - 1
    link.click()
    expect(page).to_have_url(f"{url}/#/game/tournaments/board/{number}")


@pytest.mark.parametrize("name", ["board", "grid", "many"])
def test_on_a_phone_each_rating_is_seen_with_its_interval(site, page, name):
    url, folder = site
    games = [(one, other, 0, 1.0) for one, other in pairwise(MANY)]
    write_games(folder / "many", MANY, games)
    page.set_viewport_size({"width": 375, "height": 812})
    page.goto(f"{url}/#/tournaments/{name}")
    cells = page.locator(".t-ratings tbody tr > *:visible", has_text=re.compile(r"\d to [+−]?\d"))
    expect(cells.first).to_be_visible()
    rows = page.locator(".t-ratings tbody tr")
    assert cells.count() >= rows.count() > 1
    for row in rows.all():
        told = row.locator("> *:visible").filter(has_text=re.compile(r"\d to [+−]?\d")).first
        box, player = told.bounding_box(), row.locator(".t-player").bounding_box()
        assert box["x"] + box["width"] <= 375 - 12
        assert player["x"] + player["width"] <= box["x"] + 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def page_title(folder):
    """Returns the whole name of the best player."""
    return (folder / "board/ratings.csv").read_text().splitlines()[1].split(",")[0]


def test_returns_have_a_table_of_their_own(site, page, shoot, accessible):
    url, _ = site
    page.goto(f"{url}/#/tournaments/grid")
    returns = rows(page, "Returns")
    expect(returns).to_have_count(2)
    expect(returns.first).to_contain_text("grid-memory@1500880")
    expect(returns.first).to_contain_text("100%")
    expect(page.get_by_role("heading", name="Games")).to_have_count(0)
    accessible(page)
    shoot(page, "tournament-returns")


def test_thirty_players_stay_legible(site, page, shoot, accessible):
    url, folder = site
    games = [
        (one, other, 0, float(i > j))
        for i, one in enumerate(MANY)
        for j, other in enumerate(MANY)
        if i != j and (i + j) % 4
    ]
    write_games(folder / "many", MANY, games)
    page.goto(f"{url}/#/tournaments/many")
    expect(rows(page, "Ratings")).to_have_count(30)
    sizes = page.locator(".t-crosstable td").evaluate_all(
        "cells => cells.map((c) => [c.clientWidth, c.scrollWidth, getComputedStyle(c).fontSize])"
    )
    assert len(sizes) == 900
    assert all(inner <= width and size >= "13" for width, inner, size in sizes)
    ends = page.locator(".t-player span:last-child:not(:first-child)").evaluate_all(
        """spans => spans.map((span) => span.getBoundingClientRect().right
            <= span.parentElement.getBoundingClientRect().right + 1)"""
    )
    assert len(ends) > 56  # each checkpoint's step is seen whole, in both tables
    assert all(ends)
    expect(rows(page, "Games")).to_have_count(50)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(f"51–100 of {len(games)} games")).to_be_visible()
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()
    accessible(page)
    shoot(page, "tournament-many")
    page.set_viewport_size({"width": 390, "height": 844})
    numbers = page.locator(".t-crosstable button")
    numbers.first.focus()
    for key in ["End", *["ArrowLeft"] * 28, "End", "Home"]:
        page.keyboard.press(key)
        wait_until(page, SEEN)  # and not below the names, which stay where they are
    expect(numbers.first).to_be_focused()
    assert page.evaluate(HASTY) > 390


def test_the_crosstable_by_keyboard_alone(site, page, accessible):
    url, folder = site
    players = ["one", "two", "three", "four"]  # the first and the last never meet
    games = [(players[i], players[j], 0, 1.0) for i, j in [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]]
    write_games(folder / "live", players, games)
    page.goto(f"{url}/#/tournaments/live")
    grid = page.get_by_role("grid", name="Who beat whom")
    focused = page.locator(":focus")

    def stands_at(*words):
        expect(focused).to_have_attribute("aria-label", "Games of {} against {}: {}".format(*words))

    expect(grid.get_by_role("button")).to_have_count(10)
    expect(grid.locator("[tabindex='0']")).to_have_count(1)
    grid.locator("..").press("Tab")  # from the place that scrolls
    stands_at("one", "two", "1–0, 100%")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")  # leads nowhere
    stands_at("one", "three", "1–0, 100%")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    stands_at("two", "one", "0–1, 0%")
    page.keyboard.press("ArrowUp")  # nowhere either
    page.keyboard.press("End")
    stands_at("two", "four", "1–0, 100%")
    expect(rows(page, "Games")).to_have_count(5)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/#/tournaments/live?player=1&against=3")
    expect(rows(page, "Games")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Player", exact=True)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    stands_at("two", "four", "1–0, 100%")
    accessible(page)
    with (folder / "live/games.jsonl").open("a") as file:  # one more is played meanwhile
        file.write(drawn_again((folder / "live/games.jsonl").read_text().splitlines()[3]))
    stands_at("two", "four", "1.5–0.5, 75%")
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    expect(page).to_have_url(f"{url}/#/tournaments/live?player=1&against=0")


def drawn_again(line):
    """Returns a line that tells of the same game, later and drawn."""
    return json.dumps(json.loads(line) | {"opening": 1, "score": 0.5}) + "\n"


def test_one_that_is_being_played_grows(site, page):
    url, folder = site
    write_games(folder / "live", ["random", "greedy"], [("random", "greedy", 0, 0.0)])
    page.goto(f"{url}/#/tournaments/live")
    expect(page.get_by_text("playing now")).to_be_visible()
    expect(rows(page, "Games")).to_have_count(1)
    path = folder / "live/games.jsonl"
    with path.open("a") as file:
        file.write(path.read_text().replace('"opening": 0', '"opening": 1'))
    expect(rows(page, "Games")).to_have_count(2)
    expect(page.locator(".tournament-head")).to_contain_text("2 games")


def test_where_there_is_none_the_page_says_how_to_start_one(tmp_path, page, shoot, accessible):
    with Server(tmp_path) as server:
        page.goto(f"{server.url}/#/tournaments")
        expect(page.get_by_text("ludus tournament runs/zoo/connect-four@all")).to_be_visible()
        accessible(page)
        shoot(page, "tournaments-empty")
