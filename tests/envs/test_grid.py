"""MiniGrid's worlds: the atlas draws what MiniGrid draws, and the episodes are MiniGrid's."""

import os
import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from minigrid.core.grid import Grid
from minigrid.core.world_object import Ball, Box, Door, Floor, Goal, Key, Lava, Wall
from minigrid.wrappers import RGBImgObsWrapper, RGBImgPartialObsWrapper
from pydantic import ValidationError

from envs import make_envs
from envs.base import episode_seed
from envs.grid import MiniGridConfig, list_grid_worlds

# One of each family: what its worlds hold that others do not.
WORLDS = [
    "MiniGrid-DoorKey-5x5-v0",  # a key and a locked door
    "MiniGrid-MultiRoom-N2-S4-v0",  # closed doors; the id is out of date, which must not warn
    "MiniGrid-ObstructedMaze-1Dlhb-v0",  # keys hidden in boxes, balls in front of doors
    "MiniGrid-LavaCrossingS9N3-v0",  # lava
    "MiniGrid-DistShift2-v0",  # lava and walls that one sees through
    "MiniGrid-Dynamic-Obstacles-5x5-v0",  # balls that move, three actions, a reward of -1
    "MiniGrid-FourRooms-v0",  # the goal is far
    "MiniGrid-LockedRoom-v0",  # doors of all colors
    "MiniGrid-KeyCorridorS3R2-v0",
    "MiniGrid-MemoryS7-v0",
    "MiniGrid-RedBlueDoors-6x6-v0",
    "MiniGrid-Fetch-8x8-N3-v0",
    "MiniGrid-PutNear-6x6-N2-v0",
    "MiniGrid-Playground-v0",
    "BabyAI-GoToRedBallGrey-v0",  # balls that are made grey after they were placed
    "BabyAI-UnblockPickup-v0",
    "BabyAI-BossLevel-v0",
]
VIEWS = ["partial", "full"]


def grid(env_id: str, **settings: Any) -> MiniGridConfig:
    return MiniGridConfig(kind="minigrid", env_id=env_id, **({"num_envs": 2} | settings))


def reference(config: MiniGridConfig) -> gymnasium.Env[Any, Any]:
    """The same world behind MiniGrid's own wrapper."""
    # ViewSizeWrapper would not do: the RGB wrappers draw with the world's own view size.
    world = gymnasium.make(
        gymnasium.spec(config.env_id), disable_env_checker=True, agent_view_size=config.view_size
    )
    wrapper = RGBImgPartialObsWrapper if config.view == "partial" else RGBImgObsWrapper
    return wrapper(world, config.tile_size)


def deliberate(rng: np.random.Generator, world: Any) -> int:
    """Returns a random action, but mostly one that changes what is in front of the agent."""
    front = world.grid.get(*world.front_pos)
    useful = [2] if front is None or front.can_overlap() else [0, 1, 3, 5]
    if world.carrying is not None and front is None:
        useful = [2, 2, 2, 4]
    num_actions = world.action_space.n
    choices = [a for a in useful if a < num_actions]
    return int(rng.choice(choices) if choices and rng.random() < 0.7 else rng.integers(num_actions))


def check_against_minigrid(config: MiniGridConfig, ticks: int, seed: int = 0) -> None:
    env = make_envs(config)
    worlds = [reference(config) for _ in range(config.num_envs)]
    rng = np.random.default_rng(seed)
    episode = [0] * config.num_envs
    was_last = np.ones(config.num_envs, np.bool_)
    actions = np.zeros(config.num_envs, np.int64)
    env.reset(seed)
    for tick in range(ticks):
        step = env.recv()
        for i, world in enumerate(worlds):
            if was_last[i]:
                obs, _ = world.reset(seed=episode_seed(seed, i, episode[i]))
                expected = (0.0, False, False)
                episode[i] += 1
            else:
                obs, *expected, _ = world.step(int(actions[i]))
            reward, terminated, truncated = expected
            picture = step.obs[i, -3:].transpose(1, 2, 0)
            assert np.array_equal(picture, obs["image"]), f"{config} env {i} tick {tick}"
            assert step.reward[i] == np.float32(reward)
            assert step.discount[i] == 1 - terminated
            assert step.last[i] == (terminated or truncated)
            actions[i] = deliberate(rng, world.unwrapped)
        was_last = step.last
        env.send(actions)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("env_id", WORLDS)
