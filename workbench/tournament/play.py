"""Plays the games of a tournament on all cores, each exactly once."""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
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
from workbench.tournament.records import Key, Record, Records
from workbench.tournament.results import results_of, without_repeats
from workbench.tournament.schedule import Pair, Rounds

AT_ONCE = 512  # games side by side, on all cores together
# So that batches of a network stay full: two of them for the two players of a pairing.
GAMES_PER_THREAD = 4 * ROWS
AT_ONCE_WITH_ENGINES = 16  # they think about one position after the other


class Tournament:
    """Entrants, and the games between them that are scheduled, be they played or not."""

    def __init__(
        self,
        config: BoardConfig,
        entrants: Sequence[Entrant],
        openings: Openings,
        records: Records,
        seed: int,
    ) -> None:
        """Plays nothing yet.

        Args:
            config: the game.
            entrants: K players.
            openings: moves from the start. Where a pairing needs more, they come again.
            records: where games are kept.
            seed: of all that players draw.
        """
        self.first_seat = first_to_move(OpenSpielGame(config))
        self.entrants = entrants
        self.keys: list[Key] = []
        self._config = config
        self._openings = openings
        self._records = records
        self._seed = seed

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
        for pairs in rounds:
            self.keys += [key for pair in pairs for key in self._keys(pair)]
            self._refuse_other_openings()
            missing = [key for key in self.keys if key not in self._records.entries]
            if not missing:
                continue
            played = len(self.keys) - len(missing)
            on_game(played, most or len(self.keys))
            for some in self._with_and_without_engines(missing):
                with closing(self._play(some)) as games:
                    for key, game in games:
                        self._records.append(self._record(key, game))
                        played += 1
                        on_game(played, most or len(self.keys))
        on_game(len(self.keys), len(self.keys))

    def records(self) -> list[Record]:
        """Returns the scheduled games that have been played."""
        return [self._records.entries[key] for key in self.keys if key in self._records.entries]

    def distinct_results(self) -> Results:
        """Returns the scores of all games but repeated pairs, for ratings."""
        names = [entrant.name for entrant in self.entrants]
        return results_of(without_repeats(self.records()), names, self.first_seat)

    def _refuse_other_openings(self) -> None:
        for record in self.records():
            if tuple(record.game.history[: record.opening_plies]) != self._opening(record.key):
                raise UsageError(
                    f"{self._records.directory} holds games from other openings, of another "
                    "version; choose another folder with --out"
                )

    def _keys(self, pair: Pair) -> tuple[Key, Key]:
        one, other = self.entrants[pair.one].name, self.entrants[pair.other].name
        return Key(one, other, pair.opening), Key(other, one, pair.opening)

    def _opening(self, key: Key) -> tuple[int, ...]:
        try:
            return self._openings[key.opening]
        except IndexError:  # there are no more
            return self._openings[key.opening % len(self._openings)]

    def _record(self, key: Key, game: Game) -> Record:
        return Record(key, game, game_seed(self._seed, key), len(self._opening(key)))

    def _with_and_without_engines(self, keys: Sequence[Key]) -> tuple[list[Key], list[Key]]:
        """Returns the games that engines play in, of which fewer go on at once, and the others."""
        engines = {entrant.name for entrant in self.entrants if entrant.is_engine}
        parts: tuple[list[Key], list[Key]] = [], []
        for key in keys:
            parts[engines.isdisjoint((key.seat_0, key.seat_1))].append(key)
        return parts

    def _play(self, keys: Sequence[Key]) -> Generator[tuple[Key, Game], None, None]:
        """Yields the games of `keys` as they end, in any order; closing it stops those going on."""
        if not keys:
            return
        number = {entrant.name: i for i, entrant in enumerate(self.entrants)}
        used = {number[name] for key in keys for name in (key.seat_0, key.seat_1)}
        threads, at_once = _side_by_side([self.entrants[i] for i in used], len(keys))
        waiting, lock, stop = iter(keys), Lock(), Event()
        done: Queue[tuple[Key, Game] | None] = Queue()
        engines: list[EnginePlayer] = []

        def go_on() -> bool:
            return not stop.is_set()

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
                yield Fixture(seats, self._opening(key), game_seed(self._seed, key))

        def work() -> None:
            taken: list[Key] = []
            try:
                with ExitStack() as stack, suppress(_Stopped):
                    game, players = OpenSpielGame(self._config), {}
                    for i in sorted(used):
                        player = self.entrants[i].make(game, go_on)
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
        self._at_once = isinstance(player, SearchPlayer | EnginePlayer)

    def choose(
        self, positions: Sequence[Position], seeds: Sequence[int]
    ) -> Sequence[int | Forfeit | Win]:
        if self._at_once:
            self._check()
            return self._player.choose(positions, seeds)
        moves: list[int | Forfeit | Win] = []
        for position, seed in zip(positions, seeds, strict=True):
            self._check()
            moves += self._player.choose([position], [seed])
        return moves


def game_seed(seed: int, key: Key) -> int:
    """Returns the seed of one game, which no other game and no order of play changes."""
    text = json.dumps([seed, *key])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
