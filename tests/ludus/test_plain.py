"""An agent acts in a world of one's own, without Ludus around it."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import ludus
from envs.base import episode_seed
from tests.end_to_end.configs import PPO_PROBE
from tests.envs import own_world

OWN = PPO_PROBE | {
    "env": {
        "kind": "gymnasium",
        "id": "Treasure",
        "module": own_world.__file__,
        "stack": 2,
        "num_envs": 4,
    },
    "total_env_steps": 40,
}
CART = OWN | {"env": {"kind": "gymnasium", "id": "CartPole-v1", "num_envs": 4}}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_acts_in_the_world_itself_as_in_that_of_ludus():
    """With a memory, stacked observations of text and numbers, and actions that are arrays."""
    run = ludus.train(OWN, "own")
    agent, plain_agent = ludus.load(run), ludus.load(run)
    world, plain = ludus.make(run), own_world.Treasure()
    orders = set()
    for episode in range(4):
        observation, _ = world.reset(seed=episode)
        agent.reset()
        plain_agent.reset()
        shown, _ = plain.reset(seed=episode_seed(episode, 0, 0))
        orders.add(shown["order"])
        over = False
        while not over:
            number, action = agent.act(observation), plain_agent.act(shown)
            assert world.facts.action_names[number] == ",".join(map(str, action.tolist()))
            assert plain.action_space.contains(action)
            assert (plain_agent._seen[0] == observation).all()  # the policy may be a constant one
            observation, _, terminated, truncated, _ = world.step(0)
            shown, *_ = plain.step(np.array([0, 0]))
            over = terminated or truncated
    assert len(orders) == 2


def test_batches_of_a_vector_env_are_as_each_alone():
    run = ludus.train(OWN, "own")
    together, alone = ludus.load(run), [ludus.load(run) for _ in range(3)]
    worlds: Any = gymnasium.vector.SyncVectorEnv([own_world.Treasure] * 3)
    observations, _ = worlds.reset(seed=3)
    first = over = np.zeros(3, np.bool_)
    for _ in range(12):
        actions = together.act(observations, first)
        assert worlds.action_space.contains(actions)
        for i, agent in enumerate(alone):
            if first[i]:
                agent.reset()
            one = {"order": observations["order"][i], "time": observations["time"][i]}
            assert agent.act(one).tolist() == actions[i].tolist()
        first = over
        observations, _, terminated, truncated, _ = worlds.step(actions)
        over = terminated | truncated
    worlds.close()


def test_vectors_of_floats_come_from_gymnasium_itself():
    run = ludus.train(CART, "cart")
    agent = ludus.load(run)
    cart = gymnasium.make("CartPole-v1")
    observation, _ = cart.reset(seed=0)
    assert cart.action_space.contains(agent.act(observation))
    with pytest.raises(ValueError, match=r"not one of CartPole-v1: observation: its shape is \(3,"):
        agent.act(observation[:3])
    with pytest.raises(ValueError, match="not one of CartPole-v1"):
        agent.act({"position": 0.0})
    agent.reset()
    actions = agent.act(np.stack([observation] * 5))
    assert actions.shape == (5,)
    assert set(actions.tolist()) <= {0, 1}
