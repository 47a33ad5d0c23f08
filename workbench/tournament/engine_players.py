"""External engines as players: several processes of one, restarted where they crash."""

import os
import re
import shlex
import shutil
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from agents.base import Forfeit
from envs.board.base import BoardGame, Position, first_to_move
from envs.board.cells import action_of, cells, engine_moves, family, handicap, komi
from envs.board.openspiel import OpenSpielGame
from envs.spelling import did_you_mean
from workbench.errors import UsageError, WorkError
from workbench.tournament.engine import Engine, EngineDied
from workbench.tournament.engine_protocols import GTP, MAX_ANSWER, UCI, EngineProtocol

ENGINES = "uci:COMMAND?nodes=1000, usi:COMMAND?nodes=1000, gtp:COMMAND"
GAMES = {"uci": "chess", "usi": "shogi", "gtp": "go"}
LIMITS = ("nodes", "depth", "movetime")
DEFAULT_LIMIT = {"nodes": "1000"}
DEBIAN_PACKAGES = ("stockfish", "fairy-stockfish", "gnugo")
DEBIAN_GAMES = "/usr/games"  # where Debian puts them, and where not every PATH leads
START_SECONDS = 60.0  # some engines load a network first


def make_engine(spec: str, game: OpenSpielGame, move_seconds: float) -> "EnginePlayer":
    """Starts an engine.

    Args:
        spec: which one, and how it plays: `uci:stockfish?nodes=1000&Skill Level=3` (chess),
            `usi:fairy-stockfish?nodes=1000` (shogi), or `gtp:gnugo --mode gtp --level 10
            --chinese-rules` (go). After `?`, `nodes`, `depth` and `movetime` (milliseconds) limit
            each search, 1000 nodes if there is no limit; whatever else is there is an option of
            the engine. Engines of go have neither: their command says it all.
        game: that all positions will be of.
        move_seconds: a move that takes longer is forfeited, and the process is killed.

    Returns:
        A player that has to be closed.

    Raises:
        UsageError: there is no such program, or it does not play this game, or has no such option.
        WorkError: it starts, but does not speak the protocol.
    """
    kind, _, text = spec.partition(":")
    if kind not in GAMES:
        raise UsageError(f"there is no engine {spec!r}; an engine is one of {ENGINES}")
    start = game.start()
    if family(start) != GAMES[kind]:
        raise UsageError(f"{kind} engines play {GAMES[kind]}, not {game.spec.name}")
    if kind == "gtp":
        size = int(game.rules.get_parameters()["board_size"])
        first = first_to_move(game)
        protocol: EngineProtocol = GTP(size, komi(start), _stones(start), first)
    else:
        text, _, settings = text.partition("?")
        limits, options = _split(settings, move_seconds)
        protocol = UCI("uci" if kind == "uci" else "usi", limits, options)
    player = EnginePlayer(_command(text), protocol, game, move_seconds)
    try:
        player.start()
    except UsageError as error:
        player.close()
        raise UsageError(f"{spec}: {error}") from None
    except EngineDied as error:
        player.close()
        raise WorkError(f"{spec} cannot be used: {error}") from None
    except BaseException:
        player.close()
        raise
    return player


def _command(text: str) -> list[str]:
    """Returns the program's path and its arguments."""
    try:
        name, *arguments = shlex.split(text)
    except ValueError:
        raise UsageError(f"{text!r} is no command") from None
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{DEBIAN_GAMES}")
    if path is None:
        hint = did_you_mean(name, DEBIAN_PACKAGES, otherwise="")
        if name in DEBIAN_PACKAGES:
            hint = f"; on Debian: apt install {name}"
        raise UsageError(f"there is no program {name!r}{hint}")
    return [path, *arguments]


