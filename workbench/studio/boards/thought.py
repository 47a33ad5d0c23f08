"""What a trained player thinks of a position, in terms that people can read."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from agents.base import Array
from agents.board_network import DRAW, LOSS, WIN
from agents.search import Search
from agents.search.forest import NONE, UNPROVEN
from envs.board.base import BoardGame, Position
from envs.board.cells import squares
from workbench.engines.timed_search import think
from workbench.errors import UsageError
from workbench.evaluation.load import BoardAgent, load_board_agent
from workbench.runs.run import open_checkpoint
from workbench.studio.cache import Kept, stamp

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
        """Listens to what its network says of draws, which no search needs to know."""
        self._player = player
        self._lock = threading.Lock()
        self._draws: list[float] = []
        player.agent.average.register_forward_hook(self._hear)

    def _hear(self, network: torch.nn.Module, asked: Any, answer: Any) -> None:
        """Notes the chance of a draw, without what was learned as one for being undecided.

        A share of the targets was the value of a search, of which the part that is neither won
        nor lost counted as drawn (`root_value_share`).
        """
        chances = answer[1].float().softmax(1)
        share = self._player.config.agent.root_value_share
        if share == 1:
            draws = chances[:, DRAW]
        else:
            undecided = 1 - (chances[:, WIN] - chances[:, LOSS]).abs()
            draws = ((chances[:, DRAW] - share * undecided) / (1 - share)).clip(min=0)
        self._draws += draws.tolist()

    def _evaluate(self, obs: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
        logits, value = self._player.agent.evaluate(obs)
        if not (np.isfinite(logits).all() and np.isfinite(value).all()):
            raise UsageError(
                f"{self._player.path} is damaged: its network's answers are no numbers"
            )
        return logits, value

    def think(self, moves: Sequence[int], simulations: int) -> dict[str, Any]:
        """Returns what the search finds in the position after `moves`.

        Values, and win, draw and loss, are player 0's; `visits` has the most visited move first.

        Raises:
            UsageError: a move is not legal, the game is over, or the network is damaged.
        """
        with self._lock:
            torch.set_num_threads(1)  # each thread has its own number
            began = time.monotonic()
            _, game, config, _ = self._player
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
        self._loaded: Kept[Thinker] = Kept(MAX_PLAYERS)
        self._thoughts: Kept[dict[str, Any]] = Kept(MAX_THOUGHTS)

    def think(self, player: str, moves: Sequence[int], simulations: int) -> dict[str, Any]:
        """Returns what `player`, `PATH` or `PATH@STEP`, thinks; see `Thinker.think`.

        Raises:
            UsageError: see `load_board_agent` and `Thinker.think`.
        """
        run, path = open_checkpoint(player)
        name = f"{run.path}@{path.name}"
        written = stamp(path)  # a run may be made anew under the same name

        def answer() -> dict[str, Any]:
            thinker = self._loaded.get(name, lambda: Thinker(load_board_agent(name)), written)
            return thinker.think(moves, simulations)

        thought = self._thoughts.get((name, tuple(moves), simulations), answer, written)
        return {**thought, "step": int(path.name)}


def _findings(search: Search, game: BoardGame, draws: float) -> dict[str, Any]:
    position = search.roots[0]
    tree = {name: rows[0] for name, rows in search.state_dict()["forest"].items()}
    value, policy, visits = search.value(0), search.policy(0), search.visits(0)
    proven = None if search.proven(0) == UNPROVEN else search.proven(0)
    draw = min(draws, 1 - abs(value)) if proven is None else float(proven == 0)
    edges = range(tree["num_edges"][0])
    order = sorted(edges, key=lambda edge: -int(visits[tree["action"][edge]]))
    actions = [int(tree["action"][edge]) for edge in order]
    where = squares(position, actions)
    line = _line(tree, search.best(0))
    return {
        "to_play": int(tree["to_play"][0]),
        "value": round(value, DIGITS),
        "win": round((1 + value - draw) / 2, DIGITS),
        "draw": round(draw, DIGITS),
        "loss": round((1 - value - draw) / 2, DIGITS),
        "proven": proven,
        "best": line[0],
        "line": _named(game, position, line),
        "visits": [
            {
                "action": action,
                "name": game.action_name(position, action),
                "squares": where[i],
                "visits": int(visits[action]),
                "policy": round(float(policy[action]), DIGITS),
                "value": _value_of(tree, int(tree["child"][order[i]])),
            }
            for i, action in enumerate(actions)
        ],
    }


def _value_of(tree: Mapping[str, Any], node: int) -> float | None:
    """Returns player 0's value of a node, None if it was not tried."""
    if node == NONE:
        return None
    if tree["proven"][node] != UNPROVEN:
        return float(tree["proven"][node])
    return round(float(tree["value_sum"][node] / tree["visits"][node]), DIGITS)


def _line(tree: Mapping[str, Any], first: int) -> list[int]:
    """Returns what the search expects to be played: `first`, then the moves most looked at.

    Of a node that is proven, only those that keep its result count.
    """
    line, node = [first], _child(tree, 0, first)
    while node != NONE and len(line) < MAX_LINE:
        begin = tree["first_edge"][node]
        edges = range(begin, begin + tree["num_edges"][node])
        tried = [edge for edge in edges if tree["child"][edge] != NONE]
        result = tree["proven"][node]
        if result != UNPROVEN:
            tried = [edge for edge in tried if tree["proven"][tree["child"][edge]] == result]
        if not tried:
            break
        best = max(tried, key=lambda edge: int(tree["visits"][tree["child"][edge]]))
        line.append(int(tree["action"][best]))
        node = int(tree["child"][best])
    return line


def _child(tree: Mapping[str, Any], node: int, action: int) -> int:
    begin = tree["first_edge"][node]
    for edge in range(begin, begin + tree["num_edges"][node]):
        if tree["action"][edge] == action:
            return int(tree["child"][edge])
    return NONE


def _named(game: BoardGame, position: Position, line: Sequence[int]) -> list[dict[str, Any]]:
    """Returns the moves of a line with their names and squares."""
    moves = []
    for action in line:
        name, (where,) = game.action_name(position, action), squares(position, [action])
        moves.append({"action": action, "name": name, "squares": where})
        (position,) = game.after([position], [action])
    return moves
