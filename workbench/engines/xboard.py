"""XBoard engines (chess), http://hgm.nubati.net/CECP.html.

python-chess 1.11.2 speaks it, too, but not with all engines of Debian 12: it gives up GNU Chess
6.2.7, which announces nothing before it has got two lines more and says `My move is :`, and sends
HoiChess 0.22 a share of a second, which that engine does not take.
"""

import itertools
import re
import time
from collections.abc import Mapping, Sequence
from functools import partial
from math import ceil

import chess

from agents.base import Forfeit, Win
from workbench.engines.options import Option, checked, xboard_features, xboard_option
from workbench.engines.process import Engine, EngineUnfit
from workbench.engines.protocols import EngineProtocol, Limits, hello, refuse_refusal

DEFAULT_LIMITS: Limits = {"movetime": 100}
HELLO = ("xboard", "protover")
NUDGE_SECONDS = 0.7
FEATURE_SECONDS = 2.0  # an who has announced nothing by then may never do so
TRIAL_SECONDS = 10.0
# `move e7e5`, and as engines of version 1 of the protocol say it.
MOVE = re.compile(r"(?:move|My move is ?:|\d+\. ?\.\.\.)\s+(\S+)")
RESULT = re.compile(r"(?:1-0|0-1|1/2-1/2)\b")
REFUSAL = re.compile(r"(?:Error|Illegal move|Invalid move)\b", re.IGNORECASE)


class XBoard(EngineProtocol):
    """The XBoard protocol.

    It has no limit of nodes, and whole seconds only: an engine is told to move when its time is up.
    """

    def __init__(self, limits: Limits, options: Mapping[str, str]) -> None:
        """`limits` of each search: `depth`, `movetime` in milliseconds; empty: by default."""
        super().__init__(limits, options)
        self._features: dict[str, str] = {}
        self._pings = itertools.count(1)  # no two alike, as GNU Chess answers some twice

    def greet(self, engine: Engine, deadline: float) -> None:
        """See `EngineProtocol.greet`; options must be among those that the engine announces."""
        engine.send("xboard", deadline=deadline)
        engine.send("protover 2", deadline=deadline)
        said: list[tuple[str, str]] = []
        _listen(engine, said, deadline, FEATURE_SECONDS)
        # GNU Chess 6.2.7 reads one line each time that some come, and so needs more of them.
        for nudge in ("new", "force", "ping 0", "ping 0", "ping 0"):
            if not said:
                engine.send(nudge, deadline=deadline)
                _listen(engine, said, deadline, NUDGE_SECONDS)
        if not said:
            hello(engine, HELLO, "feature |pong ", deadline)
        features = dict(said)
        options = [xboard_option(value) for name, value in said if name == "option"]
        known = {option.name: option for option in options if option is not None}
        for feature, name in (("memory", "memory"), ("smp", "cores")):
            if features.get(feature) == "1":
                known[name] = Option(name, "spin", low=1)
        values = checked(known, self._wanted)
        if "cores" in known:
            values = {"cores": "1", **values}
        if features.get("san") == "1":
            engine.send("rejected san", deadline=deadline)
        for name, value in values.items():
            engine.send(_setting(known[name], value), deadline=deadline)
        self.name = features.get("myname", "")
        self._features, self._known, self._values = features, known, values
        self._set_up(engine, (), deadline)

    def try_limits(self, engine: Engine, moves: Sequence[str], deadline: float) -> None:
        if "nodes" in self.limits:
            raise EngineUnfit(
                "XBoard engines have no limit of nodes; use movetime= (milliseconds) or depth="
            )
        self.limits = self.limits or DEFAULT_LIMITS
        self._set_up(engine, moves, deadline)
        by_depth = "depth" in self.limits
        engine.send(*_go(dict.fromkeys(self.limits, 1)), deadline=deadline)
        if not by_depth:
            engine.send("?", deadline=deadline)
        end = time.monotonic() + TRIAL_SECONDS
        try:
            while not MOVE.match(line := engine.read(deadline=end)):
                if by_depth and REFUSAL.match(line) and "sd" in line.split():
                    raise TimeoutError
        except TimeoutError:
            if not by_depth:
                raise EngineUnfit("it does not move when it is told to (`?`)") from None
            depth = self.limits["depth"]
            raise EngineUnfit(f"the engine does not keep to depth={depth}; use movetime=") from None

    def move(
        self, engine: Engine, moves: Sequence[str], seed: int, deadline: float
    ) -> str | Forfeit | Win:
        """See `EngineProtocol.move`; there is no use for the seed."""
        refused = self._set_up(engine, moves, deadline)
        if refused:
            return Forfeit(f"answered {refused!r} to a move of the game")
        claims: list[str] = []
        try:
            answer = self._search(
                engine, _go(self.limits), "?", partial(_answer, claims=claims), deadline
            )
        except TimeoutError:
            if not claims:
                raise
            return Forfeit(f"said {claims[0]!r} instead of a move")
        return Forfeit("resigned") if answer == "resign" else _uci(moves, answer)

    def _set_up(self, engine: Engine, moves: Sequence[str], deadline: float) -> str:
        """Sets up a position; returns the line by which the engine refuses a move, or nothing.

        The engine answers `ping` after whatever it still had to say about the position before, so
        that no late answer is taken for one to this position.
        """
        prefix = "usermove " if self._features.get("usermove") == "1" else ""
        lines = ["new", "easy", "nopost", "force", *(prefix + move for move in moves)]
        engine.send(*lines, deadline=deadline)
        refused = ""
        if self._features.get("ping") == "1":
            number = next(self._pings)
            engine.send(f"ping {number}", deadline=deadline)
            while (line := engine.read(deadline=deadline)) != f"pong {number}":
                if REFUSAL.match(line) and line.split()[-1] in moves:
                    refused = line
        return refused


