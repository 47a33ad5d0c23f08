"""A trained chess player as an engine that any chess program can use.

UCI: https://backscattering.de/chess/uci/. Everything that is wrong is told by `info string`.
"""

import re
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from math import inf, tan
from typing import NamedTuple

import chess

from agents.search import Search
from envs.board.base import Position
from envs.board.cells import action_of, engine_move
from envs.board.openspiel import OpenSpielGame
from workbench.boards import BoardPlayer, load_player_of
from workbench.lines import LineReader
from workbench.thinking import MAX_SIMULATIONS, think, without_halving

NO_MOVE = "0000"
INFO_SECONDS = 1.0
MOVES_TO_GO = 30  # for which the clock has to last, if nobody says
OVERHEAD_SECONDS = 0.05  # until a move has reached the other side


def serve_uci(player: str) -> None:
    """Speaks UCI on stdin and stdout until `quit` or the end of the input.

    Args:
        player: `runs/NAME` or `runs/NAME@STEP`, trained in chess.

    Raises:
        UsageError: there is no such player, or it plays something else.
    """
    loaded, name = load_player_of("chess", "UCI", player)

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    UCIServer(loaded, name, LineReader(sys.stdin.fileno()), say).run()


def centipawns(value: float) -> int:
    """Returns what a value of -1..1 is called in chess; as Leela Chess Zero has it."""
    return round(90 * tan(1.5637541897 * value))


class _Limits(NamedTuple):
    """How long to search."""

    simulations: int
    seconds: float  # inf: as long as the simulations take
    endless: bool  # the move is wanted only when `stop` comes


