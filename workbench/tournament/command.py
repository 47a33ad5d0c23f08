"""The output of `ludus tournament`: progress while games are played, then the tables."""

import json
import shutil
import sys
import time
from math import isfinite

import typer

from workbench.cli import flags
from workbench.cli.wording import say
from workbench.errors import UsageError
from workbench.tournament import comparison_tables as return_tables
from workbench.tournament.comparison import EPISODES, compare, has_episodes
from workbench.tournament.entrants import is_engine, is_run
from workbench.tournament.run import OPEN_ENDED, Options, Outcome, run_tournament
from workbench.tournament.sprt import Sprt
from workbench.tournament.standings import report, text_of

SECONDS_BETWEEN_LINES = 5.0  # of progress, where there is no terminal
INCONCLUSIVE = "inconclusive"  # what a test is that has not decided
ENOUGH_FOR_A_RATE = 20  # games; side by side, they end together


class CountLine:
    """How many games are played, how fast, and how long the others will take, where it is known."""

    def __init__(self, what: str = "games", *, open_ended: bool = False) -> None:
        """Nothing is played yet.

        Args:
            what: it is that is played.
            open_ended: how many there will be depends on how they end.
        """
        self._what, self._open_ended = what, open_ended
        self._live = sys.stderr.isatty()
        self._began, self._before = 0.0, -1  # how many were played before; -1: nothing was told
        self._last, self._told = 0.0, (0, 0)

    def __call__(self, played: int, most: int) -> None:
        """Tells, if there is something new; it is over when as many are played as there are."""
        now, over = time.monotonic(), played == most
        count = f"{played:,} {'of at most' if self._open_ended and not over else 'of'} {most:,}"
        if self._before < 0:
            self._began, self._before = now, played
            if played:
                sys.stderr.write(f"{count} {self._what} were played before\n")
        seconds, new = now - self._began, played - self._before
        due = 0.2 if self._live else SECONDS_BETWEEN_LINES
        if not new or (now - self._last < due and not over) or self._told == (played, most):
            return
        self._last, self._told = now, (played, most)
        line = f"{self._what} {count}"
        if new >= ENOUGH_FOR_A_RATE or over:
            line += f"  {new / seconds:.1f}/s"
            if not self._open_ended:
                line += f"  {_time((most - played) * seconds / new)} left"
        sys.stderr.write(f"\r{line}\033[K" if self._live else f"{line}\n")
        if self._live and over:
            sys.stderr.write("\n")


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def run(
    players: list[str],
    options: Options,
    context: typer.Context,
    *,
    episodes: int | None,
    protocol: str | None,
    as_json: bool,
) -> int:
    """Runs the tournament, prints it and returns the exit code; see `run_tournament` and `compare`.

    `context` knows which options were typed.
    """
    numbers = options.half_width_elo, options.anchor_elo, options.test.elo0, options.test.elo1
    if not all(map(isfinite, numbers)):
        raise UsageError("Elo is a finite number")
    by_returns = options.game is None and any(map(has_episodes, players))
    unfit = flags.TOURNAMENT_OF_RETURNS if by_returns else flags.TOURNAMENT_OF_GAMES
    flags.refuse_flags(context, unfit)
    flags.refuse_flags_of_other_modes(context, options.mode)
    if not by_returns and not any(map(is_engine, players)):
        flags.refuse_flags(context, {"move_seconds": "for engines, and none plays"})
    if not any(map(is_run, players)):
        flags.refuse_flags(context, {"simulations": "for networks, and none plays"})
    try:
        if by_returns:
            return _compare(players, options, episodes or EPISODES, protocol, as_json=as_json)
        return _hold(players, options, as_json=as_json)
    except KeyboardInterrupt:
        say("\nstopped; what was finished is kept, and the same command goes on")
        return 130


def _compare(
    players: list[str], options: Options, episodes: int, protocol: str | None, *, as_json: bool
) -> int:
    table = compare(
        players,
        episodes=episodes,
        seed=options.seed,
        out=options.out,
        protocol=protocol,
        tell=say,
        on_episode=CountLine("episodes"),
    )
    if as_json:
        sys.stdout.write(json.dumps(return_tables.report(table)) + "\n")
    else:
        sys.stdout.write(return_tables.text_of(table))
        say(f"evaluations, table and picture are in {table.records.parent}")
    return 0


def _hold(players: list[str], options: Options, *, as_json: bool) -> int:
    progress = CountLine(open_ended=options.mode in OPEN_ENDED)
    outcome = run_tournament(players, options, tell=say, on_game=progress)
    if as_json:
        found = report(outcome.game, outcome.standings, outcome.records)
        if outcome.verdict is not None:
            found["sprt"] = outcome.verdict._asdict() | {
                "decision": outcome.verdict.decision or INCONCLUSIVE,
                "openings_used_up": outcome.used_up,
            }
        if outcome.unsettled is not None:
            found["unsettled"] = outcome.unsettled
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        width = shutil.get_terminal_size().columns
        sys.stdout.write(text_of(outcome.standings, outcome.game, width))
        say(f"games, tables and pictures are in {outcome.records.directory}")
    if outcome.unsettled:
        say(
            f"all games are used up, and still not known within {options.half_width_elo:g} Elo: "
            f"{', '.join(outcome.unsettled)}; --games allows more"
        )
    return _tell_verdict(outcome, options.test)


def _tell_verdict(outcome: Outcome, test: Sprt) -> int:
    """Says what a test has found, if it was one, and returns the exit code."""
    if outcome.verdict is None:
        return 0
    llr, lower, upper, decision = outcome.verdict
    first = outcome.entrants[0].name
    says = {
        "H1": f"{first} is stronger by {test.elo1:g} Elo rather than {test.elo0:g}",
        "H0": f"{first} is stronger by {test.elo0:g} Elo rather than {test.elo1:g}",
        None: f"after {outcome.standings.num_games} games",
    }[decision]
    if outcome.used_up:
        says += ": openings are used up, and games repeat themselves; try more --opening-plies"
    ratio = f"log-likelihood ratio {llr:.2f} in [{lower:.2f}, {upper:.2f}]"
    say(f"{ratio}: {decision or INCONCLUSIVE} {says}")
    return 0 if decision == "H1" else 1
