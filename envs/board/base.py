"""The batched interface of board games for players.

There are two players, 0 and 1, and `to_play` says whose turn it is: in chess the first to move is
player 1, in Othello one player may move twice. Values of positions are always player 0's:
1 it wins, 0 draw, -1 it loses. So nobody has to count plies to know whose value a number is.

A position is whatever a game makes of it; others keep it, hand it back and never look inside.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Position = Any
WHITE_PIXEL = 255


@dataclass(frozen=True)
class GameSpec:
    """The facts of a game that networks, replay and reports need.

    Attributes:
        name: with its parameters, e.g. `go(board_size=9)`.
        num_actions: A; an action is a number below it, whose meaning does not depend on the side.
        obs_shape: `(C, H, W)` of what the side to move sees, uint8, where 255 stands for 1.
        max_plies: no game is longer.
        symmetric_cells: `[K, H * W]`: cell i of the k-th turned board is this cell of the board.
        symmetric_actions: `[K, A]`: likewise for actions. The first row of both changes nothing.
    """

    name: str
    num_actions: int
    obs_shape: tuple[int, int, int]
    max_plies: int
    symmetric_cells: npt.NDArray[np.int64]
    symmetric_actions: npt.NDArray[np.int64]


class Status(NamedTuple):
    """What the rules say of B positions."""

    over: npt.NDArray[np.bool_]  # [B]
    value: npt.NDArray[np.float32]  # [B] player 0's result where over, else 0
    to_play: npt.NDArray[np.int8]  # [B] 0 or 1; 0 where over
    legal: npt.NDArray[np.int32]  # [sum of num_legal] legal actions, those of one after another's
    num_legal: npt.NDArray[np.int32]  # [B] how many belong to each; 0 where over


WIN, DRAW, LOSS = range(3)  # columns of chances, of the side to move


class BoardGame(Protocol):
    """Pure rules: no method changes a position."""

    spec: GameSpec

    def start(self) -> Position:
        """Returns the position before the first move."""

    def after(self, positions: Sequence[Position], actions: Sequence[int]) -> list[Position]:
        """Returns the position after one legal action in each of `positions`."""

    def status(self, positions: Sequence[Position]) -> Status:
        """Returns whose turn it is, what is legal and, where it is over, who won."""

    def observe(self, positions: Sequence[Position]) -> npt.NDArray[np.uint8]:
        """Returns `[B, C, H, W]`: each position as its side to move sees it; none may be over."""

    def history(self, position: Position) -> list[int]:
        """Returns the actions that lead from the start to here."""

    def action_name(self, position: Position, action: int) -> str:
        """Returns a legal action as people of this game write it."""

    def text(self, position: Position) -> str:
        """Returns the board as text that a person can read."""


def reach(game: BoardGame, actions: Sequence[int]) -> Position:
    """Returns the position after `actions` from the start."""
    position = game.start()
    for action in actions:
        (position,) = game.after([position], [action])
    return position


def replay(game: BoardGame, actions: Sequence[int]) -> Iterator[tuple[Position, int]]:
    """Yields each position that `actions` lead through, and the action that is made there."""
    position = game.start()
    for action in actions:
        yield position, action
        (position,) = game.after([position], [action])


def first_to_move(game: BoardGame) -> int:
    """Returns which player has the first move; in chess it is player 1."""
    return int(game.status([game.start()]).to_play[0])


def children(game: BoardGame, positions: Sequence[Position]) -> list[Position]:
    """Returns what every legal move of every position leads to, those of one after another's."""
    status = game.status(positions)
    parents = [p for p, n in zip(positions, status.num_legal, strict=True) for _ in range(n)]
    return game.after(parents, status.legal.tolist())
