"""Networks of board games: as modules that can be exported, and compared on random games."""

from collections.abc import Iterator
from itertools import islice
from math import ceil

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.alphazero import AlphaZero
from envs.board.base import LOSS, WHITE_PIXEL, WIN, BoardGame, Position
from envs.board.cells import cells, family, squares
from workbench.export.acting import Acting
from workbench.export.comparison import NOTHING, OBSERVATIONS, Comparison, compare
from workbench.export.onnx_file import Arrays, Session
from workbench.recording.board_names import move_name

GAMES_AT_ONCE = 8


class BoardActing(Acting):
    """The policy, over legal and illegal actions, and the chances of the side to move."""

    outputs = ("policy", "value", "outcome")

    def __init__(self, agent: AlphaZero) -> None:
        """Takes the network that plays."""
        super().__init__()
        self.network = agent.average

    def forward(self, obs: Tensor, *memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns probabilities `[B, A]`, values `[B]` in -1..1, and win, draw, loss `[B, 3]`."""
        logits, outcome = self.network(obs.float() / WHITE_PIXEL)
        chances = outcome.softmax(-1)
        return logits.softmax(-1), chances[:, WIN] - chances[:, LOSS], chances


def compare_on_board(
    agent: AlphaZero, session: Session, other: AlphaZero, game: BoardGame
) -> tuple[Comparison, Comparison]:
    """Returns how far a file, and the agent as trained, are from the agent in float32."""
    exported = played = NOTHING
    for positions in tried_positions(game):
        obs = game.observe(positions)
        expected = _evaluated(agent, obs)
        exported = exported.and_(compare(session.run({"obs": obs}), expected))
        played = played.and_(compare(_evaluated(other, obs), expected))
    return exported, played


def _evaluated(agent: AlphaZero, obs: npt.NDArray[np.uint8]) -> Arrays:
    logits, outcome = agent.evaluate(obs)
    policy = torch.from_numpy(logits).softmax(1).numpy()
    return {"policy": policy, "value": outcome[:, WIN] - outcome[:, LOSS], "outcome": outcome}


def tried_positions(game: BoardGame) -> Iterator[list[Position]]:
    """Yields the positions that files are tried on, a batch at a time."""
    return islice(random_positions(game), ceil(OBSERVATIONS / GAMES_AT_ONCE))


def random_positions(game: BoardGame) -> Iterator[list[Position]]:
    """Yields the positions of games of random moves, the same each time; none is over."""
    rng = np.random.default_rng(0)
    positions = [game.start()] * GAMES_AT_ONCE
    while True:
        yield positions
        status = game.status(positions)
        ends = np.cumsum(status.num_legal)
        drawn = ends - rng.integers(1, status.num_legal + 1)
        positions = game.after(positions, status.legal[drawn].tolist())
        over = game.status(positions).over
        positions = [game.start() if over[i] else kept for i, kept in enumerate(positions)]


def action_names(game: BoardGame) -> list[str] | None:
    """Returns what people call each action; "" for one that was never legal in random games.

    None where the name depends on the position, as in chess.
    """
    names: dict[int, str] = {}
    for position in (position for batch in tried_positions(game) for position in batch):
        board = cells(position)
        size = None if board is None else (len(board), len(board[0]))
        legal = game.status([position]).legal.tolist()
        for action, where in zip(legal, squares(position, legal), strict=True):
            name = move_name(family(position), game.action_name(position, action), where, size)
            if names.setdefault(action, name) != name:
                return None
    return [names.get(action, "") for action in range(game.spec.num_actions)]
