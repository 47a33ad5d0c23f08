"""The go engine behind `serve_gtp`: the commands that need a board or a network."""

import math
import re
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from agents.search import Search
from envs.board.base import Position
from envs.board.cells import Square, engine_move, squares
from workbench.engines.go_game import GoGame, chains, fixed_handicap, square_of, vertex_of
from workbench.engines.go_sgf import load_sgf
from workbench.engines.gtp_analysis import Analysis, described, parse_analysis, wanted_moves
from workbench.engines.gtp_clock import Clock, canadian, kgs_clock
from workbench.engines.gtp_words import Refused, decimals, integers, player_of
from workbench.engines.serve import Say
from workbench.engines.serve_gtp import Heard
from workbench.engines.timed_search import most_simulations, think, warm_up, without_halving
from workbench.evaluation.load import BoardAgent

MEMORY_MEGABYTES = 512  # of the tree
STATUSES = ("alive", "dead", "seki")


class GTPEngine:
    """What has been put on the board, clocks, and a network that searches."""

    def __init__(
        self, player: BoardAgent, heard: Heard, say: Say, note: Say, simulations: int | None = None
    ) -> None:
        """Makes an engine of a player.

        Args:
            player: trained in go.
            heard: is asked whether a further command comes until then; None: waits for it.
            say: is given the answers.
            note: is given what only people may want to know.
            simulations: at most, per move; None: as in training, or what a clock allows.
        """
        parameters = player.game.rules.get_parameters()
        self._planes = player.config.env.planes
        self._evaluate = player.agent.evaluate
        self._search = player.config.agent.search
        self._most = simulations
        self._simulations = simulations or player.config.agent.simulations
        self._size = int(parameters["board_size"])
        self._trained_komi = float(parameters["komi"])
        self._trained_handicap = int(parameters["handicap"])
        self._heard = heard
        self._say = say
        self._note = note
        self._clocks: list[Clock | None] = [None, None]
        self._go = GoGame(self._size, self._trained_komi, self._planes)
        warm_up(self._evaluate, self._search, self._go.rules)

    def obey(self, number: str, name: str, words: Sequence[str]) -> None:
        """Carries out one of `COMMANDS` and answers.

        Args:
            number: of the command, as it came; may be empty.
            name: of the command.
            words: that follow it.

        Raises:
            Refused: it cannot be done; nothing has been said yet.
        """
        method = getattr(self, f"_{name.replace('-', '_')}")
        if name.startswith("lz-"):  # the first answer at once, what is found on the way later
            method(number, words)
        else:
            self._say(f"={number} {method(words) or ''}\n\n")

    # From here on a method's name is that of its command, and it returns the answer, if any.

    def _boardsize(self, words: Sequence[str]) -> None:
        if integers(words, 1)[0] != self._size:
            raise Refused(f"unacceptable size: this network knows {self._size} only")

    def _clear_board(self, words: Sequence[str]) -> None:
        self._go = GoGame(self._size, self._go.komi, self._planes)

    def _komi(self, words: Sequence[str]) -> None:
        value = decimals(words, 1, r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?(e[+-]?[0-9]{1,3})?")[0]
        if not math.isfinite(value):
            raise Refused("syntax error")
        self._go.set_komi(value)
        self._compare("komi", self._go.komi, self._trained_komi)

    def _compare(self, what: str, value: float, trained: float) -> None:
        if value != trained:
            self._note(f"{what} is {value:g}; the network was trained with {trained:g}")

    def _fixed_handicap(self, words: Sequence[str]) -> str:
        count = self._handicap_count(words)
        stones = fixed_handicap(self._size, count)
        if not stones:
            board = f"{self._size}x{self._size}"
            raise Refused(f"invalid number of stones: {board} has no fixed places for {count}")
        return self._give(stones)

    def _place_free_handicap(self, words: Sequence[str]) -> str:
        count = self._handicap_count(words)
        stones = fixed_handicap(self._size, count)
        trial = GoGame(self._size, self._go.komi, self._planes)
        while len(stones) < count:  # where the network would play one after the other
            player, position = 0, trial.turn_of(0)
            trial.make(player, position, self._likeliest_stone(position, -1))
            stones = [stone for chain in chains(trial.board) for stone in chain]
        return self._give(stones)

    def _set_free_handicap(self, words: Sequence[str]) -> None:
        if not self._go.is_empty:
            raise Refused("board not empty")
        found = [square_of(word, self._size) for word in words]
        stones = {square for square in found if square is not None}
        if len(stones) < len(words) or not 2 <= len(words) < self._size**2:
            raise Refused("bad vertex list")
        self._give(stones)

    def _handicap_count(self, words: Sequence[str]) -> int:
        count = integers(words, 1)[0]
        if not self._go.is_empty:
            raise Refused("board not empty")
        if not 2 <= count < self._size**2:
            raise Refused("invalid number of stones")
        return count

    def _give(self, stones: Collection[Square]) -> str:
        self._go.put_handicap(stones)
        self._compare("the handicap", len(stones), self._trained_handicap)
        return " ".join(vertex_of(stone, self._size) for stone in stones)

    def _play(self, words: Sequence[str]) -> None:
        if len(words) != 2 or not re.fullmatch(r"(?i)pass|[a-hj-z][0-9]{1,2}", words[1]):
            raise Refused("syntax error")
        if not self._go.play(player_of(words), words[1].upper()):
            raise Refused("illegal move")

    def _genmove(self, words: Sequence[str]) -> str:
        player = player_of(words)
        position = self._go.turn_of(player)
        _, action = self._think(player, position)
        self._go.make(player, position, action)
        return engine_move(position, action)

    def _reg_genmove(self, words: Sequence[str]) -> str:
        player = player_of(words)
        position = self._go.turn_of(player)
        _, action = self._think(player, position)
        return engine_move(position, action)

    def _think(
        self, player: int, position: Position, show: Callable[[Search], None] = lambda search: None
    ) -> tuple[Search, int]:
        """Returns a search and the move to make; `show` is called now and then."""
        began = time.monotonic()
        clock = self._clocks[player]
        seconds = math.inf if clock is None else clock.budget()
        room = most_simulations(position, MEMORY_MEGABYTES)
        most = self._most or (self._simulations if clock is None else room)

        def go_on(search: Search) -> bool:
            show(search)
            return time.monotonic() - began < seconds

        config = self._search if clock is None else without_halving(self._search)
        search = think(self._evaluate, config, self._go.rules, position, min(most, room), go_on)
        action = search.lines(0)[0].actions[0]
        if position is not self._go.positions[-1] and squares(position, [action]) == [()]:
            action = self._likeliest_stone(position, action)
        if clock is not None:
            clock.spend(time.monotonic() - began)
        return search, action

    def _likeliest_stone(self, position: Position, otherwise: int) -> int:
        """Returns the network's move but a pass, which would answer a pass that nobody has made."""
        legal = self._go.rules.status([position]).legal.tolist()
        logits, _ = self._evaluate(self._go.rules.observe([position]))
        moves = [a for a, where in zip(legal, squares(position, legal), strict=True) if where]
        return max(moves, key=lambda action: float(logits[0][action]), default=otherwise)

    def _lz_analyze(self, number: str, words: Sequence[str]) -> None:
        """Searches on until any further line comes, which is then obeyed."""
        analysis, position = self._asked(words)
        legal = self._go.rules.status([position]).legal.tolist()
        moves = wanted_moves(analysis, position, legal)
        if not moves:
            raise Refused("none of these moves is legal")
        self._say(f"={number}\n")
        show = self._shower(analysis)

        def go_on(search: Search) -> bool:
            show(search)
            return not self._heard(time.monotonic())

        room = most_simulations(position, MEMORY_MEGABYTES)
        config = without_halving(self._search)
        search = think(self._evaluate, config, self._go.rules, position, room, go_on, moves)
        self._say(f"{described(analysis, self._go.rules, search)}\n")
        self._heard(None)  # even where there is nothing more to find out
        self._say("\n")

    def _lz_genmove_analyze(self, number: str, words: Sequence[str]) -> None:
        analysis, position = self._asked(words)
        player = int(self._go.rules.status([position]).to_play[0])
        self._say(f"={number}\n")
        search, action = self._think(player, position, self._shower(analysis))
        self._say(f"{described(analysis, self._go.rules, search)}\n")
        self._go.make(player, position, action)
        self._say(f"play {engine_move(position, action)}\n\n")

    def _asked(self, words: Sequence[str]) -> tuple[Analysis, Position]:
        analysis = parse_analysis(words)
        player = self._go.to_play if analysis.player is None else analysis.player
        return analysis, self._go.turn_of(player)

    def _shower(self, analysis: Analysis) -> Callable[[Search], None]:
        """Returns what tells of a search whenever it is time to."""
        told = time.monotonic()

        def show(search: Search) -> None:
            nonlocal told
            if time.monotonic() - told >= analysis.seconds:
                self._say(f"{described(analysis, self._go.rules, search)}\n")
                told = time.monotonic()

        return show

    def _undo(self, words: Sequence[str]) -> None:
        if not self._go.undo():
            raise Refused("cannot undo")

    def _showboard(self, words: Sequence[str]) -> str:
        lines = self._go.rules.text(self._go.positions[-1]).splitlines()
        return "\n" + "\n".join(line for line in lines[1:] if line)

    def _final_score(self, words: Sequence[str]) -> str:
        margin = self._go.margin()
        return "0" if margin == 0 else f"{'B' if margin > 0 else 'W'}+{abs(margin):g}"

    def _final_status_list(self, words: Sequence[str]) -> str:
        """As the score counts them and the network has learned: what stands on the board lives."""
        if not words or words[0].lower() not in STATUSES:
            raise Refused("syntax error")
        alive = chains(self._go.board) if words[0].lower() == "alive" else []
        return "\n".join(
            " ".join(vertex_of(stone, self._size) for stone in sorted(chain)) for chain in alive
        )

    def _time_settings(self, words: Sequence[str]) -> None:
        self._set_clocks(canadian(words))

    def _kgs_time_settings(self, words: Sequence[str]) -> None:
        self._set_clocks(kgs_clock(words))

    def _set_clocks(self, clock: Clock | None) -> None:
        self._clocks = [None if clock is None else replace(clock) for _ in range(2)]

    def _time_left(self, words: Sequence[str]) -> None:
        player = player_of(words)
        seconds, stones = decimals(words[1:], 2)
        clock = self._clocks[player] or Clock(0)
        clock.tell(seconds, int(stones))
        self._clocks[player] = clock

    def _loadsgf(self, words: Sequence[str]) -> None:
        numbered = len(words) > 1 and words[-1].isascii() and words[-1].isdecimal()
        name = " ".join(words[:-1] if numbered else words)
        if not name:
            raise Refused("syntax error")
        before_move = int(words[-1]) if numbered else None
        try:
            self._go = load_sgf(Path(name), self._size, self._go.komi, self._planes, before_move)
        except ValueError as error:
            raise Refused(f"cannot load file: {' '.join(str(error).split())}") from None
        self._compare("komi", self._go.komi, self._trained_komi)
