"""What the studio tells of tournaments, from real and from damaged files."""

import json
import os
import shutil
from pathlib import Path

import httpx
import pytest

from tests.workbench.studio.conftest import LAST, Server
from workbench.studio.tournaments import facts as tournament_facts


def write_games(folder: Path, players: list[str], games: list[tuple[str, str, int, float]]) -> None:
    """Writes a folder as a tournament of connect four leaves it when it is killed."""
    folder.mkdir(parents=True)
    conditions = {"game": "connect_four", "max_plies": None, "seed": 0, "opening_plies": 2}
    conditions["players"] = dict.fromkeys(players, "")
    (folder / "conditions.json").write_text(json.dumps(conditions))
    lines = [
        {
            "players": [one, other], "opening": opening, "opening_plies": 2, "seed": 1,
            "score": score, "forfeit": "", "moves": [3, 3, opening % 7, number % 7],
            "milliseconds": [1.5, 2.5],
        }
        for number, (one, other, opening, score) in enumerate(games)
    ]  # fmt: skip
    (folder / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def site(held, tmp_path):
    """Returns what asks a studio over a copy of those folders."""
    shutil.copytree(held, tmp_path / "all")
    with (
        Server(tmp_path / "all") as server,
        httpx.Client(base_url=f"{server.url}/api/tournaments") as client,
    ):
        client.folder = tmp_path / "all"
        yield client


def told(site, path):
    answer = site.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_list_tells_who_is_best(site):
    by_id = {one["id"]: one for one in told(site, "/")["tournaments"]}
    assert set(by_id) == {"board", "grid"}
    board, grid = by_id["board"], by_id["grid"]
    assert (board["game"], board["kind"], board["players"], board["count"]) == (
        "connect_four", "games", 3, 12,
    )  # fmt: skip
    assert board["status"] == "finished"
    assert board["best"]["name"] == LAST
    assert board["best"]["short"] == "connect-four@640000"
    assert (grid["kind"], grid["count"], grid["best"]["short"]) == (
        "scores",
        6,
        "grid-memory@1500880",
    )


@pytest.mark.parametrize("turned", [False, True])
def test_the_page_agrees_with_the_tables_that_were_written(site, turned):
    """In whatever order the games came to their ends."""
    path = site.folder / "board/games.jsonl"
    if turned:
        path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    facts = told(site, "/board")
    ratings = (site.folder / "board/ratings.csv").read_text().splitlines()[1:]
    for player, line in zip(facts["players"], ratings, strict=True):
        cells = line.split(",")
        assert player["name"] == cells[0]
        assert [player["rating"], player["low"], player["high"]] == pytest.approx(
            [float(cell) for cell in cells[1:4]]
        )
        assert player["games"] == int(cells[4]) == 8
    crosstable = (site.folder / "board/crosstable.csv").read_text().splitlines()[1:]
    assert facts["points"] == [[float(c) for c in line.split(",")[1:]] for line in crosstable]
    assert [row[i] for i, row in enumerate(facts["pair_games"])] == [0, 0, 0]
    ladder = {(p["ladder"], p["env_steps"]) for p in facts["players"] if p["ladder"]}
    run = "connect-four?simulations=2"
    assert ladder == {(run, 256), (run, 640_000)}
    assert facts["unreadable"] == 0


def test_returns_are_compared_with_intervals(site):
    facts = told(site, "/grid")
    best, last = facts["players"]
    assert (best["short"], last["difference"], facts["episodes"]) == (
        "grid-memory@1500880",
        None,
        3,
    )
    value, low, high = best["mean"]
    assert low <= value <= high
    assert 0 <= best["better"][0] <= 1
    # Clopper and Pearson: 3 of 3 have a probability of 2.5% where each has one of 0.025^(1/3).
    assert best["success"] == [1, pytest.approx(0.025 ** (1 / 3)), 1]
    assert site.get("/grid/games").status_code == 400
    assert site.get("/grid/games/0").status_code == 404


def test_games_are_found_by_player_and_result(site):
    everything = told(site, "/board/games")
    assert everything["total"] == len(everything["games"]) == 12
    assert [game["n"] for game in everything["games"]] == list(range(12))
    facts = told(site, "/board")
    for place, player in enumerate(facts["players"]):
        counts = [
            told(site, f"/board/games?player={place}&result={result}")["total"]
            for result in ("won", "drawn", "lost")
        ]
        assert counts == [player["wins"], player["draws"], player["losses"]]
    assert told(site, "/board/games?player=0&against=2")["total"] == 4
    assert told(site, "/board/games?result=forfeit")["total"] == 0
    assert [game["n"] for game in told(site, "/board/games?first=10")["games"]] == [10, 11]
    assert told(site, "/board/games?first=999")["games"] == []


def test_a_game_is_told_as_it_was_played(site):
    lines = (site.folder / "board/games.jsonl").read_text().splitlines()
    for n in (0, 11):
        line, game = json.loads(lines[n]), told(site, f"/board/games/{n}")
        for key in ("players", "moves", "opening_plies", "score", "forfeit", "milliseconds"):
            assert game[key] == line[key]
        assert (game["game"], game["max_plies"], game["count"]) == ("connect_four", None, 12)
    assert site.get("/board/games/12").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nobody", 404),
        ("/nobody/games", 404),
        ("/..%2Fboard", 404),
        ("/board/games/x", 404),
        ("/board/games/-1", 404),
        ("/board/games/99999999999999999999", 404),
        ("/board/games?player=3", 400),
        ("/board/games?player=x", 400),
        ("/board/games?player=-1", 400),
        ("/board/games?first=1e9", 400),
        ("/board/games?result=luck", 400),
    ],
)
def test_what_there_is_not_is_said(site, path, status):
    answer = site.get(path)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_one_that_is_being_played_shows_what_is_there(site):
    players = ["random", "mcts:10", "greedy"]
    games = [("random", "mcts:10", 0, 0.0), ("mcts:10", "random", 0, 1.0)]
    write_games(site.folder / "live", players, games)
    path = site.folder / "live/games.jsonl"
    whole = path.read_text()
    with path.open("a") as file:
        file.write(whole[: len(whole) // 3])  # a line that is still being written
    before = path.read_bytes()
    facts = told(site, "/live")
    assert (facts["status"], facts["count"], facts["unreadable"]) == ("running", 2, 0)
    assert [player["name"] for player in facts["players"]] == ["mcts:10", "random"]
    assert facts["entered"] == 3
    assert path.read_bytes() == before  # nothing was mended
    with path.open("w") as file:
        file.write(whole + whole.replace('"opening": 0', '"opening": 1'))
    assert told(site, "/live")["count"] == 4


def test_one_without_a_game_has_players_of_whom_nothing_is_known(site):
    write_games(site.folder / "fresh", ["random", "greedy"], [])
    facts = told(site, "/fresh")
    assert facts["count"] == 0
    assert [player["rating"] for player in facts["players"]] == pytest.approx([0, 0])
    (site.folder / "fresh/games.jsonl").unlink()
    assert told(site, "/fresh")["count"] == 0
    assert told(site, "/fresh/games") == {"total": 0, "first": 0, "games": []}


@pytest.mark.parametrize(
    "conditions",
    ["", "[]", "{}", "\x00", "[" * 2000, '{"game": "connect_four"}',
     '{"game": "ludo", "players": {"a": ""}}', '{"game": "chess", "players": {}}',
     '{"game": "chess", "players": {"a": ""}, "max_plies": "x"}',
     '{"game": "chess", "players": {"a": ""}, "max_plies": [1]}',
     '{"game": "x", "players": {}, "episodes": 3}'],
)  # fmt: skip
def test_a_damaged_one_says_so_and_breaks_nothing(site, conditions):
    folder = site.folder / "damaged"
    folder.mkdir()
    (folder / "conditions.json").write_text(conditions)
    by_id = {one["id"]: one for one in told(site, "/")["tournaments"]}
    assert by_id["damaged"]["problem"]
    assert by_id["board"]["problem"] is None
    for path in ("/damaged", "/damaged/games", "/damaged/games/0"):
        answer = site.get(path)
        assert answer.status_code in (400, 404)
        assert answer.json()["error"]


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        "{}",
        "[" * 2000,
        '"score": NaN',
        '"score": 0.7',
        '"moves": [1e999]',
        '"moves": [-1]',
        '"milliseconds": [Infinity]',
    ],
)
def test_lines_that_make_no_sense_are_counted_and_left_out(site, line):
    path = site.folder / "board/games.jsonl"
    good = path.read_text()
    if line.startswith('"'):
        key, _, value = line.partition(": ")
        game = json.loads(good.splitlines()[0])
        game[key.strip('"')] = json.loads(value)
        line = json.dumps(game | {"opening": 99})
    path.write_text(good + line + "\n")
    facts = told(site, "/board")
    assert (facts["count"], facts["unreadable"]) == (12, 1)
    assert told(site, "/board/games")["total"] == 12