def test_pictures_and_episodes_are_those_of_minigrid(env_id: str, view: str) -> None:
    check_against_minigrid(grid(env_id, view=view, tile_size=4), ticks=60)


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("env_id", list_grid_worlds())
def test_every_world_is_drawn_as_minigrid_draws_it(env_id: str, view: str) -> None:
    check_against_minigrid(grid(env_id, view=view), ticks=150)


def random_object(rng: np.random.Generator) -> Any:
    color = str(rng.choice(["red", "green", "blue", "purple", "yellow", "grey"]))
    is_open, is_locked = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
    objects = [
        Wall(color),
        Floor(color),
        Door(color, is_open, is_locked),
        Key(color),
        Ball(color),
        Box(color, contains=Key("red")),
        Goal(color),
        Lava(),
    ]
    return objects[rng.integers(len(objects))]


def rearrange(world: Any, rng: np.random.Generator) -> None:
    """Fills a third of the world with objects and puts the agent anywhere it may stand."""
    for x in range(world.width):
        for y in range(world.height):
            world.grid.set(x, y, random_object(rng) if rng.random() < 0.35 else None)
    world.agent_pos = (
        int(rng.integers(1, world.width - 1)),
        int(rng.integers(1, world.height - 1)),
    )
    world.agent_dir = int(rng.integers(4))
    standing_on = [None, Goal(), Lava(), Floor("blue"), Door("red", is_open=True)]
    world.grid.set(*world.agent_pos, standing_on[rng.integers(len(standing_on))])
    carrying = [None, Key("grey"), Ball("blue"), Box("purple")]
    world.carrying = carrying[rng.integers(len(carrying))]


@pytest.mark.parametrize("env_id", ["MiniGrid-Empty-6x6-v0", "MiniGrid-SimpleCrossingS9N1-v0"])
@pytest.mark.parametrize(("view_size", "tile_size"), [(3, 8), (5, 3), (7, 8), (9, 5), (11, 2)])
@pytest.mark.parametrize("view", VIEWS)
def test_any_scene_is_drawn_as_minigrid_draws_it(
    env_id: str, view_size: int, tile_size: int, view: str
) -> None:
    config = grid(env_id, view=view, view_size=view_size, tile_size=tile_size, num_envs=1)
    env = make_envs(config)
    (world,) = env.worlds._worlds
    rng = np.random.default_rng(0)
    env.reset(0)
    env.recv()
    for _ in range(25):
        rearrange(world, rng)
        env.send(np.array([world.actions.done]))
        obs = env.recv().obs
        assert obs.shape[1:] == env.spec.obs_shape
        expected = world.get_frame(tile_size=tile_size, agent_pov=view == "partial")
        assert np.array_equal(obs[0].transpose(1, 2, 0), expected)


def test_what_a_box_holds_does_not_show() -> None:
    env = make_envs(grid("MiniGrid-Empty-5x5-v0", num_envs=1))
    (world,) = env.worlds._worlds
    env.reset(0)
    env.recv()
    pictures = []
    for held in (None, Ball("red")):
        world.grid.set(2, 1, Box("blue", contains=held))
        env.send(np.array([world.actions.done]))
        pictures.append(env.recv().obs)
    assert np.array_equal(*pictures)


def test_each_tile_is_drawn_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    render_tile = Grid.render_tile

    def counting(obj: Any, agent_dir: int | None = None, **settings: Any) -> Any:
        drawn.append((obj and obj.encode(), agent_dir, settings["highlight"]))
        return render_tile(obj, agent_dir=agent_dir, **settings)

    monkeypatch.setattr(Grid, "render_tile", counting)
    env = make_envs(grid("MiniGrid-DoorKey-5x5-v0", num_envs=4))
    rng = np.random.default_rng(0)
    env.reset(0)
    for _ in range(300):
        env.recv()
        env.send(rng.integers(env.spec.num_actions, size=4))
    assert 0 < len(drawn) == len(set(drawn)) < 30