def _split(settings: str, move_seconds: float) -> tuple[str, dict[str, str]]:
    """Returns the arguments of `go`, and the engine's options."""
    pairs = [pair.partition("=") for pair in settings.split("&") if pair]
    values = {name.strip(): value.strip() for name, _, value in pairs}
    for name, value in values.items():
        if not name or not value:
            raise UsageError(f"{settings!r} should be like nodes=1000&Skill Level=3")
        if name in LIMITS and not re.fullmatch(r"[1-9]\d{0,17}", value):
            raise UsageError(f"{name}={value} should be a number above 0")
    limits = {name: value for name, value in values.items() if name in LIMITS} or DEFAULT_LIMIT
    if int(limits.get("movetime", 0)) > 900 * move_seconds - 200:
        raise UsageError(
            f"movetime={limits['movetime']} leaves no time to answer within {move_seconds:g} s; "
            "raise --move-seconds"
        )
    options = {name: value for name, value in values.items() if name not in LIMITS}
    return " ".join(f"{name} {value}" for name, value in limits.items()), options


def _stones(start: Position) -> list[str]:
    """Returns the points of the handicap as GTP writes them."""
    size = len(cells(start) or ())
    return [f"{'ABCDEFGHJKLMNOPQRST'[column]}{size - row}" for row, column in handicap(start)]


class EnginePlayer:
    """An engine as a `Player`: up to as many processes of it as there are cores.

    Our rules are the referee: an answer is a move if it is one of the position's legal actions.
    """

    def __init__(
        self,
        command: Sequence[str],
        protocol: EngineProtocol,
        game: BoardGame,
        move_seconds: float,
    ) -> None:
        """See `make_engine`; starts nothing yet."""
        self._command = command
        self._protocol = protocol
        self._game = game
        self._move_seconds = move_seconds
        self._threads = ThreadPoolExecutor(os.cpu_count())
        self._lock = threading.Lock()  # of the three below
        self._running: set[Engine] = set()
        self._idle: list[Engine] = []
        self._closed = False

    def start(self) -> None:
        """Starts one process.

        Raises:
            UsageError: the program cannot play as it is asked to.
            EngineDied: it does not start, or does not speak the protocol.
        """
        self._release(self._begin())

    def choose(self, positions: Sequence[Position], seeds: Sequence[int]) -> list[int | Forfeit]:
        """See `Player.choose`."""
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

    def _ask(self, moves: Sequence[str], seed: int) -> str | Forfeit:
        """Returns what the engine says to a position; runs in a thread."""
        crash = ""
        for _ in range(2):
            try:
                engine = self._take()
            except EngineDied as error:
                crash = str(error)
                continue
            try:
                deadline = time.monotonic() + self._move_seconds
                answer = self._protocol.move(engine, moves, seed, deadline)
            except TimeoutError:
                self._discard(engine)
                return Forfeit(f"no move within {self._move_seconds:g} s")
            except EngineDied as error:
                self._discard(engine)
                crash = str(error)
                continue
            self._release(engine)
            return answer
        return Forfeit(f"crashed twice: {crash}")

    def _take(self) -> Engine:
        with self._lock:
            if self._idle and not self._closed:
                return self._idle.pop()
        return self._begin()

    def _release(self, engine: Engine) -> None:
        with self._lock:
            self._idle.append(engine)

    def _discard(self, engine: Engine) -> None:
        engine.close()
        with self._lock:
            self._running.discard(engine)

    def _begin(self) -> Engine:
        """Returns a new process that is ready to be asked; raises EngineDied if there is none."""
        with self._lock:
            if self._closed:
                raise EngineDied("it has been closed")
            try:
                engine = Engine(self._command)
            except OSError as error:
                raise EngineDied(error.strerror or str(error)) from None
            self._running.add(engine)
        try:
            self._protocol.greet(engine, time.monotonic() + START_SECONDS)
        except TimeoutError:
            self._discard(engine)
            raise EngineDied(f"it did not get ready within {START_SECONDS:g} s") from None
        except BaseException:
            self._discard(engine)
            raise
        return engine


def _judge(game: BoardGame, position: Position, answer: str | Forfeit) -> int | Forfeit:
    if isinstance(answer, Forfeit):
        return answer
    action = action_of(position, game.status([position]).legal.tolist(), answer)
    if action is not None:
        return action
    return Forfeit(f"illegal move {answer[:MAX_ANSWER]!r}")
