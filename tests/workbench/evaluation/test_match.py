"""Matches: every opening twice, scores of the first player, whatever its seat."""

import numpy as np
import pytest

from agents.base import Forfeit, Win
from agents.baselines import RandomPlayer
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.errors import UsageError
from workbench.evaluation.baselines import make_baseline
from workbench.evaluation.match import (
    FORFEIT,
    Fixture,
    Game,
    count_endings,
    first_players_scores,
    game_seeds,
    games_at_once,
    play,
    play_at_random,
    play_match,
    random_openings,
)


def load(name: str) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=name))


class Scripted:
    """Plays the lowest or the highest legal action, and remembers whose turn it was."""

    def __init__(self, highest: bool) -> None:
        self._highest = highest
        self.turns: list[tuple[int, int]] = []

    def choose(self, positions, seeds):
        self.turns += [(len(p.history()), p.current_player()) for p in positions]
        return [p.legal_actions()[-1 if self._highest else 0] for p in positions]


def test_endings_are_counted_by_kind():
    """Forfeits and declared wins as one each, whatever their reasons."""
    reasons = [f"{FORFEIT}resigned", f"{FORFEIT}illegal move 'x'", "checkmate", ""]
    reasons += [f"declared its win: {points} points" for points in (28, 29, 30)]
    games = [Game([], 1.0, "", [], reason) for reason in reasons]
    assert count_endings(games) == {
        "declared its win": 3,
        "forfeit": 2,
        "checkmate": 1,
        "not written down": 1,
    }


def test_each_opening_is_played_from_both_sides():
    game = load("connect_four")
    first, second = Scripted(False), Scripted(True)
    told = []
    games = play_match(game, (first, second), [[], [3, 3]], on_game=told.append)
    assert games[2].history[:2] == games[3].history[:2] == [3, 3]
    for number, one in enumerate(games):
        position, seat = game.start(), number % 2
        opening = 0 if number < 2 else 2
        assert len(one.milliseconds) == len(one.history) - opening
        assert not one.forfeit
        for ply, action in enumerate(one.history):
            legal = position.legal_actions()
            if ply >= opening:
                mine = position.current_player() == seat
                assert action == (legal[0] if mine else legal[-1])
            (position,) = game.after([position], [action])
        assert position.is_terminal()
        assert one.score == (1 + position.returns()[0]) / 2
    assert sorted(told) == sorted(first_players_scores(games))
    assert first_players_scores(games)[1] == 1 - games[1].score
    assert {player for _, player in first.turns} == {0, 1}
    one_by_one = play_match(game, (first, second), [[], [3, 3]], at_once=1)
    assert [one.history for one in one_by_one] == [one.history for one in games]


@pytest.mark.parametrize(("simulations", "games"), [(0, 262_144), (100, 2_621), (1_000_000, 1)])
def test_long_searches_leave_room_for_fewer_games(simulations, games):
    assert games_at_once(simulations) == games


def test_the_first_to_move_need_not_be_player_0():
    """In chess White is player 1; the first player of the match has it in the second game."""
    game = OpenSpielGame(BoardConfig(kind="board", game="chess", max_plies=6))
    first, second = Scripted(False), Scripted(True)
    one, other = play_match(game, (first, second), [[]])
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
    players = RandomPlayer(game), RandomPlayer(game)
    openings = random_openings(game, 1, 200, np.random.default_rng(0))
    scores = first_players_scores(play_match(game, players, openings))
    assert 0.42 < np.mean(scores) < 0.58


@pytest.mark.parametrize("name", ["", "nobody", "mcts", "mcts:", "mcts:x", "mcts:0", "minimax:-1"])
def test_unknown_baselines_are_refused(name):
    with pytest.raises(UsageError, match=r"choose from|needs a number"):
        make_baseline(name, load("tic_tac_toe"))


