"""95% intervals: of means, of proportions, and of shares of points.

Which method covers what it promises was found by simulation, see "Intervals" in
`docs/benchmarks.md`; `tests/workbench/evaluation/test_intervals.py` repeats that. All functions
here take many samples at once. An interval says how far other episodes of the very same player
might differ, and nothing of what no episode has shown: where all values are equal, a mean has none.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy  # whose parts are loaded when they are used

Array = npt.NDArray[np.float64]

TAIL = (1 - 0.95) / 2
RESAMPLES = 5_000
# Fewer values tell too little of their own skewness; of more, the mean is normal enough.
FEW, MANY = 10, 500
# What the bootstrap-t leaves out on either side: it covers less than it promises where returns are
# skewed, so a little less than `TAIL` is what covers 95 % (calibration, Loh 1987).
STUDENTIZED_TAIL = 0.02
# Kurtosis less skewness squared less 1 is 0 for two values and never below (Pearson 1916). From
# this much on, returns do not lie in two clusters.
CLUSTERED, SPREAD_OUT = 0.25, 0.75


class Interval(NamedTuple):
    """Both ends of an interval."""

    low: float
    high: float


def mean95(values: npt.ArrayLike) -> Interval | None:
    """Returns the interval of the mean of `values` `[N]`, or None; see `bounds_of_means`."""
    return _whole(*bounds_of_means(np.asarray(values, np.float64)[None]))


def share95(hits: int, count: int) -> Interval | None:
    """Returns the interval of a share of which `hits` of `count` were seen; None: none was."""
    if count == 0:
        return None
    return _whole(*bounds_of_shares(np.array([hits / count]), np.array([count])))


def score95(score: float, units: npt.ArrayLike) -> Interval | None:
    """Returns the interval of a share of points, or None; see `bounds_of_scores`."""
    return _whole(*bounds_of_scores(np.array([score]), np.asarray(units, np.float64)[None]))


def told(interval: Interval | None, form: str, why_none: str) -> str:
    """Returns an interval as people read it, its numbers in a format like `.2f`."""
    if interval is None:
        return f"no interval: {why_none}"
    low, high = (format(bound, form) for bound in interval)
    return f"95% interval [{low}, {high}]"


def why_none(values: npt.ArrayLike, kind: str) -> str:
    """Returns why `mean95` gave nothing for `values` `[N]`, which are scores of a `kind`."""
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        return "some scores are no numbers"
    if len(values) < 2:
        return f"one {kind} does not tell how much others differ"
    return f"all {counted(len(values), kind)} scored the same"


def counted(number: int, thing: str) -> str:
    """Returns a number with what it counts, e.g. `1 game` or `2 games`."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def bounds_of_means(values: Array) -> tuple[Array, Array]:
    """Returns the ends `[S]` of the intervals of S means; NaN where there is none.

    - Student's t; on either side, where there are 10 to 500 values, the bootstrap-t if that is
      wider (Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 12.5), which
      allows for skewness; not where they lie in two clusters, of which t knows enough
    - where 10 or more are but two different values, that of their shares if it is wider, see
      `bounds_of_shares`

    None: a single value, all equal (nothing tells how far others may be off), or NaN among them.

    From 20 values on they cover 93 to 98 % of all returns tried, skewed, discrete, or with many
    zeros. Of 10 values they cover 94 to 98 % of most, but

    - 91 % where returns are lognormal with deviation 1, and 98 % where they are uniform: samples
      of either whose means are off look alike, and no method tried covers 93 to 97 % of both
    - 98 to 99 % where they lie at two bounds or in two clusters
    - 90 % where one episode in five fails: of 10 episodes, a tenth of the samples has no failure

    Args:
        values: `[S, N]`, independent within a row.
    """
    number = values.shape[1]
    low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
    if number < 2:
        return low, high
    with np.errstate(invalid="ignore"):  # no number compares with NaN, and infinite ones are equal
        # Differences of equal numbers may be off by one rounding.
        usable = np.ptp(values, 1) > 1e-12 * np.abs(values).max(1)
    values = values[usable]
    if not len(values):
        return low, high
    mean, deviation = values.mean(1), values.std(1, ddof=1)
    error, usual = deviation / np.sqrt(number), scipy.special.stdtrit(number - 1, 1 - TAIL)
    below, above = mean - usual * error, mean + usual * error
    if FEW <= number <= MANY:
        scaled = (values - mean[:, None]) / deviation[:, None]
        wider = _spread_out(scaled) * error
        down, up = _studentized(scaled)
        below -= wider * np.maximum(0, up - usual)
        above += wider * np.maximum(0, down - usual)
    if number >= FEW:
        least, most = values.min(1), values.max(1)
        binary = ((values == least[:, None]) | (values == most[:, None])).all(1)
        share = (values == most[:, None]).mean(1)
        share_low, share_high = bounds_of_shares(share, np.full(len(values), number))
        reach = most - least
        below = np.where(binary, np.minimum(below, least + share_low * reach), below)
        above = np.where(binary, np.maximum(above, least + share_high * reach), above)
    low[usable], high[usable] = below, above
    return low, high


