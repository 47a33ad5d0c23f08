"""The chess engine behind `serve_uci`: positions, limits, and the search's info lines."""

import os
import re
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import inf, tan
from typing import NamedTuple

import chess
import torch

from agents.search import Line, Search
from envs.board.base import Position
from envs.board.cells import action_of, engine_move
from envs.board.openspiel import OpenSpielGame
from workbench.engines.serve_uci import MAX_SIMULATIONS, Heard, Options
from workbench.engines.timed_search import most_simulations, think, without_halving
from workbench.evaluation.load import BoardAgent, load_served

NO_MOVE = "0000"
INFO_SECONDS = 1.0
MOVES_TO_GO = 30  # for which the clock has to last, if nobody says
CLOCK = ("wtime", "btime", "winc", "binc", "movestogo")
NUMBERS = ("depth", "nodes", "movetime", "mate", *CLOCK)


def load_engine(player: str) -> "UCIEngine":
    """Returns the engine that `player` names, ready to search.

    Raises:
        UsageError: there is no such player, or it plays something else than chess.
    """
    loaded, name, simulations = load_served("chess", "UCI", player)
    engine = UCIEngine(loaded, name, simulations)
    engine.warm_up()
    return engine


def centipawns(value: float) -> int:
    """Returns what a value of -1..1 is called in chess; as Leela Chess Zero has it."""
    return round(90 * tan(1.5637541897 * value))


class Limits(NamedTuple):
    """How long to search; what is not limited is None."""

    moves: list[str]  # to search no others; none: all
    numbers: dict[str, int]
    infinite: bool  # the move is wanted only when `stop` comes
    ponder: bool  # the limits count from `ponderhit` on

    @classmethod
    def parse(cls, text: str) -> "Limits":
        """Reads what follows `go`; what has no meaning is passed over."""
        words = text.split()
        moves: list[str] = []
        if "searchmoves" in words:
            for word in words[words.index("searchmoves") + 1 :]:
                if not re.fullmatch(r"[a-h][1-8][a-h][1-8][a-zA-Z]?", word):
                    break
                moves.append(word)
        numbers = {
            name: int(value)
            for name, value in pairwise(words)
            if name in NUMBERS and re.fullmatch(r"-?[0-9]{1,15}", value)
        }
        return cls(moves, numbers, "infinite" in words, "ponder" in words)

    def seconds(self, side: str, overhead: float) -> float:
        """Returns how long a move of `w` or `b` may take; inf: as long as the other limits say."""
        if "movetime" in self.numbers:
            return self.numbers["movetime"] / 1000
        if f"{side}time" not in self.numbers:
            return inf
        left = self.numbers[f"{side}time"] / 1000
        moves = self.numbers.get("movestogo", 0)
        share = left / (moves if moves > 0 else MOVES_TO_GO)
        share += 0.8 * max(0, self.numbers.get(f"{side}inc", 0)) / 1000
        return max(0.0, min(share, left / 2) - overhead)