def test_a_goal_terminates_and_the_time_limit_truncates() -> None:
    env = make_envs(grid("MiniGrid-Empty-5x5-v0"))
    env.reset(0)
    names = env.spec.action_names
    assert names == ("left", "right", "forward", "pickup", "drop", "toggle", "done")
    # Env 0 walks to the goal in the opposite corner, env 1 waits.
    path = ["forward", "forward", "right", "forward", "forward"]
    steps = [env.recv()]
    for tick in range(101):
        action = path[tick] if tick < len(path) else "done"
        env.send(np.array([names.index(action), names.index("done")]))
        steps.append(env.recv())
    end = steps[5]
    assert end.last.tolist() == [True, False]
    assert end.discount.tolist() == [0, 1]
    assert end.reward[0] == np.float32(1 - 0.9 * 5 / 100)
    assert end.reward[0] > env.spec.success_return_above
    assert steps[6].first.tolist() == [True, False]
    assert steps[100].last[1]
    assert steps[100].discount[1] == 1
    assert steps[101].first[1]


def test_a_world_with_fewer_actions_says_so() -> None:
    spec = make_envs(grid("MiniGrid-Dynamic-Obstacles-5x5-v0")).spec
    assert spec.action_names == ("left", "right", "forward")
    assert spec.name == "minigrid/MiniGrid-Dynamic-Obstacles-5x5-v0"


def test_every_episode_has_its_own_level() -> None:
    env = make_envs(grid("MiniGrid-LavaGapS7-v0"))
    env.reset(0)
    levels = set()
    for _ in range(200):
        step = env.recv()
        levels |= {step.obs[i].tobytes() for i in range(2) if step.first[i]}
        env.send(np.full(2, 2))
    assert len(levels) > 3


def test_it_renders_the_whole_grid() -> None:
    env = make_envs(grid("MiniGrid-DoorKey-6x6-v0", num_envs=1))
    env.reset(0)
    env.recv()
    assert env.render().shape == (6 * 32, 6 * 32, 3)
    assert np.array_equal(env.render(), env.worlds._worlds[0].get_frame(tile_size=32))


def test_nothing_is_printed_where_a_babyai_level_is_drawn_again(
    capfd: pytest.CaptureFixture[str],
) -> None:
    world = reference(grid("BabyAI-UnblockPickup-v0"))
    for seed in range(20):
        world.reset(seed=seed)
    assert "rejected" in capfd.readouterr().out  # it would print
    env = make_envs(grid("BabyAI-UnblockPickup-v0", num_envs=20))
    env.reset(0)
    env.recv()
    assert capfd.readouterr().out == ""


def test_an_unknown_world_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValidationError, match="did you mean 'MiniGrid-DoorKey-5x5-v0'"):
        grid("MiniGrid-DorKey-5x5-v0")


def test_a_world_that_minigrid_lacks_the_pictures_of_is_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError, match="lack the pictures"):
        grid("MiniGrid-WFC-MazeSimple-v0")
    with pytest.raises(FileNotFoundError):  # once this fails, the WFC worlds can be let in
        gymnasium.make("MiniGrid-WFC-MazeSimple-v0", disable_env_checker=True).reset(seed=0)


def test_a_view_without_a_centre_is_refused() -> None:
    with pytest.raises(ValidationError, match="odd"):
        grid("MiniGrid-Empty-5x5-v0", view_size=6)


STREAM_DIGEST = """
import sys, zlib, numpy as np
from envs import make_envs
from envs.grid import MiniGridConfig, list_grid_worlds
for env_id in list_grid_worlds():
    env = make_envs(MiniGridConfig(kind="minigrid", env_id=env_id, num_envs=2, tile_size=2))
    rng, digest = np.random.default_rng(0), 0
    env.reset(0)
    for _ in range(50):
        step = env.recv()
        digest = zlib.crc32(step.obs, zlib.crc32(step.reward, digest))
        env.send(rng.integers(env.spec.num_actions, size=2))
    print(env_id, digest)
"""


@pytest.mark.slow
def test_another_process_plays_the_same_stream() -> None:
    # Python's string hashes, and with them the order of sets, differ between processes.
    first, second = (
        subprocess.run(
            [sys.executable, "-c", STREAM_DIGEST],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    )
    assert first.count("\n") == len(list_grid_worlds())
    assert first == second
