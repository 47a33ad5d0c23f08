"""Which checkpoint is better, by returns on the same episodes: as numbers, text and a picture.

All intervals are over episodes, see `workbench.evaluation.intervals`: they say how far other
episodes of these very networks might differ, not what another training would have given. Of a
single episode, and where all came out alike, there is none.
"""

from collections.abc import Sequence
from itertools import chain, cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rich.table import Table

from workbench.evaluation.intervals import Interval, mean95, score95, share95
from workbench.tournament.pictures import COLOURS, chart, label_training
from workbench.tournament.standings import PLAIN, plain_text, short_names, write_rows

NOTES = """
More than next: in the same episode, on average. Better than next: how likely an episode scores
more than any one of the next player's. Intervals are over episodes of these networks; other
training seeds would give others."""
NONE = "none"  # instead of an interval
WHY_NONE = "none: of one episode, or of episodes that came out alike, no interval can be told."
Array = npt.NDArray[np.float64]


class Estimate(NamedTuple):
    """A number and its 95 % interval; None where the episodes tell of none."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, value: float, interval: Interval | None) -> "Estimate":
        """Returns a number with its interval."""
        return cls(value, *(interval or (None, None)))

    @property
    def ci95(self) -> list[float | None] | None:
        """Both ends, or None."""
        return None if self.low is None else [self.low, self.high]


class Scores(NamedTuple):
    """What one checkpoint scored in an evaluation.

    Attributes:
        player: `runs/NAME@STEP`.
        sha256: of its network.
        returns: raw game scores; those at the same place are of the same episode for all players.
        lengths: of these episodes, in env_steps.
        seconds: how long they took.
    """

    player: str
    sha256: str
    returns: list[float]
    lengths: list[int]
    seconds: float

    @property
    def run(self) -> str:
        """The run that it is a checkpoint of."""
        return self.player.rpartition("@")[0]

    @property
    def env_steps(self) -> int:
        """How long it had trained."""
        return int(self.player.rpartition("@")[2])


class Row(NamedTuple):
    """One player's row.

    Attributes:
        scores: see there.
        mean_return: of its episodes.
        success: share of episodes that succeeded; None: its world has no such notion.
        difference: by how much it scores more than the next one below in the same episode, on
            average; None: it is the last.
        better: `probability_of_improvement` over the next one below; None: it is the last.
    """

    scores: Scores
    mean_return: Estimate
    success: Estimate | None
    difference: Estimate | None
    better: Estimate | None


class Comparison(NamedTuple):
    """The whole table.

    Attributes:
        game: the world's name.
        protocol: under which it was played; None: it has only one.
        seed: of the evaluations.
        rows: best first.
        records: the file of all evaluations; tables and pictures are beside it.
    """

    game: str
    protocol: str | None
    seed: int
    rows: list[Row]
    records: Path


def probability_of_improvement(returns: Array, others: Array) -> Estimate:
    """Returns how likely an episode of one player scores more than any one of another's.

    P(X > Y) + P(X = Y) / 2 over all N * N pairs of episodes, of the same seed or not: the
    Mann-Whitney statistic of Agarwal et al. 2021 (https://arxiv.org/abs/2108.13264, section 4.3),
    there between training runs, here between episodes of two networks. An episode that is hard for
    one player is often hard for the other, so both players' episodes of a seed go together: how
    often either beats the other's, added up, is what seeds differ in (Hoeffding's projection, as in
    DeLong et al. 1988, https://doi.org/10.2307/2531595).

    Args:
        returns: `[N]` of one player.
        others: `[N]` of the other, from the same seeds in the same order.
    """
    wins = (1 + np.sign(returns[:, None] - others)) / 2
    share = float(wins.mean())
    return Estimate.of(share, score95(share, wins.mean(1) + wins.mean(0) - share))


def mean(values: Array) -> Estimate:
    """Returns the mean of `values` `[N]`; of differences of pairs the interval is of these."""
    return Estimate.of(float(values.mean()), mean95(values))


def rank(scores: Sequence[Scores], success_return_above: float | None) -> list[Row]:
    """Returns the rows of a table, best first; see `EnvSpec.success_return_above`."""
    order = sorted(scores, key=lambda one: -float(np.mean(one.returns)))
    rows = []
    for one, below in zip(order, [*order[1:], None], strict=True):
        returns = np.array(one.returns)
        success = difference = better = None
        if success_return_above is not None:
            hits = int((returns > success_return_above).sum())
            success = Estimate.of(hits / len(returns), share95(hits, len(returns)))
        if below is not None:
            others = np.array(below.returns)
            difference, better = mean(returns - others), probability_of_improvement(returns, others)
        rows.append(Row(one, mean(returns), success, difference, better))
    return rows


def report(table: Comparison) -> dict[str, Any]:
    """Returns the JSON of `ludus tournament`."""
    return {
        "game": table.game,
        "protocol": table.protocol,
        "seed": table.seed,
        "players": [_json_of(row) for row in table.rows],
        "records": str(table.records),
    }


def _json_of(row: Row) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": row.scores.player,
        "env_steps": row.scores.env_steps,
        "mean_return": row.mean_return.value,
        "ci95": row.mean_return.ci95,
        "episodes": len(row.scores.returns),
        "returns": row.scores.returns,
        "lengths": row.scores.lengths,
        "difference_to_next": row.difference and row.difference.value,
        "difference_to_next_ci95": row.difference and row.difference.ci95,
        "better_than_next": row.better and row.better.value,
        "better_than_next_ci95": row.better and row.better.ci95,
    }
    if row.success is not None:
        facts |= {"success_rate": row.success.value, "success_ci95": row.success.ci95}
    return facts


def write_csv(table: Comparison) -> None:
    """Writes `returns.csv` beside the records."""
    names = ("success_rate", "mean_return", "difference_to_next", "better_than_next")
    estimates = [name + bound for name in names for bound in ("", "_low", "_high")]
    rows: list[list[Any]] = [["name", "env_steps", "episodes", *estimates]]
    for scores, returned, success, difference, better in table.rows:
        facts = scores.player, scores.env_steps, len(scores.returns)
        found = (one or (None, None, None) for one in (success, returned, difference, better))
        rows.append([*facts, *chain(*found)])
    write_rows(table.records.with_name("returns.csv"), rows)


def text_of(table: Comparison) -> str:
    """Returns the table as a person sees it in a terminal."""
    protocol = f" under {table.protocol}" if table.protocol else ""
    episodes = len(table.rows[0].scores.returns)
    succeeds = table.rows[0].success is not None
    heads = ["mean return", *["success"] * succeeds, "more than next", "better than next"]
    shown = Table("", "player", "env_steps", *(x for head in heads for x in (head, "95%")), **PLAIN)
    for i, column in enumerate(shown.columns):
        column.justify = "left" if i == 1 else "right"
    names = short_names([row.scores.player for row in table.rows])
    decimals = 2 if max(abs(row.mean_return.value) for row in table.rows) >= 10 else 3
    for place, (name, row) in enumerate(zip(names, table.rows, strict=True), 1):
        cells = [str(place), name, f"{row.scores.env_steps:,}"]
        cells += _cells(row.mean_return, f".{decimals}f")
        cells += _cells(row.success, ".1%") if succeeds else ()
        cells += _cells(row.difference, f"+.{decimals}f") + _cells(row.better, ".0%")
        shown.add_row(*cells)
    title = f"{table.game}{protocol}: {episodes} episodes each, seed {table.seed}"
    estimates = [(row.mean_return, row.difference) for row in table.rows]
    lacking = any(one is not None and one.low is None for pair in estimates for one in pair)
    return plain_text(title, shown, *[NOTES] * (len(table.rows) > 1), *[f"\n{WHY_NONE}"] * lacking)


def _cells(estimate: Estimate | None, form: str) -> tuple[str, str]:
    if estimate is None:
        return "", ""
    value = format(estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return value, NONE
    return value, f"[{estimate.low:{form}}, {estimate.high:{form}}]"


def draw_returns(table: Comparison, path: Path) -> None:
    """Draws mean returns with their 95 % intervals against training steps, a line a run, as PNG."""
    runs: dict[str, list[Row]] = {}
    for row in sorted(table.rows, key=lambda row: (row.scores.run, row.scores.env_steps)):
        runs.setdefault(row.scores.run, []).append(row)
    episodes = len(table.rows[0].scores.returns)
    with chart(path, f"{table.game}: {episodes} episodes each") as axes:
        for (run, rows), colour in zip(runs.items(), cycle(COLOURS), strict=False):
            steps = [row.scores.env_steps for row in rows]
            # Without an interval NaN, of which nothing is drawn.
            middle, low, high = np.array([row.mean_return for row in rows], np.float64).T
            # A mean of equal numbers may be off by one rounding, and no bar may be negative.
            bars = np.maximum(0, [middle - low, high - middle])
            axes.errorbar(steps, middle, bars, fmt="o-", color=colour, capsize=3, label=run)
        label_training(axes, "env_steps of training", "mean return, with 95% intervals")
        axes.legend()
