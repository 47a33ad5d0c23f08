"""The chess engine behind `serve_uci`: positions, limits, and the search's info lines."""

import os
import re
import time
from collections.abc import Sequence
from itertools import pairwise, takewhile
from math import inf, tan
from typing import NamedTuple

import chess
import torch

from agents.search import Line, Search
from envs.board.base import Position
from envs.board.cells import action_of
from workbench.engines.serve import Say
from workbench.engines.serve_uci import MAX_SIMULATIONS, Heard, Options
from workbench.engines.timed_search import (
    most_simulations,
    moves_of,
    think,
    warm_up,
    without_halving,
)
from workbench.evaluation.load import BoardAgent

NO_MOVE = "0000"
MOVE = re.compile(r"[a-h][1-8][a-h][1-8][a-zA-Z]?")
INFO_SECONDS = 1.0
MOVES_TO_GO = 30  # for which the clock has to last, if nobody says
CLOCK = ("wtime", "btime", "winc", "binc", "movestogo")
NUMBERS = ("depth", "nodes", "movetime", "mate", *CLOCK)


def centipawns(value: float) -> int:
    """Returns what a value of -1..1 is called in chess; as Leela Chess Zero has it."""
    return round(90 * tan(1.5637541897 * value))


def score(value: float, plies: int | None) -> str:
    """Returns what UCI calls a value of -1..1; `plies`: to the end, where it is proven."""
    if plies is None or value == 0:
        return f"cp {centipawns(value)}"
    return f"mate {(plies + 1) // 2 if value > 0 else -(plies // 2)}"


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
        after = words[words.index("searchmoves") + 1 :] if "searchmoves" in words else []
        moves = list(takewhile(MOVE.fullmatch, after))
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
        warm_up(self._evaluate, self._search, self._game)

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
            action = action_of(self._game, position, move.lower())
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

    def go(self, text: str, options: Options, began: float, heard: Heard, say: Say) -> None:
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
        while waiting.endless and not waiting.stopped:
            waiting.listen(None)
        say(f"bestmove {best}")

    def _searched(
        self, position: Position, limits: Limits, options: Options, waiting: "Waiting", say: Say
    ) -> str:
        torch.set_num_threads(min(options["Threads"], os.cpu_count() or 1))
        seconds = limits.seconds("bw"[self._to_play(position)], options["Move Overhead"] / 1000)
        depth = limits.numbers.get("depth", inf)
        room = most_simulations(position, options["Hash"])
        unlimited = seconds == depth == inf and limits.numbers.get("mate", 0) < 1
        most = limits.numbers.get("nodes", options["Simulations"] if unlimited else room)
        most = min(max(1, most), room)
        endless = waiting.endless
        # Sequential halving has to know how many there will be.
        exact = not endless and unlimited and most <= MAX_SIMULATIONS
        config = self._search if exact else without_halving(self._search)
        told = time.monotonic()

        def report(search: Search, now: float) -> Line:
            return self._report(search, now - waiting.began, room, options["MultiPV"], say)

        def go_on(search: Search) -> bool:
            nonlocal told
            now = time.monotonic()
            if now - told >= INFO_SECONDS:
                report(search, now)
                told = now
            waiting.listen(now)
            if waiting.stopped or waiting.endless:
                return not waiting.stopped
            if now - waiting.began >= seconds or search.depth(0) >= depth:
                return False
            return not endless or search.visits(0).sum() < most

        moves = self._only(position, limits.moves, say)
        simulations = room if endless else most
        search = think(self._evaluate, config, self._game, position, simulations, go_on, moves)
        line = report(search, time.monotonic())
        return " ponder ".join(moves_of(self._game, search, line)[:2])

    def _only(self, position: Position, moves: Sequence[str], say: Say) -> list[int]:
        found = {move: action_of(self._game, position, move.lower()) for move in moves}
        for move, action in found.items():
            if action is None:
                say(f"info string illegal move {move!r} is not searched")
        return [action for action in found.values() if action is not None]

    def _to_play(self, position: Position) -> int:
        return int(self._game.status([position]).to_play[0])  # White is player 1

    def _report(self, search: Search, seconds: float, room: int, count: int, say: Say) -> Line:
        """Says the `count` best lines of a search, the best first, which is returned.

        Args:
            search: that has at least one node.
            seconds: that it took.
            room: for how many nodes there is memory.
            count: of lines.
            say: is given them.
        """
        nodes = int(search.visits(0).sum())
        sign = 1 if self._to_play(search.roots[0]) == 0 else -1
        lines = search.lines(0)
        for number, line in enumerate(lines[:count], 1):
            say(
                f"info depth {max(1, search.depth(0))} multipv {number} "
                f"score {score(sign * line.value, line.plies)} nodes {nodes} "
                f"nps {nodes / max(seconds, 1e-3):.0f} hashfull {1000 * nodes // room} "
                f"time {1000 * seconds:.0f} pv {' '.join(moves_of(self._game, search, line))}"
            )
        return lines[0]


class Waiting:
    """Whether a move is wanted already, which depends on what is heard during a search."""

    def __init__(self, limits: Limits, heard: Heard, began: float) -> None:
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


def _at_the_end(position: Position, limits: Limits, say: Say) -> str:
    """Returns a move where our rules know of none, or none have a meaning; then all are as good."""
    board = chess.Board(str(position))
    moves = [move.uci() for move in board.legal_moves]
    say(f"info depth 0 score {'mate 0' if board.is_checkmate() else 'cp 0'}")
    wanted = [move for move in moves if move in limits.moves]
    return next(iter(wanted or moves), NO_MOVE)
