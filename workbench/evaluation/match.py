"""Games between players of board games, many in parallel."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from agents.base import Forfeit, Player, Win
from envs.board.base import BoardGame, Position, reach
from envs.board.endings import LIMITS, ending
from envs.board.openspiel import BoardConfig, OpenSpielGame

# Of trees: a game's has a node for each simulation. In the middle of a game one takes 10 to 19 kB
# in chess, shogi and go, most of it OpenSpiel's position, and 1 or 2 in othello and connect four:
# 3 to 5 GB at most. 1,000 simulations still leave room for the batches of a tournament.
NODES_AT_ONCE = 2**18
FORFEIT = "forfeit: "  # how the reason of a forfeited game begins
UNKNOWN = "not written down"  # by older versions


class Fixture(NamedTuple):
    """A game that is to be played."""

    seats: tuple[int, int]  # which of the players is player 0 of the game, and which is player 1
    opening: tuple[int, ...]  # actions from the start that are made for both; none ends the game
    seed: int  # of all that is drawn in it


class Game(NamedTuple):
    """A finished game."""

    history: list[int]  # all actions, opening included
    score: float  # player 0's: 1 won, 0.5 drawn, 0 lost
    forfeit: str  # why who had the move lost it; empty where the rules decided
    milliseconds: list[float]  # of each move after the opening; of many at once, each one's share
    reason: str = ""  # what ended it, see `envs.board.endings`; empty: older versions tell none


class _Board:
    """A game that is going on."""

    def __init__(self, number: int, fixture: Fixture, position: Position) -> None:
        self.number, self.fixture, self.position = number, fixture, position
        self.to_play = 0
        self.milliseconds: list[float] = []


def rules_of(config: BoardConfig) -> OpenSpielGame:
    """Returns a game as it is played outside training, which alone may cut games short.

    A cut game is a draw whoever leads: that decides too much where players are compared.
    """
    return OpenSpielGame(config.model_copy(update={"max_plies": None}))


def play(
    game: BoardGame, players: Mapping[int, Player], fixtures: Iterable[Fixture], *, at_once: int
) -> Iterator[tuple[int, Game]]:
    """Plays games in lock-step; where one ends, the next begins.

    Args:
        game: the rules.
        players: those that fixtures name by number.
        fixtures: taken one by one as boards become free.
        at_once: how many games go on side by side at most.

    Yields:
        The number of the fixture and its game, in the order in which games end.
    """
    waiting = enumerate(fixtures)
    boards: list[_Board] = []
    while True:
        fresh = [
            _Board(number, fixture, reach(game, fixture.opening))
            for number, fixture in islice(waiting, at_once - len(boards))
        ]
        going, _ = _part(game, fresh)
        boards += going
        if not boards:
            return
        turns: dict[int, list[_Board]] = {}
        for board in boards:
            turns.setdefault(board.fixture.seats[board.to_play], []).append(board)
        moved: list[_Board] = []
        for number, mine in turns.items():
            moves = _choose(players[number], mine)
            for board, move in zip(mine, moves, strict=True):
                if isinstance(move, Forfeit):
                    loss = float(board.to_play)
                    yield _end(game, board, loss, f"{FORFEIT}{move}", forfeit=str(move))
                elif isinstance(move, Win):
                    yield _end(game, board, 1.0 - board.to_play, str(move))
                else:
                    (board.position,) = game.after([board.position], [move])
                    moved.append(board)
        boards, over = _part(game, moved)
        for board, score in over:
            yield _end(game, board, score, ending(board.position))


def _part(
    game: BoardGame, boards: Sequence[_Board]
) -> tuple[list[_Board], list[tuple[_Board, float]]]:
    """Returns those that go on, and those that are over with player 0's score."""
    status = game.status([board.position for board in boards])
    going, ended = [], []
    for i, board in enumerate(boards):
        board.to_play = int(status.to_play[i])
        if status.over[i]:
            ended.append((board, (1 + float(status.value[i])) / 2))
        else:
            going.append(board)
    return going, ended


