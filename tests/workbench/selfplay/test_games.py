"""Self-play: what is learned is what was played, from the right player's view."""

from copy import deepcopy
from functools import cache
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import workbench.training.self_play
from agents.alphazero import AlphaZeroConfig
from agents.base import Update
from envs.board.base import DRAW, LOSS, WIN
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.config import PositionReplayConfig, SelfPlayConfig
from workbench.evaluation.solved import make_solver
from workbench.runs.checkpoint import load_resume, save
from workbench.selfplay import strength
from workbench.selfplay.games import SelfPlay, chances
from workbench.training.self_play import SelfPlayLoop

CPU = torch.device("cpu")


def load(name: str) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=name))


def alphazero(**changes) -> AlphaZeroConfig:
    small = {"blocks": 1, "channels": 8, "simulations": 20, "fast_simulations": 4, "batch_size": 16}
    return AlphaZeroConfig(kind="alphazero", **(small | changes))


def ignorant(game: OpenSpielGame):
    def evaluate(obs):
        shape = len(obs), game.spec.num_actions
        return np.zeros(shape, np.float32), np.tile(np.array([0, 1, 0], np.float32), (shape[0], 1))

    return evaluate


def self_play(name: str, num_games: int = 4, seed: int = 0, **changes) -> SelfPlay:
    game = load(name)
    rng = np.random.default_rng(seed)
    return SelfPlay(alphazero(**changes), game, ignorant(game), num_games, rng)


def test_outcomes_are_those_of_the_side_to_move():
    """With every search long, all positions of a game are learned from, and the last mover won."""
    playing = self_play("tic_tac_toe", 1, root_value_share=0.0)
    decided = 0
    for _ in range(200):
        moves = playing.move(full=True)
        if moves.learnable is None:
            continue
        plies = int(moves.games[0]["game_plies"])
        outcome = moves.learnable.outcome
        assert len(outcome) == plies
        if moves.games[0]["draws"]:
            assert (outcome[:, DRAW] == 1).all()
            continue
        decided += 1
        assert (outcome[::-1][::2, WIN] == 1).all()
        assert (outcome[::-1][1::2, LOSS] == 1).all()
        # Crosses begin, so they have won if the number of plies is odd.
        assert moves.games[0]["player_0_score"] == plies % 2
    assert decided > 3


def test_only_long_searches_are_learned_from():
    playing, rng = self_play("tic_tac_toe", 8), np.random.default_rng(0)
    learned = plies = 0
    for _ in range(200):
        moves = playing.move(full=rng.random() < 0.3)
        learned += 0 if moves.learnable is None else len(moves.learnable.obs)
        plies += sum(int(game["game_plies"]) for game in moves.games)
    assert 0.15 < learned / plies < 0.45


def test_policies_are_legal_and_sum_to_one():
    playing = self_play("connect_four", 8)
    found = []
    for _ in range(60):
        moves = playing.move(full=True)
        if moves.learnable is not None:
            found.append(moves.learnable)
    policy = np.concatenate([one.policy for one in found])
    obs = np.concatenate([one.obs for one in found])
    np.testing.assert_allclose(policy.sum(1), 1, rtol=1e-5)
    occupied = (obs[:, 0] | obs[:, 1])[:, :, :]  # [P, 6, 7]
    full = (occupied > 0).sum(1) == 6
    assert (policy[full] == 0).all()


def test_games_begin_at_random_where_that_is_asked_for():
    playing = self_play("connect_four", 64, random_plies=4)
    plies = {len(playing._game.history(root)) for root in playing._search.roots}
    assert plies == {0, 1, 2, 3, 4}


def test_self_play_that_is_brought_back_goes_on_alike():
    one = self_play("connect_four", 5, random_plies=3)
    for _ in range(9):
        one.move(full=True)
    other = self_play("connect_four", 5, seed=7, random_plies=3)
    other.load_state_dict(deepcopy(one.state_dict()))
    learned = 0
    for number in range(25):
        expected, again = one.move(full=number % 2 == 0), other.move(full=number % 2 == 0)
        assert again.games == expected.games
        assert again.facts == expected.facts
        assert (again.learnable is None) == (expected.learnable is None)
        if expected.learnable is not None and again.learnable is not None:
            learned += len(expected.learnable.obs)
            for ours, theirs in zip(again.learnable, expected.learnable, strict=True):
                assert np.array_equal(ours, theirs)
    assert learned > 10


@pytest.mark.parametrize("value", [-1.0, -0.25, 0.0, 0.5, 1.0])
def test_chances_are_worth_the_value(value):
    (one,) = chances(np.array([value]))
    assert one.sum() == pytest.approx(1)
    assert one[WIN] - one[LOSS] == pytest.approx(value)
    assert (one >= 0).all()


def test_sides_that_are_lost_give_up():
    """After some games that were played out; what is learned says that they lost."""
    playing = self_play("tic_tac_toe", 32, resignation={"played_out_share": 0.5})
    short = longer = 0
    for _ in range(120):
        moves = playing.move(full=True)
        for game in moves.games:
            short += int(game["resigned"] == 1)
            longer += int(game["resigned"] == 0)
            if game["resigned"]:
                assert not game["draws"]
                # The side to move gave up: with an even number of plies, crosses.
                assert game["player_0_score"] == game["game_plies"] % 2
        if moves.learnable is not None and [game["resigned"] for game in moves.games] == [1]:
            assert moves.learnable.outcome[-1, LOSS] > 0.5
    assert short > 20
    assert longer > short / 2


