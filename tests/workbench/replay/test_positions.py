"""Positions: what is sampled was added, turned as a whole, from a window that grows."""

import numpy as np
import pytest
import torch

from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.config import PositionReplayConfig
from workbench.replay.positions import Learnable, PositionReplay, position_replay_bytes


def make_replay(game="connect_four", seed=0, **config) -> PositionReplay:
    spec = OpenSpielGame(BoardConfig(kind="board", game=game)).spec
    return PositionReplay(PositionReplayConfig(**config), spec, np.random.default_rng(seed))


def learnable(first: int, count: int) -> Learnable:
    """Position n is told by its pixels, its policy and its outcome."""
    numbers = np.arange(first, first + count)
    obs = np.zeros((count, 4, 6, 7), np.uint8)
    obs[:, 0, :, 0] = numbers[:, None]  # on the left
    policy = np.zeros((count, 7), np.float32)
    policy[:, 0] = 0.75
    policy[:, 1] = 0.25
    outcome = np.stack([numbers % 2 == 0, numbers < 0, numbers % 2 == 1], 1).astype(np.float32)
    return Learnable(obs, policy, outcome)


def test_obs_policy_and_outcome_stay_together_and_turn_together():
    replay = make_replay(capacity_positions=100)
    replay.add(learnable(1, 50))
    batch = replay.sample(500)
    left, right = batch.obs[:, 0, 0, 0], batch.obs[:, 0, 0, 6]
    numbers = torch.maximum(left, right).long()
    assert set(numbers.tolist()) == set(range(1, 51))
    mirrored = right > 0
    assert 150 < int(mirrored.sum()) < 350
    assert torch.equal(batch.policy[mirrored][0], torch.tensor([0, 0, 0, 0, 0, 0.25, 0.75]))
    assert torch.equal(batch.policy[~mirrored][0], torch.tensor([0.75, 0.25, 0, 0, 0, 0, 0]))
    assert torch.equal(batch.outcome[:, 0], (numbers % 2 == 0).float())
    assert (left * right == 0).all()


def test_the_oldest_are_overwritten():
    replay = make_replay(capacity_positions=20)
    for first in range(1, 61, 6):
        replay.add(learnable(first, 6))
    numbers = replay.sample(400).obs[:, 0, 0].amax(1)
    assert set(numbers.tolist()) == set(range(41, 61))


@pytest.mark.parametrize(
    ("added", "window"), [(50, 50), (100, 100), (200, 136), (1000, 346), (10_000, 1000)]
)
def test_the_window_grows_more_slowly_than_what_is_added(added, window):
    """By hand: 100 * (1 + 0.4 * ((added / 100) ** 0.75 - 1) / 0.75), at most the capacity."""
    replay = make_replay(capacity_positions=1000, window_positions=100)
    for first in range(0, added, 50):
        replay.add(learnable(first % 200, 50))
    assert replay.window == window
    if window < 256:
        recent = {
            (added - 1 - age) // 50 * 50 % 200 + (added - 1 - age) % 50 for age in range(window)
        }
        assert set(replay.sample(3000).obs[:, 0, 0].amax(1).tolist()) <= recent


def test_a_replay_that_is_brought_back_goes_on_alike():
    replay = make_replay(capacity_positions=64)
    replay.add(learnable(1, 40))
    replay.add(learnable(41, 40))
    replay.sample(5)
    other = make_replay(seed=9, capacity_positions=64)
    other.load_state_dict(replay.state_dict())
    for one, again in zip(replay.sample(30), other.sample(30), strict=True):
        assert torch.equal(one, again)
    for each in (replay, other):
        each.add(learnable(81, 30))
    for one, again in zip(replay.sample(30), other.sample(30), strict=True):
        assert torch.equal(one, again)


def test_a_replay_saved_by_an_earlier_version_is_brought_back():
    """It had two columns more."""
    replay, other = make_replay(capacity_positions=64), make_replay(seed=9, capacity_positions=64)
    replay.add(learnable(1, 40))
    state = replay.state_dict()
    state |= {"end": state["obs"], "ended": np.ones(40, np.bool_)}
    other.load_state_dict(state)
    for one, again in zip(replay.sample(30), other.sample(30), strict=True):
        assert torch.equal(one, again)


@pytest.mark.parametrize(("added", "stored"), [(40, 40), (100, 64)])
def test_the_bytes_of_a_saved_replay_are_foretold(added, stored):
    replay = make_replay(capacity_positions=64)
    for first in range(1, added, 20):
        replay.add(learnable(first, 20))
    saved = sum(part.nbytes for part in replay.state_dict().values() if hasattr(part, "nbytes"))
    assert saved == stored * (4 * 6 * 7 + 7 * 2 + 3 * 4)
    assert position_replay_bytes(replay._config, replay._spec, added) == saved
