"""Crafter repeats an episode exactly, and scores as its paper says."""

import sys
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from envs.crafter import CrafterConfig, CrafterWorlds


def crafter(**settings: Any) -> CrafterWorlds:
    return CrafterWorlds(CrafterConfig(kind="crafter", **({"num_envs": 1} | settings)))


def play(worlds: CrafterWorlds, ticks: int, look_from: int | None = None) -> list[np.ndarray]:
    """Frames of random actions by someone who does not die, so that there are nights."""
    rng = np.random.default_rng(0)
    worlds.begin(0, seed=5)
    frames = []
    for tick in range(ticks):
        worlds._worlds[0]._player.inventory["health"] = 9
        worlds.step(0, int(rng.integers(17)))
        frames.append(worlds.draw([0])[0])
        if look_from is not None and tick >= look_from:
            assert worlds.render().shape == (576, 576, 3)
    return frames


@pytest.mark.slow
def test_an_episode_repeats_where_creatures_are_removed() -> None:
    # By Crafter's own order, which goes by addresses in memory, these would soon differ.
    kept = [object() for _ in range(1000)]
    streams = [play(crafter(), 1200) for _ in range(3)]
    assert kept
    for stream in streams[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(stream, streams[0], strict=True))


def test_looking_at_the_night_does_not_change_it() -> None:
    worlds = crafter()
    plain, watched = play(worlds, 210), play(worlds, 210, look_from=190)
    assert worlds._worlds[0]._world.daylight < 0.1  # it is night
    assert all(np.array_equal(a, b) for a, b in zip(plain, watched, strict=True))


def test_achievements_are_those_of_the_current_episode() -> None:
    worlds = crafter(num_envs=2)
    assert not worlds.achievements.any()
    worlds.begin(0, seed=1)
    worlds._worlds[0]._player.achievements["collect_wood"] += 1
    reward, died, cut_off = worlds.step(0, 0)
    assert (reward, died, cut_off) == (1.0, False, False)
    (where,) = np.argwhere(worlds.achievements)
    assert worlds.achievements.shape == (2, 22)
    assert where[0] == 0
    assert worlds.achievement_names[where[1]] == "collect_wood"
    worlds.begin(0, seed=2)
    assert not worlds.achievements.any()


@pytest.mark.parametrize("way", ["death", "time"])
def test_death_terminates_and_the_time_limit_truncates(way: str) -> None:
    worlds = crafter()
    worlds.begin(0, seed=1)
    if way == "death":
        worlds._worlds[0]._player.health = 0
    else:
        worlds._worlds[0]._step = 9_999
    assert worlds.step(0, 0)[1:] == (way == "death", way == "time")


def test_without_the_extra_the_config_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "crafter", None)
    with pytest.raises(ValidationError, match=r"pip install 'ludus\[crafter\]'"):
        CrafterConfig(kind="crafter")
