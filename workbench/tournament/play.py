"""Plays the games of a tournament on all cores, each exactly once."""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from queue import Queue
from threading import Event, Lock

import torch

from agents.alphazero import SearchPlayer
from agents.base import Forfeit, Player, Win
from envs.board.base import Position, first_to_move
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.engines.players import EnginePlayer
from workbench.errors import UsageError
from workbench.evaluation.match import Fixture, Game, games_at_once, play
from workbench.evaluation.ratings import Results
from workbench.tournament.entrants import ROWS, Entrant
from workbench.tournament.openings import Openings
from workbench.tournament.records import Key, Record, Records, results_of, without_repeats
from workbench.tournament.schedule import Rounds

AT_ONCE = 512  # games side by side, on all cores together
# So that batches of a network stay full: two of them for the two players of a pairing.
GAMES_PER_THREAD = 4 * ROWS
AT_ONCE_WITH_ENGINES = 16  # they think about one position after the other


@dataclass
class Tournament:
    """Entrants, and the games between them that are scheduled, be they played or not.

    Attributes:
        config: the game.
        entrants: K players.
        openings: moves from the start. Where a pairing needs more, they come again.
        journal: where games are kept.
        seed: of all that players draw.
        keys: of the games that are scheduled.
    """

    config: BoardConfig
    entrants: Sequence[Entrant]
    openings: Openings
    journal: Records
    seed: int
    keys: list[Key] = field(default_factory=list)

    @cached_property
    def first_seat(self) -> int:
        """Who has the first move of the game."""
        return first_to_move(OpenSpielGame(self.config))

    def play(
        self, rounds: Rounds, on_game: Callable[[int, int], None], most: int | None = None
    ) -> None:
        """Plays whatever of `rounds` is not in the records yet.

        Args:
            rounds: see `schedule`.
            on_game: told how many games are played and how many there will be at most; in the end
                both are the same.
            most: that many at most, where what has been played decides what else is; None: there
                is one round.
        """
        names = [entrant.name for entrant in self.entrants]
        for pairs in rounds:
            for pair in pairs:
                one, other = names[pair.one], names[pair.other]
                self.keys += [Key(one, other, pair.opening), Key(other, one, pair.opening)]
            self._refuse_other_openings()
            missing = [key for key in self.keys if key not in self.journal.entries]
            if not missing:
                continue
            played = len(self.keys) - len(missing)
            on_game(played, most or len(self.keys))
            # Of games that engines play in, fewer go on at once.
            engines = {entrant.name for entrant in self.entrants if entrant.is_engine}
            with_engines = [key for key in missing if not engines.isdisjoint(key[:2])]
            without = [key for key in missing if engines.isdisjoint(key[:2])]
            for some in filter(None, (with_engines, without)):
                with closing(self._play(some)) as games:
                    for key, game in games:
                        seed, plies = game_seed(self.seed, key), len(self._opening(key))
                        self.journal.append(Record(key, game, seed, plies))
                        played += 1
                        on_game(played, most or len(self.keys))
        on_game(len(self.keys), len(self.keys))

    def records(self) -> list[Record]:
        """Returns the scheduled games that have been played."""
        return [self.journal.entries[key] for key in self.keys if key in self.journal.entries]

    def distinct_results(self) -> Results:
        """Returns the scores of all games but repeated pairs, for ratings."""
        names = [entrant.name for entrant in self.entrants]
        return results_of(without_repeats(self.records()), names, self.first_seat)

    def _refuse_other_openings(self) -> None:
        for record in self.records():
            if tuple(record.game.history[: record.opening_plies]) != self._opening(record.key):
                raise UsageError(
                    f"{self.journal.directory} holds games from other openings, of another "
                    "version; choose another folder with --out"
                )

    def _opening(self, key: Key) -> tuple[int, ...]:
        try:
            return self.openings[key.opening]
        except IndexError:  # there are no more
            return self.openings[key.opening % len(self.openings)]

    def _play(self, keys: Sequence[Key]) -> Generator[tuple[Key, Game], None, None]:
        """Yields the games of `keys` as they end, in any order; closing it stops those going on."""
        number = {entrant.name: i for i, entrant in enumerate(self.entrants)}
        used = {number[name] for key in keys for name in key[:2]}
        threads, at_once = _side_by_side([self.entrants[i] for i in used], len(keys))
        waiting, lock, stop = iter(keys), Lock(), Event()
        done: Queue[tuple[Key, Game] | None] = Queue()
        engines: list[EnginePlayer] = []

        def check() -> None:
            if stop.is_set():
                raise _Stopped

        def take(taken: list[Key]) -> Iterator[Fixture]:
            while True:
                check()  # an opening may take a while
                with lock:
                    key = next(waiting, None)
                if key is None:
                    return
                taken.append(key)
                seats = number[key.seat_0], number[key.seat_1]
                yield Fixture(seats, self._opening(key), game_seed(self.seed, key))

        def work() -> None:
            taken: list[Key] = []
            try:
                with ExitStack() as stack, suppress(_Stopped):
                    game, players = OpenSpielGame(self.config), {}
                    for i in sorted(used):
                        player = self.entrants[i].make(game, lambda: not stop.is_set())
                        if isinstance(player, EnginePlayer):
                            engines.append(player)
                            stack.callback(player.close)
                        players[i] = _Watched(player, check)
                    for i, one in play(game, players, take(taken), at_once=at_once):
                        check()
                        done.put((taken[i], one))
            except BaseException:
                stop.set()
                raise
            finally:
                done.put(None)

        with ThreadPoolExecutor(
            threads, initializer=torch.set_num_threads, initargs=(1,)
        ) as executor:
            workers = [executor.submit(work) for _ in range(threads)]
            try:
                for _ in range(threads):
                    yield from iter(done.get, None)
            finally:
                stop.set()
                for engine in engines:  # whatever it thinks about
                    engine.close()
        for worker in workers:
            worker.result()


def _side_by_side(entrants: Collection[Entrant], games: int) -> tuple[int, int]:
    """Returns how many threads play, and how many games at once each of them does."""
    if any(entrant.is_engine for entrant in entrants):  # each has a process per core already
        threads, most = 1, AT_ONCE_WITH_ENGINES
    else:
        threads, most = min(_cores(), ceil(games / GAMES_PER_THREAD)), AT_ONCE
    simulations = max(entrant.simulations for entrant in entrants)
    most = min(most, games_at_once(simulations))
    threads = min(threads, most)
    return threads, min(ceil(games / threads), most // threads)


def _cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Stopped(Exception):
    """Nobody waits for these games any more."""


class _Watched:
    """A player that makes no more moves once `check` raises."""

    def __init__(self, player: Player, check: Callable[[], None]) -> None:
        self._player = player
        self._check = check
        # Others think about one position after the other anyway, perhaps for long.
        self._size = AT_ONCE if isinstance(player, SearchPlayer | EnginePlayer) else 1

    def choose(
        self, positions: Sequence[Position], seeds: Sequence[int]
    ) -> Sequence[int | Forfeit | Win]:
        moves: list[int | Forfeit | Win] = []
        for first in range(0, len(positions), self._size):
            some = slice(first, first + self._size)
            self._check()
            moves += self._player.choose(positions[some], seeds[some])
        return moves


def game_seed(seed: int, key: Key) -> int:
    """Returns the seed of one game, which no other game and no order of play changes."""
    text = json.dumps([seed, *key])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
