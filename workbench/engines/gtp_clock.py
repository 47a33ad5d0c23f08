"""Time per move under go's time systems."""

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.engines.gtp_words import Refused, decimals

MAIN_SHARE = 1 / 20  # of the main time that is left, for one move
OVERTIME_SHARE = 0.9  # the rest is for the way to the other side


@dataclass
class Clock:
    """One player's time.

    Attributes:
        main: seconds before overtime.
        period: seconds of one period of overtime; 0: there is none.
        stones: moves to be made in each period: 1 in Japanese byoyomi, more in Canadian.
        left: seconds of the period that runs; 0: none does yet.
        stones_left: in it.
    """

    main: float
    period: float = 0.0
    stones: int = 1
    left: float = 0.0
    stones_left: int = 1

    def budget(self) -> float:
        """Returns how many seconds the next move may take."""
        if self.main > 0:
            return max(self.main * MAIN_SHARE, OVERTIME_SHARE * self.period / self.stones)
        if self.left > 0:
            return OVERTIME_SHARE * self.left / self.stones_left
        return OVERTIME_SHARE * self.period / self.stones

    def spend(self, seconds: float) -> None:
        """Counts a move that took so long; until somebody tells how much is left."""
        if self.main > 0:
            self.main -= seconds
            if self.main >= 0 or not self.period:
                self.main = max(0.0, self.main)
                return
            seconds, self.main = -self.main, 0.0
        if self.left <= 0:
            self.left, self.stones_left = self.period, self.stones
        self.left -= seconds
        self.stones_left -= 1
        if self.stones_left < 1:
            self.left = 0.0

    def tell(self, seconds: float, stones: int) -> None:
        """Takes what is left: of the main time if `stones` is 0, else of the period for so many.

        In byoyomi servers say the number of periods there, each of which is for one move.
        """
        if stones == 0:
            self.main, self.left = seconds, 0.0
        elif self.period and self.stones == 1:  # byoyomi
            self.main, self.left, self.stones_left = 0.0, min(seconds, self.period), 1
        else:
            self.main, self.left, self.stones_left = 0.0, seconds, stones


def canadian(words: Sequence[str]) -> Clock | None:
    """Returns the clock of `main time, overtime, stones`; None: overtime for no stones, no limit.

    Raises:
        Refused: these are no three numbers.
    """
    main, overtime, stones = decimals(words, 3)
    limited = stones if overtime else main
    return Clock(main, overtime, max(1, int(stones))) if limited else None


def kgs_clock(words: Sequence[str]) -> Clock | None:
    """Returns the clock that `kgs-time_settings` names, or None for no limit.

    Raises:
        Refused: it is none of `none`, `absolute`, `byoyomi` and `canadian` with their numbers.
    """
    match words:
        case ["none", *_]:
            return None
        case ["absolute", *rest]:
            return Clock(decimals(rest, 1)[0])
        case ["byoyomi", *rest]:
            main, period, periods = decimals(rest, 3)
            return Clock(main, period if periods else 0)
        case ["canadian", *rest]:
            main, period, stones = decimals(rest, 3)
            return Clock(main, period if stones else 0, max(1, int(stones)))
    raise Refused("syntax error")
