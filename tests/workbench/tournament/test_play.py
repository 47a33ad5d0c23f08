"""Playing: each scheduled game once, the same whatever went on beside it; tables of what came."""

import csv
import json
import threading
from pathlib import Path

import chess.pgn
import numpy as np
import pytest

from agents.base import Forfeit
from agents.baselines import RandomPlayer
from envs.board.base import reach
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.errors import UsageError
from workbench.evaluation import match
from workbench.evaluation.ratings import rate
from workbench.tournament import openings as drawing
from workbench.tournament import play as playing
from workbench.tournament import run as holding
from workbench.tournament.entrants import Entrant, enter
from workbench.tournament.openings import Openings
from workbench.tournament.play import Tournament, game_seed
from workbench.tournament.records import Key, open_records, results_of
from workbench.tournament.run import Options, run_tournament
from workbench.tournament.schedule import Pair, fixed, round_robin
from workbench.tournament.sprt import Sprt
from workbench.tournament.standings import (
    short_names,
    standings,
    text_of,
    write_csv,
    write_games,
)

TIC_TAC_TOE = BoardConfig(kind="board", game="tic_tac_toe")


def make(directory: Path, entrants=None, config: BoardConfig = TIC_TAC_TOE) -> Tournament:
    if entrants is None:
        names = ("random", "greedy", "mcts:20")
        _, groups = enter(names, "tic_tac_toe", simulations=None, move_seconds=1)
        entrants = [one for group in groups for one in group]
    records = open_records(directory, {"game": config.game})
    return Tournament(config, entrants, Openings([(0,), (1,), (4,)]), records, seed=3)


def entrant(name: str, make, **facts) -> Entrant:
    return Entrant(name, lambda game, check: make(game), **facts)


def play(tournament: Tournament, openings: int = 6) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    pairings = round_robin(len(tournament.entrants))
    tournament.play(fixed(pairings, openings), lambda *counts: told.append(counts))
    return told


def games(directory: Path) -> dict[Key, tuple[list[int], float, int]]:
    records = open_records(directory, {"game": "tic_tac_toe"})
    records.close()
    found = records.entries.items()
    return {key: (one.game.history, one.game.score, one.seed) for key, one in found}


def test_every_game_is_played_once_and_by_the_rules(tmp_path):
    tournament = make(tmp_path)
    told = play(tournament)
    tournament.journal.close()
    assert told[0] == (0, 36)
    assert told[-1] == (36, 36)
    assert len((tmp_path / "games.jsonl").read_text().splitlines()) == 36
    game = OpenSpielGame(TIC_TAC_TOE)
    found = games(tmp_path)
    assert len(found) == 36
    for key, (history, score, seed) in found.items():
        assert history[0] == (0, 1, 4)[key.opening % 3]
        status = game.status([reach(game, history)])
        assert status.over[0]
        assert score == (1 + status.value[0]) / 2
        assert seed == game_seed(3, key)
        assert Key(key.seat_1, key.seat_0, key.opening) in found


def test_a_game_is_the_same_in_any_tournament(tmp_path):
    """However many are played, by whomever beside, and from whatever the records held before."""
    whole = make(tmp_path / "whole")
    play(whole)
    whole.journal.close()
    parts = make(tmp_path / "parts")
    parts.play(iter([[Pair(1, 2, 4)], [Pair(0, 2, 0), Pair(0, 1, 5)]]), lambda *counts: None)
    parts.journal.close()
    assert len(games(tmp_path / "parts")) == 6
    rest = make(tmp_path / "parts")
    told = play(rest)
    rest.journal.close()
    assert told[0] == (6, 36)
    assert games(tmp_path / "parts") == games(tmp_path / "whole")


def test_rounds_that_were_played_before_are_not_told_of(tmp_path):
    """So that who looks on knows what was there already, and how fast the rest is."""
    rounds = [[Pair(0, 1, 0)], [Pair(0, 1, 1), Pair(0, 2, 1)], [Pair(1, 2, 3)]]
    expected = [
        [(0, 99), (1, 99), (2, 99), (2, 2)],
        [(2, 99), (3, 99), (4, 99), (5, 99), (6, 99), (6, 6)],
        [(6, 99), (7, 99), (8, 99), (8, 8)],
        [(8, 8)],
    ]
    told: list[tuple[int, int]] = []
    for count in range(4):
        told.clear()
        tournament = make(tmp_path)
        tournament.play(iter(rounds[: count + 1]), lambda *counts: told.append(counts), most=99)
        tournament.journal.close()
        assert told == expected[count]


