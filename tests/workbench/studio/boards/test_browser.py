"""Replays of board games and playing on boards, in a real browser."""

import json
import re
import shutil

import pytest
from playwright.sync_api import expect

from envs.board.base import reach
from envs.board.openspiel import BoardConfig, OpenSpielGame
from tests.workbench.studio.conftest import ZOO, Server

BEGINNER = "side=first&level=0&seed=5"
OVER = re.compile(r"You win!|The agent wins\.|Draw\.")


def moves(page):
    found = re.search(r"[?&]moves=([\d,]*)", page.evaluate("location.hash"))
    return found[1].split(",") if found and found[1] else []


def wait_for_turn(page, least):
    """Until the person may move, or the game is over, after at least so many moves."""
    page.wait_for_function(
        """least => {
          const moves = /moves=([\\d,]*)/.exec(location.hash)?.[1] ?? "";
          const words = document.querySelector(".status")?.textContent ?? "";
          return /You win|agent wins|Draw/.test(words)
            || (moves.split(",").filter(Boolean).length >= least && /Your turn/.test(words));
        }""",
        arg=least,
    )


def cell(page, name):
    return page.get_by_role("gridcell", name=name)


def test_a_whole_game_by_clicking(studio, page):
    page.goto(f"{studio}/#/play")
    page.get_by_role("link", name="Connect four").click()
    expect(page.get_by_text("Your turn: you are Red.")).to_be_visible()
    page.get_by_label("Strength of the agent").select_option("Beginner")
    expect(page.get_by_text("has only just begun to learn (256 moves of practice)")).to_be_visible()
    status = page.locator(".status")
    for turn in range(21):
        free = page.locator(".cell.live")
        free.nth(turn % free.count()).click()
        wait_for_turn(page, 2 * turn + 2)
        if OVER.search(status.inner_text()):
            break
    expect(status).to_have_text(OVER)
    expect(page.locator(".cell.live")).to_have_count(0)
    played = moves(page)
    page.reload()
    expect(status).to_have_text(OVER)
    assert moves(page) == played
    page.get_by_role("button", name="Rematch").click()
    expect(page.get_by_text("Your turn: you are Red.")).to_be_visible()
    assert moves(page) == []


def test_a_win_is_told_and_shown(studio, page):
    page.goto(f"{studio}/#/play/connect-four?{BEGINNER}&moves=2,2,3,3,4,4")
    cell(page, "column 6, row 6, empty").click()
    expect(page.get_by_role("status")).to_have_text("You win!")
    expect(page.locator(".winning")).to_have_count(4)
    page.get_by_role("button", name="Take back").click()
    expect(page.get_by_text("Your turn")).to_be_visible()
    assert moves(page) == ["2", "2", "3", "3", "4", "4"]


def test_some_moves_by_keyboard_alone(studio, page):
    page.goto(f"{studio}/#/play/connect-four?{BEGINNER}")
    expect(cell(page, "column 4, row 3, empty")).to_have_attribute("tabindex", "0")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "gridcell":
            break
    focused = page.locator(":focus")
    expect(focused).to_have_attribute("aria-label", "column 4, row 3, empty")
    page.keyboard.press("ArrowLeft")
    expect(focused).to_have_attribute("aria-label", "column 3, row 3, empty")
    page.keyboard.press("Enter")
    wait_for_turn(page, 2)
    assert moves(page)[0] == "2"
    expect(focused).to_have_attribute("aria-label", re.compile("^column 3"))
    page.keyboard.press("End")
    page.keyboard.press("Space")
    wait_for_turn(page, 4)
    assert moves(page)[2] == "6"
    page.get_by_text("Legal moves as a list").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for_turn(page, 6)
    assert moves(page)[4] == "0"
    expect(page.get_by_role("button", name="column 1")).to_be_focused()


def test_take_back_hint_and_thoughts(studio, page):
    page.goto(f"{studio}/#/play/connect-four?{BEGINNER}&moves=2,0,3,0")
    expect(page.get_by_text("Your turn")).to_be_visible()
    page.get_by_role("button", name="Hint").click()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"Hint: column (2|5)$"))
    expect(page.locator(".hint")).to_have_count(1)
    page.get_by_label("Show what it thinks").check()
    expect(page.locator(".chances-words")).to_contain_text("You 100%")  # it wins by force
    expect(page.locator(".heat").first).to_be_visible()
    expect(page.get_by_text("It expects")).to_be_visible()
    page.get_by_role("button", name="Take back").click()
    expect(page.locator(".hint")).to_have_count(0)
    wait_for_turn(page, 2)
    assert moves(page) == ["2", "0"]


def test_the_page_of_a_game(studio, page, accessible, shoot):
    moves = "3,3,3,2,2,4"
    page.goto(f"{studio}/#/play/connect-four?side=first&level=2&thoughts=1&moves={moves}")
    expect(page.locator(".chances-bar")).to_be_visible()
    page.get_by_role("button", name="Hint").click()
    expect(page.locator(".hint")).to_have_count(1)
    accessible(page)
    shoot(page, "play")


