"""Playing over a websocket, against a real server."""

import json
import threading
import time
from contextlib import ExitStack, suppress

import cv2
import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from workbench.studio.arcade import api as arcade_api
from workbench.studio.arcade import episode as arcade

DOORKEY, PONG = "grid-doorkey", "atari-pong"


class Player:
    """A page that plays."""

    def __init__(self, studio, run, query=""):
        url = f"{studio.replace('http', 'ws')}/api/arcade/{run}{query}"
        self._connecting = connect(url, origin=studio, max_size=None)

    def __enter__(self):
        self._socket = self._connecting.__enter__()
        return self

    def __exit__(self, *_):
        self._connecting.__exit__(None, None, None)

    def told(self, timeout=60):
        """Returns the next JSON object, frames skipped."""
        while True:
            message = self._socket.recv(timeout)
            if isinstance(message, str):
                return json.loads(message)

    def frame(self, timeout=60):
        """Returns the header and the two pictures of the next frame."""
        message = self._socket.recv(timeout)
        assert isinstance(message, bytes), message
        length = int.from_bytes(message[:4], "big")
        header = json.loads(message[4 : 4 + length])
        first, second = header["sizes"]
        assert len(message) == 4 + length + first + second
        pictures = message[4 + length :]
        return header, pictures[:first], pictures[first:]

    def say(self, **message):
        self._socket.send(json.dumps(message))

    def send(self, message):
        self._socket.send(message)

    def ended(self):
        """Returns what was told last and the code with which the studio ended the session."""
        told = None
        try:
            while True:
                message = self._socket.recv(30)
                if isinstance(message, str):
                    told = json.loads(message).get("problem")
        except ConnectionClosed as closed:
            return told, closed.rcvd.code


def arcade_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("arcade")]


def wait_until(true, seconds=20.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _nothing_left():
    """Whatever happens in a session, no thread of it stays."""
    yield
    wait_until(lambda: not arcade_threads())


@pytest.fixture
def opened(monkeypatch):
    """The envs that were made, and in the second list those that were closed."""
    made, closed = [], []

    def make(config):
        env = make_env(config)
        close = env.close
        env.close = lambda: (closed.append(env), close())
        made.append(env)
        return env

    make_env = arcade.make_rendered_env
    monkeypatch.setattr(arcade, "make_rendered_env", make)
    return made, closed


def picture(file):
    return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)


def test_pong_is_played_by_what_is_held(studio):
    with Player(studio, PONG, "?seed=3") as player:
        facts = player.told()
        assert (facts["game"], facts["seed"], facts["step"]) == ("atari/pong", 3, 800_000)
        assert facts["checkpoints"] == [800_000]
        assert facts["steps_per_second"] == 15
        header, mine, its = player.frame()
        assert picture(mine).shape == (210, 160, 3)
        assert mine == its  # the same beginning
        assert header["person"] == {
            "score": 0.0, "steps": 0, "over": False, "lives": None, "action": None
        }  # fmt: skip
        assert len(header["agent"]["values"]) == 6
        with pytest.raises(TimeoutError):  # it waits until somebody plays
            player.frame(timeout=0.4)
        player.say(do="pause", value=False)
        player.say(do="hold", buttons=["right", "fire"])
        start = time.monotonic()
        frames = [player.frame() for _ in range(75)]
        rate = 75 / (time.monotonic() - start)
        assert rate < 16.5  # 15, or less on a machine that is busy
        assert [header["person"]["steps"] for header, _, _ in frames] == list(range(1, 76))
        assert facts["actions"][frames[-1][0]["person"]["action"]] == "rightfire"
        agent = [header["agent"] for header, _, _ in frames]
        assert [side["steps"] for side in agent] == list(range(1, 76))
        assert all(0 <= side["action"] < 6 for side in agent)
        assert len({mine for _, mine, _ in frames}) > 10
        assert frames[-1][1] != frames[-1][2]
        player.say(do="pause", value=True)
        player.say(do="restart", seed=4)
        assert player.told()["seed"] == 4
        assert player.frame()[0]["person"]["steps"] == 0


def test_a_key_that_was_only_tapped_counts(studio):
    with Player(studio, PONG) as player:
        player.told()
        player.frame()
        player.say(do="speed", value=0.1)
        player.say(do="hold", buttons=["left"])
        player.say(do="hold", buttons=[])
        player.say(do="pause", value=False)
        assert player.frame()[0]["person"]["action"] == 3
        assert player.frame()[0]["person"]["action"] == 0