def test_games_from_other_openings_are_refused(tmp_path):
    tournament = make(tmp_path)
    play(tournament, openings=1)
    tournament.journal.close()
    other = make(tmp_path)
    other.openings = Openings([(8,)])
    with pytest.raises(UsageError, match="games from other openings"):
        play(other, openings=1)
    other.journal.close()


def test_results_are_those_of_who_moved_first(tmp_path):
    """In chess that is player 1, White."""
    config = BoardConfig(kind="board", game="chess", max_plies=8)

    class Resigning(RandomPlayer):
        def choose(self, positions, seeds):
            return [Forfeit("resigned")] * len(positions)

    entrants = [entrant("a", RandomPlayer), entrant("b", Resigning)]
    tournament = Tournament(config, entrants, Openings([()]), open_records(tmp_path, {}), seed=0)
    play(tournament, openings=2)
    names = [one.name for one in entrants]
    results = results_of(tournament.records(), names, tournament.first_seat)
    assert tournament.first_seat == 1
    assert sorted(results.first.tolist()) == [0, 0, 1, 1]
    assert np.array_equal(results.score, (results.first == 0).astype(float))
    assert set(results.pair.tolist()) == {0, 1}  # it resigned after different moves
    records = tournament.records()
    for one in records:
        assert one.game.forfeit == "resigned"
        assert len(one.game.history) == (one.key.seat_1 == "a")
    table = standings(names, records, rate(results, 2), tournament.first_seat)
    assert table.forfeits == {"b: resigned": 4}
    assert [(row.name, row.wins, row.losses, row.forfeits) for row in table.rows] == [
        ("a", 4, 0, 0),
        ("b", 0, 4, 4),
    ]
    assert "b: resigned  4 games" in text_of(table, "chess", 100)
    assert table.endings == {"forfeit": 4}
    write_games("chess", records, tmp_path)
    tournament.journal.close()
    with (tmp_path / "games.pgn").open() as file:
        read = [chess.pgn.read_game(file) for _ in range(5)]
    assert read[4] is None
    for game, one in zip(read, records, strict=False):
        assert game.headers["White"] == one.key.seat_1
        assert game.headers["Result"] == ("1-0" if one.game.score == 0 else "0-1")
        assert game.headers["Termination"] == "normal"
        assert game.end().comment == "forfeit: resigned"


def test_a_repeated_pair_tells_nothing_new(tmp_path):
    """Three openings, of which each comes four times; only the random player varies."""

    class Lowest(RandomPlayer):
        def choose(self, positions, seeds):
            return [position.legal_actions()[0] for position in positions]

    entrants = [entrant("a", Lowest), entrant("b", Lowest), entrant("c", RandomPlayer)]
    tournament = make(tmp_path, entrants)
    play(tournament, openings=12)
    results = tournament.distinct_results()
    tournament.journal.close()
    met = [{int(one), int(other)} for one, other in zip(results.first, results.second, strict=True)]
    assert len(tournament.records()) == 3 * 24
    numbers = [
        {int(pair) for pair, who in zip(results.pair, met, strict=True) if who == pairing}
        for pairing in ({0, 1}, {0, 2}, {1, 2})
    ]
    assert numbers[0] == {0, 1, 2}
    assert len(numbers[1]) > 8
    assert len(numbers[2]) > 8


