"""Playing: each scheduled game once, the same whatever went on beside it; tables of what came."""

import csv
import json
from pathlib import Path

import chess.pgn
import numpy as np
import pytest

from agents.base import Forfeit
from agents.baselines import RandomPlayer
from envs.board.base import reach
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.errors import UsageError
from workbench.tournament.players import Entrant, enter
from workbench.tournament.ratings import rate
from workbench.tournament.records import Key, Records
from workbench.tournament.schedule import Pair, fixed, round_robin
from workbench.tournament.standings import short_names, standings, write_csv, write_games
from workbench.tournament.tables import text_of
from workbench.tournament.tournament import Tournament, game_seed

TIC_TAC_TOE = BoardConfig(kind="board", game="tic_tac_toe")


def make(directory: Path, entrants=None, config: BoardConfig = TIC_TAC_TOE) -> Tournament:
    if entrants is None:
        names = ("random", "greedy", "mcts:20")
        _, groups = enter(names, "tic_tac_toe", simulations=None, move_seconds=1)
        entrants = [one for group in groups for one in group]
    records = Records(directory, {"game": config.game})
    return Tournament(config, entrants, [(0,), (1,), (4,)], records, seed=3)


def entrant(name: str, make) -> Entrant:
    return Entrant(name, lambda game, check: make(game))


def play(tournament: Tournament, openings: int = 6) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    pairings = round_robin(len(tournament.entrants))
    tournament.play(fixed(pairings, openings), lambda *counts: told.append(counts))
    return told


def games(directory: Path) -> dict[Key, tuple[list[int], float, int]]:
    records = Records(directory, {"game": "tic_tac_toe"})
    records.close()
    found = records.entries.items()
    return {key: (one.game.history, one.game.score, one.seed) for key, one in found}


def test_every_game_is_played_once_and_by_the_rules(tmp_path):
    tournament = make(tmp_path)
    told = play(tournament)
    tournament._records.close()
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
    whole._records.close()
    parts = make(tmp_path / "parts")
    parts.play(iter([[Pair(1, 2, 4)], [Pair(0, 2, 0), Pair(0, 1, 5)]]), lambda *counts: None)
    parts._records.close()
    assert len(games(tmp_path / "parts")) == 6
    rest = make(tmp_path / "parts")
    told = play(rest)
    rest._records.close()
    assert told[0] == (6, 36)
    assert games(tmp_path / "parts") == games(tmp_path / "whole")


def test_games_from_other_openings_are_refused(tmp_path):
    tournament = make(tmp_path)
    play(tournament, openings=1)
    tournament._records.close()
    other = make(tmp_path)
    other._openings = [(8,)]
    with pytest.raises(UsageError, match="games from other openings"):
        play(other, openings=1)
    other._records.close()


def test_results_are_those_of_who_moved_first(tmp_path):
    """In chess that is player 1, White."""
    config = BoardConfig(kind="board", game="chess", max_plies=8)

    class Resigning(RandomPlayer):
        def choose(self, positions, seeds):
            return [Forfeit("resigned")] * len(positions)

    entrants = [entrant("a", RandomPlayer), entrant("b", Resigning)]
    tournament = Tournament(config, entrants, [()], Records(tmp_path, {}), seed=0)
    play(tournament, openings=2)
    results = tournament.results(tournament.records())
    assert tournament.first_seat == 1
    assert sorted(results.first.tolist()) == [0, 0, 1, 1]
    assert np.array_equal(results.score, (results.first == 0).astype(float))
    assert set(results.pair.tolist()) == {0, 1}  # it resigned after different moves
    records = tournament.records()
    for one in records:
        assert one.game.forfeit == "resigned"
        assert len(one.game.history) == (one.key.seat_1 == "a")
    table = standings(entrants, records, results, rate(results, 2), tournament.first_seat)
    assert table.forfeits == {"b: resigned": 4}
    assert [(row.name, row.wins, row.losses, row.forfeits) for row in table.rows] == [
        ("a", 4, 0, 0),
        ("b", 0, 4, 4),
    ]
    assert "b: resigned  4 games" in text_of(table, "chess", 100)
    path = write_games("chess", records, tmp_path)
    tournament._records.close()
    with path.open() as file:
        read = [chess.pgn.read_game(file) for _ in range(5)]
    assert read[4] is None
    for game, one in zip(read, records, strict=False):
        assert game.headers["White"] == one.key.seat_1
        assert game.headers["Result"] == ("1-0" if one.game.score == 0 else "0-1")


def test_a_repeated_pair_tells_nothing_new(tmp_path):
    """Three openings, of which each comes four times; only the random player varies."""

    class Lowest(RandomPlayer):
        def choose(self, positions, seeds):
            return [position.legal_actions()[0] for position in positions]

    entrants = [entrant("a", Lowest), entrant("b", Lowest), entrant("c", RandomPlayer)]
    tournament = make(tmp_path, entrants)
    play(tournament, openings=12)
    results = tournament.distinct_results()
    tournament._records.close()
    met = [{int(one), int(other)} for one, other in zip(results.first, results.second, strict=True)]
    assert len(tournament.results(tournament.records()).score) == 3 * 24
    numbers = [
        {int(pair) for pair, who in zip(results.pair, met, strict=True) if who == pairing}
        for pairing in ({0, 1}, {0, 2}, {1, 2})
    ]
    assert numbers[0] == {0, 1, 2}
    assert len(numbers[1]) > 8
    assert len(numbers[2]) > 8


def test_whoever_cannot_begin_stops_everything(tmp_path):
    def fail(game):
        raise OSError("no such thing")

    tournament = make(tmp_path, [entrant("a", RandomPlayer), entrant("b", fail)])
    with pytest.raises(OSError, match="no such thing"):
        play(tournament)
    assert tournament._records.entries == {}
    tournament._records.close()


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
    kept = len(tournament._records.entries)
    tournament._records.close()
    assert 0 < kept < 600
    assert len(games(tmp_path)) == kept


def test_the_table_adds_up(tmp_path):
    tournament = make(tmp_path)
    play(tournament)
    records = tournament.records()
    results = tournament.results(records)
    table = standings(tournament.entrants, records, results, rate(results, 3), 0)
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
    write_csv(table, tournament._records)
    tournament._records.close()
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