class UCIServer:
    """Understands one line after the other; while it searches, it looks for further lines."""

    def __init__(
        self, player: BoardPlayer, name: str, lines: LineReader, say: Callable[[str], None]
    ) -> None:
        """`say` is given the lines of the answers."""
        self._evaluate = player.agent.evaluate
        self._search = player.config.agent.search
        # Games that others play may be longer than those that were learned from.
        self._game = OpenSpielGame(player.config.env.model_copy(update={"max_plies": None}))
        self._name = name
        self._lines = lines
        self._say = say
        self._simulations = min(player.config.agent.simulations, MAX_SIMULATIONS)
        self._position: Position | None = self._game.start()
        self._warm = False
        self._later: deque[str] = deque()  # what came during a search and has to wait for its end
        self._done = False

    def run(self) -> None:
        """Serves until `quit` or the end of the input."""
        while not self._done:
            try:
                line = self._later.popleft() if self._later else self._lines.read()
            except EOFError:
                return
            self.obey(line)

    def obey(self, line: str) -> None:
        """Carries out a command; words before it that nobody knows are skipped."""
        words = line.split()
        for i, word in enumerate(words):
            match word:
                case "uci":
                    self._introduce()
                case "isready":
                    self._get_ready()
                case "setoption":
                    self._set_option(" ".join(words[i + 1 :]))
                case "position":
                    self._set_position(" ".join(words[i + 1 :]))
                case "go":
                    self._go(words[i + 1 :])
                case "quit":
                    self._done = True
                case "debug" | "register" | "ucinewgame" | "stop" | "ponderhit":
                    pass  # nothing is remembered from one search to the next
                case _:
                    continue
            return
        if words:
            self._tell(f"unknown command {' '.join(words)[:100]!r}")

    def _tell(self, text: str) -> None:
        self._say(f"info string {' '.join(text.split())}")

    def _introduce(self) -> None:
        self._say(f"id name Ludus {self._name}")
        self._say("id author the authors of Ludus")
        self._say(
            f"option name Simulations type spin default {self._simulations} "
            f"min 1 max {MAX_SIMULATIONS}"
        )
        self._say("uciok")

    def _get_ready(self) -> None:
        if not self._warm:  # the first search compiles, or loads what was compiled
            think(self._evaluate, self._search, self._game, self._game.start(), 2)
            self._warm = True
        self._say("readyok")

    def _set_option(self, text: str) -> None:
        option = re.fullmatch(r"name\s+(.*?)(?:\s+value\s+(.*))?", text)
        if option is None or option[1].lower() != "simulations":
            self._tell(f"there is no option {text!r}")
        elif re.fullmatch(r"\d{1,9}", option[2] or "") and 1 <= int(option[2]) <= MAX_SIMULATIONS:
            self._simulations = int(option[2])
        else:
            self._tell(f"Simulations must be from 1 to {MAX_SIMULATIONS}, not {option[2]!r}")

    def _set_position(self, text: str) -> None:
        position = re.fullmatch(r"(?:startpos|fen (.*?))(?:\s*\bmoves\b(.*))?", text)
        try:
            if position is None:
                raise ValueError(f"{text!r} is neither startpos nor fen")
            self._position = self._start(position[1])
            for move in (position[2] or "").split():
                self._position = self._after(self._position, move)
        except ValueError as error:
            self._position = None
            self._tell(f"unusable position: {error}")

    def _start(self, fen: str | None) -> Position:
        if fen is None:
            return self._game.start()
        board = chess.Board(fen)  # OpenSpiel itself may crash where a FEN is wrong
        if not board.is_valid():
            raise ValueError(f"{fen!r} is impossible")
        return self._game.rules.new_initial_state(board.fen())

    def _after(self, position: Position, move: str) -> Position:
        position = self._going_on(position)
        action = action_of(position, self._game.status([position]).legal.tolist(), move)
        if action is None:
            raise ValueError(f"illegal move {move!r}")
        return self._game.after([position], [action])[0]

    def _going_on(self, position: Position) -> Position:
        """Returns the position, and if our rules call it a draw, without what it is drawn for.

        Elsewhere a position may be there three times, or 50 moves pass, and nobody claims a draw.
        """
        if not self._game.status([position]).over[0]:
            return position
        board = " ".join(self._game.text(position).split()[:4])
        return self._game.rules.new_initial_state(f"{board} 0 1")

    def _go(self, words: Sequence[str]) -> None:
        position = None if self._position is None else self._going_on(self._position)
        if position is None or self._game.status([position]).over[0]:
            self._tell("there is no move to make")
            self._say(f"bestmove {NO_MOVE}")
            return
        white = self._game.status([position]).to_play[0] == 1
        limits = self._limits(words, "w" if white else "b")
        by_clock = limits.endless or limits.seconds < inf
        config = without_halving(self._search) if by_clock else self._search
        began = told = time.monotonic()
        stopped = False

        def go_on(search: Search) -> bool:
            nonlocal told, stopped
            now = time.monotonic()
            if now - told >= INFO_SECONDS:
                self._inform(search, now - began)
                told = now
            stopped = self._interrupted(now)
            return not stopped and now - began < limits.seconds

        search = think(self._evaluate, config, self._game, position, limits.simulations, go_on)
        self._inform(search, time.monotonic() - began)
        if limits.endless and not stopped:
            self._interrupted(None)
        self._say(f"bestmove {engine_move(position, search.best(0))}")

    def _interrupted(self, deadline: float | None) -> bool:
        """Returns whether what comes until then ends the search; most other lines have to wait."""
        while True:
            try:
                line = self._lines.read(deadline)
            except TimeoutError:
                return False
            except EOFError:
                self._done = True
                return True
            match line.split():
                case ["stop" | "ponderhit", *_]:
                    return True
                case ["quit", *_]:
                    self._done = True
                    return True
                case ["isready", *_]:
                    self._say("readyok")
                case _:
                    self._later.append(line)

    def _inform(self, search: Search, seconds: float) -> None:
        position = search.roots[0]
        nodes = int(search.visits(0).sum())
        player = self._game.status([position]).to_play[0]
        value = search.value(0) if player == 0 else -search.value(0)
        self._say(
            f"info nodes {nodes} time {1000 * seconds:.0f} nps {nodes / max(seconds, 1e-3):.0f} "
            f"score cp {centipawns(value)} pv {engine_move(position, search.best(0))}"
        )

    def _limits(self, words: Sequence[str], side: str) -> _Limits:
        found = re.findall(r"\b([a-z]+) (-?\d{1,15})\b", " ".join(words))
        numbers = {name: int(value) for name, value in found}
        seconds = inf
        if "movetime" in numbers:
            seconds = numbers["movetime"] / 1000
        elif f"{side}time" in numbers:
            left = numbers[f"{side}time"] / 1000
            moves = max(1, numbers.get("movestogo", MOVES_TO_GO))
            share = left / moves + 0.8 * numbers.get(f"{side}inc", 0) / 1000
            seconds = max(0.0, min(share, left / 2) - OVERHEAD_SECONDS)
        endless = "infinite" in words or "ponder" in words
        simulations = self._simulations if seconds == inf and not endless else MAX_SIMULATIONS
        simulations = min(max(1, numbers.get("nodes", simulations)), MAX_SIMULATIONS)
        return _Limits(simulations, seconds, endless)