def _choose(player: Player, boards: Sequence[_Board]) -> Sequence[int | Forfeit | Win]:
    seeds = [board.fixture.seed + len(board.milliseconds) for board in boards]
    before = time.perf_counter()
    moves = player.choose([board.position for board in boards], seeds)
    share = 1000 * (time.perf_counter() - before) / len(boards)
    for board in boards:
        board.milliseconds.append(share)
    return moves


def _end(
    game: BoardGame, board: _Board, score: float, reason: str, forfeit: str = ""
) -> tuple[int, Game]:
    history = game.history(board.position)
    return board.number, Game(history, score, forfeit, board.milliseconds, reason)


def play_match(
    game: BoardGame,
    players: tuple[Player, Player],
    openings: Sequence[Sequence[int]],
    *,
    seed: int = 0,
    at_once: int | None = None,
    on_game: Callable[[float], None] = lambda score: None,
) -> list[Game]:
    """Plays every opening twice, once with each player in each seat, side by side.

    Args:
        game: the rules.
        players: who plays.
        openings: actions from the start that are made for the players; none ends the game.
        seed: of all that players draw.
        at_once: how many games go on side by side at most; None: all.
        on_game: told the first player's score in each game as it ends.

    Returns:
        Two games for each opening, in their order: the first player begins in seat 0. See
        `first_players_scores`.
    """
    fixtures = [
        Fixture((i % 2, 1 - i % 2), tuple(openings[i // 2]), game_seed)
        for i, game_seed in enumerate(game_seeds(seed, 2 * len(openings)))
    ]
    games: dict[int, Game] = {}
    for i, one in play(game, dict(enumerate(players)), fixtures, at_once=at_once or len(fixtures)):
        games[i] = one
        on_game(_first_players_score(i, one))
    return [games[i] for i in range(len(fixtures))]


def games_at_once(simulations: int) -> int:
    """Returns how many games whose moves are searched for so long memory holds side by side."""
    return max(1, NODES_AT_ONCE // max(1, simulations))


def first_players_scores(games: Sequence[Game]) -> list[float]:
    """Returns the first player's score in each game of `play_match`."""
    return [_first_players_score(i, one) for i, one in enumerate(games)]


def _first_players_score(number: int, game: Game) -> float:
    return game.score if number % 2 == 0 else 1 - game.score


def count_endings(games: Iterable[Game]) -> dict[str, int]:
    """Returns how many games each reason ended, the most frequent first.

    What follows a colon, why it was a forfeit or by how much a win was declared, is left out.
    """
    reasons = (one.reason.partition(":")[0] or UNKNOWN for one in games)
    return dict(Counter(reasons).most_common())


def describe_endings(endings: Mapping[str, int]) -> str:
    """Returns what `count_endings` found as people read it, with what was cut short last."""
    parts = [
        f"{reason} stopped {count:,}" if reason in LIMITS else f"{reason} {count:,}"
        for reason, count in sorted(endings.items(), key=lambda one: one[0] in LIMITS)
    ]
    return f"games ended by: {', '.join(parts)}"


def game_seeds(seed: int, count: int) -> list[int]:
    """Returns seeds of games, so far apart that no two share the seed of a move."""
    return [int(x) for x in np.random.SeedSequence(seed).generate_state(count, np.uint64) >> 1]


def play_at_random(game: BoardGame, plies: int, rng: np.random.Generator) -> Position:
    """Returns the position after `plies` moves at random, or fewer where the game ends before."""
    position = game.start()
    for _ in range(plies):
        status = game.status([position])
        if status.over[0]:
            break
        (position,) = game.after([position], [int(rng.choice(status.legal))])
    return position


def random_openings(
    game: BoardGame, plies: int, count: int, rng: np.random.Generator
) -> list[list[int]]:
    """Returns `count` openings of random moves, different ones as long as there are enough."""
    found: list[list[int]] = []
    for _ in range(100 * count):
        if len(found) == count:
            break
        position = play_at_random(game, plies, rng)
        opening = game.history(position)
        if opening not in found and not game.status([position]).over[0]:
            found.append(opening)
    if not found:
        raise ValueError(f"{game.spec.name} has no openings of {plies} plies")
    return [found[i % len(found)] for i in range(count)]
