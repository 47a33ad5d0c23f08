"""`ludus.make`: worlds that any library can train in."""

import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from pydantic import TypeAdapter

import ludus
from envs import make_envs
from envs.text import hash_words
from tests.end_to_end.configs import PPO_PROBE, PROBE
from tests.envs import own_world
from workbench.config import Env
from workbench.evaluation.episodes import EVAL_SEED_OFFSET

ROOT = Path(__file__).resolve().parents[2]
OWN = PPO_PROBE | {
    "env": {"kind": "gymnasium", "id": "Treasure", "module": own_world.__file__, "stack": 2}
}
COUNTER = PROBE | {"env": {"kind": "probe", "probe": "counter"}}
WORLDS: dict[str, Any] = {
    "atari": "runs/zoo/atari-pong",
    "grid": "configs/grid/empty.yaml",
    "text and vector": OWN,
    "text and vector, as a dict": OWN,
    "probe": COUNTER,
}


@pytest.fixture(autouse=True)
def in_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    ("name", "render_mode"), [("grid", None), *((name, "rgb_array") for name in WORLDS)]
)
def test_checkers_have_nothing_to_say(name: str, render_mode: str | None):
    sb3_checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        # Gymnasium would try other ways to draw if the world had an id; SB3 gives hints on its CNN.
        warnings.filterwarnings("ignore", ".*alternative render modes.*")
        warnings.filterwarnings("ignore", ".*minimal resolution for an image.*")
        warnings.filterwarnings("ignore", "Treating image space as channels-last")
        world = ludus.make(WORLDS[name], render_mode=render_mode, as_dict="dict" in name)
        gymnasium_check(world)
        sb3_checker.check_env(world)
        if render_mode is not None:
            assert world.render().shape[2] == 3
    world.close()


def test_an_observation_holds_what_agents_see():
    world = ludus.make(OWN)
    assert [part.kind for part in world.facts.parts] == ["text", "vector"]
    observation, _ = world.reset(seed=0)
    assert world.observation_space.shape == world.facts.obs_shape == observation.shape
    later, *_ = world.step(0)
    assert (later[0] == observation[1]).all()  # stacked, the oldest first
    assert world.facts.action_names == ("0,0", "0,1", "1,0", "1,1")


def test_parts_are_shown_one_by_one():
    world, plain = ludus.make(OWN, as_dict=True), ludus.make(OWN)
    for one in (world, plain):
        one.reset(seed=0)
    shown, _, _, _, _ = world.step(0)
    raw, _, _, _, _ = plain.step(0)
    assert shown["time"].tolist() == [-1.0, -0.5]  # 0 and 1/4 of 0..1, the oldest first
    red, blue = hash_words("open the red chest", 24), hash_words("open the blue chest", 24)
    assert shown["order"].tolist() in [[*words.ravel()] * 2 for words in (red, blue)]
    for i, frame in enumerate(raw):
        order, time = shown["order"][48 * i : 48 * (i + 1)], shown["time"][i]
        assert frame.tobytes() == order.tobytes() + time.tobytes()
    with pytest.raises(ValueError, match="shows one picture: leave as_dict out"):
        ludus.make(COUNTER, as_dict=True)


def test_an_observation_belongs_to_who_gets_it():
    world, other = ludus.make(OWN), ludus.make(OWN)
    seen, _ = world.reset(seed=0)
    other.reset(seed=0)
    seen[:] = 255
    assert (world.step(0)[0] == other.step(0)[0]).all()


def test_episodes_of_an_evaluation_are_those_of_its_envs():
    """Also the later ones of an env, which are played where there are more episodes than envs."""
    config = TypeAdapter(Env).validate_python(OWN["env"])
    many = make_envs(config.model_copy(update={"num_envs": 3}))
    many.reset(EVAL_SEED_OFFSET + 7)
    world = ludus.make(OWN)
    observation, _ = world.reset(seed=7, options={"eval_episode": 1})
    over, ends, orders = False, 0, set()
    while ends < 6:
        step = many.recv()
        assert (step.obs[1] == observation).all()
        assert step.last[1] == over
        many.send(np.zeros(3, np.int64))
        if over:
            orders.add(observation.tobytes())
            observation, _ = world.reset()
            over, ends = False, ends + 1
        else:
            observation, _, terminated, truncated, _ = world.step(0)
            over = terminated or truncated
    many.recv()
    many.close()
    assert len(orders) > 1


def episodes(world: Any, count: int) -> list[list[bytes]]:
    """What is seen in some episodes that go on from here, under actions that do not matter."""
    seen = []
    for _ in range(count):
        observation, _ = world.reset()
        over, episode = False, [observation.tobytes()]
        while not over:
            observation, _, terminated, truncated, _ = world.step(0)
            over = terminated or truncated
            episode.append(observation.tobytes())
        seen.append(episode)
    return seen


def test_a_seed_determines_all_that_follows_and_no_training_meets_an_evaluation():
    world, other = ludus.make(OWN), ludus.make(OWN)
    world.reset(seed=5)
    first = episodes(world, 6)
    other.reset(seed=5 + 2**31)  # as SB3 draws them where it is given none
    assert episodes(other, 6) == first
    other.reset(seed=6)
    assert episodes(other, 6) != first
    assert len({tuple(episode) for episode in first}) > 1


def test_ends_and_rewards_are_those_of_the_world():
    world = ludus.make(OWN)
    world.reset(seed=0)
    outcomes = [world.step(0)[1:] for _ in range(4)]  # chests stay shut until time is up
    assert [outcome[:3] for outcome in outcomes] == [(0.0, False, False)] * 3 + [(0.0, False, True)]
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        world.step(0)
    world.reset()
    right = [world.step(np.int64(2))[1:], world.reset(), world.step(2)[1:]]
    assert {outcome[0] for outcome in (right[0], right[2])} <= {0.0, 1.0}
    assert right[0][1:] == (True, False, {"discount": 0.0})


def test_a_reset_in_the_midst_of_an_episode_begins_another():
    world = ludus.make("configs/grid/empty.yaml")
    begun, _ = world.reset(seed=0)
    world.step(0)
    again, _ = world.reset()
    assert (again == begun).all()  # the empty room looks the same at every start
    world.step(0)


def test_mistakes_are_named():
    world = ludus.make(COUNTER)
    with pytest.raises(gymnasium.error.ResetNeeded):
        world.step(0)
    world.reset(seed=0)
    for action in (-1, 99, 0.5, "up", None):
        with pytest.raises(ValueError, match=r"there is no action .*they are 0 to 1"):
            world.step(action)
    with pytest.raises(ValueError, match="no option 'episode'"):
        world.reset(options={"episode": 1})
    with pytest.raises(ValueError, match="eval_episode is 16, not one of 0 to 15"):
        world.reset(options={"eval_episode": 16})
    with pytest.raises(ValueError, match="no render_mode 'human'"):
        ludus.make(COUNTER, render_mode="human")
    world.close()
    world.close()


def test_overrides_change_the_world():
    assert ludus.make("runs/zoo/grid-memory", env={"view_size": 5}).facts.obs_shape == (3, 40, 40)
    wide = ludus.make("configs/grid/empty.yaml", **{"env.tile_size": 4})
    assert wide.facts.obs_shape == (3, 28, 28)
    with pytest.raises(ValueError, match=r"unknown key env.view_sise; did you mean env.view_size"):
        ludus.make("configs/grid/empty.yaml", env={"view_sise": 5})
    with pytest.raises(ValueError, match=r"config: unknown key env.nums_envs"):
        ludus.make(PROBE | {"env": {"kind": "probe", "probe": "counter", "nums_envs": 1}})
