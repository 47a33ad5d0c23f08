"""What a person sees while training: a live line on a terminal, plain lines elsewhere."""

import sys
import time
from collections import deque
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from workbench.intervals import counted
from workbench.metrics import Metrics
from workbench.scores import WINDOW_EPISODES, window_of
from workbench.soundness import alarms

RATE_WINDOW_SECONDS = 15.0
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


class Progress:
    """Shows env_steps, steps/s, return, loss and the like, and the time left, on stderr."""

    def __init__(self, name: str, total_env_steps: int, done_env_steps: int) -> None:
        """Opens nothing before it is entered."""
        self._console = Console(stderr=True)
        self._live = self._console.is_terminal
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,}/{task.total:,} env_steps"),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._live,
        )
        self._task = self._bar.add_task(
            name, total=total_env_steps, completed=done_env_steps, facts=""
        )
        self._total = total_env_steps
        self._marks = deque([(time.monotonic(), done_env_steps)])
        self._facts: dict[str, str] = {}
        self._lines: deque[Metrics] = deque(maxlen=WINDOW_EPISODES)  # that tell of episodes

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    @property
    def steps_per_second(self) -> float:
        """The rate over the last seconds."""
        (begin, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) / (end - begin) if end > begin else 0.0

    def advance(self, env_steps: int) -> None:
        """Moves the bar; cheap enough for every tick."""
        now = time.monotonic()
        if now - self._marks[-1][0] < 0.25:
            return
        self._marks.append((now, env_steps))
        while now - self._marks[0][0] > RATE_WINDOW_SECONDS and len(self._marks) > 2:
            self._marks.popleft()
        facts = {"steps/s": f"{self.steps_per_second:,.0f}", **self._facts}
        text = "  ".join(f"{key} {value}" for key, value in facts.items())
        self._bar.update(self._task, completed=env_steps, facts=text)

    def show(self, metrics: Metrics) -> None:
        """Takes up a line of metrics; where there is no terminal, prints it."""
        self._marks.append((time.monotonic(), int(metrics["env_steps"])))
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
        if self._live:
            return
        rate = self.steps_per_second
        # The last tick of several envs may go past the total.
        left = max(0, self._total - metrics["env_steps"]) / rate if rate > 0 else 0
        facts = "  ".join(f"{key} {value}" for key, value in self._facts.items())
        sys.stderr.write(
            f"env_steps {metrics['env_steps']:>9,}/{self._total:,}  steps/s {rate:,.0f}  {facts}"
            f"  ETA {left / 60:.0f} min\n"
        )
        sys.stderr.flush()
