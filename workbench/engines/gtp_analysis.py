"""Live analysis of a running search for go programs: `lz-analyze`, as in Leela Zero."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from agents.search import Line, Search
from envs.board.base import Position
from envs.board.cells import engine_move
from envs.board.openspiel import OpenSpielGame
from workbench.engines.gtp_words import COLOURS, Refused
from workbench.engines.timed_search import moves_of

DEFAULT_CENTISECONDS = 100


class Analysis(NamedTuple):
    """What is asked for.

    Attributes:
        player: whose move; None: that of whoever is to move.
        seconds: between two answers.
        min_moves: to be shown, even if they have not been tried.
        max_moves: to be shown.
        allowed: vertices, none of which is left out; None: all.
        avoided: vertices that are left out.
    """

    player: int | None
    seconds: float
    min_moves: int
    max_moves: int
    allowed: frozenset[str] | None
    avoided: frozenset[str]


def parse_analysis(words: Sequence[str]) -> Analysis:
    """Reads `[colour] [interval] [minmoves N] [maxmoves N] [allow|avoid colour vertices moves]`.

    Raises:
        Refused: it is something else.
    """
    left = [word.lower() for word in words]
    player = COLOURS[left.pop(0)] if left and left[0] in COLOURS else None
    numbers = {"interval": DEFAULT_CENTISECONDS, "minmoves": 1, "maxmoves": 10_000}
    if left and left[0].isdecimal():
        left.insert(0, "interval")
    lists: dict[str, set[str]] = {"allow": set(), "avoid": set()}
    while left:
        key = left.pop(0)
        if key in numbers and left and re.fullmatch(r"[0-9]{1,8}", left[0]):
            numbers[key] = int(left.pop(0))
        elif key in lists and len(left) >= 3 and left[0] in COLOURS and left[2].isdecimal():
            if player is not None and COLOURS[left[0]] != player:
                raise Refused("only moves of the side that is analysed can be chosen")
            lists[key] |= set(left[1].upper().split(","))
            del left[:3]
        else:
            raise Refused("syntax error")
    return Analysis(
        player,
        max(numbers["interval"], 1) / 100,
        max(numbers["minmoves"], 1),
        max(numbers["maxmoves"], 1),
        frozenset(lists["allow"]) if lists["allow"] else None,
        frozenset(lists["avoid"]),
    )


def wanted_moves(analysis: Analysis, position: Position, legal: Sequence[int]) -> list[int]:
    """Returns which legal moves are to be searched; empty: none of those that are allowed is."""
    names = {action: engine_move(position, action) for action in legal}
    return [
        action
        for action, name in names.items()
        if (analysis.allowed is None or name in analysis.allowed) and name not in analysis.avoided
    ]


def described(analysis: Analysis, rules: OpenSpielGame, search: Search) -> str:
    """Returns one line about all moves that have been tried, the best first."""
    lines = search.lines(0)
    shown = max(analysis.min_moves, sum(line.visits > 0 for line in lines))
    chosen = lines[: min(shown, analysis.max_moves)]
    return " ".join(_info(rules, search, line, order) for order, line in enumerate(chosen))


def _info(rules: OpenSpielGame, search: Search, line: Line, order: int) -> str:
    names = moves_of(rules, search, line)
    black = rules.status([search.roots[0]]).to_play[0] == 0
    value = line.value if black else -line.value
    return (
        f"info move {names[0]} visits {line.visits} winrate {round(5000 * (1 + value))} "
        f"prior {round(10_000 * line.prior)} order {order} pv {' '.join(names)}"
    )