def test_the_agent_begins_and_varies(studio, page):
    begun = set()
    for seed in range(8):
        page.goto(f"{studio}/#/play/othello?side=second&level=0&seed={seed}")
        wait_for_turn(page, 1)
        expect(page.get_by_role("status")).to_contain_text("you are White")
        begun.add(moves(page)[0])
    assert len(begun) > 1


def test_a_recorded_game_is_replayed_by_keys(studio, page, accessible, shoot):
    page.goto(f"{studio}/#/game/runs/connect-four/640000_0?ply=3")
    expect(page.get_by_role("status")).to_have_text("Move 3 of 37: Yellow to move")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("status")).to_have_text("Move 4 of 37: Red to move")
    expect(page).to_have_url(re.compile(r"\?ply=4$"))
    expect(page.locator(".stone")).to_have_count(4)
    expect(page.locator(".heat")).not_to_have_count(0)
    page.get_by_label("heat map of visits").uncheck()
    expect(page.locator(".heat")).to_have_count(0)
    page.get_by_label("heat map of visits").check()
    page.keyboard.press("End")
    expect(page.get_by_role("status")).to_have_text("Move 37 of 37: Red wins")
    expect(page.locator(".winning")).to_have_count(4)
    page.keyboard.press("Home")
    expect(page.get_by_role("status")).to_have_text("Move 0 of 37: Red to move")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"Move [1-9]\d* of 37"))
    page.get_by_role("button", name="Pause").click()
    page.locator(".moves button").nth(19).click()
    page.get_by_label("think here").check()
    expect(page.get_by_text("It expects")).to_be_visible()
    accessible(page)
    shoot(page, "replay")
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("Move 20 of 37")


@pytest.fixture(scope="module")
def worse_games(tmp_path_factory):
    """A studio over a run whose game was badly played, and a tournament."""
    folder = tmp_path_factory.mktemp("worse")
    shutil.copytree(ZOO / "connect-four", folder / "connect-four")
    played = [0, 0, 2, 2, 3, 3, 4, 4, 6, 5, 6, 1, 1]
    values = [0, 0, 0, 0.1, 0.2, 0.3, 0.6, 0.8, 1, -0.1, 0, 0, 0.1]
    steps = [
        {"ply": i, "value": value, "visits": {str(action): 10}, "action": action}
        for i, (action, value) in enumerate(zip(played, values, strict=True))
    ]
    trace = {"title": "", "result": 0, "steps": steps}
    (folder / "connect-four/videos/640000_0.json").write_text(json.dumps(trace))
    tournament = folder / "cup"
    tournament.mkdir()
    players = ["connect-four@640000", "random"]
    conditions = {"game": "connect_four", "max_plies": None, "players": dict.fromkeys(players, "")}
    (tournament / "conditions.json").write_text(json.dumps(conditions))
    line = {
        "players": players,
        "opening": 0,
        "opening_plies": 2,
        "seed": 1,
        "score": 1,
        "forfeit": "",
        "moves": [3, 2, 3, 2, 3, 2, 3],
        "milliseconds": [1.0] * 5,
    }
    (tournament / "games.jsonl").write_text(json.dumps(line) + "\n")
    with Server(folder) as server:
        yield server.url


def test_falls_of_the_value_and_the_solvers_mistakes_are_marked(worse_games, page):
    page.goto(f"{worse_games}/#/game/runs/connect-four/640000_0?ply=9")
    moves = page.locator(".moves li")
    expect(moves.nth(8)).to_contain_text("column 7 ??")  # from +1.00 to -0.10
    expect(moves.nth(8)).not_to_contain_text("throws")  # the solver knows better
    expect(moves.nth(10)).to_contain_text(re.compile("throws away the win"))
    expect(page.locator(".value-graph .slip").nth(1)).to_be_attached()


def test_a_game_of_a_tournament_is_replayed_and_thought_about(worse_games, page, shoot):
    page.goto(f"{worse_games}/#/game/tournaments/cup/0?ply=6")
    status = page.get_by_role("status")
    expect(status).to_have_text(re.compile(r"Move 6 of 7: .*640000.* \(Red\) to move"))
    expect(page.get_by_text("2 opening moves were given")).to_be_visible()
    page.get_by_label("think here").check()
    expect(page.get_by_text("It expects (proven: Red wins): column 4")).to_be_visible()
    page.get_by_role("button", name="Think about every move").click()
    expect(page.locator(".moves .told")).to_have_text([re.compile(r"^[+−]?\d\.\d\d$")] * 7)
    shoot(page, "replay-tournament")
    page.keyboard.press("End")
    expect(status).to_have_text(re.compile(r"Move 7 of 7: .*640000.* wins"))


