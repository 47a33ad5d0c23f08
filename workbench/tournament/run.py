"""Runs `ludus tournament`, from the names of players to tables and pictures."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from envs.board.loading import longest_game
from envs.board.openspiel import OpenSpielGame
from workbench.config import WandbConfig
from workbench.engines.players import EnginePlayer
from workbench.errors import UsageError
from workbench.evaluation.ratings import rate
from workbench.tournament import schedule
from workbench.tournament.entrants import Entrant, enter
from workbench.tournament.journal import condition_of, usual_folder
from workbench.tournament.openings import balanced_openings, default_opening_plies
from workbench.tournament.pictures import draw_ladder, draw_ratings
from workbench.tournament.play import Tournament
from workbench.tournament.records import Records, open_records
from workbench.tournament.schedule import Rounds
from workbench.tournament.sprt import Sprt, Verdict
from workbench.tournament.standings import Standings, standings, write_csv, write_games
from workbench.training.metrics import WandbLog

Mode = Literal["round-robin", "gauntlet", "ladder", "sprt", "active"]
GAMES_PER_PAIRING = 40
MOST_GAMES_OF_A_TEST = 1_000
OPEN_ENDED = ("sprt", "active")  # modes where what has been played decides what else is


class Options(NamedTuple):
    """What may be asked of a tournament; None is the default of its kind."""

    game: str | None = None
    mode: Mode = "round-robin"
    games: int | None = None  # of each pairing; in tests and active mode at most
    simulations: int | None = None
    seed: int = 0
    out: Path | None = None
    opening_plies: int | None = None
    half_width_elo: float = 60.0
    test: Sprt = Sprt(0.0, 50.0)
    anchor: str | None = None
    anchor_elo: float = 0.0
    move_seconds: float = 10.0
    wandb: WandbConfig = WandbConfig(mode="disabled")


class Outcome(NamedTuple):
    """What a tournament came to.

    Attributes:
        game: that was played.
        entrants: who played.
        standings: the table.
        verdict: of the test, in that mode.
        used_up: whether it ended because openings came again, and so did games.
        unsettled: in active mode, whose intervals are wider than was asked for.
        records: where everything lies; closed.
    """

    game: str
    entrants: list[Entrant]
    standings: Standings
    verdict: Verdict | None
    used_up: bool
    unsettled: list[str] | None
    records: Records


def run_tournament(
    names: Sequence[str],
    options: Options,
    *,
    tell: Callable[[str], None],
    on_game: Callable[[int, int], None],
) -> Outcome:
    """Plays a tournament, or what is left of it, and writes tables and pictures.

    Args:
        names: see `enter`.
        options: see there.
        tell: told where everything lies and how to go on.
        on_game: told how many games are played and how many there will be at most.

    Raises:
        UsageError: a player, the game or an option makes no sense, or the folder holds games that
            were played under other conditions.
        WorkError: an engine does not do what engines do.
    """
    config, groups = enter(
        names, options.game, simulations=options.simulations, move_seconds=options.move_seconds
    )
    entrants = [one for group in groups for one in group]
    plies = options.opening_plies
    facts = [f"seed{options.seed}", *([] if plies is None else [f"plies{plies}"])]
    directory = options.out or usual_folder(config.game, *facts)
    known = condition_of(directory, "max_plies")
    # planes: a game of go that an older version stopped was drawn, not scored.
    rules = {"max_plies": known, "planes": 1} if isinstance(known, int) else {"max_plies": None}
    config = config.model_copy(update=rules)
    try:
        game = OpenSpielGame(config)
    except ValueError as error:
        raise UsageError(str(error)) from None
    usual = MOST_GAMES_OF_A_TEST if options.mode == "sprt" else GAMES_PER_PAIRING
    pairs = ((options.games or usual) + 1) // 2
    anchor = _number(options.anchor, entrants)
    plies = default_opening_plies(game) if plies is None else plies
    if options.mode == "sprt" and (len(entrants) != 2 or options.test.elo0 >= options.test.elo1):
        raise UsageError("sprt is for exactly two players, and --elo0 is less than --elo1")
    if options.mode == "gauntlet" and len(groups) < 2:
        raise UsageError("a gauntlet needs others to meet, after the first PLAYER")
    openings = balanced_openings(game, plies, pairs, options.seed)
    try:
        openings[0]
    except IndexError:
        raise UsageError(f"{config.game} has no openings of {plies} plies; try fewer") from None
    # Who cannot play says so now, and not after the games of others.
    entrants = [_made_once(one, game, tell) for one in entrants]
    conditions: dict[str, Any] = {
        "game": config.game,
        "max_plies": config.max_plies,
        "seed": options.seed,
        "opening_plies": plies,
    }
    if any(one.is_engine for one in entrants):
        conditions["move_seconds"] = options.move_seconds
    with closing(open_records(directory, conditions)) as records:
        records.admit({one.name: one.identity for one in entrants})
        tell(f"{directory}: Ctrl-C stops, the same command goes on")
        if game.spec.max_plies < longest_game(game.rules):
            tell(
                f"games in this folder are draws after {game.spec.max_plies} plies, as those of an "
                "older version were; --out names a folder where the rules alone end games"
            )
        tournament = Tournament(config, entrants, openings, records, options.seed)
        rounds = _rounds(options, groups, tournament, pairs, anchor)
        pairings = len(schedule.round_robin(len(entrants)))
        most = 2 * pairs * pairings if options.mode in OPEN_ENDED else None
        tournament.play(rounds, on_game, most)
        distinct = tournament.distinct_results()
        ratings = rate(distinct, len(entrants), anchor=anchor, anchor_elo=options.anchor_elo)
        played = tournament.records()
        everybody = [one.name for one in entrants]
        table = standings(everybody, played, ratings, tournament.first_seat)
        write_csv(table, records)
        write_games(config.game, played, directory)
        draw_ratings(table, config.game, directory / "ratings.png")
        draw_ladder(table, entrants, config.game, directory / "ladder.png")
        _log(options.wandb, table, entrants, config.game, directory)
    decided = schedule.verdict(options.test, distinct) if options.mode == "sprt" else None
    used_up = decided is not None and not decided.decision and len(distinct.score) < len(played)
    unsettled = None
    if options.mode == "active":
        wider = np.flatnonzero(ratings.half_width > options.half_width_elo)
        unsettled = [everybody[i] for i in wider]
    return Outcome(config.game, entrants, table, decided, used_up, unsettled, records)


def _made_once(entrant: Entrant, game: OpenSpielGame, tell: Callable[[str], None]) -> Entrant:
    """Returns the entrant with what is known of it only when it has been made: an engine's name."""
    player = entrant.make(game, lambda: True)
    if not isinstance(player, EnginePlayer):
        return entrant
    player.close()
    tell(f"{entrant.name} is {player.describe()}")
    return replace(entrant, identity=player.identity)


