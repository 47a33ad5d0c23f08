"""The board network and its learner."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from agents.alphazero import AlphaZero, AlphaZeroConfig, Positions, SearchPlayer
from agents.base import Update
from agents.baselines import MinimaxPlayer, RandomPlayer, RolloutPlayer
from envs.board.openspiel import BoardConfig, OpenSpielGame

CPU = torch.device("cpu")


def load(name: str) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=name))


def make_agent(name: str = "connect_four", **changes) -> AlphaZero:
    torch.manual_seed(0)
    small = {"blocks": 2, "channels": 16, "precision": "float32"}
    return AlphaZero(AlphaZeroConfig(kind="alphazero", **(small | changes)), load(name).spec, CPU)


def batch(size: int = 32) -> Positions:
    rng = torch.Generator().manual_seed(0)
    return Positions(
        torch.randint(2, (size, 4, 6, 7), generator=rng).to(torch.uint8) * 255,
        torch.nn.functional.one_hot(torch.randint(7, (size,), generator=rng), 7).float(),
        torch.nn.functional.one_hot(torch.randint(3, (size,), generator=rng), 3).float(),
    )


def test_a_new_network_prefers_nothing():
    agent = make_agent()
    logits, chances = agent.evaluate(batch().obs.numpy())
    assert logits.shape == (32, 7)
    assert np.abs(logits - logits.mean(1, keepdims=True)).max() < 0.3
    assert np.abs(chances - 1 / 3).max() < 0.1


def test_one_batch_can_be_learned_by_heart():
    agent = make_agent(learning_rate=3e-3, average_decay=0.5, weight_decay=0.0)
    fixed, losses = batch(), []
    for _ in range(150):
        update = agent.update(fixed)
        assert isinstance(update, Update)
        losses.append(float(update.metrics["policy_loss"] + update.metrics["value_loss"]))
    # Before: the entropy of 7 moves and of 3 outcomes.
    assert losses[0] == pytest.approx(np.log(7) + np.log(3), abs=0.1)
    assert losses[-1] < 0.05
    logits, chances = agent.evaluate(fixed.obs.numpy())
    assert np.array_equal(logits.argmax(1), fixed.policy.argmax(1).numpy())
    assert np.abs(chances - fixed.outcome.numpy()).max() < 0.2


def test_a_state_of_a_learner_with_the_former_third_head_is_taken_up():
    """Such heads had no gradients; they were the last parameters of network and optimizer."""
    agent, again = make_agent(), make_agent()
    for _ in range(3):
        agent.update(batch())
    state = deepcopy(agent.state_dict())
    head = {"end.weight": torch.ones(4, 16, 1, 1), "end.bias": torch.ones(4)}
    state["network"] = {f"network.{name}": x for name, x in state["network"].items()} | head
    (group,) = state["optimizer"]["param_groups"]
    count = len(group["params"])
    group["params"] += [count, count + 1]
    again.load_network_state(deepcopy(agent.network_state()))
    again.load_state_dict(state)
    for each in (agent, again):
        for _ in range(2):
            each.update(batch())
    for name, tensor in agent.network_state().items():
        assert torch.equal(tensor, again.network_state()[name])
    assert not any("end" in name for name in again.state_dict()["network"])


def test_what_plays_is_the_average_of_what_learns():
    agent = make_agent(average_decay=0.75)
    expected = {k: v.clone() for k, v in agent.network.state_dict().items()}
    for number in range(1, 6):
        agent.update(batch())
        share = max(0.25, 1 / (1 + number))
        for name, latest in agent.network.state_dict().items():
            if latest.is_floating_point():  # all but the count of batches
                expected[name] += share * (latest - expected[name])
    for name, tensor in agent.network_state().items():
        torch.testing.assert_close(tensor, expected[name])


def test_what_plays_sees_what_learns_has_seen():
    """With batch normalisation both agree once its statistics are those of the positions."""
    agent = make_agent(average_decay=0.0, learning_rate=1e-9)
    fixed = batch(96)
    for _ in range(100):
        agent.update(fixed)
    with torch.no_grad():
        learning, _ = agent.network(fixed.obs.float() / 255)
    playing, _ = agent.evaluate(fixed.obs.numpy())
    np.testing.assert_allclose(playing, learning.numpy(), atol=1e-3)
    assert np.abs(playing).max() > 1e-2


def test_a_batch_of_one_is_played_as_in_a_batch_of_many():
    """Normalisation by the batch itself would make a move depend on the other games."""
    agent = make_agent()
    agent.update(batch())
    many, _ = agent.evaluate(batch().obs.numpy())
    one, _ = agent.evaluate(batch().obs[:1].numpy())
    np.testing.assert_allclose(one[0], many[0], atol=1e-5)


def test_the_learning_rate_falls_to_a_tenth():
    agent = make_agent(learning_rate=1e-3, learning_rate_decay_env_steps=100)
    for expected in (1e-3, 5.5e-4, 1e-4, 1e-4):
        assert agent.schedules() == {"learning_rate": pytest.approx(expected)}
        agent.env_steps += 50


def play(game: OpenSpielGame, first, second, seed: int) -> float:
    position, players = game.start(), (first, second)
    while not (status := game.status([position])).over[0]:
        seed += 1
        (move,) = players[status.to_play[0]].choose([position], [seed])
        assert move in status.legal
        (position,) = game.after([position], [move])
    return float(status.value[0])


def test_baselines_are_as_strong_as_their_names():
    game = load("connect_four")
    random, greedy = RandomPlayer(game), MinimaxPlayer(game, 2)
    rollouts = RolloutPlayer(game.rules, 300)
    assert sum(play(game, greedy, random, 100 * i) for i in range(20)) >= 12
    assert sum(play(game, random, greedy, 100 * i) for i in range(20)) <= -12
    assert sum(play(game, rollouts, greedy, 100 * i) for i in range(6)) >= 4


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_minimax_agrees_with_a_search_of_everything(depth):
    """From random positions of tic-tac-toe: with pruning and without, the same value."""
    game, rng = load("tic_tac_toe"), np.random.default_rng(depth)
    player = MinimaxPlayer(game, depth)

    def slow(position, left):
        status = game.status([position])
        if status.over[0] or left == 0:
            return float(status.value[0])
        children = game.after([position] * len(status.legal), status.legal.tolist())
        values = [slow(child, left - 1) for child in children]
        return max(values) if status.to_play[0] == 0 else min(values)

    for _ in range(15):
        position = game.start()
        for _ in range(rng.integers(3, 7)):
            status = game.status([position])
            if not status.over[0]:
                (position,) = game.after([position], [int(rng.choice(status.legal))])
        if game.status([position]).over[0]:
            continue
        (move,) = player.choose([position], [0])
        (child,) = game.after([position], [move])
        assert slow(child, depth - 1) == slow(position, depth)


def test_a_search_player_takes_a_win_and_leaves_none():
    game = load("tic_tac_toe")
    agent = make_agent("tic_tac_toe")
    player = SearchPlayer(agent.evaluate, agent._config.search, game, 60)
    positions = []
    for history in ([0, 3, 1, 4], [0, 3, 1, 4, 8]):
        position = game.start()
        for action in history:
            (position,) = game.after([position], [action])
        positions.append(position)
    assert player.choose(positions, [0, 0]) == [2, 5]