PLAYED = """async ({ game, moves }) => {
  const { Board, positionsOf } = await import("/static/boards/board.js");
  const { get } = await import("/static/page/dom.js");
  const told = await get(positionsOf(game, null, moves));
  const made = [];
  const onMove = (action) => { document.body.dataset.made = (made.push(action), made.join()); };
  const board = new Board({ onMove });
  const position = told.positions.at(-1);
  board.draw({ family: told.family, position, legal: told.legal, playable: true });
  document.querySelector(".page").replaceChildren(board.element, board.list);
}"""


def made(page, *actions):
    expect(page.locator("body")).to_have_attribute("data-made", ",".join(map(str, actions)))


def set_up(page, studio, game, names):
    """Puts a board on the page that notes the moves made there; returns the legal ones by name."""
    rules, moves = OpenSpielGame(BoardConfig(kind="board", game=game)), []
    for name in names:
        position = reach(rules, moves)
        legal = rules.status([position]).legal.tolist()
        moves.append(next(a for a in legal if rules.action_name(position, a) == name))
    page.goto(f"{studio}/#/play")
    expect(page.locator(".play-cards").first).to_be_visible()
    page.evaluate(PLAYED, {"game": game, "moves": moves})
    position = reach(rules, moves)
    return {rules.action_name(position, a): a for a in rules.status([position]).legal.tolist()}


def test_chess_is_played_from_square_to_square_and_asks_what_to_promote_to(studio, page):
    begun = ["a4", "b5", "axb5", "a6", "bxa6", "h6", "a7", "g6"]
    legal = set_up(page, studio, "chess", begun)
    cell(page, "b1, white knight").click()
    expect(page.locator(".target")).to_have_count(2)
    cell(page, "c3, empty").click()
    cell(page, "a7, white pawn").click()
    cell(page, "b8, black knight").click()
    page.get_by_role("button", name="axb8=N").click()
    made(page, legal["Nc3"], legal["axb8=N"])


def test_pieces_of_shogi_are_dropped_from_the_hand(studio, page):
    legal = set_up(page, studio, "shogi", ["7g7f", "3c3d", "8h2b", "3a2b"])
    expect(page.get_by_text("Black holds B")).to_be_visible()
    cell(page, "5e, empty").click()
    cell(page, "7i, black silver").click()
    cell(page, "8h, empty").click()
    made(page, legal["B*5e"], legal["7i8h"])


def test_a_board_that_cannot_be_drawn_is_played_by_its_list(studio, page):
    legal = set_up(page, studio, "nine_mens_morris", [])
    page.get_by_text("Legal moves as a list (24)").click()
    name, action = next(iter(legal.items()))
    page.get_by_role("button", name=name, exact=True).click()
    made(page, action)


def test_playing_on_from_a_replay(studio, page):
    page.goto(f"{studio}/#/game/runs/connect-four/640000_0?ply=5")
    page.get_by_role("link", name="Play on from here").click()
    expect(page.get_by_text("Your turn: you are Yellow.")).to_be_visible()
    assert moves(page) == ["3", "3", "3", "3", "3"]


def test_an_address_with_impossible_moves_begins_anew_and_says_so(studio, browser):
    with browser.new_context() as context:  # whose console may tell of the answer 400
        page = context.new_page()
        page.goto(f"{studio}/#/play/connect-four?side=first&moves=3,99")
        expect(page.get_by_role("alert")).to_contain_text("move number 2 (99) is not legal")
        assert moves(page) == []
        cell(page, "column 1, row 1, empty").click()
        wait_for_turn(page, 2)
        expect(page.get_by_role("alert")).to_have_count(0)


def test_by_touch(studio, browser):
    phone = {"width": 390, "height": 844}
    with browser.new_context(viewport=phone, has_touch=True) as context:
        page = context.new_page()
        page.goto(f"{studio}/#/play/connect-four?{BEGINNER}")
        cell(page, "column 4, row 6, empty").tap()
        wait_for_turn(page, 2)
        assert moves(page)[0] == "3"


@pytest.mark.parametrize(("run", "video"), [("go5", "300032_0"), ("othello", "360448_0")])
def test_other_games_are_replayed(studio, page, shoot, run, video):
    page.goto(f"{studio}/#/game/runs/{run}/{video}?ply=12")
    expect(page.get_by_role("status")).to_contain_text("Move 12 of ")
    expect(page.locator(".stone").nth(5)).to_be_attached()
    expect(page.locator(".moves button").nth(12)).to_be_attached()
    shoot(page, f"replay-{run}")


def test_what_is_not_there_is_said(studio, page):
    page.goto(f"{studio}/#/game/nothing/1")
    expect(page.get_by_role("alert")).to_contain_text("no such game")


def test_who_can_be_played_with(studio, page, accessible, shoot):
    page.goto(f"{studio}/#/play")
    links = page.locator(".play-cards a")
    expect(links.first).to_contain_text("Connect four")
    expect(page.locator(".play-cards .board-svg")).to_have_count(3)
    accessible(page)
    shoot(page, "play-list")
