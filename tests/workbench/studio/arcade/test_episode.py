"""A person beside an agent: what keys mean, and that both play the very same episode."""

from collections import Counter
from contextlib import closing

import cv2
import numpy as np
import pytest

from envs import make_rendered_env
from envs.atari import AtariConfig
from envs.base import EnvSpec
from envs.crafter import CrafterConfig
from envs.doom import DoomConfig
from envs.grid import MiniGridConfig
from envs.probes import ProbeConfig
from tests.workbench.studio.conftest import ZOO
from workbench.errors import UsageError
from workbench.recording.episode import FPS
from workbench.studio.arcade import episode as arcade
from workbench.studio.arcade.episode import Controls, Duel, encoded, steps_per_second

DOORKEY = str(ZOO / "grid-doorkey")
STICK = ["up", "right", "left", "down", "upright", "upleft", "downright", "downleft"]
EIGHT_WAYS = ["noop", "fire", *STICK, *(f"{way}fire" for way in STICK)]
CRAFTER = ["noop", *(f"move_{way}" for way in STICK[:4]), "do", "sleep", "place_stone", "make_x"]
GRID = ["left", "right", "forward", "pickup", "drop", "toggle", "done"]
DOOM = ["noop", "attack", "move_left", "move_right", "turn_left", "turn_right", "crouch"]


WORLDS = {
    "atari": AtariConfig(kind="atari", game="breakout"),
    "pong": AtariConfig(kind="atari", game="pong"),
    "minigrid": MiniGridConfig(kind="minigrid", env_id="MiniGrid-Empty-5x5-v0"),
    "crafter": CrafterConfig(kind="crafter"),
    "doom": DoomConfig(kind="doom", scenario="VizdoomBasic-v1", frame_skip=5),
    "probe": ProbeConfig(kind="probe", probe="recall"),
}


def controls(kind, names):
    return Controls(WORLDS[kind].human_play, EnvSpec("game", 1, (1, 8, 8), 1, tuple(names)))


@pytest.mark.parametrize(
    ("held", "action"),
    [
        ([], "noop"),
        (["fire"], "fire"),
        (["up", "right"], "upright"),
        (["fire", "left", "down"], "downleftfire"),
        (["up", "down"], "down"),  # the one pressed last
        (["left", "right", "fire"], "rightfire"),
        (["up", "down", "left", "right", "fire"], "downrightfire"),
    ],
)
def test_keys_held_together_are_one_action(held, action):
    assert EIGHT_WAYS[controls("atari", EIGHT_WAYS).action(held)] == action


def test_what_a_game_lacks_falls_back_to_what_it_has():
    breakout = controls("atari", ["noop", "fire", "right", "left"])
    assert [button.name for button in breakout.buttons] == ["left", "right", "fire"]
    assert breakout.action(["right", "fire"]) == 1  # there is no rightfire: the latest


def test_where_nothing_can_be_left_undone_no_button_is_no_action():
    assert controls("minigrid", GRID).action([]) is None
    assert controls("minigrid", GRID).action(["toggle"]) == 5


@pytest.mark.parametrize(
    ("kind", "names"),
    [("atari", EIGHT_WAYS), ("minigrid", GRID), ("crafter", CRAFTER), ("doom", DOOM),
     ("probe", ["a", "b"])],
)  # fmt: skip
def test_every_action_has_buttons_and_no_key_two_of_them(kind, names):
    made = controls(kind, names)
    held = [arcade._buttons_of(WORLDS[kind].human_play.keys, name) for name in names]
    assert [made.action(sorted(parts)) for parts in held if parts] == [
        i for i, parts in enumerate(held) if parts
    ]
    keys = Counter(key for button in made.buttons for key in button.keys)
    assert all(button.keys for button in made.buttons)
    assert set(keys.values()) == {1}
    places = Counter(button.place for button in made.buttons if button.place)
    assert set(places.values()) <= {1}


def test_in_pong_up_goes_up():
    names = ["noop", "fire", "right", "left", "rightfire", "leftfire"]
    pong = controls("pong", names)
    up = next(button for button in pong.buttons if "ArrowUp" in button.keys)
    assert (up.label, up.place, names[pong.action([up.name])]) == ("Up", "up", "right")


def test_games_have_their_own_speed():
    speeds = {kind: steps_per_second(world.human_play) for kind, world in WORLDS.items()}
    assert speeds == {
        "atari": 15, "pong": 15, "minigrid": None, "crafter": 5, "doom": 7, "probe": None
    }  # fmt: skip
    quick = DoomConfig(kind="doom", scenario="VizdoomBasic-v1", frame_skip=1)
    assert steps_per_second(quick.human_play) == FPS  # that of videos


@pytest.mark.parametrize(
    ("run", "steps"), [("grid-doorkey", 100), ("atari-pong", 60), ("doom-basic", 20)]
)
def test_who_does_what_the_agent_does_sees_what_it_sees(run, steps):
    with closing(Duel(str(ZOO / run), seed=5)) as duel:
        for _ in range(steps):
            assert np.array_equal(duel.person.screen(), duel.agent.screen())
            if duel.over:
                break
            duel.advance(int(duel.decision.action[0]))
        assert duel.person.score == duel.agent.score
        assert duel.person.steps == duel.agent.steps > 5
        if run == "grid-doorkey":
            assert duel.over
            assert duel.agent.score > 0.9


def test_who_is_over_is_left_alone_and_both_can_begin_anew():
    with closing(Duel(DOORKEY, seed=5)) as duel:
        beginning = duel.person.screen()
        while not duel.agent.over:
            duel.advance(6)  # `done` does nothing
        steps = duel.agent.steps
        duel.advance(0)
        assert (duel.agent.steps, duel.person.steps) == (steps, steps + 1)
        assert duel.decision is None
        assert not duel.over
        duel.begin(6)
        assert (duel.person.steps, duel.agent.over) == (0, False)
        assert not np.array_equal(duel.person.screen(), beginning)
        duel.begin(5)
        assert np.array_equal(duel.person.screen(), beginning)


def test_lives_are_told_where_a_game_has_them():
    config = AtariConfig(kind="atari", game="breakout")
    with closing(make_rendered_env(config)) as env:
        side = arcade.Side(env, 0)
        assert side.lives == 5
        for _ in range(100):
            side.advance(1)
        assert side.lives < 5
    with closing(Duel(str(ZOO / "atari-pong"), seed=0)) as duel:
        assert duel.person.lives is None


def test_nothing_stays_open_where_a_world_does_not_start(monkeypatch):
    closed = []

    def make(config):
        env = make_rendered_env(config)
        monkeypatch.setattr(env, "close", lambda: closed.append(env))
        if len(made) == 1:
            monkeypatch.setattr(env, "reset", refuse)
        made.append(env)
        return env

    def refuse(seed):
        raise ValueError("a file is missing")

    made = []
    monkeypatch.setattr(arcade, "make_rendered_env", make)
    with pytest.raises(UsageError, match="a file is missing"):
        Duel(DOORKEY, seed=0)
    assert len(made) == 2
    assert sorted(map(id, closed)) == sorted(map(id, made))


def test_screens_of_flat_colours_are_sent_exactly():
    screen = np.random.default_rng(0).integers(0, 255, (21, 16, 3)).astype(np.uint8)
    sent = cv2.imdecode(
        np.frombuffer(encoded(WORLDS["atari"].human_play, screen), np.uint8), cv2.IMREAD_COLOR
    )
    assert np.array_equal(sent[..., ::-1], screen)
    assert encoded(WORLDS["doom"].human_play, screen)[:2] == b"\xff\xd8"  # JPEG
