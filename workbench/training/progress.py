"""Progress display during training: a live line on a terminal, plain lines elsewhere."""

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil

from rich.console import Console
from rich.live import Live
from rich.text import Text

from workbench.evaluation.intervals import counted
from workbench.runs.scores import WINDOW_EPISODES, window_of
from workbench.selfplay.diagnostics import alarms
from workbench.training.metrics import Metrics

RATE_WINDOW_SECONDS = 15.0
MARK_SECONDS = 0.25  # between two looks at the clock
# What is worth a place in the line: metric, name, digits after the point.
SHOWN = (
    ("games", "games", 0),
    ("game_plies", "plies/game", 0),
    ("elo", "Elo", 0),
    ("keeps_value", "right moves", 2),
    ("epsilon", "epsilon", 2),
    ("entropy", "entropy", 2),
    ("loss", "loss", 4),
)
SCORE = "score_"  # of the points against an anchor


SEPARATOR = "  "
SHORTEST_NAME = 8
BAR_CELLS = 16
QUIET_SECONDS = 30.0  # where there is no terminal, no line is later than this


class ProgressLine:
    """Shows env_steps, steps/s, return, loss and the like, and the time left, on stderr.

    Steps/s counts only time in which env steps are made and learned from. The first iteration after
    each change of phase does not count, for it compiles and warms up; until the second has ended,
    neither steps/s nor the time left is shown. Pauses, in which no env steps are made (recording,
    saving, matches), do not count in steps/s. They come again, so the time left includes those to
    come, each as long as the last of its kind. Loading and compiling come once and count nowhere.
    """

    def __init__(self, name: str, total_env_steps: int, done_env_steps: int) -> None:
        """Opens nothing before it is entered."""
        self._console = Console(stderr=True)
        self._live = self._console.is_terminal
        self._name = name
        self._total = total_env_steps
        self._done = done_env_steps
        self._marks: deque[tuple[float, int]] = deque()  # seconds without pauses, env_steps
        self._paused_seconds = 0.0
        # The last one's seconds, its period, and whether one comes at the end.
        self._pauses: dict[str, tuple[float, int, bool]] = {}
        self._told = time.monotonic()
        self._facts: dict[str, str] = {}
        self._phase: str | None = None
        self._lines: deque[Metrics] = deque(maxlen=WINDOW_EPISODES)  # that tell of episodes
        self._screen = Live(get_renderable=self._line, console=self._console, refresh_per_second=4)

    def __enter__(self) -> "ProgressLine":
        if self._live:
            self._screen.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._screen.stop()

    def enter(self, phase: str | None) -> None:
        """Says what is done instead of learning, so that no time left is known; None: learning."""
        self._phase = phase
        self._marks = deque()  # a new one: the screen's thread may be reading the other
        if phase is not None and not self._live:
            self._tell(f"{self._name}: {phase}")

    @contextmanager
    def within(self, phase: str) -> Iterator[None]:
        """Says what is done for a while, in the midst of another phase."""
        before = self._phase
        if before is not None:
            self.enter(phase)
        self._phase = phase  # while learning: it is short, and the rate stays known
        yield
        if before is not None:
            self.enter(before)
        self._phase = before

    def paused(
        self, kind: str, seconds: float, period_env_steps: int, *, at_end: bool = False
    ) -> None:
        """Takes up that no env steps were made for a while.

        Args:
            kind: of a pause that comes again.
            seconds: until now.
            period_env_steps: one comes at each multiple of it.
            at_end: whether one comes at the end of the run, too.
        """
        self._paused_seconds += seconds
        self._pauses[kind] = (seconds, period_env_steps, at_end)

    @contextmanager
    def pause(self, kind: str, period_env_steps: int) -> Iterator[None]:
        """Measures a pause of a kind that comes at the end, too; see `paused`."""
        began = time.monotonic()
        yield
        self.paused(kind, time.monotonic() - began, period_env_steps, at_end=True)

    @property
    def steps_per_second(self) -> float | None:
        """The rate over the last seconds in which env steps were made; None: not known yet."""
        marks = self._marks
        if len(marks) < 2:
            return None
        (begin, first), (end, last) = marks[0], marks[-1]
        return (last - first) / (end - begin) if end > begin and last > first else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end, with the pauses that will come; None: not known yet."""
        rate, total, done = self.steps_per_second, self._total, self._done
        if rate is None or self._phase is not None:
            return None
        # The last tick of several envs may go past the total.
        pausing = sum(
            seconds * max(0, (ceil(total / period) if at_end else total // period) - done // period)
            for seconds, period, at_end in list(self._pauses.values())
        )
        return max(0, total - done) / rate + pausing

    def _mark(self, env_steps: int) -> None:
        self._done = env_steps
        self._marks.append((time.monotonic() - self._paused_seconds, env_steps))
        while self._marks[-1][0] - self._marks[0][0] > RATE_WINDOW_SECONDS and len(self._marks) > 2:
            self._marks.popleft()

    def advance(self, env_steps: int) -> None:
        """Moves the bar; cheap enough for every tick."""
        now, self._done = time.monotonic(), env_steps
        if self._marks and now - self._paused_seconds - self._marks[-1][0] < MARK_SECONDS:
            return
        self._mark(env_steps)
        if not self._live and now - self._told >= QUIET_SECONDS:
            self._tell_steps(env_steps)

    def show(self, metrics: Metrics) -> None:
        """Takes up a line of metrics; where there is no terminal, prints it."""
        self._mark(int(metrics["env_steps"]))
        if "episode_return" in metrics:
            self._lines.appendleft(metrics)
            if (window := window_of(self._lines)) is not None:
                self._facts["return"] = f"{window.mean:.2f} ({counted(window.episodes, 'episode')})"
        for metric, name, digits in SHOWN:
            if metric in metrics:
                self._facts[name] = f"{metrics[metric]:.{digits}f}"
        scores = [metric for metric in metrics if metric.startswith(SCORE)]
        if scores:  # there is room for one: configs name the strongest anchor last
            opponent = scores[-1].removeprefix(SCORE).replace("_", ":")
            self._facts[f"against {opponent}"] = f"{metrics[scores[-1]]:.0%}"
        for alarm in alarms(metrics):
            self._console.print(f"note: {alarm}", soft_wrap=True, highlight=False)
        if not self._live:
            self._tell_steps(int(metrics["env_steps"]))

    def _tell_steps(self, env_steps: int) -> None:
        """Prints a line where there is no terminal."""
        rate, left = self.steps_per_second, self.seconds_left
        words = [f"env_steps {env_steps:>9,}/{self._total:,}"]
        words += [] if rate is None else [f"steps/s {rate:,.0f}"]
        words += [f"{key} {value}" for key, value in self._facts.items()]
        if self._phase is not None:
            words.append(self._phase)
        elif left is not None:
            words.append(f"ETA {left / 60:.0f} min")
        self._tell(SEPARATOR.join(words))

    def _tell(self, line: str) -> None:
        self._told = time.monotonic()
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def _line(self) -> Text:
        """Returns what the terminal shows now."""
        rate, seconds = self.steps_per_second, self.seconds_left
        left = self._phase if seconds is None else f"{duration(seconds)} left"
        facts = self._facts if rate is None else {"steps/s": f"{rate:,.0f}", **self._facts}
        words = [f"{key} {value}" for key, value in facts.items()]
        width = self._console.width
        line = compose(width, self._name, self._done, self._total, left or "", words)
        return Text(line, no_wrap=True)


def compose(width: int, name: str, done: int, total: int, left: str, facts: Sequence[str]) -> str:
    """Returns one line of at most `width` cells.

    Name, steps and the time left are always there, the name elided in its middle if need be; of a
    bar and of `facts`, the first have their place as long as there is some.
    """
    steps, units, end = f"{done:,}/{total:,}", " env_steps", [left] if left else []
    room = width - len(SEPARATOR.join(["", steps + units, *end]))
    if room < SHORTEST_NAME:
        room, units = room + len(units), ""
    name = elide(name, max(room, 1))
    filled = round(BAR_CELLS * min(1.0, done / total))
    shown = ["━" * filled + "─" * (BAR_CELLS - filled), *facts]
    while shown and len(SEPARATOR.join([name, *shown])) > room:
        shown.pop()
    return SEPARATOR.join([name, *shown[:1], steps + units, *shown[1:], *end])[:width]


def elide(text: str, width: int) -> str:
    """Returns `text` within `width` cells; what is too much is taken from its middle."""
    if len(text) <= width:
        return text
    begin = width // 2
    return text[:begin] + "…" + text[len(text) - (width - begin - 1) :]


def duration(seconds: float) -> str:
    """Returns seconds as a person says them."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
