"""Engines that may be here, and positions to ask them about."""

import os
import random
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from envs.board.cells import engine_move
from envs.board.loading import trust
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.engines.programs import DEBIAN_GAMES, DEBIAN_PACKAGES

PATH = f"{os.environ['PATH']}:{DEBIAN_GAMES}"
INSTALLED = {name: shutil.which(name, path=PATH) for name in DEBIAN_PACKAGES}
STOCKFISH, FAIRY, GNUGO = (INSTALLED[name] for name in ("stockfish", "fairy-stockfish", "gnugo"))


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(INSTALLED[name] is None, reason=f"{name} is not installed")


needs_stockfish, needs_fairy, needs_gnugo = map(needs, ("stockfish", "fairy-stockfish", "gnugo"))


def load(name: str, max_plies: int | None = None) -> OpenSpielGame:
    trust(name)  # a trial of each board of go takes seconds
    return OpenSpielGame(BoardConfig(kind="board", game=name, max_plies=max_plies))


def wait_until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 120
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def action_of(position: Any, move: str) -> int:
    (action,) = (a for a in position.legal_actions() if engine_move(position, a) == move)
    return int(action)


def play_random(game: OpenSpielGame, seed: int, most_plies: int = 60) -> Any:
    """Returns a position of a random game, its last but one if it ended."""
    position, rng = game.start(), random.Random(seed)
    for _ in range(rng.randrange(most_plies)):
        child = position.child(rng.choice(position.legal_actions()))
        if child.is_terminal():
            break
        position = child
    return position
