"""The pages speak of board games, and colour them, as Python does: both have one table."""

from playwright.sync_api import expect

from envs.board.games import GAMES, contrast, facts_of, rgb
from workbench.recording.board_names import coordinates, move_name

SPOKEN = """async ([families, moves]) => {
  const games = await import("/static/boards/games.js");
  const place = document.body.appendChild(document.createElement("div"));
  const shown = (value) => {
    place.style.color = `var(--${value})`;
    return getComputedStyle(place).color;
  };
  return families.map((family) => {
    place.dataset.family = family;
    return {
      sides: games.sidesOf(family),
      coordinates: games.coordinates(family, 5, 7),
      moves: moves.map((squares) => games.moveName(family, { name: "B  Own", squares }, 5)),
      colours: ["p0", "p1", "on-p0", "on-p1"].map(shown),
    };
  });
}"""


def test_pages_speak_of_boards_and_colour_them_as_videos_do(studio, page):
    families, moves = [*GAMES, "oware"], [[], [[0, 1]], [[4, 3], [3, 3]], [[2, 40]]]
    page.goto(f"{studio}/#/play")
    expect(page.locator(".play-cards").first).to_be_visible()
    told = page.evaluate(SPOKEN, [families, moves])
    for family, spoken in zip(families, told, strict=True):
        facts = facts_of(family)
        assert spoken["sides"] == list(facts.sides)
        columns, rows = coordinates(family, 5, 7)
        assert spoken["coordinates"]["columns"] == columns
        assert spoken["coordinates"]["rows"][: len(rows)] == rows
        for squares, name in zip(moves, spoken["moves"], strict=True):
            wide = 1 + max((column for _, column in squares), default=6)
            assert name == move_name(family, "B  Own", squares, (5, wide))
        shown = [*facts.colours, *map(contrast, facts.colours)]
        assert spoken["colours"] == [f"rgb{rgb(colour)}" for colour in shown]
