"""GTP engines (go), https://www.lysator.liu.se/~gunnar/gtp/gtp2-spec-draft2/gtp2-spec.html."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from agents.base import Forfeit, Win
from workbench.engines.process import Engine, EngineUnfit
from workbench.engines.protocols import MAX_ANSWER, EngineProtocol, hello


class GTP(EngineProtocol):
    """GTP 2; engines that know `set_random_seed`, as GNU Go does, are given the seed.

    GNU Go passes where it thinks that all is settled, but our rules take no dead stones off the
    board: ask it to play on with `--chinese-rules --capture-all-dead`.
    """

    def __init__(self, size: int, komi: float, stones: Sequence[str], first: int) -> None:
        """The board, where Black has `stones` before move 1, which player `first` makes."""
        super().__init__({}, {})
        self._board = [f"boardsize {size}", f"komi {komi:g}"]
        self._set_up = ["clear_board", *(f"play b {stone}" for stone in stones)]
        self._first = first
        self._has_seeds = False

    def greet(self, engine: Engine, deadline: float) -> None:
        engine.send("0 protocol_version", deadline=deadline)
        hello(engine, ["protocol_version"], r"[=?]0(?!\d)", deadline)
        questions = ["name", "version", "known_command set_random_seed"]
        *answers, name, version, seeds = _ask(engine, [*self._board, *questions], deadline)
        for command, answer in zip(self._board, answers, strict=True):
            if not answer.done:
                raise EngineUnfit(f"the engine answers {answer.text!r} to {command!r}")
        self.name = " ".join(one.text for one in (name, version) if one.done and one.text)
        self._has_seeds = seeds == (True, "true")

    def try_limits(self, engine: Engine, moves: Sequence[str], deadline: float) -> None:
        """See `EngineProtocol.try_limits`; GTP has none."""

    def move(
        self, engine: Engine, moves: Sequence[str], seed: int, deadline: float
    ) -> str | Forfeit | Win:
        """See `EngineProtocol.move`; it cannot be told to stop."""
        colours = ["bw"[(self._first + ply) % 2] for ply in range(len(moves) + 1)]
        plays = [f"play {c} {move}" for c, move in zip(colours, moves, strict=False)]
        seeds = [f"set_random_seed {seed % 2**31}"] if self._has_seeds else []
        commands = [*self._set_up, *plays, *seeds, f"genmove {colours[-1]}"]
        answers = _ask(engine, commands, deadline)
        for command, answer in zip(commands, answers, strict=True):
            if not answer.done:
                return Forfeit(f"answered {answer.text!r} to {command!r}")
        move = answers[-1].text.upper().partition(" ")[0]
        return Forfeit("resigned") if move == "RESIGN" else move


class _Answer(NamedTuple):
    done: bool
    text: str  # the beginning of its first line


def _ask(engine: Engine, commands: Sequence[str], deadline: float) -> list[_Answer]:
    """Sends all commands at once, numbered, and waits for the answers."""
    engine.send(*(f"{i} {command}" for i, command in enumerate(commands)), deadline=deadline)
    return [_answer(engine, i, deadline) for i in range(len(commands))]


def _answer(engine: Engine, number: int, deadline: float) -> _Answer:
    pattern = re.compile(rf"([=?]){number}(?!\d)(.*)")
    while (found := pattern.match(engine.read(deadline=deadline))) is None:
        pass
    while engine.read(deadline=deadline):  # an answer ends with an empty line
        pass
    return _Answer(found[1] == "=", found[2].strip()[:MAX_ANSWER])
