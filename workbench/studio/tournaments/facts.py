"""Reads what the studio shows of a tournament from its files, without changing them.

The lines of games or evaluations are the truth, so that what is still being played shows as well.
Tables are made of them by the functions that `ludus tournament` uses, once per state of the file.
"""

import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from envs import env_spec
from envs.base import EnvConfig
from envs.board.base import first_to_move
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.config import Env
from workbench.errors import UsageError
from workbench.evaluation.ratings import rate
from workbench.studio import commands
from workbench.studio.cache import Cache, fingerprint
from workbench.studio.tournaments.growing_file import read_games, read_scores
from workbench.tournament.comparison import EVALUATIONS
from workbench.tournament.comparison_tables import Row, rank
from workbench.tournament.entrants import NET
from workbench.tournament.records import GAMES, Record, results_of, without_repeats
from workbench.tournament.standings import Standings, short_names, standings

RECENT_SECONDS = 60.0  # a tournament in which something ended since is still going on
GAMES_PER_PAGE = 50
# By result, the score of who has the first move if it is that one's, and if it is the other's.
RESULTS = {"won": (1, 0), "drawn": (0.5, 0.5), "lost": (0, 1), "forfeit": ()}
KEPT = 64  # tables of either kind


class Table(NamedTuple):
    """A tournament of games.

    Attributes:
        names: of all players, in the order of `standings.rows`.
        records: all games; a game's number is its place here.
        standings: see there.
        first_seat: which of a record's two players has the first move.
        unreadable: lines that make no sense.
    """

    names: list[str]
    records: list[Record]
    standings: Standings
    first_seat: int
    unreadable: int


_tables: Cache[Table] = Cache(KEPT)
_scores: Cache[tuple[list[Row], int]] = Cache(KEPT)


