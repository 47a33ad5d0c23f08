"""A page is one more file and a line in a table; a game's looks are one row of another."""

from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from envs.board import games
from envs.board.base import reach
from envs.board.cells import cells
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.recording.board_drawing import BOARD_SIDE
from workbench.recording.board_frame import draw, frame_of
from workbench.studio import pages

TOY_PAGE = """import { element, heading } from "../page/dom.js";
export function show(page, [what]) {
  page.append(heading("Toys"), element("p", {}, `Here is ${what ?? "everything"}.`));
}
"""
TOY_LINE = '  toy: { tab: "Toys", load: () => import("../toy/toy.js") },\n'
TOY_GAME = games.GameFacts(
    sides=("Sun", "Moon"), colours=("yellow", "blue"), printed=("o", "x"), ground="felt"
)
DRAWN = """async () => {
  const { Board, positionsOf } = await import("/static/boards/board.js");
  const { get } = await import("/static/page/dom.js");
  const told = await get(positionsOf("clobber", null, []));
  const board = new Board({ onMove: () => {} });
  board.draw({ family: told.family, position: told.positions[0], legal: told.legal });
  document.getElementById("page").replaceChildren(board.element);
}"""


def test_a_page_is_a_file_and_a_line(studio, page):
    app = Path(pages.STUDIO / "page/app.js").read_text().replace("\n};", f"\n{TOY_LINE}}};", 1)
    kind = {"content_type": "text/javascript"}
    page.route("**/static/page/app.js", lambda route: route.fulfill(body=app, **kind))
    page.route("**/static/toy/toy.js", lambda route: route.fulfill(body=TOY_PAGE, **kind))
    page.goto(f"{studio}/#/")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name="Toys").click()
    expect(page.get_by_text("Here is everything.")).to_be_visible()
    expect(page).to_have_title("Toys · Ludus studio")
    expect(page.get_by_role("link", name="Toys")).to_have_attribute("aria-current", "page")
    page.goto(f"{studio}/#/toy/a%20bear")
    expect(page.get_by_text("Here is a bear.")).to_be_visible()


def test_the_styles_of_a_page_lie_in_its_folder(studio, page):
    page.goto(f"{studio}/#/")
    links = "[...document.styleSheets].map((sheet) => sheet.href)"
    asked = [address.removeprefix(f"{studio}/static/") for address in page.evaluate(links)]
    found = [path.relative_to(pages.STUDIO).as_posix() for path in pages.STUDIO.rglob("*.css")]
    assert sorted(asked) == sorted(found)


def test_the_looks_of_a_game_are_one_row(studio, page, monkeypatch):
    game = OpenSpielGame(BoardConfig(kind="board", game="clobber"))
    start = reach(game, [])
    monkeypatch.delitem(games.GAMES, "clobber")
    assert cells(start) is None
    page.goto(f"{studio}/#/play")
    page.evaluate(DRAWN)
    expect(page.locator("pre.board-text")).to_be_visible()

    monkeypatch.setitem(games.GAMES, "clobber", TOY_GAME)
    page.reload()
    page.evaluate(DRAWN)
    expect(page.get_by_role("gridcell", name="a1, sun")).to_have_count(1)
    expect(page.get_by_role("gridcell", name="a2, moon")).to_have_count(1)
    colour = "(stone) => getComputedStyle(stone).fill"
    for player, name in enumerate(TOY_GAME.colours):
        shown = page.locator(f".stone.side-{player}").first.evaluate(colour)
        assert shown == f"rgb{games.rgb(name)}"
    assert page.locator(".ground").evaluate(colour) == f"rgb{games.rgb('felt')}"

    picture = draw(frame_of(game, start, title="", visits={}, values=()))[:, :BOARD_SIDE]
    for name in (*TOY_GAME.colours, "felt"):
        assert (picture == np.array(games.rgb(name))).all(2).sum() > 1_000
