"""Ratings from the games of a tournament: how strong each player is, and how certain that is.

The model is Bradley and Terry's with draws (Davidson 1970,
https://doi.org/10.1080/01621459.1970.10481082) and an advantage of moving first (Davidson and
Beaver 1977, https://doi.org/10.2307/2529467). With d the rating of who moves first less the other
one's plus the advantage, in natural units,

    P(won) ~ exp(d / 2),    P(drawn) ~ nu,    P(lost) ~ exp(-d / 2).

Besides, every player won half a game and lost half a game against a ghost whose rating is 0, as in
KataGo's `elo.py`, so that perfect scores and groups that never met stay finite. So did moving first
against moving second, and, between equals, draws against games that somebody won.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtr

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ELO_PER_UNIT = 400 / np.log(10)
GHOST_GAMES = 0.5  # won, and as many lost
# Of openings that a player met. Of fewer, resamples are too much alike: at four pairs of games
# between two players the bootstrap covers 85 %, and the Hessian 98 %.
FEW_PAIRS = 50
NORMAL_95 = NormalDist().inv_cdf(0.975)


class Results(NamedTuple):
    """Games between players that are numbered from 0."""

    first: Ints  # [G] who moved first
    second: Ints  # [G] the other one
    score: Floats  # [G] of `first`: 1 won, 0.5 drawn, 0 lost
    pair: Ints  # [G] games of the same two players with the same number are from one opening


class Ratings(NamedTuple):
    """Strengths on the Elo scale, where 400 more are ten times the wins to a loss.

    Intervals are of 95 %. `low` and `high` allow for games from one opening going together and for
    pairings that go otherwise than ratings say; the Hessian's believe the model. Of players with
    few games, `low` and `high` are the wider ones of both.
    """

    elo: Floats  # [K]
    low: Floats  # [K]
    high: Floats  # [K]
    hessian_low: Floats  # [K]
    hessian_high: Floats  # [K]
    superiority: Floats  # [K, K] how likely the row is stronger than the column
    first_player_advantage: float  # Elo that moving first is worth
    first_player_advantage_ci95: tuple[float, float]
    draw_share: float  # of games between equals if moving first were worth nothing

    @property
    def half_width(self) -> Floats:
        """`[K]`: half of the distance from `low` to `high`, in Elo."""
        return (self.high - self.low) / 2


class _Units(NamedTuple):
    """What is resampled: the games of two players from one opening, by how they ended."""

    pairings: Ints  # [P, 2] who moved first and who second: all Q who met, then the other way round
    starts: Ints  # [Q] where the units of each two players begin
    endings: Ints  # [6, C] won, drawn, lost by the lower number moving first, then by the higher
    times: Ints  # [C] how often there was such a unit

    def counts(self, times: Ints) -> Floats:
        """Returns `[3, ..., P]`: games won, drawn, lost by who moved first; units `[..., C]`."""
        sums = np.stack([np.add.reduceat(times * n, self.starts, -1) for n in self.endings])
        return np.concatenate([sums[:3], sums[3:]], -1).astype(np.float64)


def _units(results: Results) -> _Units:
    both = np.sort(np.stack([results.first, results.second], 1), 1)
    pairings, pairing = np.unique(both, axis=0, return_inverse=True)
    units, unit = np.unique(np.stack([pairing, results.pair], 1), axis=0, return_inverse=True)
    ending = 3 * (results.first > results.second) + np.rint(2 - 2 * results.score).astype(np.int64)
    endings = np.zeros((len(units), 6), np.int64)
    np.add.at(endings, (unit, ending), 1)
    rows, times = np.unique(np.column_stack([units[:, 0], endings]), axis=0, return_counts=True)
    return _Units(
        np.concatenate([pairings, pairings[:, ::-1]]),
        np.flatnonzero(np.diff(rows[:, 0], prepend=-1)),
        rows[:, 1:].T,
        times,
    )


def rate(
    results: Results,
    num_players: int,
    *,
    anchor: int | None = None,
    anchor_elo: float = 0.0,
    resamples: int = 1000,
) -> Ratings:
    """Returns the ratings that make the games likeliest.

    `low` and `high` are percentiles of a bootstrap (Efron 1979), see `_resample`, and `superiority`
    is the share of its resamples. Where players met fewer than `FEW_PAIRS` openings, they are those
    of the Hessian if it is less sure. A player without games is rated like the ghost, give or take
    some 950 Elo.

    Args:
        results: the games.
        num_players: K; players without games are rated as well.
        anchor: whose rating is known, so that it has no interval: all four bounds are that rating.
            Without one, the mean of all is. Intervals are of the difference to what is known.
        anchor_elo: the rating that is known.
        resamples: of the bootstrap; the same each time.
    """
    units = _units(results)
    fitted, hessian = _fit_all(units, num_players)
    resampled = _resample(units, fitted, resamples, np.random.default_rng(0))
    inverse = np.linalg.inv(hessian)
    # What parameters mean in Elo: K ratings beside what is known, and the advantage.
    known = np.full(num_players, 1 / num_players) if anchor is None else np.eye(num_players)[anchor]
    scale = ELO_PER_UNIT * np.eye(num_players + 1, num_players + 2)
    scale[:-1, :-2] -= ELO_PER_UNIT * known
    offset = np.append(np.full(num_players, anchor_elo), 0)
    elo = offset + scale @ fitted
    low, high = offset + np.percentile(resampled @ scale.T, [2.5, 97.5], axis=0)
    half_width = NORMAL_95 * np.sqrt(np.diag(scale @ inverse @ scale.T))
    hessian_low, hessian_high = elo - half_width, elo + half_width
    few = np.append(_pairs_met(units, num_players), units.times.sum()) < FEW_PAIRS
    low = np.where(few, np.minimum(low, hessian_low), low)
    high = np.where(few, np.maximum(high, hessian_high), high)
    return Ratings(
        elo=elo[:-1],
        low=low[:-1],
        high=high[:-1],
        hessian_low=hessian_low[:-1],
        hessian_high=hessian_high[:-1],
        superiority=_superiority(resampled[:, :-2], fitted[:-2], inverse[:-2, :-2], few[:-1]),
        first_player_advantage=float(elo[-1]),
        first_player_advantage_ci95=(float(low[-1]), float(high[-1])),
        draw_share=float(expit(fitted[-1])),
    )


def information(results: Results, num_players: int) -> Floats:
    """Returns `[K, K]`: how much one more game would tell about the difference of each two.

    That is the variance of the difference in natural units, from the Hessian, times the variance
    of the game's score, as likely with either of them moving first: about the share of the former
    that the game would take away. 0 on the diagonal. (Boardlaw's `activelo` multiplies the latter
    with what the game would take away from the variances of all players together.)
    """
    fitted, hessian = _fit_all(_units(results), num_players)
    every = np.argwhere(np.ones((num_players, num_players)))
    of_score = _variance_of_score(_shares(fitted, every)).reshape(num_players, num_players)
    return _of_differences(np.linalg.inv(hessian)[:-2, :-2]) * (of_score + of_score.T) / 2


def _superiority(resampled: Floats, fitted: Floats, covariance: Floats, few: Flags) -> Floats:
    """Returns `[K, K]`: how likely the row is above the column; of the same, each is by half.

    Args:
        resampled: `[resamples, K]`, of which the share counts.
        fitted: `[K]` the likeliest ratings.
        covariance: `[K, K]` theirs, which counts where it is less sure of players with few games.
        few: `[K]` who has few.
    """
    shares = np.stack([(1 + np.sign(own[:, None] - resampled).mean(0)) / 2 for own in resampled.T])
    deviation = np.sqrt(_of_differences(covariance))
    distance = np.subtract.outer(fitted, fitted) / np.maximum(deviation, np.finfo(float).tiny)
    modelled = ndtr(distance)
    surer = np.abs(shares - 0.5) > np.abs(modelled - 0.5)
    return np.where((few[:, None] | few) & surer, modelled, shares)


def _pairs_met(units: _Units, num_players: int) -> Floats:
    """Returns `[K]`: how many openings each player met others in."""
    both = units.pairings[: len(units.starts)].ravel()
    met = np.add.reduceat(units.times, units.starts)
    return np.bincount(both, met.repeat(2), num_players).astype(np.float64)


def _of_differences(covariance: Floats) -> Floats:
    """Returns `[K, K]`: the variance of each difference."""
    own = np.diag(covariance)
    return own[:, None] + own - covariance - covariance.T


def _fit_all(units: _Units, num_players: int) -> tuple[Floats, Floats]:
    """Returns the likeliest parameters `[D]` and the Hessian `[D, D]` of all games; see `_fit`."""
    ghost = np.full((2, num_players + 2), GHOST_GAMES)
    return _fit(units.counts(units.times), ghost, units.pairings, np.zeros(num_players + 2))


def _resample(units: _Units, fitted: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Returns the likeliest parameters `[resamples, D]` of games drawn with replacement.

    Two players' games from one opening are drawn together, from those of all pairings: within a
    pairing that had a single opening there would be nothing to draw.

    The ghost's games get exponential weights (the Bayesian bootstrap, Rubin 1981), or all resamples
    of a perfect score would be alike. In 97.5 % of them that player loses less than -log(0.025)
    games, which is also Clopper and Pearson's bound for losses of which none was seen.
    """
    total = units.times.sum()
    times = np.zeros((resamples, 0), np.int64)
    if total > 0:
        times = rng.multinomial(total, units.times / total, resamples)
    ghost = rng.exponential(size=(2, resamples, len(fitted)))
    return _fit(units.counts(times), ghost, units.pairings, fitted)[0]