def conditions_of(folder: Path) -> dict[str, Any]:
    """Returns `conditions.json`; raises UsageError if it is damaged."""
    path = folder / "conditions.json"
    try:
        conditions = dict(json.loads(path.read_text(encoding="utf-8")))
        conditions["game"] = str(conditions["game"])
        dict(conditions["players"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{path.name} is damaged ({type(error).__name__}: {error})") from None
    return conditions


def is_of_scores(conditions: dict[str, Any]) -> bool:
    """Returns whether returns were compared, and not games played."""
    return "episodes" in conditions


def table_of(folder: Path, conditions: dict[str, Any], resamples: int = 1000) -> Table:
    """Returns the table of all games in a folder; with one resample its intervals mean nothing.

    Raises:
        UsageError: the game is unknown.
    """

    def make() -> Table:
        first_seat = _first_seat(conditions["game"], json.dumps(conditions.get("max_plies")))
        records, unreadable = read_games(folder)
        # In the order of the command, on which the draws of the bootstrap depend.
        entered = list(conditions["players"])
        played = {name for record in records for name in record.key[:2]}
        names = [name for name in entered if name in played] + sorted(played - {*entered})
        names = names or entered
        if not names:
            raise UsageError("nobody has entered this tournament yet")
        distinct = results_of(without_repeats(records), names, first_seat)
        ratings = rate(distinct, len(names), resamples=resamples)
        table = standings(names, records, ratings, first_seat)
        return Table([row.name for row in table.rows], records, table, first_seat, unreadable)

    written = fingerprint(folder / GAMES), json.dumps(conditions)
    return _tables.get((folder, resamples), make, written)


@lru_cache(maxsize=32)
def _first_seat(game: str, max_plies: str) -> int:
    """Returns which player has the first move of a game; `max_plies` is JSON."""
    try:
        config = BoardConfig(kind="board", game=game, max_plies=json.loads(max_plies))
        return first_to_move(OpenSpielGame(config))
    except (ValueError, RuntimeError):
        raise UsageError(f"no game is called {game[:80]!r} here") from None


def summary(name: str, folder: Path) -> dict[str, Any]:
    """Returns what the list shows of a tournament; a damaged one says so in `problem`."""
    facts: dict[str, Any] = {"id": name, "name": folder.name, "problem": None}
    try:
        conditions = conditions_of(folder)
        facts |= {"game": conditions["game"], **_state(folder, conditions)}
        if is_of_scores(conditions):
            rows, unreadable = _scores_of(folder, conditions)
            best = [(row.scores.player, row.mean_return.value) for row in rows]
            count = sum(len(row.scores.returns) for row in rows)
        else:
            table = table_of(folder, conditions, resamples=1)
            best = [(row.name, row.rating) for row in table.standings.rows]
            count, unreadable = len(table.records), table.unreadable
        shorts = short_names([player for player, _ in best])
        return facts | {
            "players": max(len(best), len(conditions["players"])),
            "count": count,
            "unreadable": unreadable,
            "best": best and {"name": best[0][0], "short": shorts[0], "value": best[0][1]},
        }
    except (UsageError, OSError) as error:
        return facts | {"problem": str(error)}


def _state(folder: Path, conditions: dict[str, Any]) -> dict[str, Any]:
    """Returns of which kind it is, when something last ended in it, and whether it goes on."""
    scores = is_of_scores(conditions)
    lines = folder / (EVALUATIONS if scores else GAMES)
    tables = folder / ("returns.csv" if scores else "ratings.csv")
    latest = _mtime(lines) or _mtime(folder / "conditions.json") or 0.0
    if (_mtime(tables) or 0.0) >= latest:
        status = "finished"
    else:
        status = "running" if time.time() - latest < RECENT_SECONDS else "interrupted"
    return {"kind": "scores" if scores else "games", "date": latest, "status": status}


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def details(name: str, folder: Path) -> dict[str, Any]:
    """Returns the page of a tournament; raises UsageError if it is damaged."""
    conditions = conditions_of(folder)
    facts = {"id": name, "name": folder.name, "game": conditions["game"]}
    facts |= _state(folder, conditions)
    facts |= {"seed": conditions.get("seed"), "entered": len(conditions["players"])}
    if is_of_scores(conditions):
        return facts | _details_of_scores(folder, conditions)
    return facts | _details_of_games(folder, conditions)


def _details_of_games(folder: Path, conditions: dict[str, Any]) -> dict[str, Any]:
    names, records, table, _, unreadable = table_of(folder, conditions)
    ratings = table.ratings
    return {
        "players": [
            {**row._asdict(), "short": short, **ladder_of(row.name)}
            for row, short in zip(table.rows, short_names(names), strict=True)
        ],
        "points": table.points.tolist(),
        "pair_games": table.games.tolist(),
        "count": len(records),
        "distinct": table.distinct_games,
        "first_player_advantage": ratings.first_player_advantage,
        "first_player_advantage_ci95": ratings.first_player_advantage_ci95,
        "first_player_score": table.first_player_score,
        "draws": table.draws,
        "forfeits": table.forfeits,
        "endings": table.endings,
        "opening_plies": conditions.get("opening_plies"),
        "unreadable": unreadable,
        "commands": commands.of_games(folder, conditions, names, table.games.tolist()),
    }


def ladder_of(name: str) -> dict[str, Any]:
    """Returns what all checkpoints of a player's run are called, and which one it is, if it is."""
    prefix = NET if name.startswith(NET) else ""
    player, question, options = name.removeprefix(NET).partition("?")
    run, at, step = player.rpartition("@")
    if not (at and step.isascii() and step.isdigit() and len(step) < 16):
        return {"ladder": None, "env_steps": None}
    ladder = f"{prefix}{run.rpartition('/')[2]}{question}{options}"
    return {"ladder": ladder, "env_steps": int(step)}


def _details_of_scores(folder: Path, conditions: dict[str, Any]) -> dict[str, Any]:
    rows, unreadable = _scores_of(folder, conditions)
    shorts = short_names([row.scores.player for row in rows])
    return {
        "players": [
            {
                "name": row.scores.player,
                "short": short,
                **ladder_of(row.scores.player),
                "mean": row.mean_return,
                "success": row.success,
                "difference": row.difference,
                "better": row.better,
                "episodes": len(row.scores.returns),
                "lengths": sum(row.scores.lengths) / len(row.scores.lengths),
            }
            for row, short in zip(rows, shorts, strict=True)
        ],
        "protocol": conditions.get("protocol"),
        "episodes": conditions["episodes"],
        "count": sum(len(row.scores.returns) for row in rows),
        "unreadable": unreadable,
        "commands": commands.of_scores(folder, conditions),
    }


def _scores_of(folder: Path, conditions: dict[str, Any]) -> tuple[list[Row], int]:
    """Returns the players of a comparison by rank, and how many of its lines make no sense."""

    def make() -> tuple[list[Row], int]:
        try:
            scores, unreadable = read_scores(folder, conditions)
        except KeyError as error:
            raise UsageError(f"conditions.json is damaged (it lacks {error})") from None
        above = _success_above(json.dumps(conditions.get("env"), sort_keys=True))
        return rank(scores, above), unreadable

    return _scores.get(folder, make, (fingerprint(folder / EVALUATIONS), json.dumps(conditions)))


@lru_cache(maxsize=64)
def _success_above(env: str) -> float | None:
    """Returns above which return an episode succeeded; None: also where the world is unknown."""
    try:
        config: EnvConfig = TypeAdapter(Env).validate_json(env)
        return env_spec(config).success_return_above
    except (ValueError, RuntimeError):
        return None


def games(
    folder: Path, player: int | None, against: int | None, result: str | None, first: int
) -> dict[str, Any]:
    """Returns a page of the games that are asked for, from number `first` of them on.

    Args:
        folder: of the tournament.
        player: the number of who takes part, in the table's order; None: anybody.
        against: that of the other one; None: anybody.
        result: of `player`, or of who has the first move; None: any.
        first: how many games lie on the pages before.

    Raises:
        UsageError: the folder is damaged, or what is asked for cannot be.
    """
    conditions = conditions_of(folder)
    if is_of_scores(conditions):
        raise UsageError("this tournament compares returns; it has no games")
    names, records, _, first_seat, _ = table_of(folder, conditions)
    if result is not None and result not in RESULTS:
        raise UsageError(f"a result is one of {', '.join(RESULTS)}")
    asked = {player, against} - {None}
    if not asked <= set(range(len(names))):
        raise UsageError("there is no such player")
    place = {name: i for i, name in enumerate(names)}
    lines = [_line(n, record, place, first_seat) for n, record in enumerate(records)]
    found = [
        line
        for line in lines
        if asked <= set(line["players"]) and (result is None or _has_result(line, player, result))
    ]
    return {"total": len(found), "first": first, "games": found[first : first + GAMES_PER_PAGE]}


def _line(n: int, record: Record, place: dict[str, int], first_seat: int) -> dict[str, Any]:
    seats = [place[record.key.seat_0], place[record.key.seat_1]]
    score = record.game.score
    return {
        "n": n,
        "players": [seats[first_seat], seats[1 - first_seat]],  # who has the first move first
        "score": 1 - score if first_seat else score,  # of that one
        "plies": len(record.game.history),
        "opening": record.key.opening,
        "forfeit": record.game.forfeit,
    }


def _has_result(line: dict[str, Any], player: int | None, result: str) -> bool:
    """Returns whether a game ended so for `player`, or for who has the first move."""
    if result == "forfeit":
        return bool(line["forfeit"])
    is_first = player in (None, line["players"][0])
    return bool(line["score"] == RESULTS[result][not is_first])


def game(folder: Path, number: int) -> dict[str, Any] | None:
    """Returns a game by its number, with all its moves; None: there is none.

    `players` and `score` are by seat: the score is that of player 0. `milliseconds` are those of
    the moves after the opening.

    Raises:
        UsageError: the folder is damaged.
    """
    conditions = conditions_of(folder)
    if is_of_scores(conditions):
        return None
    names, records, *_ = table_of(folder, conditions)
    if not 0 <= number < len(records):
        return None
    (*players, opening), played, _, opening_plies = records[number]
    shorts = dict(zip(names, short_names(names), strict=True))
    return {
        "game": conditions["game"],
        "max_plies": conditions.get("max_plies"),
        "players": players,
        "short": [shorts[name] for name in players],
        "moves": played.history,
        "opening": opening,
        "opening_plies": opening_plies,
        "score": played.score,
        "forfeit": played.forfeit,
        "reason": played.reason,
        "milliseconds": played.milliseconds,
        "number": number,
        "count": len(records),
    }
