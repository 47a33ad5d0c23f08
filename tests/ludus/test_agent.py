"""`ludus.load`: a trained agent acts as it is evaluated, in one env and in many."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

import envs.atari
import ludus

ROOT = Path(__file__).resolve().parents[2]
MEMORY = "runs/zoo/grid-memory"  # an LSTM


@pytest.fixture(autouse=True)
def in_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Evaluations of runs that others use, too."""
    kept: list[Any] = []
    monkeypatch.setattr(
        "workbench.runs.scores.keep_evaluation", lambda *arguments: kept.append(arguments)
    )
    return kept


def played(run: str, episodes: int, seed: int) -> list[float]:
    """The scores of a loop as people write it."""
    agent, world = ludus.load(run), ludus.make(run)
    scores = []
    for episode in range(episodes):
        observation, _ = world.reset(seed=seed, options={"eval_episode": episode})
        agent.reset(seed=seed, eval_episode=episode)
        score, over = 0.0, False
        while not over:
            observation, reward, terminated, truncated, _ = world.step(agent.act(observation))
            score, over = score + reward, terminated or truncated
        scores.append(score)
    world.close()
    return scores


@pytest.mark.parametrize("run", [MEMORY, "runs/zoo/grid-doorkey"])
def test_it_acts_as_it_is_evaluated(run: str, nothing_is_kept: list[Any]):
    report = ludus.evaluate(run, episodes=3, seed=5)
    assert played(run, episodes=3, seed=5) == report["returns"]
    assert len(set(report["returns"])) > 1
    [(path, kept)] = nothing_is_kept
    assert str(path) == run
    assert kept == report
    assert (report["episodes"], report["seed"]) == (3, 5)


def test_it_acts_at_random_where_the_protocol_asks_for_it(
    nothing_is_kept: list[Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(envs.atari, "MAX_FRAMES_PER_EPISODE", 300)
    machado = replace(envs.atari.PROTOCOLS["machado"], eval_epsilon=0.5)
    monkeypatch.setitem(envs.atari.PROTOCOLS, "machado", machado)
    run = "runs/zoo/atari-boxing"
    scores = played(run, episodes=3, seed=2)
    assert scores == ludus.evaluate(run, episodes=3, seed=2)["returns"]
    assert len(set(scores)) > 1


def test_many_envs_at_once_are_as_each_alone():
    """With an LSTM, over the ends of episodes, under Gymnasium's own vector env."""
    count = 3
    together = ludus.load(MEMORY)
    alone = [ludus.load(MEMORY) for _ in range(count)]
    worlds: Any = gymnasium.vector.SyncVectorEnv([lambda: ludus.make(MEMORY)] * count)
    observations, _ = worlds.reset(seed=1)
    first = over = np.zeros(count, np.bool_)
    ends, seen = 0, set()
    for _ in range(60):
        actions = together.act(observations, first)
        for i, agent in enumerate(alone):
            if first[i]:
                agent.reset()
            assert agent.act(observations[i]) == actions[i]
        seen |= set(actions.tolist())
        first = over
        observations, _, terminated, truncated, _ = worlds.step(actions)
        over = terminated | truncated
        ends += over.sum()
    worlds.close()
    assert ends > 0
    assert len(seen) > 1


def test_what_was_seen_matters_until_reset():
    """An agent with an LSTM acts otherwise where each observation is told to be the first."""
    agent, other = ludus.load(MEMORY), ludus.load(MEMORY)
    rng = np.random.default_rng(0)
    seen = rng.integers(256, size=(40, *agent.spec.obs_shape), dtype=np.uint8)
    remembering = [agent.act(obs) for obs in seen]
    agent.reset()
    assert [agent.act(obs) for obs in seen] == remembering
    forgetful = [other.act(obs, first=True) for obs in seen]
    assert forgetful != remembering
    assert all(type(action) is int for action in remembering)


def test_more_envs_than_an_evaluation_has():
    agent = ludus.load(MEMORY)
    obs = np.zeros((20, *agent.spec.obs_shape), np.uint8)
    together = agent.act(obs).tolist()
    agent.reset()
    assert together == [agent.act(obs[0])] * 20


def test_the_threads_of_torch_are_left_alone():
    torch.set_num_threads(2)
    try:
        agent = ludus.load(MEMORY)  # trained with one
        agent.act(np.zeros(agent.spec.obs_shape, np.uint8))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_observations_of_other_worlds_are_refused():
    agent = ludus.load(MEMORY)
    shape = agent.spec.obs_shape
    sees = rf"this agent sees uint8 \[3, {shape[1]}, {shape[2]}\].*ludus.make"
    for obs in (np.zeros(shape, np.float32), np.zeros(shape[::-1], np.uint8), np.zeros((), "u1")):
        with pytest.raises(ValueError, match=sees):
            agent.act(obs)
    agent.act(np.zeros((2, *shape), np.uint8))
    with pytest.raises(ValueError, match=r"acts in 2 envs.*of one env; call reset\(\)"):
        agent.act(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=r"first has the shape \[3\], not \[2\]"):
        agent.act(np.zeros((2, *shape), np.uint8), np.zeros(3, np.bool_))
    agent.reset()
    agent.act(np.zeros(shape, np.uint8))


def test_board_games_are_played_otherwise():
    run = "runs/zoo/connect-four"
    for asked in (ludus.load, ludus.make):
        with pytest.raises(ValueError, match=f"plays a board game.*ludus play {run}"):
            asked(run)
    with pytest.raises(ValueError, match=f"ludus eval {run} --against"):
        ludus.evaluate(run)


def test_what_is_wrong_is_said_as_on_the_command_line():
    with pytest.raises(ValueError, match="there is no run 'zoo/grid-memry'; did you mean"):
        ludus.load("zoo/grid-memry")
    with pytest.raises(ValueError, match="has no checkpoint '7'"):
        ludus.evaluate(f"{MEMORY}@7")
    with pytest.raises(ValueError, match="at least 1"):
        ludus.evaluate(MEMORY, episodes=0)
