"""The SPRT: tests after every pair of games whether one player is stronger, until it is clear.

The generalised sequential probability ratio test of chess engines: Wald 1945
(https://doi.org/10.1214/aoms/1177731118) for the bounds, Van den Bergh's normal approximation
(https://www.cantate.be/Fishtest/GSPRT_approximation.pdf) for the ratio, and pairs of games from one
opening as what is independent ("pentanomial", https://github.com/vdbergh/pentanomial).
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt


class Verdict(NamedTuple):
    """What the games say so far."""

    llr: float  # log likelihood ratio of H1 to H0
    lower: float  # at or below this one, H0 is accepted
    upper: float  # at or above this one, H1 is
    decision: Literal["H0", "H1"] | None  # None: play on


class Sprt(NamedTuple):
    """A test of whether a player is `elo1` stronger than another (H1) or only `elo0` (H0)."""

    elo0: float
    elo1: float  # above elo0
    alpha: float = 0.05  # how likely H1 may be accepted at elo0
    beta: float = 0.05  # how likely H0 may be accepted at elo1

    def judge(self, pair_scores: npt.ArrayLike) -> Verdict:
        """Returns what pairs of games say.

        The log likelihood ratio is N (s1 - s0) (2 s - s0 - s1) / (2 variance), with scores between
        0 and 1 and s0, s1 those of elo0, elo1. To the variance count two pairs more, one lost twice
        and one won twice. Where few pairs were played or all went alike it would otherwise be too
        small, or zero: fastchess's pseudo-counts of 0.001, which it puts into the exact ratio,
        make this one accept H1 after a single pair that was won twice.

        Args:
            pair_scores: `[N]` the player's points in two games from one opening: 0, 0.5, 1, 1.5, 2.
        """
        scores = np.asarray(pair_scores, float) / 2
        s0, s1 = (1 / (1 + 10 ** (-elo / 400)) for elo in (self.elo0, self.elo1))
        variance = np.append(scores, [0, 1]).var()
        llr = float((s1 - s0) * (2 * scores - s0 - s1).sum() / (2 * variance))
        lower = float(np.log(self.beta / (1 - self.alpha)))
        upper = float(np.log((1 - self.beta) / self.alpha))
        if llr >= upper:
            return Verdict(llr, lower, upper, "H1")
        return Verdict(llr, lower, upper, "H0" if llr <= lower else None)