def test_a_grid_waits_for_each_key(studio):
    with Player(studio, DOORKEY, "?seed=2") as player:
        facts = player.told()
        assert facts["steps_per_second"] is None
        player.frame()
        player.say(do="pause", value=False)
        with pytest.raises(TimeoutError):
            player.frame(timeout=0.4)
        for step, button in enumerate(["right", "forward", "left"], 1):
            player.say(do="press", button=button)
            header, _, its = player.frame()
            assert header["person"]["steps"] == header["agent"]["steps"] == step
            assert facts["actions"][header["person"]["action"]] == button
            assert its
        with pytest.raises(TimeoutError):
            player.frame(timeout=0.4)


class Lost(arcade.Duel):
    """A game in which the person has lost before it began."""

    def begin(self, seed):
        super().begin(seed)
        self.person.over = True


@pytest.mark.parametrize("finish", [False, True])
def test_the_agent_plays_on_where_the_person_is_over(studio, monkeypatch, finish):
    monkeypatch.setattr(arcade_api, "Duel", Lost)
    with Player(studio, DOORKEY) as player:
        player.told()
        player.frame()
        player.say(do="pause", value=False)
        if not finish:
            assert [player.frame()[0]["agent"]["steps"] for _ in range(3)] == [1, 2, 3]
            return
        player.say(do="finish")
        header, count = player.frame()[0], 1
        while not header["agent"]["over"]:
            header, count = player.frame()[0], count + 1
        assert header["agent"]["score"] > 0.5
        assert count < header["agent"]["steps"]  # not every step was shown
        assert header["sizes"][0] == 0  # the person's screen was not sent again


def test_a_fifth_player_is_told_to_wait(studio):
    with ExitStack() as stack:
        players = [stack.enter_context(Player(studio, DOORKEY)) for _ in range(4)]
        for player in players:
            player.told()
        with Player(studio, DOORKEY) as fifth:
            told, code = fifth.ended()
            assert told.startswith("4 people are playing already")
            assert code == 1013
        players[0].__exit__()
        wait_until(lambda: len(arcade_threads()) < 4)
        with Player(studio, DOORKEY) as next_one:
            assert next_one.told()["game"].startswith("minigrid/")


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        "[1]",
        "[" * 900,
        '{"do": "fly"}',
        '{"do": "hold", "buttons": ["jump"]}',
        '{"do": "hold", "buttons": [[]]}',
        '{"do": "press", "button": 3}',
        '{"do": "speed", "value": 1e9}',
        '{"do": "speed", "value": NaN}',
        '{"do": "speed", "value": true}',
        '{"do": "restart", "seed": -1}',
        '{"do": "pause", "value": "yes"}',
        b"\x00",
    ],
)
def test_what_no_page_sends_ends_the_session(studio, opened, message):
    made, closed = opened
    with Player(studio, DOORKEY) as player:
        player.told()
        player.send(message)
        _, code = player.ended()
        assert code == 1008
    wait_until(lambda: len(closed) == len(made) == 2)


def test_long_messages_and_floods_end_the_session(studio):
    with Player(studio, DOORKEY) as player:
        player.told()
        player.send('{"do": "finish", "and": "' + "x" * 2000 + '"}')
        assert player.ended() == ("the message is too long", 1009)
    with Player(studio, DOORKEY) as player:
        player.told()
        with suppress(ConnectionClosed):  # at some time while they are sent, or after
            for _ in range(200):
                player.say(do="finish")
        assert player.ended() == ("too many messages", 1008)


def test_who_does_nothing_for_long_is_sent_away(studio, monkeypatch):
    monkeypatch.setattr(arcade_api, "IDLE_SECONDS", 0.3)
    with Player(studio, DOORKEY) as player:
        assert player.ended() == ("nobody has played for a while", 1001)


@pytest.mark.parametrize("run", [DOORKEY, PONG, "doom-basic"])
def test_nothing_is_left_when_the_page_closes(studio, opened, run):
    made, closed = opened
    with Player(studio, run) as player:
        player.told()
        player.say(do="pause", value=False)
        player.frame()
    wait_until(lambda: len(closed) == len(made) == 2)
    with Player(studio, run):
        pass  # leaves while the game is being loaded
    wait_until(lambda: len(closed) == len(made) == 4 and not arcade_threads())


