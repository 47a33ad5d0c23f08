"""Self-play from nothing but the rules, where the truth is known."""

from pathlib import Path

import numpy as np
import pytest
import torch

from agents.alphazero import SearchPlayer
from envs.board.openspiel import OpenSpielGame
from workbench.config import SelfPlayConfig, load_config
from workbench.loops.self_play import SelfPlayLoop
from workbench.truth import make_solver, make_whole_exam

CONFIGS = Path(__file__).parents[2] / "configs/board"


@pytest.mark.slow
def test_tic_tac_toe_is_never_lost():
    """In none of the 4,520 positions does the trained player lose where it need not.

    So it never loses to perfect play, from any opening that is not lost, on either side.
    """
    config = load_config(CONFIGS / "tic_tac_toe.yaml", ["device=cpu", "agent.precision=float32"])
    assert isinstance(config, SelfPlayConfig)
    torch.manual_seed(config.seed)
    loop = SelfPlayLoop(config, torch.device("cpu"))
    for turn in loop.turns():
        assert turn.env_steps == config.env.num_games
        if loop.agent.env_steps >= config.total_env_steps:
            break
    loop.close()
    game = OpenSpielGame(config.env)
    exam = make_whole_exam(game, make_solver(game))
    player = SearchPlayer(loop.agent.evaluate, config.agent.search, game, config.agent.simulations)
    assert not exam.thrown_away(np.array(player.choose(exam.positions))).any()
    # The network alone, without looking ahead, has learned most of it.
    alone = SearchPlayer(loop.agent.evaluate, config.agent.search, game, 1)
    assert exam.kept(np.array(alone.choose(exam.positions)))[exam.matters].mean() > 0.8
