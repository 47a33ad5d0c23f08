"""Traces, read with suspicion."""

import json
from functools import partial

import pytest

from tests.workbench.studio.conftest import ZOO
from workbench.errors import UsageError
from workbench.studio.boards.facts import rules
from workbench.studio.videos import traces
from workbench.studio.videos.traces import read_episode, read_game, read_trace

EPISODE = ZOO / "grid-memory/videos/1500880_0.json"
GAME = ZOO / "connect-four/videos/640000_0.json"
READERS = [read_trace, read_episode, partial(read_game, game=rules("connect_four", None))]


@pytest.fixture(params=READERS, ids=["trace", "episode", "game"])
def read(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "400_0.json"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000])
def test_every_reader_tells_damage_in_the_same_words(path, read, content):
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"the trace 400_0.json is damaged \(.+\)"):
        read(path)


def test_every_reader_tells_what_is_missing_too_large_or_unreadable(path, read):
    with pytest.raises(UsageError, match="no trace beside it"):
        read(path)
    with path.open("wb") as file:
        file.truncate(traces.MAX_BYTES + 1)
    with pytest.raises(UsageError, match=r"400_0.json is damaged \(it is too large\)"):
        read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="is damaged"):
        read(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda facts: "{",
        lambda facts: "[]",
        lambda facts: "3",
        lambda facts: json.dumps(facts | {"steps": []}),
        lambda facts: json.dumps(facts | {"steps": facts["steps"][-1:]}),
        lambda facts: json.dumps(facts | {"steps": [1, 2]}),
        lambda facts: json.dumps(facts | {"seed": "x"}),
        lambda facts: json.dumps(facts | {"seed": -1}),
        lambda facts: json.dumps(facts | {"fps": 0}),
        lambda facts: json.dumps(facts | {"action_names": ["left"]}),
        lambda facts: json.dumps(facts | {"action_names": None}),
        lambda facts: json.dumps(
            facts | {"steps": [facts["steps"][0] | {"values": [float("nan")]}, *facts["steps"][1:]]}
        ),
        lambda facts: json.dumps(
            facts | {"steps": [facts["steps"][0] | {"values": [1, 2]}, *facts["steps"][1:]]}
        ),
        lambda facts: json.dumps(
            facts | {"steps": [facts["steps"][0] | {"reward": None}, *facts["steps"][1:]]}
        ),
        lambda facts: json.dumps(
            facts | {"steps": [facts["steps"][0] | {"action": 10**30}, *facts["steps"][1:]]}
        ),
        lambda facts: json.dumps(
            facts | {"steps": [step | {"values": []} for step in facts["steps"]]}
        ),
        lambda facts: json.dumps(
            facts | {"steps": [step | {"values": [1e308]} for step in facts["steps"]]}
        ),
    ],
)
def test_a_damaged_episode_is_told(path, damage):
    facts = json.loads(EPISODE.read_text())
    path.write_text(damage(facts))
    with pytest.raises(UsageError, match="damaged"):
        read_episode(path)


def test_a_game_is_read_with_its_positions():
    game = rules("connect_four", None)
    trace, told = read_game(GAME, game), json.loads(GAME.read_text())
    assert trace.moves == [step["action"] for step in told["steps"]]
    assert trace.values == [step["value"] for step in told["steps"]]
    assert trace.visits[0] == {int(a): n for a, n in told["steps"][0]["visits"].items()}
    assert len(trace.positions) == len(trace.moves) + 1
    assert game.status(trace.positions[-1:]).value[0] == trace.result
    with pytest.raises(UsageError, match="page of its own"):
        read_episode(GAME)


@pytest.mark.parametrize(
    "change",
    [{"action": 99}, {"action": None}, {"action": 10**30}, {"value": float("nan")}, {"visits": 3}],
)
def test_a_move_that_cannot_be_is_damage(path, change):
    told = json.loads(GAME.read_text())
    told["steps"][2] |= change
    path.write_text(json.dumps(told))
    with pytest.raises(UsageError, match="is damaged"):
        read_game(path, rules("connect_four", None))
