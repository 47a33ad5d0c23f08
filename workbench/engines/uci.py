"""UCI engines (chess) and USI engines (shogi), a variant of UCI.

UCI: https://backscattering.de/chess/uci/, USI: http://hgm.nubati.net/usi.html.
"""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from agents.base import Forfeit, Win
from workbench.engines.options import Option, checked, uci_option
from workbench.engines.process import Engine, EngineUnfit, Idle
from workbench.engines.protocols import EngineProtocol, Limits, hello, show_limits

MAX_OPTIONS = 1000  # that are believed
# USI's own, which engines need not announce.
RESERVED = {
    "USI_Hash": Option("USI_Hash", "spin", low=1),
    "USI_Ponder": Option("USI_Ponder", "check"),
}
# What limits a search if nobody says; the second is for engines that keep no count of nodes.
DEFAULT_LIMITS: tuple[Limits, ...] = ({"nodes": 1000}, {"movetime": 100})
# An engine that was told to search 1 node or 1 ply keeps to limits, if it answers after this long
# or has not said by then that it is far beyond. Some look at the count every 100,000 nodes.
TRIAL_SECONDS = 10.0
FAR_BEYOND = {"nodes": 300_000, "depth": 12}
READY_SECONDS = 3.0  # idle for so long, an engine does not know `isready`


class UCI(EngineProtocol):
    """UCI and USI.

    With a limit of nodes or depth, known engines answer the same each time: they get one thread
    unless the options say otherwise, and forget before each move. Not so where they are told to
    play badly (`Skill Level`): then Stockfish draws from a generator that nobody can seed.
    """

    late_seconds = 0.1

    def __init__(self, dialect: str, limits: Limits, options: Mapping[str, str]) -> None:
        """`dialect` is `uci` or `usi`; `limits` are those of `go`, e.g. `nodes`: 1000."""
        super().__init__(limits, options)
        self._dialect = dialect
        self._answers_isready = True

    def greet(self, engine: Engine, deadline: float) -> None:
        """See `EngineProtocol.greet`; options must be among those that the engine announces."""
        engine.send(self._dialect, deadline=deadline)
        known = dict(RESERVED) if self._dialect == "usi" else {}
        ours = rf"(id|option|info|copyprotection|registration)\b|{self._dialect}ok$"
        line = hello(engine, [self._dialect], ours, deadline)
        while line != f"{self._dialect}ok":
            option = uci_option(line)
            if option is not None and len(known) < MAX_OPTIONS:
                known[option.name] = option
            if line.startswith("id name "):
                self.name = line.removeprefix("id name ").strip()
            line = engine.read(deadline=deadline)
        values = checked(known, self._wanted)
        threads = known.get("Threads")
        if threads is not None and threads.kind == "spin":
            values = {"Threads": "1", **values}
        for name, value in values.items():
            text = f" value {value}" if value else ""  # a button has none
            engine.send(f"setoption name {name}{text}", deadline=deadline)
        self._known, self._values = known, values
        self._get_ready_at_first(engine, deadline)

    def try_limits(self, engine: Engine, moves: Sequence[str], deadline: float) -> None:
        for name in self.limits:
            if not self._keeps_to(name, engine, moves, deadline):
                others = [o for o in ("nodes", "depth") if o not in self.limits]
                kept = [o for o in others if self._keeps_to(o, engine, moves, deadline)]
                raise EngineUnfit(
                    f"the engine does not keep to {name}={self.limits[name]}; "
                    f"it does keep to {' and '.join([*kept, 'movetime'])}"
                )
        if not self.limits:
            nodes, movetime = DEFAULT_LIMITS
            self.limits = nodes if self._keeps_to("nodes", engine, moves, deadline) else movetime

    def _keeps_to(self, limit: str, engine: Engine, moves: Sequence[str], deadline: float) -> bool:
        """Returns whether a search of 1 node or 1 ply ends of itself; we see to it for time."""
        self._get_ready(engine, moves, deadline)
        engine.send(f"go {limit} 1", deadline=deadline)
        beyond = re.compile(rf"info\b.*? {limit} (\d+)")
        end = time.monotonic() + TRIAL_SECONDS
        try:
            while not _is_best_move(line := engine.read(deadline=end)):
                said = beyond.match(line)
                if said is not None and int(said[1]) > FAR_BEYOND.get(limit, 2**63):
                    raise TimeoutError
            return True
        except TimeoutError:
            engine.send("stop", deadline=deadline)
        try:
            _best_move(engine, time.monotonic() + TRIAL_SECONDS)
        except TimeoutError:
            raise EngineUnfit(f"it answers neither `go {limit} 1` nor `stop`") from None
        return limit == "movetime"

    def move(
        self, engine: Engine, moves: Sequence[str], seed: int, deadline: float
    ) -> str | Forfeit | Win:
        """See `EngineProtocol.move`; there is no use for the seed."""
        self._get_ready(engine, moves, deadline)
        go = f"go {show_limits(self.limits, ' ')}"
        line = self._search(engine, [go], "stop", _best_move, deadline)
        move = "".join(line.split()[1:2])
        if move == "resign":
            return Forfeit("resigned")
        if move == "win" and self._dialect == "usi":
            return Win()
        if move in ("", "(none)", "none", "0000", "null"):
            return Forfeit(f"answered {move!r}, which is no move")
        return move

    def _get_ready(self, engine: Engine, moves: Sequence[str], deadline: float) -> None:
        """Sets up a position of a new game.

        `readyok` comes after whatever the engine still had to say about the position before, so
        that no late answer is taken for one to this position.
        """
        position = " ".join(["position startpos", *(["moves", *moves] if moves else [])])
        engine.send(f"{self._dialect}newgame", position, deadline=deadline)
        if not self._answers_isready:
            with suppress(TimeoutError):  # drops what it has said unasked
                while True:
                    engine.read(deadline=time.monotonic())
        else:
            engine.send("isready", deadline=deadline)
            while engine.read(deadline=deadline) != "readyok":
                pass

    def _get_ready_at_first(self, engine: Engine, deadline: float) -> None:
        """As `_get_ready`; finds out whether it knows `isready`, or is just slow to answer."""
        engine.send(f"{self._dialect}newgame", "position startpos", "isready", deadline=deadline)
        try:
            while engine.read_unless_idle(deadline=deadline, patience=READY_SECONDS) != "readyok":
                pass
            return
        except Idle:
            engine.send("go depth 1", deadline=deadline)
        ready, end = False, min(deadline, time.monotonic() + TRIAL_SECONDS)
        try:
            while not _is_best_move(line := engine.read(deadline=end)):
                ready = ready or line == "readyok"
        except TimeoutError:
            raise EngineUnfit("it answers neither `isready` nor `go depth 1`") from None
        self._answers_isready = ready


def _best_move(engine: Engine, deadline: float) -> str:
    while not _is_best_move(line := engine.read(deadline=deadline)):
        pass
    return line


def _is_best_move(line: str) -> bool:
    return line.split()[:1] == ["bestmove"]