@pytest.fixture(autouse=True)
def one_solver(monkeypatch):
    """For all loops: it takes longer to be asked for the first time than all of them."""
    monkeypatch.setattr(strength, "make_solver", lambda game: solver_of_tic_tac_toe())


@cache
def solver_of_tic_tac_toe():
    return make_solver(load("tic_tac_toe"))


def make_loop(anchor_period_env_steps: int = 600, **changes) -> SelfPlayLoop:
    config = SelfPlayConfig(
        env=BoardConfig(kind="board", game="tic_tac_toe", num_games=6),
        agent=alphazero(resignation={"played_out_share": 0.5}),
        replay=PositionReplayConfig(capacity_positions=500),
        total_env_steps=10_000,
        learning_starts_positions=20,
        anchor_period_env_steps=anchor_period_env_steps,
        anchors=("random", "mcts:10"),
        anchor_games=2,
        **changes,
    )
    torch.manual_seed(0)
    return SelfPlayLoop(config, CPU)


GATE = {"period_env_steps": 60, "games": 4}


@pytest.mark.parametrize("gate", [None, GATE])
def test_a_loop_saved_and_brought_back_equals_one_that_went_on(tmp_path, gate):
    """Through the files of a checkpoint, whatever the threads did."""
    loop = make_loop(gate=gate, anchor_period_env_steps=120)
    iterations = loop.iterations()
    while loop.agent.updates < 3:
        next(iterations)
    state = {name: part.state_dict() for name, part in loop.parts.items()}
    path = save(tmp_path, 1, model=loop.agent.network_state(), resume=state, facts={})
    other = make_loop(gate=gate, anchor_period_env_steps=120)
    other.agent.load_network_state(deepcopy(loop.agent.network_state()))
    brought = load_resume(path)
    for name, part in other.parts.items():
        part.load_state_dict(brought[name])
    again, measured, challenged, updates = other.iterations(), 0, 0, 0
    for _ in range(40):
        one, two = next(iterations), next(again)
        assert one.games == two.games
        assert one.facts == two.facts
        measured += "score_random" in one.facts
        updates += len(one.updates)
        for ours, theirs in zip(one.updates, two.updates, strict=True):
            assert ours.metrics == theirs.metrics
        challenged += "gate_score" in one.facts
    assert measured >= 1
    assert (challenged >= 2) == (gate is not None)
    assert updates > 5
    for name, tensor in loop.agent.network_state().items():
        assert torch.equal(tensor, other.agent.network_state()[name])
    loop.close()
    other.close()


def test_measuring_changes_nothing():
    """Strength is measured with generators of its own."""
    loop, other = make_loop(), make_loop()
    other._strength.measure()
    for _, one, two in zip(range(40), loop.iterations(), other.iterations(), strict=False):
        assert one.games == two.games
    loop.close()
    other.close()


def test_what_matches_took_is_told_apart_from_self_play(monkeypatch):
    """So that it does not count in steps/s."""
    clock = SimpleNamespace(monotonic=map(float, count()).__next__)
    monkeypatch.setattr(workbench.training.self_play, "time", clock)
    loop = make_loop(gate=GATE, anchor_period_env_steps=120)
    told = [made.pauses for _, made in zip(range(20), loop.iterations(), strict=False)]
    loop.close()
    # Each is between two looks at the clock; six env steps an iteration.
    gate, anchors = ("gate", 1.0, 60), ("anchors", 1.0, 120)
    assert told == [[anchors, gate] if n == 20 else [gate] if n == 10 else [] for n in range(1, 21)]


def test_groups_that_play_side_by_side_share_no_game():
    """A game has a buffer, in which one thread would find the other's position."""
    loop = make_loop()
    assert len({id(group._game) for group in loop._groups}) == 2
    loop.close()


def test_with_a_gate_the_frozen_network_plays():
    """As long as nobody has beaten it, games are those of a network that has learned nothing."""
    loop = make_loop(gate={"period_env_steps": 10**6})
    never = make_loop(gate={"period_env_steps": 10**6})
    never.agent.update = lambda batch: Update({"loss": torch.zeros(())}, torch.zeros(0))
    same = make_loop()
    learned = different = 0
    for _, one, two, three in zip(
        range(40), loop.iterations(), never.iterations(), same.iterations(), strict=False
    ):
        assert one.games == two.games
        different += one.facts != three.facts
        learned += len(one.updates)
    assert learned > 5
    assert different > 0
    for each in (loop, never, same):
        each.close()


def test_some_games_are_never_learned_from():
    """And the measured numbers say how far the network knows them."""
    loop = make_loop(anchor_period_env_steps=120)
    iterations = loop.iterations()
    facts = {}
    while not facts:
        progress = next(iterations)
        if "held_out_loss" in progress.facts:
            facts = progress.facts
    share = loop._held_out.added / (loop._held_out.added + loop._replay.added)
    assert 0.0 < share < 0.2
    assert 0 < facts["distinct_positions"] <= 1
    assert facts["window_loss"] > 0
    assert facts["held_out_loss"] > 0
    assert facts["strictly_best"] <= facts["keeps_value"] <= 1
    loop.close()