def test_tables_are_made_once_per_state_of_the_file(site, monkeypatch):
    made = []
    rate = tournament_facts.rate
    monkeypatch.setattr(tournament_facts, "rate", lambda *a, **k: made.append(a) or rate(*a, **k))
    for path in ("/board", "/board/games?player=1", "/board/games/3", "/board"):
        told(site, path)
    assert len(made) == 1
    with (site.folder / "board/games.jsonl").open("a") as file:
        file.write("{}\n")
    told(site, "/board")
    assert len(made) == 2


def test_a_table_without_a_game_notices_who_enters(site):
    write_games(site.folder / "fresh", ["random"], [])
    (site.folder / "fresh/games.jsonl").unlink()
    assert [player["name"] for player in told(site, "/fresh")["players"]] == ["random"]
    conditions = json.loads((site.folder / "fresh/conditions.json").read_text())
    conditions["players"]["greedy"] = ""
    (site.folder / "fresh/conditions.json").write_text(json.dumps(conditions))
    assert {player["name"] for player in told(site, "/fresh")["players"]} == {"random", "greedy"}


def test_a_folder_whose_name_is_no_text_is_listed(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff"))
    folder.mkdir()
    (folder / "conditions.json").write_text("{}")
    with Server(tmp_path) as studio:
        answer = httpx.get(f"{studio.url}/api/tournaments/")
    assert answer.status_code == 200
    assert len(answer.json()["tournaments"]) == 1
