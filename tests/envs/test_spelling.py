"""Names as other libraries write them; Gymnasium's registry is the oracle."""

import ale_py
import gymnasium
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from envs import ENVS
from envs.atari import PROTOCOLS, AtariConfig, list_games
from envs.doom import DoomConfig
from envs.grid import MiniGridConfig, list_grid_worlds
from envs.spelling import (
    MOST_LISTED,
    WORLDS,
    atari_spelling,
    did_you_mean,
    kind_of_world,
    meant,
    nearest,
)


def test_every_id_of_gymnasium_is_read_as_what_it_makes() -> None:
    gymnasium.register_envs(ale_py)
    games, known = list_games(), 0
    for env_id, spec in gymnasium.registry.items():
        if not str(spec.entry_point).startswith("ale_py"):
            continue
        known += 1
        found = atari_spelling(env_id, games)
        assert found.game == (spec.kwargs["game"] if spec.kwargs["game"] in games else None), env_id
        assert found.protocol is not None
        assert PROTOCOLS[found.protocol].sticky == spec.kwargs["repeat_action_probability"], env_id
    assert known > 300


@pytest.mark.parametrize(
    ("typed", "game", "protocol"),
    [
        ("pong", "pong", None),
        ("Pong", "pong", None),
        ("MsPacman", "ms_pacman", None),
        ("ms pacman", "ms_pacman", None),
        ("ms-pacman", "ms_pacman", None),
        ("MS_PACMAN", "ms_pacman", None),
        ("Ms. Pac-Man", "ms_pacman", None),
        ("ALE/MsPacman-v5", "ms_pacman", "machado"),
        ("ale_py:ALE/MsPacman-v5", "ms_pacman", "machado"),
        ("PongNoFrameskip-v4", "pong", "classic"),
        ("PongNoFrameskip-v0", "pong", "machado"),
        ("PongDeterministic-v4", "pong", "classic"),
        ("Pong-v4", "pong", "classic"),
        ("Pong-v0", "pong", "machado"),
        ("Pong-v5", "pong", "classic"),  # EnvPool's
        ("atari/pong", "pong", None),  # as our own reports write it
        ("atari-pong", "pong", None),
        ("Pitfall2", "pitfall2", None),
        ("Q*bert", "qbert", None),
        ("H.E.R.O.", "hero", None),
        ("Montezuma's Revenge", "montezuma_revenge", None),
        ("Yars' Revenge", "yars_revenge", None),
        ("Kung-Fu Master", "kung_fu_master", None),
        ("TicTacToe3D", "tic_tac_toe_3d", None),
    ],
)
def test_an_atari_game_by_any_name(typed: str, game: str, protocol: str | None) -> None:
    assert AtariConfig(kind="atari", game=typed).game == game
    assert atari_spelling(typed, list_games()) == (game, protocol, True)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("pogn", "did you mean 'pong'?"),
        ("SpaceInvader-v4", "did you mean 'space_invaders'?"),
        ("Pong-v6", "did you mean 'pong'?"),
        ("Pong-ram-v4", "shows the machine's memory"),
        ("ALE/Pong-ram-v5", "shows the machine's memory"),
        ("joust", "104 for one player are in ale-py"),
        ("xyz", "for one player are in ale-py"),
        ("", "for one player are in ale-py"),
        ("MiniGrid-Empty-5x5-v0", "env.kind minigrid"),
        ("BabyAI-GoToObj-v0", "env.kind minigrid"),
        ("VizdoomBasic-v1", "env.kind doom"),
        ("CrafterReward-v1", "env.kind crafter"),
        ("connect_four", "env.kind board"),
    ],
)
def test_no_game_of_atari(typed: str, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AtariConfig(kind="atari", game=typed)
    message = caught.value.errors()[0]["msg"]
    assert says in message
    assert ("did you mean" in message) == ("did you mean" in says)


@pytest.mark.parametrize(
    ("typed", "world"),
    [
        ("MiniGrid-Empty-5x5-v0", "MiniGrid-Empty-5x5-v0"),
        ("MiniGrid-Empty-5x5", "MiniGrid-Empty-5x5-v0"),
        ("minigrid-empty-5x5-v0", "MiniGrid-Empty-5x5-v0"),
        ("minigrid:MiniGrid-MemoryS9-v0", "MiniGrid-MemoryS9-v0"),
        ("MemoryS9", "MiniGrid-MemoryS9-v0"),
        ("MiniGrid-DoorKey6x6-v0", "MiniGrid-DoorKey-6x6-v0"),
        ("BabyAI-GoToObj-v0", "BabyAI-GoToObj-v0"),
        ("babyai-gotoobj", "BabyAI-GoToObj-v0"),
    ],
)
def test_a_grid_world_by_any_name(typed: str, world: str) -> None:
    assert MiniGridConfig(kind="minigrid", env_id=typed).env_id == world


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("MiniGrid-Empty-5x5-v7", "did you mean 'MiniGrid-Empty-5x5-v0'?"),
        ("MiniGrid-Emtpy-5x5-v0", "did you mean 'MiniGrid-Empty-5x5-v0'?"),
        ("pong", "e.g. MiniGrid-DoorKey-6x6-v0"),
    ],
)
def test_no_grid_world(typed: str, says: str) -> None:
    with pytest.raises(ValidationError, match="unknown MiniGrid world") as caught:
        MiniGridConfig(kind="minigrid", env_id=typed)
    assert says in str(caught.value)


def test_every_grid_world_is_meant_by_its_own_name_only() -> None:
    worlds = list_grid_worlds()
    for world in worlds:
        assert meant(world, [world], "MiniGrid-", "BabyAI-") == world
        assert meant(world, worlds, "MiniGrid-", "BabyAI-") in (world, None)


def test_scenarios_by_any_name() -> None:
    pytest.importorskip("vizdoom")
    for typed in ("VizdoomBasic", "vizdoom_basic", "basic", "VizdoomBasic-v1"):
        assert DoomConfig(kind="doom", scenario=typed).scenario == "VizdoomBasic-v1"
    with pytest.raises(ValidationError, match="did you mean 'VizdoomBasic-v1'"):
        DoomConfig(kind="doom", scenario="VizdoomBasic-v0")
    with pytest.raises(ValidationError, match=r"there are \d+, e.g. VizdoomBasic-v1"):
        DoomConfig(kind="doom", scenario="pong")


def test_kinds_of_worlds_are_those_of_envs() -> None:
    assert set(WORLDS) <= {*ENVS, "board"}
    assert kind_of_world("pong") is None


def test_only_what_is_near_is_suggested() -> None:
    games = list_games()
    assert nearest("PongNoFrameskip-v4", games) is None
    assert nearest("pnog", games) == "pong"
    assert nearest("", games) is None
    assert did_you_mean("zzz", ["a", "b"]) == "; choose from a, b"
    assert did_you_mean("zzz", map(str, range(99))).endswith(f"{MOST_LISTED - 1}, ...")
    assert did_you_mean("zzz", ["a"], otherwise="") == ""
    assert did_you_mean("zzz", ["a"], otherwise="ludus runs lists them") == (
        "; ludus runs lists them"
    )


@given(typed=st.text())
def test_any_text_is_a_game_or_none(typed: str) -> None:
    found = atari_spelling(typed, ["pong", "ms_pacman"])
    assert found.game in ("pong", "ms_pacman", None)
