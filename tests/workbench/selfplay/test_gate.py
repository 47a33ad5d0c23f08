"""The gate: the latest network takes over when it scores enough, and only then."""

import pytest
import torch

from agents.alphazero import AlphaZero, AlphaZeroConfig
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.config import GateConfig
from workbench.selfplay.gate import Gate

PLAY = AlphaZeroConfig(kind="alphazero", blocks=1, channels=8, fast_simulations=8)


def make(min_score: float = 0.5) -> tuple[Gate, AlphaZero]:
    game = OpenSpielGame(BoardConfig(kind="board", game="tic_tac_toe"))
    torch.manual_seed(0)
    agent = AlphaZero(PLAY, game.spec, torch.device("cpu"))
    config = GateConfig(games=20, min_score=min_score)
    return Gate(config, PLAY, agent, game), agent


def change(agent: AlphaZero) -> None:
    with torch.no_grad():
        for parameter in agent.average.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.5)


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in network.parameters()])


def test_what_is_frozen_does_not_learn():
    gate, agent = make()
    before = weights(gate.best.network).clone()
    change(agent)
    assert torch.equal(weights(gate.best.network), before)
    assert not torch.equal(weights(agent.average), before)


def test_equals_score_a_half_and_are_accepted():
    gate, _ = make()
    facts = gate.challenge()
    assert facts == {"gate_score": 0.5, "gate_accepted": 1, "gate_rejected_in_a_row": 0}


@pytest.mark.parametrize(("min_score", "accepted"), [(0.0, True), (1.0, False)])
def test_the_latest_takes_over_when_it_scores_enough(min_score, accepted):
    gate, agent = make(min_score)
    change(agent)
    facts = gate.challenge()
    assert 0 < facts["gate_score"] < 1
    assert torch.equal(weights(gate.best.network), weights(agent.average)) == accepted
    facts = gate.challenge()
    assert facts["gate_accepted"] == (2 if accepted else 0)
    assert facts["gate_rejected_in_a_row"] == (0 if accepted else 2)


def test_a_match_changes_no_generator():
    gate, _ = make()
    expected = torch.get_rng_state().clone()
    first = gate.challenge()["gate_score"]
    assert torch.equal(torch.get_rng_state(), expected)
    assert gate.challenge()["gate_score"] == first
