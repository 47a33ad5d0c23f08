"""What a search says of each move: lines that can be played, and ends that are really there."""

import numpy as np
import pytest

from agents.search import GumbelConfig, PUCTConfig, Search
from envs.board.base import reach
from envs.board.openspiel import BoardConfig, OpenSpielGame

GAME = OpenSpielGame(BoardConfig(kind="board", game="tic_tac_toe"))
CONFIGS = (PUCTConfig(), GumbelConfig(kind="gumbel"))


def evaluate(obs):
    return np.zeros((len(obs), 9), np.float32), draws(obs)


def draws(obs):
    return np.tile(np.array([0, 1, 0], np.float32), (len(obs), 1))


def search_of(config, history, simulations) -> Search:
    search = Search(config, GAME, evaluate, 1)
    search.place(0, reach(GAME, history))
    search.run(simulations)
    return search


def random_history(seed: int) -> list[int]:
    rng, history = np.random.default_rng(seed), []
    position = GAME.start()
    for _ in range(rng.integers(6)):
        child = position.child(action := int(rng.choice(position.legal_actions())))
        if child.is_terminal():
            break
        position = child
        history.append(action)
    return history


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_lines_are_played_to_the_ends_that_they_promise(config):
    proofs = 0
    for seed in range(40):
        history = random_history(seed)
        search = search_of(config, history, (5, 60, 400)[seed % 3])
        lines, position = search.lines(0), search.roots[0]
        assert sorted(line.actions[0] for line in lines) == sorted(position.legal_actions())
        assert sum(line.visits for line in lines) == search.visits(0).sum()
        assert sum(line.prior for line in lines) == pytest.approx(1)
        assert max(len(line.actions) for line in lines) <= max(1, search.depth(0))
        for line in lines:
            end = reach(GAME, [*history, *line.actions])  # raises where a move is illegal
            if line.plies is not None:
                proofs += 1
                assert len(line.actions) == line.plies
                assert end.is_terminal()
                assert end.returns()[0] == line.value
    assert proofs > 50


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_the_first_line_is_the_move_to_make(config):
    for seed in range(20):
        search = search_of(config, random_history(seed), 30)
        if search.proven(0) in (-1, 1):
            assert search.lines(0)[0].value == search.proven(0)
        else:
            assert search.lines(0)[0].actions[0] == search.best(0)


def test_a_win_is_taken_the_shortest_way_and_a_loss_the_longest():
    """X has three open lines, of which O can close one."""
    win = search_of(PUCTConfig(), [0, 3, 1, 6, 4, 5], 50)  # x x . / o x o / o . .
    assert win.lines(0)[0].plies == 1
    assert win.lines(0)[0].actions[0] in (2, 7, 8)
    lost = search_of(PUCTConfig(), [0, 3, 1, 6, 4], 200)  # x x . / o x . / o . .
    line = lost.lines(0)[0]
    assert line.value == 1
    assert line.plies == 2
    assert line.actions[0] in (2, 5, 7, 8)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_a_restricted_root_has_these_moves_only(config):
    search = Search(config, GAME, evaluate, 2)
    search.restrict(0, [3, 5])
    search.run(40)
    assert {line.actions[0] for line in search.lines(0)} == {3, 5}
    assert set(np.flatnonzero(search.visits(0))) == {3, 5}
    assert set(np.flatnonzero(search.policy(0))) <= {3, 5}
    assert len(search.lines(1)) == 9  # the other game is not concerned
    assert sum(line.prior for line in search.lines(0)) == pytest.approx(1)


def test_moves_that_the_network_gives_nothing_can_be_the_only_ones():
    def sure(obs):
        logits = np.zeros((len(obs), 9), np.float32)
        logits[:, [3, 5]] = -1000
        return logits, draws(obs)

    search = Search(PUCTConfig(), GAME, sure, 1)
    search.restrict(0, [3, 5])
    search.run(10)
    assert [line.prior for line in search.lines(0)] == [0.5, 0.5]


def test_depth_is_that_of_the_deepest_node():
    search = Search(PUCTConfig(), GAME, evaluate, 1)
    search.run(1)
    assert search.depth(0) == 1
    deepest = []
    for _ in range(200):
        search.run(1)
        deepest.append(search.depth(0))
    assert deepest == sorted(deepest)
    assert 3 <= deepest[-1] <= 9