def _log(
    wandb: WandbConfig, table: Standings, entrants: Sequence[Entrant], game: str, directory: Path
) -> None:
    """Sends ratings to Weights & Biases, those of checkpoints against their env_steps."""
    steps = {one.name: (one.series or one.name, one.env_steps) for one in entrants}
    names = {"game": game, "players": list(steps)}
    # The same folder is the same run there.
    run_id = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:8]
    name = f"tournament-{directory.name}"
    with closing(WandbLog(wandb, name, directory, names, run_id)) as log:
        for row in sorted(table.rows, key=lambda row: steps[row.name][1]):
            series, env_steps = steps[row.name]
            ratings = {"elo": row.rating, "elo_low": row.low, "elo_high": row.high}
            named = {f"{kind}/{series}": value for kind, value in ratings.items()}
            log.log({**named, "env_steps": env_steps})


def _number(anchor: str | None, entrants: Sequence[Entrant]) -> int | None:
    if anchor is None:
        return None
    names = [one.name for one in entrants]
    if anchor not in names:
        raise UsageError(f"the anchor {anchor!r} does not play; who does: {', '.join(names)}")
    return names.index(anchor)


def _rounds(
    options: Options,
    groups: Sequence[Sequence[Entrant]],
    tournament: Tournament,
    pairs: int,
    anchor: int | None,
) -> Rounds:
    count, results = len(tournament.entrants), tournament.distinct_results
    match options.mode:
        case "round-robin":
            return schedule.fixed(schedule.round_robin(count), pairs)
        case "gauntlet":
            return schedule.fixed(schedule.gauntlet(len(groups[0]), count), pairs)
        case "ladder":
            return schedule.fixed(schedule.neighbours(count), pairs)
        case "sprt":
            return schedule.sequential(options.test, results, pairs)
        case "active":
            width = options.half_width_elo
            return schedule.active(
                count, results, half_width_elo=width, openings=pairs, anchor=anchor
            )
