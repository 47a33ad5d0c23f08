"""External engines as players: several processes per engine, restarted when they crash."""

import errno
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from agents.base import Forfeit, Player, Win
from envs.board.base import BoardGame, Position, first_to_move
from envs.board.cells import action_of, engine_moves, family, handicap, komi
from envs.board.openspiel import OpenSpielGame
from envs.board.shogi_declaration import check_declaration
from workbench.engines.go_game import vertex_of
from workbench.engines.gtp import GTP
from workbench.engines.identity import Identity, files_of
from workbench.engines.process import Engine, EngineDied, EngineUnfit
from workbench.engines.programs import find
from workbench.engines.protocols import MAX_ANSWER, EngineProtocol, Foreign, Limits, show_limits
from workbench.engines.uci import UCI
from workbench.engines.wrong_protocol import NAMES, advice, known_arguments
from workbench.engines.xboard import XBoard
from workbench.errors import UsageError, WorkError
from workbench.evaluation.match import play_at_random

ENGINES = "uci:COMMAND?nodes=1000, usi:COMMAND?nodes=1000, xboard:COMMAND?movetime=100, gtp:COMMAND"
GAMES = {"uci": "chess", "usi": "shogi", "xboard": "chess", "gtp": "go"}
LIMITS = ("nodes", "depth", "movetime")
START_SECONDS = 60.0  # some engines load a network first
PLIES_OUT_OF_BOOK = 12  # moves at random after which no book knows an answer


def make_engine(
    spec: str, game: OpenSpielGame, move_seconds: float, limits: Limits | None = None
) -> "EnginePlayer":
    """Starts an engine.

    Args:
        spec: which one, and how it plays: `uci:stockfish?nodes=1000&Skill Level=3` (chess),
            `usi:fairy-stockfish?nodes=1000` (shogi), `xboard:phalanx?movetime=100` (chess), or
            `gtp:gnugo --mode gtp --level 10 --chinese-rules` (go). After `?`, `nodes`, `depth` and
            `movetime` (milliseconds) limit each search; whatever else is there is an option of the
            engine. If there is no limit, it is 1000 nodes, or 100 milliseconds where an engine does
            not count nodes. Engines of go have neither: their command says it all.
        game: that all positions will be of.
        move_seconds: at that time, the engine is told to stop; if it then says no move within a
            second, the game is forfeited, and the process is killed.
        limits: those that this engine is known to keep to; None: it is tried.

    Returns:
        A player that has to be closed.

    Raises:
        UsageError: there is no such program, or it does not play this game, or has no such option,
            or speaks another protocol, or does not keep to the limits.
        WorkError: it starts, but ends or does not answer.
    """
    kind, _, text = spec.partition(":")
    if kind not in GAMES:
        raise UsageError(f"there is no engine {spec!r}; an engine is one of {ENGINES}")
    start = game.start()
    if family(start) != GAMES[kind]:
        raise UsageError(f"{kind} engines play {GAMES[kind]}, not {game.spec.name}")
    protocol: EngineProtocol
    options: dict[str, str] = {}
    if kind == "gtp":
        size = int(game.rules.get_parameters()["board_size"])
        stones = [vertex_of(stone, size) for stone in handicap(start)]
        protocol = GTP(size, komi(start), stones, first_to_move(game))
    else:
        text, _, settings = text.partition("?")
        asked, options = _split(settings, move_seconds)
        if kind == "xboard":
            protocol = XBoard(limits or asked, options)
        else:
            protocol = UCI(kind, limits or asked, options)
    command = find(text)
    threads = {name.lower(): value for name, value in options.items()}.get("threads", "1")
    player = EnginePlayer(command, protocol, game, move_seconds, _threads(threads))
    try:
        player.start(tried=limits is not None)
    except Foreign:
        name, printed = NAMES[kind], player.last_words
        raise UsageError(
            f"{spec} does not speak {name}: {_said(printed)}{advice(command, kind)}"
        ) from None
    except EngineUnfit as error:
        raise UsageError(f"{spec}: {error}") from None
    except EngineDied as error:
        said = f"; {_said(player.last_words)}" if player.last_words else ""
        raise WorkError(f"{spec} cannot be used: {error}{said}{known_arguments(command)}") from None
    return player


def _said(printed: str) -> str:
    return f"it printed {printed}" if printed else "it says nothing"


def _threads(value: str) -> int:
    return int(value) if re.fullmatch(r"[1-9]\d{0,3}", value) else 1


def _split(settings: str, move_seconds: float) -> tuple[dict[str, int], dict[str, str]]:
    """Returns the limits of each search, and the engine's options."""
    limits: dict[str, int] = {}
    options: dict[str, str] = {}
    for pair in filter(None, settings.split("&")):
        name, sign, value = (part.strip() for part in pair.partition("="))
        if not name or not pair.isprintable() or (not value and (sign or name in LIMITS)):
            raise UsageError(f"{settings!r} should be like nodes=1000&Skill Level=3")
        if name in limits or name in options:
            raise UsageError(f"{name} is set twice")
        if name not in LIMITS:
            options[name] = value
        elif re.fullmatch(r"[1-9]\d{0,17}", value):
            limits[name] = int(value)
        else:
            raise UsageError(f"{name}={value} should be a number above 0")
    if limits.get("movetime", 0) > 900 * move_seconds - 200:
        raise UsageError(
            f"movetime={limits['movetime']} leaves no time to answer within {move_seconds:g} s; "
            "raise --move-seconds"
        )
    return limits, options