def test_others_are_answered_while_a_game_loads(studio, monkeypatch):
    begun, answered = threading.Event(), threading.Event()

    class Slow(arcade.Duel):
        def begin(self, seed):
            begun.set()
            assert answered.wait(60)
            super().begin(seed)

    monkeypatch.setattr(arcade_api, "Duel", Slow)
    with Player(studio, DOORKEY) as player:
        assert begun.wait(60)
        assert httpx.get(f"{studio}/static/page/dom.js", timeout=30).status_code == 200
        answered.set()
        player.told()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nobody", "there is no such run"),
        ("connect-four", "plays a board game"),
        (f"{DOORKEY}?seed=x", "seed is a whole number"),
        (f"{DOORKEY}?seed=99999999999", "seed is a whole number"),
        (f"{DOORKEY}?step=-1", "step is a whole number"),
        (f"{DOORKEY}?step=7", "has no checkpoint '7'"),
    ],
)
def test_what_cannot_be_played_is_told(studio, address, told):
    with Player(studio, address) as player:
        problem, code = player.ended()
        assert told in problem
        assert code == 1008


def test_a_game_whose_package_is_missing_says_how_to_get_it(studio, monkeypatch):
    monkeypatch.setattr("envs.extras.find_spec", lambda module: None)
    with Player(studio, "crafter") as player:
        problem, _ = player.ended()
        assert "pip install 'ludus[crafter]'" in problem


def fail(*_):
    raise RuntimeError("secret inside")


def check_failed(player, opened, caplog):
    """The page is told in words, the terminal all of it, and nothing runs on."""
    told, code = player.ended()
    assert told == "the game failed, so it is over; the terminal of the studio says why"
    assert code == 1011
    assert "secret inside" in caplog.text
    made, closed = opened
    wait_until(lambda: len(closed) == len(made) == 2 and not arcade_threads())


@pytest.mark.parametrize(
    ("broken", "method", "asked"),
    [
        (arcade.Side, "advance", {"do": "press", "button": "left"}),
        (arcade.Side, "screen", {"do": "press", "button": "left"}),
        (arcade.Duel, "_think", {"do": "press", "button": "left"}),
        (arcade.Side, "__init__", {"do": "restart", "seed": 1}),
    ],
    ids=["world", "screen", "agent", "restart"],
)
def test_a_game_that_fails_says_so_and_ends(
    studio, opened, monkeypatch, caplog, broken, method, asked
):
    with Player(studio, DOORKEY) as player:
        player.told()
        player.frame()
        monkeypatch.setattr(broken, method, fail)
        player.say(do="pause", value=False)
        player.say(**asked)
        check_failed(player, opened, caplog)


def test_a_game_that_fails_while_it_loads_says_so_too(studio, opened, monkeypatch, caplog):
    monkeypatch.setattr(arcade.Duel, "begin", fail)
    with Player(studio, DOORKEY) as player:
        check_failed(player, opened, caplog)


def test_games_that_failed_leave_room_for_others(studio, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(arcade.Duel, "begin", fail)
        for _ in range(arcade_api.MOST_SESSIONS):
            with Player(studio, DOORKEY) as player:
                assert player.ended()[1] == 1011
    with Player(studio, DOORKEY) as player:
        assert player.told()["game"].startswith("minigrid/")


def test_other_sites_and_plain_requests_are_refused(studio):
    url = f"{studio.replace('http', 'ws')}/api/arcade/{DOORKEY}"
    with pytest.raises(InvalidStatus), connect(url, origin="http://elsewhere"):
        pass
    assert httpx.get(f"{studio}/api/arcade/{DOORKEY}").status_code == 404


def test_behind_a_proxy_the_ticket_shows_whose_page_it_is(studio):
    ticket = httpx.get(f"{studio}/api/arcade/").json()["ticket"]
    for headers in ({"Origin": "http://elsewhere"}, {"Sec-Fetch-Site": "cross-site"}):
        assert httpx.get(f"{studio}/api/arcade/", headers=headers).status_code == 403
    url = f"{studio.replace('http', 'ws')}/api/arcade/nobody?ticket="
    with connect(f"{url}{ticket}", origin="http://elsewhere") as socket:
        assert json.loads(socket.recv(30))["problem"] == "there is no such run"
    for wrong in ("", ticket[:-1], "%ff"):
        with pytest.raises(InvalidStatus), connect(f"{url}{wrong}", origin="http://elsewhere"):
            pass
    with pytest.raises(InvalidStatus), connect(f"{url}{ticket}"):  # no page at all
        pass
