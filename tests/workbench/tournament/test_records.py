"""Records: what is on disk is what was played, whenever a process was killed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError, WorkError
from workbench.evaluation.match import Game
from workbench.tournament.journal import usual_folder
from workbench.tournament.records import (
    Key,
    Record,
    open_records,
    results_of,
    without_repeats,
)

CONDITIONS = {"game": "tic_tac_toe", "seed": 0, "opening_plies": 1}


def record(opening: int = 0, one: str = "a", other: str = "b") -> Record:
    game = Game([4, 0, 8], 0.5, "", [1.25, 0.5], "max_plies")
    return Record(Key(one, other, opening), game, 2**55 + opening, 1)


def write(directory, count: int) -> None:
    records = open_records(directory, CONDITIONS)
    for opening in range(count):
        records.append(record(opening))
    records.close()


def test_games_come_back_as_they_were(tmp_path):
    write(tmp_path / "t", 3)
    records = open_records(tmp_path / "t", CONDITIONS)
    assert list(records.entries.values()) == [record(i) for i in range(3)]
    records.append(record(3, "c", "a"))
    records.close()
    assert len((tmp_path / "t/games.jsonl").read_text().splitlines()) == 4


def test_a_folder_that_cannot_be_written_is_told_with_a_way_out(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WorkError, match=r"file/t cannot be written .*choose another .* --out"):
        open_records(tmp_path / "file/t", CONDITIONS)


@pytest.mark.parametrize(("forfeit", "reason"), [("", ""), ("resigned", "forfeit: resigned")])
def test_games_of_older_versions_tell_no_reason_and_are_read(tmp_path, forfeit, reason):
    write(tmp_path, 1)
    path = tmp_path / "games.jsonl"
    line = json.loads(path.read_text())
    assert line.pop("reason") == "max_plies"
    path.write_text(json.dumps({**line, "forfeit": forfeit}) + "\n")
    records = open_records(tmp_path, CONDITIONS)
    records.close()
    (one,) = records.entries.values()
    assert (one.game.reason, one.game.forfeit, one.game.history) == (reason, forfeit, [4, 0, 8])


@given(cut=st.integers(0, 600))
def test_a_line_cut_by_a_kill_is_played_again(tmp_path_factory, cut):
    directory = tmp_path_factory.mktemp("t")
    write(directory, 4)
    path = directory / "games.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:cut])
    records = open_records(directory, CONDITIONS)
    whole = content[:cut].count(b"\n")
    assert list(records.entries.values()) == [record(i) for i in range(whole)]
    for opening in range(whole, 4):
        records.append(record(opening))
    records.close()
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "line", ["{}", "[]", "nonsense", '{"players": ["a"]}', '{"players": ["a", "b"], "moves": 3}']
)
def test_damage_elsewhere_is_told_with_its_line(tmp_path, line):
    write(tmp_path, 2)
    path = tmp_path / "games.jsonl"
    path.write_text(line + "\n" + path.read_text())
    with pytest.raises(UsageError, match=r"games.jsonl, line 1, is damaged"):
        open_records(tmp_path, CONDITIONS)


def test_games_under_other_conditions_do_not_mix(tmp_path):
    write(tmp_path, 1)
    with pytest.raises(UsageError, match=r"games with seed 0, not 1; choose another folder"):
        open_records(tmp_path, CONDITIONS | {"seed": 1})
    (tmp_path / "conditions.json").write_text("{}")
    with pytest.raises(UsageError, match=r"conditions.json is damaged"):
        open_records(tmp_path, CONDITIONS)


def test_another_network_under_the_same_name_is_refused(tmp_path):
    records = open_records(tmp_path, CONDITIONS)
    records.admit({"a": "123", "random": ""})
    records.admit({"a": "123", "b": "4"})
    with pytest.raises(UsageError, match="a is another network"):
        records.admit({"a": "124"})
    records.close()
    again = open_records(tmp_path, CONDITIONS)
    with pytest.raises(UsageError, match="b is another network"):
        again.admit({"b": "5"})
    again.close()
    players = json.loads((tmp_path / "conditions.json").read_text())["players"]
    assert players == {"a": "123", "random": "", "b": "4"}


@pytest.mark.parametrize("noted", [{"name": "x"}, {"name": "x", "limits": "", "files": []}, [1], 7])
def test_damage_in_what_is_known_of_a_player_is_told(tmp_path, noted):
    open_records(tmp_path, CONDITIONS).close()
    conditions = tmp_path / "conditions.json"
    known = json.loads(conditions.read_text()) | {"players": {"uci:x": noted}}
    conditions.write_text(json.dumps(known))
    records = open_records(tmp_path, CONDITIONS)
    with pytest.raises(UsageError, match=r"is damaged \(what it says of uci:x\)"):
        records.admit({"uci:x": {"name": "x", "limits": "", "files": {"/bin/x": "0"}}})
    records.close()


def test_the_same_facts_are_the_same_folder():
    folders = {
        ("go(board_size=9)", "seed0"): "runs/tournaments/go-board_size-9--seed0",
        ("atari/pong", "classic", "seed3", "episodes9"): (
            "runs/tournaments/atari-pong-classic-seed3-episodes9"
        ),
    }
    assert {facts: str(usual_folder(*facts)) for facts in folders} == folders


def test_two_processes_do_not_play_in_one_folder(tmp_path):
    records = open_records(tmp_path, CONDITIONS)
    with pytest.raises(UsageError, match="another process is playing"):
        open_records(tmp_path, CONDITIONS)
    records.close()
    open_records(tmp_path, CONDITIONS).close()


def scored(seat_0: str, seat_1: str, opening: int, score: float, moves: list[int]) -> Record:
    return Record(Key(seat_0, seat_1, opening), Game(moves, score, "", []), 0, 1)


RECORDS = [
    scored("a", "b", 0, 1.0, [4, 0]),
    scored("b", "a", 0, 0.5, [4, 1]),
    scored("a", "b", 7, 1.0, [4, 0]),
    scored("b", "a", 7, 0.5, [4, 1]),
    scored("a", "c", 0, 0.0, [4, 0]),
]


def test_a_score_is_that_of_who_moved_first():
    by_seat_0 = results_of(RECORDS, ["c", "b", "a"], first_seat=0)
    assert by_seat_0.first.tolist() == [2, 1, 2, 1, 2]
    assert by_seat_0.second.tolist() == [1, 2, 1, 2, 0]
    assert by_seat_0.score.tolist() == [1.0, 0.5, 1.0, 0.5, 0.0]
    assert by_seat_0.pair.tolist() == [0, 0, 7, 7, 0]
    by_seat_1 = results_of(RECORDS, ["c", "b", "a"], first_seat=1)
    assert by_seat_1.first.tolist() == by_seat_0.second.tolist()
    assert by_seat_1.score.tolist() == [0.0, 0.5, 0.0, 0.5, 1.0]
    assert results_of([], ["a"], first_seat=0).score.shape == (0,)


def test_a_pair_counts_again_only_if_one_of_its_games_differs():
    assert without_repeats(RECORDS) == [RECORDS[0], RECORDS[1], RECORDS[4]]
    other = [*RECORDS[:3], scored("b", "a", 7, 0.5, [4, 2]), RECORDS[4]]
    assert without_repeats(other) == other
