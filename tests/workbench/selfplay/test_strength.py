"""Strength is measured against anchors, the networks of before, and exact answers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import workbench.selfplay.strength
from agents.alphazero import AlphaZero
from envs.board.exhaustive import ExhaustiveSolver
from envs.board.openspiel import BoardConfig, OpenSpielGame
from tests.end_to_end.configs import BOARD
from workbench.config import SelfPlayConfig
from workbench.evaluation.solved import Solver
from workbench.selfplay.strength import Strength


@pytest.fixture(scope="module")
def solver() -> Solver:
    """Of tic-tac-toe; what it was asked for the first time takes longer than all else."""
    return ExhaustiveSolver(OpenSpielGame(BoardConfig(kind="board", game="tic_tac_toe")))


@pytest.fixture
def threads(solver: Solver, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    monkeypatch.setattr(workbench.selfplay.strength, "make_solver", lambda game: solver)
    with ThreadPoolExecutor(2) as pool:
        yield pool


def make(threads: ThreadPoolExecutor, **changes) -> Strength:
    env = {"kind": "board", "game": "tic_tac_toe", "num_games": 4}
    config = SelfPlayConfig.model_validate(
        BOARD | {"env": env, "anchors": ["random", "mcts:2"], "anchor_games": 4} | changes
    )
    torch.manual_seed(0)
    agent = AlphaZero(config.agent, OpenSpielGame(config.env).spec, torch.device("cpu"))
    return Strength(config, agent, threads)


def test_all_that_is_asked_for_is_measured(threads: ThreadPoolExecutor) -> None:
    strength = make(threads, ladder_games=2)
    facts = strength.measure()
    scores = {name: facts[name] for name in ("score_random", "score_mcts_2")}
    # Points of four games: wins and halves.
    assert all(score * 8 == round(score * 8) and 0 <= score <= 1 for score in scores.values())
    assert facts["elo_low"] <= facts["elo"] <= facts["elo_high"]
    assert 0 < facts["keeps_value"] <= 1
    assert strength.parts.keys() == {"ladder"}
    assert [len(strength.games_against(name)) for name in ("random", "mcts:2")] == [4, 4]
    (rung,) = strength.parts["ladder"].rungs
    assert len(strength.games_against(rung)) == 2


def test_without_a_ladder_nothing_is_saved(threads: ThreadPoolExecutor) -> None:
    strength = make(threads, ladder_games=0)
    assert not strength.parts
    assert "elo" not in strength.measure()


def test_the_same_network_is_measured_alike(threads: ThreadPoolExecutor) -> None:
    assert make(threads, ladder_games=0).measure() == make(threads, ladder_games=0).measure()
