"""The ladder of one training: later networks are rated against earlier ones and fixed players."""

import numpy as np
import torch

from agents.alphazero import AlphaZero, AlphaZeroConfig
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.evaluation.match import Game
from workbench.selfplay.ladder import RUNGS, Ladder

CONFIG = AlphaZeroConfig(kind="alphazero", blocks=1, channels=8)


def make(num_anchors: int = 2) -> tuple[Ladder, AlphaZero]:
    game = OpenSpielGame(BoardConfig(kind="board", game="tic_tac_toe"))
    torch.manual_seed(0)
    agent = AlphaZero(CONFIG, game.spec, torch.device("cpu"))
    return Ladder(num_anchors, agent), agent


def match(wins: int, losses: int) -> list[Game]:
    """Games of the latest network, which has seat 0 in the first of each two, and so on."""
    results = [1.0] * wins + [0.0] * losses
    order = np.random.default_rng(0).permutation(len(results))
    return [
        Game([0], results[i] if number % 2 == 0 else 1 - results[i], "", [])
        for number, i in enumerate(order)
    ]


def test_ratings_rise_with_results():
    ladder, _ = make()
    assert ladder.rungs == []
    first = ladder.climb([match(15, 5), match(5, 15)], [], 0)
    # A quarter of the points is 191 Elo below, by the definition of the scale.
    assert -230 < first["elo"] < -130
    assert first["elo_low"] < first["elo"] < first["elo_high"]
    second = ladder.climb([match(18, 2), match(10, 10)], [match(15, 5)], 0)
    assert -50 < second["elo"] < 80
    third = ladder.climb([match(20, 0), match(15, 5)], [match(19, 1), match(15, 5)], 0)
    assert third["elo"] > second["elo"] + 100


def test_who_moves_first_is_told_by_the_seat():
    """With every game won by who moves first, nobody is stronger, in either kind of game."""
    for first_seat in (0, 1):
        ladder, _ = make(1)
        games = [Game([0], float(first_seat == 0), "", []) for _ in range(40)]
        assert abs(ladder.climb([games], [], first_seat)["elo"]) < 1


def test_without_anchors_networks_are_rated_among_themselves():
    ladder, _ = make(0)
    assert ladder.climb([], [], 0)["elo"] == 0
    assert ladder.climb([], [match(15, 5)], 0)["elo"] > 50


def test_networks_that_stay_are_frozen_and_the_latest():
    ladder, agent = make()
    weights = []
    for _ in range(RUNGS + 2):
        with torch.no_grad():
            for parameter in agent.average.parameters():
                parameter.add_(1)
        weights.append([parameter.clone() for parameter in agent.average.parameters()])
        ladder.climb([match(1, 1), match(1, 1)], [match(1, 1)] * len(ladder.rungs), 0)
    assert len(ladder.rungs) == RUNGS
    for rung, expected in zip(ladder.rungs, weights[-RUNGS:], strict=True):
        assert all(map(torch.equal, rung.network.parameters(), expected))


def test_it_comes_back_from_a_checkpoint():
    ladder, _ = make()
    ladder.climb([match(15, 5), match(5, 15)], [], 0)
    again, other = make()
    with torch.no_grad():
        for parameter in other.average.parameters():
            parameter.add_(1)
    again.load_state_dict(ladder.state_dict())
    for rung, saved in zip(again.rungs, ladder.rungs, strict=True):
        assert all(map(torch.equal, rung.network.parameters(), saved.network.parameters()))
    games = [match(18, 2), match(10, 10)], [match(15, 5)]
    assert again.climb(*games, 0) == ladder.climb(*games, 0)