def _spread_out(scaled: Array) -> Array:
    """Returns from 0, values in two clusters, to 1; `scaled` `[S, N]` has mean 0."""
    variance = (scaled**2).mean(1)
    skewness, kurtosis = ((scaled**power).mean(1) / variance ** (power / 2) for power in (3, 4))
    share: Array = (kurtosis - skewness**2 - 1 - CLUSTERED) / (SPREAD_OUT - CLUSTERED)
    return share.clip(0, 1)


def _studentized(scaled: Array) -> tuple[Array, Array]:
    """Returns how many standard errors `[S]` the true mean may lie above, and below, a sample's.

    0 where too many resamples are without spread. `scaled` `[S, N]` has mean 0 and deviation 1.
    """
    number = scaled.shape[1]
    rng = np.random.default_rng(0)
    times = rng.multinomial(number, np.full(number, 1 / number), RESAMPLES).T.astype(np.float64)
    mean = scaled @ times / number
    variance = (scaled**2 @ times / number - mean**2) * number / (number - 1)
    alike = variance < 1e-12
    ratio = np.sqrt(number) * mean / np.sqrt(np.where(alike, 1, variance))
    ratio[alike] = np.where(mean[alike] == 0, 0, np.copysign(np.inf, mean[alike]))
    lower, upper = np.quantile(
        ratio, [STUDENTIZED_TAIL, 1 - STUDENTIZED_TAIL], axis=1, method="inverted_cdf"
    )
    return np.where(np.isinf(lower), 0, -lower), np.where(np.isinf(upper), 0, upper)


def bounds_of_shares(share: Array, count: Array) -> tuple[Array, Array]:
    """Returns the ends `[S]` of the intervals of `share` `[S]`, each of `count` `[S]` trials.

    Clopper and Pearson 1934 (https://doi.org/10.1093/biomet/26.4.404), which never covers less
    than 95 %, and rather more where counts are small: 98.8 % at a share of 0.95 of 10 trials, where
    Wilson's covers 91.4 % and nothing is between, for a single count of hits makes the difference.
    `count` need not be whole (Korn and Graubard 1998).
    """
    hits, misses = share * count, (1 - share) * count
    with np.errstate(invalid="ignore"):
        low = np.where(hits > 0, scipy.special.betaincinv(hits, misses + 1, TAIL), 0.0)
        high = np.where(misses > 0, scipy.special.betaincinv(hits + 1, misses, 1 - TAIL), 1.0)
    return low, high


def bounds_of_scores(score: Array, units: Array) -> tuple[Array, Array]:
    """Returns the ends `[S]` of the intervals of S shares of points; NaN where there is none.

    What goes together, like the two games of an opening, is one unit. The share is taken for one of
    as many won or lost games as would spread as much (Korn and Graubard 1998, "Confidence intervals
    for proportions with small expected number of positive counts estimated from complex survey
    data"): their effective number, N. To find it, one unit that was lost and one that was won count
    as well, or nothing but wins would be certain. Points come in halves and N is an estimate, so
    Jeffreys' interval of N is enough (Brown, Cai and DasGupta 2001,
    https://doi.org/10.1214/ss/1009213286): from 10 units on it covers 93 to 98 % of scores of 0.5
    to 0.7, and up to 99.9 % nearer to 0 or 1 or where units that spread less than games do.

    Args:
        score: `[S]` points of all units together, from 0 to 1.
        units: `[S, N]`, whose mean is `score` or nearly so; independent within a row.
    """
    number = units.shape[1]
    if number < 2:
        return np.full(len(score), np.nan), np.full(len(score), np.nan)
    squares = ((units - score[:, None]) ** 2).sum(1) + score**2 + (1 - score) ** 2
    variance = squares / (number + 1)
    middle = (number * score + 1) / (number + 2)
    effective = number * middle * (1 - middle) / variance
    hits, misses = score * effective + 0.5, (1 - score) * effective + 0.5
    low = np.where(score > 0, scipy.special.betaincinv(hits, misses, TAIL), 0.0)
    high = np.where(score < 1, scipy.special.betaincinv(hits, misses, 1 - TAIL), 1.0)
    return low, high


def _whole(low: Array, high: Array) -> Interval | None:
    return Interval(float(low[0]), float(high[0])) if np.isfinite([low, high]).all() else None