def _listen(engine: Engine, said: list[tuple[str, str]], deadline: float, patience: float) -> None:
    """Adds what the engine says that it can do, until that is all, or it says no more."""
    while ("done", "1") not in said:
        end = min(deadline, time.monotonic() + (FEATURE_SECONDS if said else patience))
        if ("done", "0") in said:  # it announces to be slow
            end = deadline
        try:
            line = engine.read(deadline=end)
        except TimeoutError:
            if end == deadline:
                raise
            return
        if line.startswith("feature "):
            said += xboard_features(line)
        elif line.startswith("pong "):
            said.append(("ping", "1"))
        elif not said:
            refuse_refusal(line, HELLO)


def _go(limits: Limits) -> list[str]:
    lines = []
    if "movetime" in limits:
        lines.append(f"st {max(1, ceil(limits['movetime'] / 1000))}")
    if "depth" in limits:
        lines.append(f"sd {limits['depth']}")
    return [*lines, "go"]


def _answer(engine: Engine, deadline: float, claims: list[str]) -> str:
    """Returns what it moves, or `resign`; notes if it says instead that the game is over."""
    while True:
        line = engine.read(deadline=deadline)
        if move := MOVE.match(line):
            return move[1]
        if line == "resign" or (RESULT.match(line) and "resign" in line.lower()):
            return "resign"
        if RESULT.match(line):
            claims.append(line)


def _uci(moves: Sequence[str], answer: str) -> str:
    """Returns an answer in long or short algebraic notation as UCI writes it, if it is legal."""
    board = chess.Board()
    for move in moves:
        board.push_uci(move)
    try:
        return board.parse_san(answer).uci()
    except ValueError:
        return answer


def _setting(option: Option, value: str) -> str:
    if option.name in ("memory", "cores"):
        return f"{option.name} {value}"
    if option.kind == "button":
        return f"option {option.name}"
    if option.kind == "check":
        value = {"true": "1", "false": "0"}[value]
    return f"option {option.name}={value}"