def _fit(counts: Floats, ghost: Floats, pairings: Ints, start: Floats) -> tuple[Floats, Floats]:
    """Finds the likeliest parameters by Newton's method, for any number of tournaments at once.

    The D = K + 2 parameters are the ratings, the advantage, and log(nu / 2), which is the log odds
    of a draw between equals.

    Steps are damped as in Sun and Tran-Dinh 2019 (https://doi.org/10.1007/s10107-018-1282-4, their
    case nu = 2), so that each one raises the likelihood: along a step its third derivative is at
    most `reach` times its second, where `reach` is the most that log odds of outcomes change.

    Args:
        counts: `[3, ..., P]` games won, drawn and lost by who moved first.
        ghost: `[2, ..., D]` games that each parameter won and lost against 0.
        pairings: `[P, 2]` who moved first and who second; no two are the same.
        start: `[D]` parameters to begin with.

    Returns:
        Parameters `[..., D]`, and minus the log likelihood's second derivatives `[..., D, D]`.
    """
    parameters = np.zeros(ghost.shape[1:]) + start
    while True:
        slope, hessian = _derivatives(parameters, counts, ghost, pairings)
        step = np.linalg.solve(hessian, slope[..., None])[..., 0]
        changes = np.ptp(_effects(step, pairings), 0)
        reach = np.maximum(changes.max(-1, initial=0), np.abs(step).max(-1))[..., None]
        parameters += step * np.log1p(reach) / np.maximum(reach, np.finfo(float).tiny)
        if reach.max() < 1e-6:
            return parameters, hessian


