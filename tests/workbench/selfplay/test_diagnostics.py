"""The numbers that give away how self-play fails, and what is said about them."""

import numpy as np
import pytest
import torch

from agents.alphazero import AlphaZero, AlphaZeroConfig
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.config import PositionReplayConfig
from workbench.replay import Learnable, PositionReplay
from workbench.selfplay.diagnostics import alarms, diagnose

GAME = OpenSpielGame(BoardConfig(kind="board", game="tic_tac_toe"))


def filled(count: int, *, distinct: int, seed: int) -> PositionReplay:
    """A replay of `count` positions of which at most `distinct` differ."""
    rng = np.random.default_rng(seed)
    replay = PositionReplay(PositionReplayConfig(capacity_positions=10_000), GAME.spec, rng)
    obs = rng.integers(2, size=(distinct, *GAME.spec.obs_shape), dtype=np.uint8) * np.uint8(255)
    chosen = np.arange(count) % distinct
    policy = rng.dirichlet(np.ones(9), distinct).astype(np.float32)
    outcome = np.eye(3, dtype=np.float32)[rng.integers(3, size=distinct)]
    replay.add(Learnable(obs[chosen], policy[chosen], outcome[chosen]))
    return replay


def make_agent(**changes) -> AlphaZero:
    torch.manual_seed(0)
    config = AlphaZeroConfig(
        kind="alphazero", blocks=1, channels=32, precision="float32", **changes
    )
    return AlphaZero(config, GAME.spec, torch.device("cpu"))


def test_positions_that_come_again_and_again_are_noticed():
    held_out = filled(100, distinct=100, seed=1)
    varied = diagnose(make_agent(), GAME.spec, filled(2000, distinct=2000, seed=2), held_out)
    alike = diagnose(make_agent(), GAME.spec, filled(2000, distinct=20, seed=2), held_out)
    assert varied["distinct_positions"] == 1
    assert alike["distinct_positions"] <= 0.02
    assert not alarms(varied)
    assert "repeats itself" in alarms(alike)[0]


def test_what_is_learned_by_heart_is_noticed():
    """Results of random positions cannot be foretold: a network that does has seen them."""
    agent = make_agent(learning_rate=5e-3, average_decay=0.9, weight_decay=0.0, normalise=False)
    replay, held_out = filled(256, distinct=256, seed=3), filled(256, distinct=256, seed=4)
    before = diagnose(agent, GAME.spec, replay, held_out)
    assert before["held_out_loss"] == pytest.approx(before["window_loss"], abs=0.1)
    for _ in range(200):
        agent.update(replay.sample(256))
    after = diagnose(agent, GAME.spec, replay, held_out)
    assert after["window_loss"] < before["window_loss"] - 0.3
    assert any("by heart" in alarm for alarm in alarms(after))


def test_a_gate_that_never_opens_is_noticed():
    assert not alarms({"gate_rejected_in_a_row": 4})
    assert "5 times in a row" in alarms({"gate_rejected_in_a_row": 5})[0]


def test_nothing_is_said_before_there_is_anything_to_measure():
    empty = PositionReplay(PositionReplayConfig(), GAME.spec, np.random.default_rng(0))
    assert diagnose(make_agent(), GAME.spec, empty, empty) == {}
    assert alarms({}) == []