def test_a_game_is_the_same_alone_and_beside_others():
    game = load("connect_four")
    players = [RandomPlayer(game), make_baseline("mcts:20", game), make_baseline("greedy", game)]
    pairs = [(0, 1), (1, 2), (2, 0), (1, 1)] * 5
    fixtures = [
        Fixture(pair, (i % 7,), seed)
        for i, (pair, seed) in enumerate(zip(pairs, game_seeds(3, len(pairs)), strict=True))
    ]
    results = []
    for at_once in (1, 6, 50):
        found = dict(play(game, dict(enumerate(players)), fixtures, at_once=at_once))
        assert sorted(found) == list(range(len(fixtures)))
        results.append([(found[i].history, found[i].score) for i in sorted(found)])
    assert results[0] == results[1] == results[2]
    assert len({tuple(history) for history, _ in results[0]}) == len(fixtures)


def test_boards_are_filled_again_as_games_end():
    game, most = load("tic_tac_toe"), []

    class Watching(RandomPlayer):
        def choose(self, positions, seeds):
            most.append(len(positions))
            return super().choose(positions, seeds)

    fixtures = [Fixture((0, 0), (), seed) for seed in game_seeds(0, 40)]
    assert len(list(play(game, {0: Watching(game)}, iter(fixtures), at_once=8))) == 40
    assert max(most) == 8
    assert np.mean(most[:-9]) > 7.9


@pytest.mark.parametrize("seat", [0, 1])
def test_who_forfeits_loses(seat):
    game = load("connect_four")

    class Late(RandomPlayer):
        def choose(self, positions, seeds):
            moves = super().choose(positions, seeds)
            slow = [len(position.history()) > 6 for position in positions]
            return [Forfeit("too late") if s else m for m, s in zip(moves, slow, strict=True)]

    players = [RandomPlayer(game), Late(game)]
    seats = (1, 0) if seat == 0 else (0, 1)
    fixtures = [Fixture(seats, (), seed) for seed in game_seeds(1, 6)]
    for _, one in play(game, dict(enumerate(players)), fixtures, at_once=4):
        assert one.forfeit == "too late"
        assert one.reason == "forfeit: too late"
        assert one.score == seat  # player 0 has won where player 1 was late
        assert len(one.history) == 7 + (seat == 0)
        assert len(one.milliseconds) == len(one.history) + 1


@pytest.mark.parametrize("seat", [0, 1])
def test_who_declares_a_win_has_won(seat):
    game = load("connect_four")

    class Declaring(RandomPlayer):
        def choose(self, positions, seeds):
            return [Win("declaration")] * len(positions)

    players = {seat: Declaring(game), 1 - seat: RandomPlayer(game)}
    fixtures = [Fixture((0, 1), (3, 3), 0)]
    ((_, one),) = play(game, players, fixtures, at_once=1)
    assert (one.score, one.forfeit, one.reason) == (1 - seat, "", "declaration")
    assert len(one.history) == 2 + seat


def test_seeds_of_games_are_the_same_each_time_and_far_apart():
    seeds = game_seeds(5, 1000)
    assert seeds == game_seeds(5, 1000)
    assert seeds[:10] == game_seeds(5, 10)
    assert seeds[:10] != game_seeds(6, 10)
    assert np.diff(np.sort(seeds)).min() > 1000


@pytest.mark.parametrize("name", ["random", "minimax:2", "mcts:30"])
def test_a_move_depends_on_its_seed_alone(name):
    """Neither on the moves before, nor on the positions beside it."""
    game, rng = load("connect_four"), np.random.default_rng(0)
    positions = [play_at_random(game, ply % 6, rng) for ply in range(24)]
    seeds = list(range(24))
    player = make_baseline(name, game)
    moves = player.choose(positions, seeds)
    alone = [player.choose([p], [seed])[0] for p, seed in zip(positions, seeds, strict=True)]
    assert alone == moves == make_baseline(name, game).choose(positions, seeds)
    start = [game.start()] * 24
    assert len(set(player.choose(start, seeds))) > 1