class UCIEngine:
    """A position and a network that searches it."""

    def __init__(self, player: BoardAgent, name: str, simulations: int | None = None) -> None:
        """Stands at the start.

        Args:
            player: the network.
            name: what it is called among engines.
            simulations: per move where nothing else is said; None: as in training.
        """
        self._evaluate = player.agent.evaluate
        self._search = player.config.agent.search
        self._game = player.game
        self.name = name
        self.simulations = simulations or player.config.agent.simulations
        self.position: Position | None = self._game.start()

    def warm_up(self) -> None:
        """Makes a first search, which compiles, or loads what was compiled."""
        search = think(self._evaluate, self._search, self._game, self._game.start(), 2)
        search.lines(0)
        search.depth(0)

    def set_position(self, text: str) -> str:
        """Takes what follows `position`; returns what is wrong with it, or nothing.

        As Stockfish does, it stays before the first illegal move.
        """
        found = re.fullmatch(r"(?:startpos|fen (.*?))(?:\s*\bmoves\b(.*))?", text)
        try:
            if found is None:
                raise ValueError(f"{text!r} is neither startpos nor fen")
            self.position = self._start(found[1])
        except ValueError as error:
            self.position = None
            return f"unusable position: {error}"
        for move in (found[2] or "").split():
            position = self._going_on(self.position)
            legal = self._game.status([position]).legal.tolist()
            action = action_of(position, legal, move.lower())
            if action is None:
                return f"illegal move {move!r}; what comes before it stands"
            (self.position,) = self._game.after([position], [action])
        return ""

    def _start(self, fen: str | None) -> Position:
        if fen is None:
            return self._game.start()
        board = chess.Board(fen)  # OpenSpiel itself may crash where a FEN is wrong
        board.castling_rights = board.clean_castling_rights()  # those that cannot be are dropped
        if board.status() & chess.STATUS_INVALID_EP_SQUARE:
            board.ep_square = None
        if not board.is_valid():
            raise ValueError(f"{fen!r} is impossible")
        return self._game.rules.new_initial_state(board.fen())

    def _going_on(self, position: Position) -> Position:
        """Returns the position, and if our rules call it a draw, without what it is drawn for.

        Elsewhere a position may be there three times, or 50 moves pass, and nobody claims a draw.
        """
        if not self._game.status([position]).over[0]:
            return position
        board = " ".join(self._game.text(position).split()[:4])
        return self._game.rules.new_initial_state(f"{board} 0 1")

    def go(
        self,
        text: str,
        options: Options,
        began: float,
        heard: Callable[[float | None], Heard | None],
        say: Callable[[str], None],
    ) -> None:
        """Searches as `text`, which follows `go`, and the options say, and says the best move.

        Args:
            text: limits.
            options: of the server.
            began: when `go` came, by `time.monotonic()`.
            heard: is asked what has come until a deadline; None: waits for it.
            say: is given the lines of the answer.
        """
        limits = Limits.parse(text)
        waiting = Waiting(limits, heard, began)
        position = None if self.position is None else self._going_on(self.position)
        if position is None:
            say("info string there is no position to search")
            best = NO_MOVE
        elif self._game.status([position]).over[0]:
            best = _at_the_end(position, limits, say)
        else:
            best = self._searched(position, limits, options, waiting, say)
        waiting.until_wanted()
        say(f"bestmove {best}")

    def _searched(
        self,
        position: Position,
        limits: Limits,
        options: Options,
        waiting: "Waiting",
        say: Callable[[str], None],
    ) -> str:
        torch.set_num_threads(min(options["Threads"], os.cpu_count() or 1))
        white = self._game.status([position]).to_play[0] == 1
        numbers = limits.numbers
        seconds = limits.seconds("w" if white else "b", options["Move Overhead"] / 1000)
        depth = numbers.get("depth", inf)
        room = most_simulations(position, options["Hash"])
        unlimited = seconds == depth == inf and numbers.get("mate", 0) < 1
        most = max(1, numbers.get("nodes", options["Simulations"] if unlimited else room))
        endless = limits.infinite or limits.ponder
        simulations = room if endless else min(most, room)
        # Sequential halving has to know how many there will be.
        exact = not endless and unlimited and simulations <= MAX_SIMULATIONS
        config = self._search if exact else without_halving(self._search)
        report = Report(position, self._game, room, options["MultiPV"], say)
        told = time.monotonic()

        def go_on(search: Search) -> bool:
            nonlocal told
            now = time.monotonic()
            if now - told >= INFO_SECONDS:
                report.say(search, now - waiting.began)
                told = now
            waiting.listen(now)
            if waiting.stopped or waiting.endless:
                return not waiting.stopped
            if now - waiting.began >= seconds or search.depth(0) >= depth:
                return False
            return not endless or search.visits(0).sum() < most

        moves = self._only(position, limits.moves, say)
        search = think(self._evaluate, config, self._game, position, simulations, go_on, moves)
        line = report.say(search, time.monotonic() - waiting.began)
        answer = report.names(line)
        return " ponder ".join(answer[:2])

    def _only(
        self, position: Position, moves: Sequence[str], say: Callable[[str], None]
    ) -> list[int]:
        legal = self._game.status([position]).legal.tolist()
        actions = [action_of(position, legal, move.lower()) for move in moves]
        for move, action in zip(moves, actions, strict=True):
            if action is None:
                say(f"info string illegal move {move!r} is not searched")
        return [action for action in actions if action is not None]


class Waiting:
    """Whether a move is wanted already, which depends on what is heard during a search."""

    def __init__(
        self, limits: Limits, heard: Callable[[float | None], Heard | None], began: float
    ) -> None:
        """`began`: when the clock was started, unless it is by `ponderhit`."""
        self._infinite = limits.infinite
        self._heard = heard
        self.began = began
        self.endless = limits.infinite or limits.ponder
        self.stopped = False

    def listen(self, deadline: float | None) -> None:
        """Takes one word, if one comes until then; None: waits for it."""
        word = self._heard(deadline)
        if word == "stop":
            self.stopped = True
        elif word == "ponderhit" and self.endless and not self._infinite:
            self.endless = False
            self.began = time.monotonic()

    def until_wanted(self) -> None:
        """Waits where a search has ended that nobody has stopped yet."""
        while self.endless and not self.stopped:
            self.listen(None)


class Report:
    """The `info` lines of a search."""

    def __init__(
        self,
        position: Position,
        game: OpenSpielGame,
        room: int,
        lines: int,
        say: Callable[[str], None],
    ) -> None:
        """`room` is for how many nodes there is memory; `lines` are said each time."""
        self._position = position
        self._game = game
        self._room = room
        self._lines = lines
        self._say = say

    def say(self, search: Search, seconds: float) -> Line:
        """Says all lines, the best first, which is returned."""
        nodes = int(search.visits(0).sum())
        depth = max(1, search.depth(0))
        lines = search.lines(0)
        for number, line in enumerate(lines[: self._lines], 1):
            self._say(
                f"info depth {depth} multipv {number} score {self._score(line)} nodes {nodes} "
                f"nps {nodes / max(seconds, 1e-3):.0f} hashfull {1000 * nodes // self._room} "
                f"time {1000 * seconds:.0f} pv {' '.join(self.names(line))}"
            )
        return lines[0]

    def _score(self, line: Line) -> str:
        white = self._game.status([self._position]).to_play[0] == 1
        value = -line.value if white else line.value  # white is player 1
        if line.plies is None or value == 0:
            return f"cp {centipawns(value)}"
        return f"mate {(line.plies + 1) // 2 if value > 0 else -(line.plies // 2)}"

    def names(self, line: Line) -> list[str]:
        """Returns the moves of a line as UCI writes them."""
        position, names = self._position, []
        for action in line.actions:
            names.append(engine_move(position, action))
            (position,) = self._game.after([position], [action])
        return names


def _at_the_end(position: Position, limits: Limits, say: Callable[[str], None]) -> str:
    """Returns a move where our rules know of none, or none have a meaning; then all are as good."""
    board = chess.Board(str(position))
    moves = [move.uci() for move in board.legal_moves]
    say(f"info depth 0 score {'mate 0' if board.is_checkmate() else 'cp 0'}")
    wanted = [move for move in moves if move in limits.moves]
    return next(iter(wanted or moves), NO_MOVE)
