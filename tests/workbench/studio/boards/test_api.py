"""What the studio tells of boards, asked without a browser."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from tests.workbench.studio.conftest import ZOO, Server

# Red (player 0) has three on the ground, open on both sides, and moves: it wins at once.
OPEN_THREE = "2,2,3,3,4,4"


def answer_of(studio, path, query=()):
    """The status, and what was answered."""
    connection = HTTPConnection(urlsplit(studio).netloc, timeout=60)
    connection.request("GET", f"/api/boards/{path}?{urlencode(query)}")
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text) if response.status != 404 else text


def ask(studio, path, **query):
    status, answer = answer_of(studio, path, query)
    assert status == 200, answer
    return answer


def test_runs_without_a_checkpoint_cannot_be_played_with(studio):
    runs = ask(studio, "playable")["runs"]
    assert {"connect-four", "othello", "go5", "atari-pong"} <= set(runs)
    assert "seeds:pong-2" not in runs


def test_positions_tell_the_board_from_the_top_and_what_is_legal(studio):
    told = ask(studio, "positions", game="connect_four", moves="3,3,2")
    assert told["family"] == "connect_four"
    assert told["movers"] == [0, 1, 0]
    assert told["names"] == ["x3", "o3", "x2"]
    assert len(told["positions"]) == 4
    last = told["positions"][-1]
    assert [row[2:4] for row in last["cells"][-2:]] == [["", "o"], ["x", "x"]]
    assert last["last"] == [[5, 2]]
    assert (last["to_play"], last["over"], last["result"]) == (1, False, None)
    assert {move["action"]: move["squares"] for move in told["legal"]}[3] == [[3, 3]]
    later = ask(studio, "positions", game="connect_four", moves="3,3,2", **{"from": 2})
    assert later["positions"] == told["positions"][2:]


def test_a_finished_game_tells_its_result_and_has_no_legal_move(studio):
    told = ask(studio, "positions", game="connect_four", moves=f"{OPEN_THREE},5")
    assert told["positions"][-1]["over"]
    assert told["positions"][-1]["result"] == 1
    assert told["legal"] == []


def test_a_game_may_be_cut_short(studio):
    told = ask(studio, "positions", game="tic_tac_toe", moves="0,1", max_plies=2)
    assert told["positions"][-1]["over"]
    assert told["positions"][-1]["result"] == 0


@pytest.mark.parametrize(
    ("game", "rows", "first"),
    [("chess", 8, 1), ("shogi", 9, 0), ("go(board_size=9)", 9, 0), ("hex(board_size=5)", 5, 0)],
)
def test_other_games_are_told_too(studio, game, rows, first):
    told = ask(studio, "positions", game=game)
    assert len(told["positions"][0]["cells"]) == rows
    assert told["first_to_move"] == first
    assert all(move["name"] for move in told["legal"])


def test_a_game_whose_board_is_not_known_is_told_as_text(studio):
    told = ask(studio, "positions", game="nine_mens_morris")
    assert told["positions"][0]["cells"] is None
    assert len(told["positions"][0]["text"]) > 20
    assert len(told["legal"]) == 24


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("positions", {"game": "connect_four", "moves": "3,9"}, "move number 2 (9) is not legal"),
        ("positions", {"game": "connect_four", "moves": f"{OPEN_THREE},5,0"}, "is over"),
        ("positions", {"game": "connect_four", "moves": "3,,2"}, "commas"),
        ("positions", {"game": "connect_four", "moves": "-1"}, "commas"),
        ("positions", {"game": "connect_five"}, "did you mean 'connect_four'"),
        ("positions", {"game": "hex(board_size=5000)"}, "not a game"),
        ("positions", {"game": "efg_game(filename=/etc/passwd)"}, "not a game"),
        ("positions", {"game": "backgammon"}, "luck"),
        ("positions", {"game": "connect_four", "max_plies": "x"}, "whole number"),
        ("positions", {}, "not a game"),
        ("truth", {"game": "connect_four", "moves": "7"}, "not legal"),
        ("connect-four/think", {"simulations": 2001}, "2,000"),
        ("connect-four/think", {"simulations": 0}, "from 1"),
        ("connect-four/think", {"moves": "8"}, "not legal"),
        ("connect-four/think", {"moves": f"{OPEN_THREE},5"}, "is over"),
        ("connect-four/think", {"step": "1"}, "has no checkpoint"),
        ("connect-four/think", {"step": "../../etc"}, ""),
        ("atari-pong/think", {}, "plays no board game"),
        ("recorded/atari-pong/800000_0", {}, "plays no board game"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(studio, path, query, words):
    status, answer = answer_of(studio, path, query)
    assert status == 400
    assert words in answer["error"]


@pytest.mark.parametrize(
    "path", ["nobody/think", "recorded/nobody/1_0", "recorded/connect-four/1_0", "nothing"]
)
def test_what_is_not_there_is_not_found(studio, path):
    assert answer_of(studio, path)[0] == 404


@settings(max_examples=60, deadline=None)
@given(game=st.text(max_size=30), moves=st.text("0123456789,-. ", max_size=12))
def test_no_question_makes_it_fail(studio, game, moves):
    for asked in (game, "connect_four", f"go(board_size={game})"):
        for path in ("positions", "truth"):
            query = {"game": asked, "moves": moves, "max_plies": moves}
            assert answer_of(studio, path, query)[0] in (200, 400)


def test_a_thought_sees_the_win_at_once(studio):
    thought = ask(studio, "connect-four/think", moves=OPEN_THREE, simulations=50)
    assert thought["proven"] == 1
    assert (thought["win"], thought["draw"], thought["loss"], thought["value"]) == (1, 0, 0, 1)
    assert thought["best"] in (1, 5)
    assert [move["action"] for move in thought["line"]] == [thought["best"]]
    assert thought["to_play"] == 0


def test_a_thought_tells_visits_chances_and_what_it_expects(studio):
    thought = ask(studio, "connect-four/think", moves="3", simulations=80)
    assert sum(move["visits"] for move in thought["visits"]) == 80
    assert sum(move["policy"] for move in thought["visits"]) == pytest.approx(1, abs=1e-3)
    most = thought["visits"][0]
    assert most["visits"] == max(move["visits"] for move in thought["visits"])
    assert thought["best"] == most["action"]
    assert thought["win"] + thought["draw"] + thought["loss"] == pytest.approx(1, abs=1e-3)
    assert thought["win"] - thought["loss"] == pytest.approx(thought["value"], abs=1e-3)
    assert thought["step"] == 640_000
    assert len(thought["line"]) >= 3
    after = ",".join(["3", *(str(move["action"]) for move in thought["line"])])
    told = ask(studio, "positions", game="connect_four", moves=after)  # all of it is legal
    assert told["names"][1:] == [move["name"] for move in thought["line"]]


def test_being_undecided_is_not_told_as_a_draw(studio):
    thought = ask(studio, "othello/think", simulations=50)  # where draws are rare
    assert abs(thought["value"]) < 0.5
    assert thought["draw"] < 0.15


def test_checkpoints_think_differently_and_the_same_one_the_same(studio):
    first, last = (
        ask(studio, "connect-four/think", step=step, simulations=30) for step in (256, 640_000)
    )
    assert (first["step"], last["step"]) == (256, 640_000)
    assert first["value"] != last["value"]
    assert ask(studio, "connect-four/think", simulations=30) == last


def test_many_may_ask_at_once(studio):
    runs = ["connect-four", "othello", "go5"] * 4

    def asked(i):
        return ask(studio, f"{runs[i]}/think", simulations=10 + i)["simulations"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(asked, range(len(runs)))) == [10 + i for i in range(len(runs))]


def test_more_checkpoints_than_are_kept_answer(studio):
    steps = [256, 80128, 160000, 240128, 320000, 400128, 256]
    values = [ask(studio, "connect-four/think", step=s, simulations=5)["value"] for s in steps]
    assert values[0] == values[-1]
    assert len(set(values)) > 3


def test_the_truth_tells_which_move_threw_the_win_away(studio):
    # Yellow leaves Red an open three; Red looks away, and then Yellow closes only one end of it.
    moves = f"0,0,{OPEN_THREE},0,6,0,6,5"
    plies = ask(studio, "truth", game="connect_four", moves=moves)["plies"]
    assert plies[:8] == [None] * 8
    assert [(ply["before"], ply["after"], ply["mistake"]) for ply in plies[8:]] == [
        (1, 1, None),
        (1, 1, None),
        (1, 1, None),
        (1, 1, None),
        (1, 1, None),
    ]
    away = f"0,0,{OPEN_THREE},6,5,6,1"  # Yellow closes both
    plies = ask(studio, "truth", game="connect_four", moves=away)["plies"]
    assert plies[10]["before"] == 1
    assert plies[10]["after"] < 1
    assert plies[10]["mistake"] in ("throws away the win", "throws away the win and loses")


def test_the_truth_of_tic_tac_toe_is_known_from_the_start(studio):
    # The corner is answered by an edge, which loses; then the winner does not punish it.
    plies = ask(studio, "truth", game="tic_tac_toe", moves="0,1,2")["plies"]
    assert plies[0] == {"before": 0, "after": 0, "mistake": None}
    assert plies[1] == {"before": 0, "after": 1, "mistake": "loses a draw"}
    assert plies[2] == {"before": 1, "after": 0, "mistake": "throws away the win"}


def test_games_without_a_solver_have_no_truth(studio):
    assert ask(studio, "truth", game="othello")["plies"] is None


def test_a_recorded_game_tells_moves_values_and_visits(studio):
    game = ask(studio, "recorded/connect-four/640000_0")
    assert game["game"] == "connect_four"
    assert len(game["moves"]) == len(game["values"]) == len(game["visits"])
    first = {move["action"]: move["visits"] for move in game["visits"][0]}
    assert first == {3: 12, 5: 12, 1: 4, 0: 1, 2: 1, 4: 1, 6: 1}
    assert game["visits"][0][3]["squares"] == [[5, 3]]
    told = ask(studio, "positions", game=game["game"], moves=",".join(map(str, game["moves"])))
    assert told["positions"][-1]["result"] == game["result"]


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"steps": [{}]}',
        '{"steps": [{"action": 99}]}',
        '{"title": "", "result": NaN, "steps": []}',
        '{"title": "", "result": 1, "steps": [{"action": 3, "value": 0, "visits": [0]}]}',
    ],
)
def test_a_damaged_record_is_told_as_such(tmp_path, content):
    shutil.copytree(ZOO / "connect-four", tmp_path / "broken")
    (tmp_path / "broken/videos/640000_0.json").write_text(content)
    with Server(tmp_path) as server:
        status, answer = answer_of(server.url, "recorded/broken/640000_0")
    assert status == 400
    assert "damaged" in answer["error"]


def test_a_damaged_network_is_told_as_such(tmp_path):
    path = tmp_path / "broken"
    shutil.copytree(ZOO / "connect-four", path)
    model = path / "checkpoints/640000/model.safetensors"
    with safe_open(model, "pt") as weights:
        broken = {name: weights.get_tensor(name) * float("nan") for name in weights.keys()}  # noqa: SIM118
        metadata = weights.metadata()
    save_file(broken, model, metadata)
    with Server(tmp_path) as server:
        status, answer = answer_of(server.url, "broken/think")
    assert status == 400
    assert "damaged" in answer["error"]


def test_a_network_that_a_link_leads_out_to_is_not_loaded(tmp_path):
    path, model = tmp_path / "shown/run", "checkpoints/640000/model.safetensors"
    shutil.copytree(ZOO / "connect-four", path)
    (path / model).rename(tmp_path / "secret")
    (path / model).symlink_to(tmp_path / "secret")
    with Server(tmp_path / "shown") as server:
        assert ask(server.url, "playable")["runs"] == []
        for step in ("256", "640000"):  # the run is not read at all
            assert answer_of(server.url, "run/think", {"step": step})[0] == 404


@pytest.mark.parametrize(
    "game", ["efg_game(filename=README.md)", "hex(board_size=32)", "havannah(board_size=17)"]
)
def test_games_read_no_files_and_need_names_that_are_text(studio, game):
    status, answer = answer_of(studio, "positions", {"game": game})
    assert status == 400
    assert "EFG" not in answer["error"]