class Side:
    """Stands before `play` and notes who plays and how many games side by side."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by_side: list[tuple[set[int], int]] = []
        self._play, self._lock = playing.play, threading.Lock()
        monkeypatch.setattr(playing, "play", self)

    def __call__(self, game, players, fixtures, *, at_once):
        with self._lock:
            self.by_side.append((set(players), at_once))
        return self._play(game, players, fixtures, at_once=at_once)


def test_as_many_games_are_played_at_once_as_their_trees_have_room(tmp_path, monkeypatch):
    side = Side(monkeypatch)
    monkeypatch.setattr(playing, "_cores", lambda: 3)
    monkeypatch.setattr(match, "NODES_AT_ONCE", 700)
    found, by_side = [], []
    for simulations in (0, 100, 400, 1_000):
        side.by_side.clear()
        directory = tmp_path / str(simulations)
        two = [entrant("a", RandomPlayer), entrant("b", RandomPlayer, simulations=simulations)]
        tournament = make(directory, two)
        play(tournament, openings=200)
        tournament.journal.close()
        found.append(games(directory))
        by_side.append([at_once for _, at_once in side.by_side])
    assert by_side == [[134] * 3, [2] * 3, [1], [1]]
    assert found[0] == found[1] == found[2] == found[3]


def test_only_games_with_an_engine_are_few_at_once(tmp_path, monkeypatch):
    side = Side(monkeypatch)
    three = [entrant(name, RandomPlayer, is_engine=name == "c") for name in "abc"]
    tournament = make(tmp_path / "t", three)
    told = play(tournament, openings=40)
    tournament.journal.close()
    assert told[-1] == (240, 240)
    with_engine = [at_once for players, at_once in side.by_side if 2 in players]
    without = [(players, at_once) for players, at_once in side.by_side if 2 not in players]
    assert with_engine == [16]
    assert without == [({0, 1}, 80)]
    alone = make(tmp_path / "alone", [entrant(name, RandomPlayer) for name in "abc"])
    play(alone, openings=40)
    alone.journal.close()
    assert games(tmp_path / "t") == games(tmp_path / "alone")


def test_openings_are_drawn_as_rounds_need_them(tmp_path, monkeypatch):
    """A test that is decided in its first round has drawn what that round plays, and once."""
    drawn, draw = [], drawing._openings

    def noting(*arguments):
        for opening in draw(*arguments):
            drawn.append(opening)
            yield opening

    monkeypatch.setattr(drawing, "_openings", noting)
    options = Options("connect_four", "sprt", out=tmp_path, opening_plies=2, test=Sprt(0, 300))
    outcome = run_tournament(["greedy", "random"], options, tell=print, on_game=print)
    assert outcome.verdict is not None
    assert outcome.verdict.decision == "H1"
    assert outcome.standings.num_games == 32
    assert len(drawn) == len(set(drawn)) == 16


def test_active_mode_tells_who_is_not_known_well_enough(tmp_path):
    names = ["random", "greedy", "mcts:20"]
    options = Options("tic_tac_toe", "active", games=12, out=tmp_path, half_width_elo=40)
    told: list[tuple[int, int]] = []
    outcome = run_tournament(
        names, options, tell=print, on_game=lambda *counts: told.append(counts)
    )
    assert outcome.unsettled == names
    assert told[-2:] == [(36, 36), (36, 36)]
    assert {most for _, most in told} == {36}
    wide = run_tournament(names, options._replace(half_width_elo=400), tell=print, on_game=print)
    assert wide.unsettled == []
    some = sorted(wide.standings.ratings.half_width)[1] + 1e-6
    assert wide.standings.num_games < 36
    table = run_tournament(names, options._replace(half_width_elo=some), tell=print, on_game=print)
    wider = [row.name for row in table.standings.rows if row.high - row.low > 2 * some]
    assert sorted(table.unsettled or []) == sorted(wider)
    assert (
        run_tournament(names, options._replace(mode="ladder"), tell=print, on_game=print).unsettled
        is None
    )


def test_a_test_whose_openings_are_used_up_is_over(tmp_path, monkeypatch):
    class Lowest(RandomPlayer):
        def choose(self, positions, seeds):
            return [position.legal_actions()[0] for position in positions]

    two = [entrant("a", Lowest), entrant("b", Lowest)]
    monkeypatch.setattr(holding, "enter", lambda *args, **kwargs: (TIC_TAC_TOE, [[x] for x in two]))
    options = Options("tic_tac_toe", "sprt", out=tmp_path / "t")
    outcome = run_tournament([], options, tell=print, on_game=print)
    assert outcome.used_up
    assert outcome.verdict is not None
    assert outcome.verdict.decision is None
    assert outcome.standings.num_games == 32
    few = run_tournament(
        [], options._replace(games=6, out=tmp_path / "few"), tell=print, on_game=print
    )
    assert not few.used_up
    assert few.standings.num_games == 6


def test_whoever_cannot_begin_stops_everything(tmp_path):
    def fail(game):
        raise OSError("no such thing")

    tournament = make(tmp_path, [entrant("a", RandomPlayer), entrant("b", fail)])
    with pytest.raises(OSError, match="no such thing"):
        play(tournament)
    assert tournament.journal.entries == {}
    tournament.journal.close()


def test_an_error_in_the_midst_keeps_the_games_before(tmp_path):
    class Breaking(RandomPlayer):
        moves = 0

        def choose(self, positions, seeds):
            Breaking.moves += len(positions)
            if Breaking.moves > 1_500:
                raise OSError("broken")
            return super().choose(positions, seeds)

    tournament = make(tmp_path, [entrant("a", RandomPlayer), entrant("b", Breaking)])
    with pytest.raises(OSError, match="broken"):
        play(tournament, openings=300)
    kept = len(tournament.journal.entries)
    tournament.journal.close()
    assert 0 < kept < 600
    assert len(games(tmp_path)) == kept


def test_the_table_adds_up(tmp_path):
    tournament = make(tmp_path)
    play(tournament)
    records = tournament.records()
    names = [one.name for one in tournament.entrants]
    table = standings(names, records, rate(results_of(records, names, 0), 3), 0)
    assert [row.name for row in table.rows][2] == "random"
    assert table.rows[0].rating > table.rows[1].rating > table.rows[2].rating
    for i, row in enumerate(table.rows):
        assert row.games == row.wins + row.draws + row.losses == 24
        assert row.low < row.rating < row.high
        assert row.score == pytest.approx((row.wins + row.draws / 2) / 24)
        assert row.milliseconds_per_move > 0
        assert table.points[i].sum() == pytest.approx(24 * row.score)
        mine = [one for one in records if row.name in one.key]
        scores = [
            one.game.score if one.key.seat_0 == row.name else 1 - one.game.score for one in mine
        ]
        assert (scores.count(1), scores.count(0.5)) == (row.wins, row.draws)
    assert np.array_equal(table.points + table.points.T, table.games)
    assert table.games.sum() == 2 * table.num_games == 72
    assert table.distinct_games == len({tuple(one.game.history) for one in records})
    write_csv(table, tournament.journal)
    tournament.journal.close()
    with (tmp_path / "ratings.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [row.name for row in table.rows]
    assert float(rows[0]["rating"]) == table.rows[0].rating
    with (tmp_path / "crosstable.csv").open() as file:
        cells = [[float(cell) for cell in line[1:]] for line in list(csv.reader(file))[1:]]
    assert np.array_equal(cells, table.points)


def test_names_are_as_short_as_they_can_be():
    assert short_names(["runs/zoo/a@5", "runs/a@100", "random", "net:runs/a@100"]) == [
        "a@5", "a@100", "random", "net:a@100"
    ]  # fmt: skip
    alike = ["runs/zoo/a@5?simulations=9", "runs/zoo/a@7?simulations=9"]
    assert short_names(alike) == ["a@5", "a@7"]
    different = ["runs/zoo/a@5?simulations=9", "runs/zoo/a@5?simulations=90"]
    assert short_names(different) == ["a@5?simulations=9", "a@5?simulations=90"]
    clash = ["runs/zoo/a@5", "runs/a@5"]
    assert short_names(clash) == clash


def test_seeds_of_games_depend_on_who_plays_what():
    keys = [Key("a", "b", 0), Key("b", "a", 0), Key("a", "b", 1), Key("a", "c", 0)]
    seeds = [game_seed(seed, key) for key in keys for seed in (0, 1)]
    assert len(set(seeds)) == 8
    assert seeds == [game_seed(seed, key) for key in keys for seed in (0, 1)]
    assert json.loads(json.dumps(seeds)) == seeds