def _derivatives(
    parameters: Floats, counts: Floats, ghost: Floats, pairings: Ints
) -> tuple[Floats, Floats]:
    """Returns the log likelihood's first derivatives `[..., D]` and minus the second ones."""
    size = parameters.shape[-1]
    first, second = pairings.T
    difference = np.zeros((len(pairings), size))  # how d depends on each parameter
    difference[np.arange(len(pairings)), first] = 1
    difference[np.arange(len(pairings)), second] = -1
    difference[:, -2] = 1

    shares = _shares(parameters, pairings)
    won, drawn, lost = shares
    games = counts.sum(0)
    surplus = counts - games * shares
    slope = (surplus[0] - surplus[2]) / 2 @ difference
    slope[..., -1] = surplus[1].sum(-1)

    of_score = games * _variance_of_score(shares)
    hessian = np.zeros((*parameters.shape, size))
    hessian[..., first, second] = -of_score
    hessian += np.swapaxes(hessian, -1, -2)
    every = np.arange(size)
    hessian[..., every, every] = -hessian.sum(-1)
    hessian[..., -2, :] = hessian[..., :, -2] = of_score @ difference
    with_draws = games * drawn * (lost - won) / 2 @ difference
    with_draws[..., -1] = (games * drawn * (1 - drawn)).sum(-1)
    hessian[..., -1, :] = hessian[..., :, -1] = with_draws

    against_zero = expit(parameters)
    slope += ghost[0] * (1 - against_zero) - ghost[1] * against_zero
    hessian[..., every, every] += ghost.sum(0) * against_zero * (1 - against_zero)
    return slope, hessian


def _shares(parameters: Floats, pairings: Ints) -> Floats:
    """Returns the probabilities `[3, ..., P]` that who moves first wins, draws and loses."""
    effects = _effects(parameters, pairings)
    effects[1] += np.log(2)
    odds = np.exp(effects - effects.max(0))
    shares: Floats = odds / odds.sum(0)
    return shares


def _effects(parameters: Floats, pairings: Ints) -> Floats:
    """Returns `[3, ..., P]`: the log odds of won, drawn and lost, less the log(2) of draws."""
    first, second = pairings.T
    difference = parameters[..., first] - parameters[..., second] + parameters[..., -2, None]
    draw = np.broadcast_to(parameters[..., -1, None], difference.shape)
    return np.stack([difference / 2, draw, -difference / 2])


def _variance_of_score(shares: Floats) -> Floats:
    """Returns the variance `[...]` of a game's score from `shares [3, ...]`."""
    won, _, lost = shares
    variance: Floats = (won + lost - (won - lost) ** 2) / 4
    return variance
