"""Tournaments in a real browser."""

import shutil

import pytest
from playwright.sync_api import expect

from tests.workbench.studio.conftest import Server
from tests.workbench.studio.test_tournaments_api import write_games

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
    middle = [float(c.get_attribute("cx")[:-1]) for c in ratings.locator("circle").all()]
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
    won = int(ratings.first.locator("td").nth(4).inner_text().split("–")[0])
    expect(games).to_have_count(won)
    expect(page).to_have_url(f"{url}/#/tournaments/board?player=0&result=won")
    page.reload()
    expect(games).to_have_count(won)
    rows(page, "Who beat whom").nth(0).locator("td").nth(2).click()  # the best against the last
    expect(games).to_have_count(4)
    link = games.nth(1).get_by_role("link")
    number = int(link.inner_text().split()[1]) - 1
    link.click()
    expect(page).to_have_url(f"{url}/#/game/tournaments/board/{number}")


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
    expect(rows(page, "Ratings")).to_have_count(30, timeout=30_000)
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
    expect(rows(page, "Games")).to_have_count(50, timeout=30_000)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(f"51–100 of {len(games)} games")).to_be_visible()
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()
    accessible(page)
    shoot(page, "tournament-many")


def test_one_that_is_being_played_grows(site, page):
    url, folder = site
    write_games(folder / "live", ["random", "greedy"], [("random", "greedy", 0, 0.0)])
    page.goto(f"{url}/#/tournaments/live")
    expect(page.get_by_text("playing now")).to_be_visible()
    expect(rows(page, "Games")).to_have_count(1)
    path = folder / "live/games.jsonl"
    with path.open("a") as file:
        file.write(path.read_text().replace('"opening": 0', '"opening": 1'))
    expect(rows(page, "Games")).to_have_count(2, timeout=15_000)
    expect(page.locator(".tournament-head")).to_contain_text("2 games")


def test_where_there_is_none_the_page_says_how_to_start_one(tmp_path, page, shoot, accessible):
    with Server(tmp_path) as server:
        page.goto(f"{server.url}/#/tournaments")
        expect(page.get_by_text("ludus tournament runs/zoo/connect-four@all")).to_be_visible()
        accessible(page)
        shoot(page, "tournaments-empty")
