"""Matches: every opening twice, scores of the first player, whatever its seat."""

import numpy as np
import pytest

from agents.baselines import RandomPlayer
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.baselines import make_baseline
from workbench.errors import UsageError
from workbench.match import play_match, random_openings


def load(name: str) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=name))


class Scripted:
    """Plays the lowest or the highest legal action, and remembers whose turn it was."""

    def __init__(self, highest: bool) -> None:
        self._highest = highest
        self.turns: list[tuple[int, int]] = []

    def choose(self, positions):
        self.turns += [(len(p.history()), p.current_player()) for p in positions]
        return [p.legal_actions()[-1 if self._highest else 0] for p in positions]


def test_each_opening_is_played_from_both_sides():
    game = load("connect_four")
    first, second = Scripted(False), Scripted(True)
    told = []
    games = play_match(game, (first, second), [[], [3, 3]], on_game=told.append)
    assert [one.seat for one in games] == [0, 1, 0, 1]
    assert games[2].history[:2] == games[3].history[:2] == [3, 3]
    for one in games:
        position = game.start()
        opening = 0 if one in games[:2] else 2
        for ply, action in enumerate(one.history):
            legal = position.legal_actions()
            if ply >= opening:
                mine = position.current_player() == one.seat
                assert action == (legal[0] if mine else legal[-1])
            (position,) = game.after([position], [action])
        assert position.is_terminal()
        assert one.score == (1 + position.returns()[one.seat]) / 2
    assert sorted(told) == sorted(one.score for one in games)
    assert {player for _, player in first.turns} == {0, 1}


def test_the_first_to_move_need_not_be_player_0():
    """In chess White is player 1; the first player of the match has it in the second game."""
    game = OpenSpielGame(BoardConfig(kind="board", game="chess", max_plies=6))
    first, second = Scripted(False), Scripted(True)
    one, other = play_match(game, (first, second), [[]])
    assert (one.seat, other.seat) == (0, 1)
    assert one.score == other.score == 0.5
    start = game.start().legal_actions()
    assert one.history[0] == start[-1]
    assert other.history[0] == start[0]


def test_openings_are_different_and_end_no_game():
    game = load("tic_tac_toe")
    openings = random_openings(game, 2, 50, np.random.default_rng(0))
    assert len({tuple(opening) for opening in openings}) == 50
    assert all(len(set(opening)) == 2 for opening in openings)
    assert random_openings(game, 0, 3, np.random.default_rng(0)) == [[], [], []]
    few = random_openings(game, 1, 20, np.random.default_rng(0))
    assert len({tuple(opening) for opening in few}) == 9


def test_random_players_are_equals():
    game = load("connect_four")
    players = tuple(RandomPlayer(game, np.random.default_rng(seed)) for seed in (0, 1))
    openings = random_openings(game, 1, 200, np.random.default_rng(0))
    scores = [one.score for one in play_match(game, players, openings)]
    assert 0.42 < np.mean(scores) < 0.58


@pytest.mark.parametrize("name", ["", "nobody", "mcts", "mcts:", "mcts:x", "mcts:0", "minimax:-1"])
def test_unknown_baselines_are_refused(name):
    with pytest.raises(UsageError, match=r"choose from|needs a number"):
        make_baseline(name, load("tic_tac_toe"), 0)