class EnginePlayer(Player):
    """An engine as a `Player`: up to as many processes of it as there are cores.

    Our rules are the referee: an answer is a move if it is one of the position's legal actions.
    """

    def __init__(
        self,
        command: Sequence[str],
        protocol: EngineProtocol,
        game: BoardGame,
        move_seconds: float,
        threads: int = 1,
    ) -> None:
        """See `make_engine`; starts nothing yet. Each process computes with `threads` threads."""
        self._command = command
        self._protocol = protocol
        self._game = game
        self._move_seconds = move_seconds
        self._threads = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // threads))
        self.identity: Identity = ""  # see `start`
        self.last_words = ""  # of the process that ended last
        self._lock = threading.Lock()  # of the three below
        self._running: set[Engine] = set()
        self._idle: list[Engine] = []
        self._closed = False

    @property
    def limits(self) -> Limits:
        """Of each search; empty where its command says it all."""
        return self._protocol.limits

    def start(self, *, tried: bool = False) -> None:
        """Starts one process, and sees whether it keeps to its limits unless it was tried.

        Then `identity` tells what it calls itself, its limits, and which files it is.

        Raises:
            EngineUnfit: the program cannot play as it is asked to.
            Foreign: it does not speak the protocol.
            EngineDied: it does not start, or does not answer.
        """
        try:
            with self._engine() as engine:
                if tried:
                    return
                rng = np.random.default_rng(PLIES_OUT_OF_BOOK)
                position = play_at_random(self._game, PLIES_OUT_OF_BOOK, rng)
                moves = engine_moves(self._game, position)
                self._protocol.try_limits(engine, moves, time.monotonic() + START_SECONDS)
                self.identity = {
                    "name": self._name(),
                    "limits": show_limits(self.limits),
                    "files": files_of(engine.pid, self._protocol.files()),
                }
        except BaseException:
            self.close()
            raise

    def describe(self) -> str:
        """Returns what it calls itself, and its limits."""
        return ", ".join(filter(None, (self._name(), show_limits(self.limits, " ", ", "))))

    def _name(self) -> str:
        return self._protocol.name or os.path.basename(self._command[0])

    def choose(
        self, positions: Sequence[Position], seeds: Sequence[int]
    ) -> list[int | Forfeit | Win]:
        try:
            answers = [
                self._threads.submit(self._ask, engine_moves(self._game, position), seed)
                for position, seed in zip(positions, seeds, strict=True)
            ]
            return [
                _judge(self._game, position, answer.result())
                for position, answer in zip(positions, answers, strict=True)
            ]
        except BaseException:  # Ctrl-C, too: no process may outlive it
            self.close()
            raise

    def close(self) -> None:
        """Ends all processes, even those that are being asked for a move."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for engine in running:
            engine.kill()
        self._threads.shutdown(cancel_futures=True)
        for engine in running:
            engine.close()

    def _ask(self, moves: Sequence[str], seed: int) -> str | Forfeit | Win:
        """Returns what the engine says to a position; runs in a thread."""
        crash = ""
        for _ in range(2):
            try:
                with self._engine() as engine:
                    deadline = time.monotonic() + self._move_seconds
                    return self._protocol.move(engine, moves, seed, deadline)
            except TimeoutError:
                return Forfeit(f"no move within {self._move_seconds:g} s")
            except (EngineDied, EngineUnfit, Foreign) as error:
                crash = str(error)
        return Forfeit(f"crashed twice: {crash}")

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        """Lends a process that is ready to be asked, and ends it if it fails.

        Raises:
            EngineDied: there is none, or it does not get ready.
        """
        with self._lock:
            if self._closed:
                raise EngineDied("it has been closed")
            is_new = not self._idle
            engine = _begin(self._command) if is_new else self._idle.pop()
            self._running.add(engine)
        try:
            if is_new:
                self._greet(engine)
            yield engine
        except BaseException:
            engine.close()
            self.last_words = engine.last_words()
            with self._lock:
                self._running.discard(engine)
            raise
        with self._lock:
            self._idle.append(engine)

    def _greet(self, engine: Engine) -> None:
        try:
            self._protocol.greet(engine, time.monotonic() + START_SECONDS)
        except TimeoutError:
            raise EngineDied(f"it did not get ready within {START_SECONDS:g} s") from None


def _begin(command: Sequence[str]) -> Engine:
    try:
        return Engine(command)
    except OSError as error:
        why = error.strerror or str(error)
        hint = " (no program of this kind of machine, or a script without #! line)"
        raise EngineDied(why + hint * (error.errno == errno.ENOEXEC)) from None


def _judge(game: BoardGame, position: Position, answer: str | Forfeit | Win) -> int | Forfeit | Win:
    if isinstance(answer, Forfeit):
        return answer
    if isinstance(answer, Win):
        allowed, why = check_declaration(position)
        if allowed:
            return Win(f"declared its win: {why}")
        return Forfeit(f"declared a win that the rules do not allow: {why}")
    action = action_of(game, position, answer)
    return Forfeit(f"illegal move {answer[:MAX_ANSWER]!r}") if action is None else action
