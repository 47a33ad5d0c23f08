"""A trained player's evaluation of a position, in terms that people can read."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from agents.base import Array
from agents.search import Search, value_of
from agents.search.forest import UNPROVEN
from envs.board.base import DRAW, BoardGame, Position
from envs.board.cells import squares
from workbench.engines.timed_search import think
from workbench.errors import UsageError
from workbench.evaluation.load import BoardAgent, load_board_agent
from workbench.runs.run import open_checkpoint
from workbench.studio.cache import Cache, fingerprint

MAX_SIMULATIONS = 2_000
MAX_PLAYERS = 4  # kept loaded
MAX_THOUGHTS = 256  # kept, for who steps to and fro
MAX_LINE = 12  # moves of a principal variation
DIGITS = 4


def positions_after(game: BoardGame, moves: Sequence[int]) -> list[Position]:
    """Returns the start and the position after each of `moves`.

    Raises:
        UsageError: one of them is not legal, or made after the end.
    """
    positions = [game.start()]
    for count, action in enumerate(moves, 1):
        status = game.status(positions[-1:])
        if status.over[0]:
            raise UsageError(f"the game is over after {count - 1} moves, so there is no {count}th")
        if action not in status.legal:
            raise UsageError(f"move number {count} ({action}) is not legal there")
        positions += game.after(positions[-1:], [action])
    return positions


class Thinker:
    """A loaded player; one thread at a time may use it, and others wait."""

    def __init__(self, player: BoardAgent) -> None:
        """Has thought about nothing yet."""
        self._player = player
        self._lock = threading.Lock()
        self._draws: list[float] = []

    def _evaluate(self, obs: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
        """Asks the network, and notes the chances of a draw, which no search needs to know."""
        logits, chances = self._player.agent.evaluate(obs)
        if not (np.isfinite(logits).all() and np.isfinite(chances).all()):
            raise UsageError(
                f"{self._player.path} is damaged: its network's answers are no numbers"
            )
        self._draws += self._real_draws(chances).tolist()
        return logits, chances

    def _real_draws(self, chances: Array) -> Array:
        """Returns `[B]` the chances of a draw without what only stands for being undecided.

        A share of the targets was the value of a search, of which the part that is neither won
        nor lost counted as drawn (`root_value_share`).
        """
        share = self._player.config.agent.root_value_share
        if share == 1:
            return chances[:, DRAW]
        undecided = 1 - abs(value_of(chances))
        draws: Array = ((chances[:, DRAW] - share * undecided) / (1 - share)).clip(min=0)
        return draws

    def think(self, moves: Sequence[int], simulations: int) -> dict[str, Any]:
        """Returns what the search finds in the position after `moves`.

        Values, and win, draw and loss, are player 0's; `visits` has the most visited move first.

        Raises:
            UsageError: a move is not legal, the game is over, or the network is damaged.
        """
        with self._lock:
            torch.set_num_threads(1)  # each thread has its own number
            began = time.monotonic()
            _, game, config, *_ = self._player
            position = positions_after(game, moves)[-1]
            if game.status([position]).over[0]:
                raise UsageError("the game is over, so there is nothing to think about")
            self._draws.clear()
            search = think(self._evaluate, config.agent.search, game, position, simulations)
            facts = _findings(search, game, sum(self._draws) / len(self._draws))
            milliseconds = round(1000 * (time.monotonic() - began))
            return {**facts, "simulations": simulations, "milliseconds": milliseconds}


class Thinkers:
    """The players asked last, and what they thought."""

    def __init__(self) -> None:
        """Has loaded none."""
        self._loaded: Cache[Thinker] = Cache(MAX_PLAYERS)
        self._thoughts: Cache[dict[str, Any]] = Cache(MAX_THOUGHTS)

    def think(self, player: str, moves: Sequence[int], simulations: int) -> dict[str, Any]:
        """Returns what `player`, `PATH` or `PATH@STEP`, thinks; see `Thinker.think`.

        Raises:
            UsageError: see `load_board_agent` and `Thinker.think`.
        """
        run, path = open_checkpoint(player)
        name = f"{run.path}@{path.name}"
        written = fingerprint(path)  # a run may be made anew under the same name

        def answer() -> dict[str, Any]:
            thinker = self._loaded.get(name, lambda: Thinker(load_board_agent(name)), written)
            return thinker.think(moves, simulations)

        thought = self._thoughts.get((name, tuple(moves), simulations), answer, written)
        return {**thought, "step": int(path.name)}


def _findings(search: Search, game: BoardGame, draws: float) -> dict[str, Any]:
    position = search.roots[0]
    value, policy, best = search.value(0), search.policy(0), search.best(0)
    proven = None if search.proven(0) == UNPROVEN else search.proven(0)
    draw = min(draws, 1 - abs(value)) if proven is None else float(proven == 0)
    lines = sorted(search.lines(0), key=lambda line: (-line.visits, line.actions[0]))
    (expected,) = (line.actions[:MAX_LINE] for line in lines if line.actions[0] == best)
    where = squares(position, [line.actions[0] for line in lines])
    return {
        "to_play": int(game.status([position]).to_play[0]),
        "value": round(value, DIGITS),
        "win": round((1 + value - draw) / 2, DIGITS),
        "draw": round(draw, DIGITS),
        "loss": round((1 - value - draw) / 2, DIGITS),
        "proven": proven,
        "best": best,
        "line": _named(game, position, expected),
        "visits": [
            {
                "action": line.actions[0],
                "name": game.action_name(position, line.actions[0]),
                "squares": where[i],
                "visits": line.visits,
                "policy": round(float(policy[line.actions[0]]), DIGITS),
                "value": round(line.value, DIGITS) if line.visits else None,
            }
            for i, line in enumerate(lines)
        ],
    }


def _named(game: BoardGame, position: Position, line: Sequence[int]) -> list[dict[str, Any]]:
    """Returns the moves of a line with their names and squares."""
    moves = []
    for action in line:
        name, (where,) = game.action_name(position, action), squares(position, [action])
        moves.append({"action": action, "name": name, "squares": where})
        (position,) = game.after([position], [action])
    return moves
