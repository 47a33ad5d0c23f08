"""Describes positions of board games: their cells, legal moves and solved values."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from envs.board.base import BoardGame, Position
from envs.board.cells import board_text, cells, family, hands, in_a_row, squares
from envs.board.connect_four import ILLEGAL
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.errors import UsageError
from workbench.evaluation.solved import Solver, make_solver
from workbench.runs.run import Run
from workbench.studio import commands
from workbench.studio.boards.thought import positions_after
from workbench.studio.cache import Cache
from workbench.studio.videos.traces import read_game

# Words and small numbers, so that nobody asks for a board that fills the memory, or for a file.
VALUE = r"([\d.]{1,10}|[Tt]rue|[Ff]alse)"  # no other words: some games read the file of that name
GAME = re.compile(rf"\w{{1,40}}(\((\w{{1,30}}={VALUE}(,(?!\)))?){{0,6}}\))?")
LARGEST_NUMBER = 50
FIRST_SOLVED_PLY = {"connect_four": 8}  # earlier positions take seconds
MAX_SECONDS = 1.5  # for the truth of a game
MAX_SOLVERS, MAX_JUDGED = 16, 256  # kept
MISTAKES = {
    (1, 0): "throws away the win",
    (1, -1): "throws away the win and loses",
    (0, -1): "loses a draw",
}


@lru_cache(16)
def rules(name: str, max_plies: int | None) -> OpenSpielGame:
    """Returns the rules of a game; raises UsageError if it is not known or too large."""
    numbers = re.findall(r"\d+", name)
    if not GAME.fullmatch(name) or any(len(n) > 3 or int(n) > LARGEST_NUMBER for n in numbers):
        raise UsageError(f"{name[:60]!r} is not a game that can be shown here")
    try:
        return OpenSpielGame(BoardConfig(kind="board", game=name, max_plies=max_plies))
    except ValueError as error:
        raise UsageError(str(error)) from None


def told_positions(game: BoardGame, moves: Sequence[int], first: int = 0) -> dict[str, Any]:
    """Returns the positions that `moves` lead through, from ply `first` on, and the moves' names.

    Raises:
        UsageError: a move is not legal.
    """
    positions = positions_after(game, moves)
    made = list(zip(positions, moves, strict=False))
    where = [squares(position, [action])[0] for position, action in made]
    return {
        "family": family(positions[0]),
        "in_a_row": in_a_row(positions[0]),
        "first_to_move": int(game.status(positions[:1]).to_play[0]),
        "names": [game.action_name(position, action) for position, action in made],
        "squares": where,
        "movers": [int(game.status([position]).to_play[0]) for position in positions[:-1]],
        "positions": [
            _told(game, position, where[ply - 1] if ply else ())
            for ply, position in enumerate(positions)
            if ply >= first
        ],
        "legal": _legal(game, positions[-1]),
    }


def _told(game: BoardGame, position: Position, last: tuple[Any, ...]) -> dict[str, Any]:
    status, board = game.status([position]), cells(position)
    over = bool(status.over[0])
    return {
        "cells": board,
        "text": board_text(position) if board is None else None,
        "hands": hands(position),
        "to_play": int(status.to_play[0]),
        "over": over,
        "result": float(status.value[0]) if over else None,
        "last": last,
    }


def _legal(game: BoardGame, position: Position) -> list[dict[str, Any]]:
    actions = game.status([position]).legal.tolist()
    return [
        {"action": action, "name": game.action_name(position, action), "squares": where}
        for action, where in zip(actions, squares(position, actions), strict=True)
    ]


def recorded_game(run: Run, name: str, serves: Callable[[Path], bool]) -> dict[str, Any] | None:
    """Returns a game that was recorded with what the search thought of it; None: there is none.

    Args:
        run: of a board game.
        name: of the video.
        serves: says whether a file may be given out.

    Raises:
        UsageError: the run plays no board game, or the trace is damaged.
    """
    config = run.config.env
    if not isinstance(config, BoardConfig):
        raise UsageError(f"{run.name} plays no board game")
    path = next((path for path in run.videos.glob("*.json") if path.stem == name), None)
    if path is None or not serves(path):
        return None
    game = rules(config.game, None)
    trace = read_game(path, game)
    return {
        "game": config.game,
        # Older versions cut such games where training does, and did not write down what ended them.
        "max_plies": None if trace.reason else config.max_plies,
        "reason": trace.reason,
        "title": trace.title,
        "commands": commands.of_recording(run, name),
        "result": trace.result,
        "moves": trace.moves,
        "values": trace.values,
        "visits": [
            [
                {**move, "visits": visits[move["action"]]}
                for move in _legal(game, position)
                if move["action"] in visits
            ]
            for position, visits in zip(trace.positions, trace.visits, strict=False)
        ],
    }


class Truth:
    """Judges games by exact solvers, one game at a time."""

    def __init__(self) -> None:
        """Begins with empty caches."""
        self._lock = threading.Lock()
        self._solvers: Cache[Solver | None] = Cache(MAX_SOLVERS)
        self._known: Cache[list[dict[str, Any] | None]] = Cache(MAX_JUDGED)

    def judge(self, game: BoardGame, moves: Sequence[int]) -> list[dict[str, Any] | None] | None:
        """Returns what every move was worth, player 0's result `before` and `after`.

        Plies that take too long are None, and so is the whole where there is no solver.

        Raises:
            UsageError: a move is not legal.
        """
        name, positions = game.spec.name, positions_after(game, moves)
        with self._lock:
            solver = self._solvers.get(name, lambda: make_solver(game))
            if solver is None:
                return None
            return self._known.get(
                (name, tuple(moves)), lambda: _judged(solver, game, moves, positions)
            )


def _judged(
    solver: Solver, game: BoardGame, moves: Sequence[int], positions: Sequence[Position]
) -> list[dict[str, Any] | None]:
    """Begins with the last moves: they are solved soonest, and that helps with earlier ones."""
    plies: list[dict[str, Any] | None] = [None] * len(moves)
    deadline = None
    for ply in range(len(moves) - 1, FIRST_SOLVED_PLY.get(game.spec.name, 0) - 1, -1):
        if deadline is not None and time.monotonic() > deadline:
            break
        worth = solver.values(list(moves[:ply]))
        best, made = int(worth[worth != ILLEGAL].max()), int(worth[moves[ply]])
        sign = 1 if game.status([positions[ply]]).to_play[0] == 0 else -1
        plies[ply] = {
            "before": sign * best,
            "after": sign * made,
            "mistake": MISTAKES.get((best, made)),
        }
        # The first position does not count: it may have compiled the solver.
        deadline = deadline or time.monotonic() + MAX_SECONDS
    return plies
