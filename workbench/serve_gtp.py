"""A trained go player as an engine that any go program can use.

GTP 2: https://www.lysator.liu.se/~gunnar/gtp/gtp2-spec-draft2/gtp2-spec.html.
"""

import math
import re
import sys
import time
from collections.abc import Callable, Sequence

from agents.search import Search
from envs.board.base import Position
from envs.board.cells import EMPTY, STONES, action_of, cells, engine_move, squares
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.boards import BoardPlayer, load_player_of
from workbench.lines import LineReader
from workbench.thinking import think, without_halving

COLOURS = {"b": 0, "black": 0, "w": 1, "white": 1}
SECONDS_SHARE = 1 / 20  # of the main time that is left, for one move


def serve_gtp(player: str) -> None:
    """Speaks GTP on stdin and stdout until `quit` or the end of the input.

    Args:
        player: `runs/NAME` or `runs/NAME@STEP`, trained in go.

    Raises:
        UsageError: there is no such player, or it plays something else.
    """
    loaded, name, _ = load_player_of("go", "GTP", player)

    def say(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def note(text: str) -> None:
        sys.stderr.write(f"ludus: {text}\n")

    GTPServer(loaded, name, LineReader(sys.stdin.fileno()), say, note).run()


class _Refused(Exception):
    """What a command cannot be done for."""


class GTPServer:
    """Understands one command after the other."""

    def __init__(
        self,
        player: BoardPlayer,
        name: str,
        lines: LineReader,
        say: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        """`say` is given the answers, `note` what only people may want to know."""
        parameters = player.game.rules.get_parameters()
        self._evaluate = player.agent.evaluate
        self._search = player.config.agent.search
        self._simulations = player.config.agent.simulations
        self._size = int(parameters["board_size"])
        self._trained_komi = float(parameters["komi"])
        self._name = name
        self._lines = lines
        self._say = say
        self._note = note
        self._clocks: list[tuple[float, int] | None] = [None, None]  # seconds, stones
        self._done = False
        self._moves: list[tuple[int, int]] = []  # who, what
        self._set_rules(self._trained_komi)
        self._commands: dict[str, Callable[[Sequence[str]], str]] = {
            "protocol_version": lambda _: "2",
            "name": lambda _: "Ludus",
            "version": lambda _: self._name,
            "known_command": self._known_command,
            "list_commands": lambda _: "\n".join(self._commands),
            "quit": self._quit,
            "boardsize": self._boardsize,
            "clear_board": self._clear_board,
            "komi": self._set_komi,
            "play": self._play,
            "genmove": self._genmove,
            "undo": self._undo,
            "showboard": self._showboard,
            "final_score": self._final_score,
            "time_settings": self._time_settings,
            "time_left": self._time_left,
        }

    def run(self) -> None:
        """Serves until `quit` or the end of the input."""
        while not self._done:
            try:
                line = self._lines.read()
            except EOFError:
                return
            self.obey(line)

    def obey(self, line: str) -> None:
        """Carries out a command and answers, unless there is none in the line."""
        line = "".join(c for c in line.replace("\t", " ") if ord(c) >= 32 and ord(c) != 127)
        words = line.partition("#")[0].split()
        if not words:
            return
        number = words.pop(0) if re.fullmatch(r"[0-9]+", words[0]) else ""
        try:
            if not words or words[0] not in self._commands:
                raise _Refused("unknown command")
            self._say(f"={number} {self._commands[words[0]](words[1:])}\n\n")
        except _Refused as error:
            self._say(f"?{number} {error}\n\n")

    def _known_command(self, words: Sequence[str]) -> str:
        return "true" if words and words[0] in self._commands else "false"

    def _quit(self, words: Sequence[str]) -> str:
        self._done = True
        return ""

    def _boardsize(self, words: Sequence[str]) -> str:
        if _integers(words, 1)[0] != self._size:
            raise _Refused("unacceptable size")
        return ""

    def _clear_board(self, words: Sequence[str]) -> str:
        self._moves.clear()
        del self._positions[1:]
        return ""

    def _set_komi(self, words: Sequence[str]) -> str:
        try:
            value = float(words[0])
        except (IndexError, ValueError):
            raise _Refused("syntax error") from None
        if not math.isfinite(value):
            raise _Refused("syntax error")
        if value != self._trained_komi:
            self._note(f"komi is {value:g}; the network was trained with {self._trained_komi:g}")
        self._set_rules(value)
        return ""

    def _set_rules(self, value: float) -> None:
        """Plays on with another komi; what was played stays."""
        self._komi = value
        whole_board = self._size**2 + 1.0  # more makes no difference to who wins
        rounded = round(min(max(value, -whole_board), whole_board), 3)
        # Without a handicap, and without an end where both have not passed.
        name = f"go(board_size={self._size},komi={rounded},max_game_length=1000000)"
        self._game = OpenSpielGame(BoardConfig(kind="board", game=name))
        self._positions = [self._game.start()]
        for player, action in self._moves:
            position = self._turn_of(player)
            self._positions.append(self._game.after([position], [action])[0])

    def _turn_of(self, player: int) -> Position:
        """Returns the latest position with this player to move.

        Whoever uses GTP decides who moves and when a game is over, so where the rules say something
        else, the same stones are put on a board without a history.
        """
        position = self._positions[-1]
        status = self._game.status([position])
        if not status.over[0] and status.to_play[0] == player:
            return position
        return set_up(self._game, cells(position) or [], player)

    def _play(self, words: Sequence[str]) -> str:
        if len(words) != 2 or not re.fullmatch(r"(?i)pass|[a-hj-z]\d{1,2}", words[1]):
            raise _Refused("syntax error")
        player = _player(words[0])
        position = self._turn_of(player)
        legal = self._game.status([position]).legal.tolist()
        action = action_of(position, legal, words[1].upper())
        if action is None:
            raise _Refused("illegal move")
        self._make(player, position, action)
        return ""

    def _make(self, player: int, position: Position, action: int) -> None:
        self._moves.append((player, action))
        self._positions.append(self._game.after([position], [action])[0])

    def _genmove(self, words: Sequence[str]) -> str:
        player = _player(*words[:1])
        position = self._turn_of(player)
        began = time.monotonic()
        seconds = self._seconds(player)

        def go_on(search: Search) -> bool:
            return time.monotonic() - began < seconds

        config = without_halving(self._search) if seconds < math.inf else self._search
        search = think(self._evaluate, config, self._game, position, self._simulations, go_on)
        action = search.best(0)
        if position is not self._positions[-1] and squares(position, [action]) == [()]:
            action = self._likeliest_stone(position, action)
        self._make(player, position, action)
        clock = self._clocks[player]
        if clock is not None and clock[1] == 0:  # until somebody says how much is left
            self._clocks[player] = max(0.0, clock[0] + began - time.monotonic()), 0
        return engine_move(position, action)

    def _likeliest_stone(self, position: Position, otherwise: int) -> int:
        """Returns the network's move but a pass, which would answer a pass that nobody has made."""
        legal = self._game.status([position]).legal.tolist()
        logits, _ = self._evaluate(self._game.observe([position]))
        moves = [a for a, where in zip(legal, squares(position, legal), strict=True) if where]
        return max(moves, key=lambda action: float(logits[0][action]), default=otherwise)

    def _seconds(self, player: int) -> float:
        """Returns how long a move may take at most."""
        clock = self._clocks[player]
        if clock is None:
            return math.inf
        seconds, stones = clock
        return 0.9 * seconds / stones if stones else seconds * SECONDS_SHARE

    def _undo(self, words: Sequence[str]) -> str:
        if not self._moves:
            raise _Refused("cannot undo")
        self._moves.pop()
        self._positions.pop()
        return ""

    def _showboard(self, words: Sequence[str]) -> str:
        lines = self._game.text(self._positions[-1]).splitlines()
        return "\n" + "\n".join(line for line in lines[1:] if line)

    def _final_score(self, words: Sequence[str]) -> str:
        margin = area(cells(self._positions[-1]) or []) - self._komi
        return "0" if margin == 0 else f"{'B' if margin > 0 else 'W'}+{abs(margin):g}"

    def _time_settings(self, words: Sequence[str]) -> str:
        main, overtime, stones = _integers(words, 3)
        clock: tuple[float, int] | None = (main, 0) if main else (overtime, stones)
        if (overtime and not stones) or not (main or overtime):  # the protocol's "no limit"
            clock = None
        self._clocks = [clock, clock]
        return ""

    def _time_left(self, words: Sequence[str]) -> str:
        seconds, stones = _integers(words[1:], 2)
        self._clocks[_player(*words[:1])] = seconds, stones
        return ""


def _player(word: str = "") -> int:
    if word.lower() not in COLOURS:
        raise _Refused("syntax error")
    return COLOURS[word.lower()]


def _integers(words: Sequence[str], count: int) -> list[int]:
    if len(words) < count or not all(re.fullmatch(r"\d{1,9}", word) for word in words[:count]):
        raise _Refused("syntax error")
    return [int(word) for word in words[:count]]


def set_up(game: OpenSpielGame, board: Sequence[Sequence[str]], to_play: int) -> Position:
    """Returns a position of go with the stones of `board`, as `cells` has them, and no history.

    No stone is captured on the way: each chain of the finished board has a liberty, and as long as
    stones are missing there are only more. Nor are there two passes in a row, and the last move is
    no pass, which an answer with a pass would make the end: but for an opponent without stones.
    """
    position = game.start()
    legal = game.status([position]).legal.tolist()
    where = dict(zip(squares(position, legal), legal, strict=True))  # a pass is nowhere
    stones = [
        [
            where[((y, x),)]
            for y, row in enumerate(board)
            for x, cell in enumerate(row)
            if cell == stone
        ]
        for stone in STONES
    ]
    last = 1 - to_play
    extra = int(last == 0)  # who begins and ends has one turn more
    turns = max(len(stones[last]), len(stones[to_play]) + extra)
    queues = [iter(()), iter(())]
    for player, count in ((last, turns), (to_play, turns - extra)):
        queues[player] = iter([where[()]] * (count - len(stones[player])) + stones[player])
    for ply in range(2 * turns - extra):
        (position,) = game.after([position], [next(queues[ply % 2])])
    return position


def area(board: Sequence[Sequence[str]]) -> int:
    """Returns Black's area less White's (Tromp-Taylor): stones, and what only one side reaches."""
    worth = dict(zip(STONES, (1, -1), strict=True))
    points = {(y, x): cell for y, row in enumerate(board) for x, cell in enumerate(row)}
    total = sum(worth[cell] for cell in points.values() if cell != EMPTY)
    empty = {point for point, cell in points.items() if cell == EMPTY}
    while empty:
        region, border, new = 0, set(), [empty.pop()]
        while new:
            y, x = new.pop()
            region += 1
            around = {(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)}
            border |= {points[point] for point in around & points.keys()}
            new += around & empty
            empty -= around
        border.discard(EMPTY)
        if len(border) == 1:
            total += region * worth[border.pop()]
    return total
