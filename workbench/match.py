"""Games between two players, many side by side."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from agents.base import Player
from envs.board.base import BoardGame, Position, reach


class Game(NamedTuple):
    """A finished game."""

    history: list[int]  # all actions, opening included
    seat: int  # which player of the game the first player was: 0 or 1
    score: float  # the first player's: 1 won, 0.5 drawn, 0 lost


def play_match(
    game: BoardGame,
    players: tuple[Player, Player],
    openings: Sequence[Sequence[int]],
    *,
    on_game: Callable[[float], None] = lambda score: None,
) -> list[Game]:
    """Plays every opening twice, once with each player in each seat.

    Args:
        game: the rules.
        players: who plays; scores are the first one's.
        openings: actions from the start that are made for the players; none ends the game.
        on_game: told each score as its game ends.

    Returns:
        Two games for each opening, in their order.
    """
    positions, seats = [], []
    for opening in openings:
        position = reach(game, opening)
        positions += [position, position]
        seats += [0, 1]
    scores = [0.0] * len(positions)
    going = list(range(len(positions)))
    while going:
        status = game.status([positions[i] for i in going])
        for i, over, value in zip(going, status.over, status.value, strict=True):
            if over:
                scores[i] = float(1 + (value if seats[i] == 0 else -value)) / 2
                on_game(scores[i])
        turns = [
            (i, to_play)
            for i, over, to_play in zip(going, status.over, status.to_play, strict=True)
            if not over
        ]
        for number, player in enumerate(players):
            # Player 0 of the match has the move where it sits in the seat whose turn it is.
            mine = [i for i, to_play in turns if (to_play != seats[i]) == bool(number)]
            if mine:
                chosen = player.choose([positions[i] for i in mine])
                moved = game.after([positions[i] for i in mine], chosen)
                for i, position in zip(mine, moved, strict=True):
                    positions[i] = position
        going = [i for i, _ in turns]
    return [
        Game(game.history(position), seat, score)
        for position, seat, score in zip(positions, seats, scores, strict=True)
    ]


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
