"""Learning curves of runs: one picture per game, one line per run, against known scores.

The score is the raw game score of training episodes, exploration included, against env_steps: each
point is the mean over about the last 30 episodes, and the pale line behind it is the mean of each
line of `metrics.jsonl`. Dashed are the human score that everybody normalises with today
(`google-deepmind/dqn_zoo`, `atari_data.py`) and Dopamine's QR-DQN with the Nature CNN on the same
sticky-action protocol (mean training return over 5 seeds in each 250,000 env_steps, drawn at their
middle; from `google/dopamine`, `baselines/atari/data`).

    python benchmarks/learning_curves.py RUN [RUN ...] [--out docs/images]
    python benchmarks/learning_curves.py RUN --video RUN/videos/500000_0.mp4 --time 30

RUN is a run directory or its `metrics.jsonl` (with `config.yaml` beside it). With `--video` the
frame shown at that second stands beside the curve, and the moment of training that made it is
marked. Takes about two seconds a picture.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import av
import matplotlib
import numpy as np
import numpy.typing as npt
import yaml
from PIL import Image

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, StrMethodFormatter

# Episodes that one point of a line is the mean of.
EPISODES = 30
HUMAN = {
    "boxing": 12.1,
    "breakout": 30.5,
    "crazy_climber": 35829.4,
    "freeway": 29.6,
    "gopher": 2412.5,
    "krull": 2665.5,
    "pong": 14.6,
    "road_runner": 7845.0,
}
REFERENCE_NAME = "Dopamine QR-DQN"
REFERENCE_PERIOD_ENV_STEPS = 250_000
# Mean return of each period, from the first.
REFERENCE = {
    "boxing": [0.6, 13.3, 36.9, 51.6, 60.1, 69.7, 77.9, 84.7, 89.3, 92.4],
    "breakout": [4.5, 18.6, 27.1, 32.3, 35.1, 36.8, 38.4, 38.4, 38.8, 38.3],
    "crazy_climber": [15601, 45322, 55860, 60869, 64722, 68407, 69015, 72677, 75500, 77278],
    "freeway": [3.5, 21.3, 24.8, 25.4, 25.5, 25.6, 25.7, 25.8, 25.9, 26.1],
    "gopher": [638, 1339, 2229, 2588, 2939, 3138, 3311, 3512, 3739, 3834],
    "krull": [2730, 3681, 6102, 6600, 6707, 6808, 7009, 7172, 7271, 7436],
    "pong": [-19.8, -14.7, -5.9, 7.4, 11.8, 13.1, 13.9, 14.7, 14.8, 15.4],
    "road_runner": [500, 9355, 18065, 22389, 25363, 27433, 29299, 30983, 32607, 33960],
}

# The colours of recorded videos, so that frame and curve make one picture.
BACKGROUND, GRID, MUTED, TEXT = "#12151b", "#262c37", "#8992a0", "#e6e9ee"
LINES = ["#60bcae", "#f0b44c", "#7aa5e8", "#e86c5c", "#b18ae0", "#9fc46a"]
DPI = 100

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """The episodes of one run, a line of `metrics.jsonl` each."""

    game: str
    agent: str
    seed: int
    env_steps: Floats  # [L]
    returns: Floats  # [L] mean of the episodes that ended since the line before
    episodes: Floats  # [L] how many these were
    hours: float

    def smooth(self) -> Floats:
        """Returns `[L]`: at each line the mean over the last `EPISODES` episodes."""
        ends = np.cumsum(self.episodes)
        total = np.cumsum(self.episodes * self.returns)
        begin = np.searchsorted(ends, ends - EPISODES, side="right")  # the oldest line that counts
        before = np.where(begin > 0, begin - 1, 0)
        counted = ends - np.where(begin > 0, ends[before], 0)
        return (total - np.where(begin > 0, total[before], 0)) / counted


def read(path: Path) -> Curve:
    """Reads a run; raises SystemExit where there is none, or none of its episodes has ended."""
    directory = path.parent if path.suffix == ".jsonl" else path
    try:
        config: dict[str, Any] = yaml.safe_load((directory / "config.yaml").read_text())
        text = (directory / "metrics.jsonl").read_text()
    except OSError as error:
        raise SystemExit(f"{directory} is not a run: {error.strerror}") from None
    lines = [json.loads(line) for line in text.splitlines()]
    ended = [line for line in lines if line.get("episodes")]
    if not ended:
        raise SystemExit(f"{directory}: no episode has ended yet")
    columns = ([line[key] for line in ended] for key in ("env_steps", "episode_return", "episodes"))
    env = config["env"]
    return Curve(
        env.get("game") or env.get("env_id") or env["kind"],
        _agent_name(config["agent"]),
        config["seed"],
        *(np.array(column, np.float64) for column in columns),
        hours=lines[-1]["wall_seconds"] / 3600,
    )


def _agent_name(agent: dict[str, Any]) -> str:
    memory = {"lstm": ", LSTM", "none": ", no memory"}.get(agent.get("core", ""), "")
    return f"{agent['kind'].upper()}{memory}"


def draw(axes: Axes, curves: Sequence[Curve], human: float | None, mark: int | None) -> None:
    """Draws the curves of one game; `mark` is the env_steps of the video's agent."""
    game = curves[0].game
    end = max(float(curve.env_steps[-1]) for curve in curves)
    several = len({curve.agent for curve in curves}) > 1
    for curve, colour in zip(curves, cycle(LINES), strict=False):
        smooth = curve.smooth()
        axes.plot(curve.env_steps, curve.returns, color=colour, alpha=0.25, linewidth=0.8)
        axes.plot(
            curve.env_steps,
            smooth,
            color=colour,
            linewidth=2.2,
            label=f"{curve.agent + ', ' if several else ''}seed {curve.seed}: "
            f"{_score(smooth[-1])} after {_time(curve.hours)}",
        )
        if mark is not None and curve is curves[0]:
            height = float(np.interp(mark, curve.env_steps, smooth))
            axes.plot(mark, height, "o", color=TEXT, markersize=8, zorder=5)
            axes.annotate(
                "the agent in the picture",
                (mark, height),
                (0, -24),
                textcoords="offset points",
                color=TEXT,
                bbox={"facecolor": BACKGROUND, "alpha": 0.8, "linewidth": 0},
                ha="right" if mark > end / 2 else "left",
            )
    if game in REFERENCE:
        period = REFERENCE_PERIOD_ENV_STEPS
        middles = period * (np.arange(len(REFERENCE[game])) + 0.5)
        shown = np.append(middles[middles < end], min(end, middles[-1]))
        axes.plot(
            shown,
            np.interp(shown, middles, REFERENCE[game]),
            color=MUTED,
            linestyle=(0, (4, 2)),
            linewidth=1.4,
            label=REFERENCE_NAME,
        )
    if human is not None:
        axes.axhline(human, color=TEXT, linestyle=(0, (2, 3)), linewidth=1.2)
        axes.annotate(
            f"human {human:,g}",
            (0.01, human),
            (0, 4),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            color=TEXT,
        )
    title = game if "-" in game else game.replace("_", " ").title()
    axes.set_title(title, color=TEXT, loc="left", fontsize=14)
    axes.set_xlabel("env_steps", color=MUTED)
    axes.set_ylabel("episode return (raw game score)", color=MUTED)
    axes.set_xlim(0, end)
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.set_facecolor(BACKGROUND)
    axes.grid(color=GRID, linewidth=0.8)
    axes.tick_params(colors=MUTED, length=0)
    axes.spines[:].set_visible(False)
    legend = axes.legend(
        loc="lower right",
        facecolor=BACKGROUND,
        edgecolor=BACKGROUND,
        framealpha=0.8,
        labelcolor=TEXT,
    )
    legend.set_zorder(6)


def _score(value: float) -> str:
    return f"{value:,.{2 if abs(value) < 2 else 1 if abs(value) < 100 else 0}f}"


def _time(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"


def video_frame(path: Path, seconds: float) -> npt.NDArray[np.uint8]:
    """Returns `[H, W, 3]`: what the video shows at that second; raises SystemExit past its end."""
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                if frame.time is not None and frame.time >= seconds:
                    return frame.to_ndarray(format="rgb24").astype(np.uint8)
    except OSError as error:
        raise SystemExit(f"{path} is not a video: {error.strerror}") from None
    raise SystemExit(f"{path} is shorter than {seconds:g} s")


def picture(
    curves: Sequence[Curve],
    path: Path,
    human: float | None,
    video: Path | None,
    seconds: float,
) -> None:
    """Writes one PNG, with a frame of `video` on the left if there is one."""
    mark = None
    if video is None:
        left, width, height = 0, 900, 450
    else:
        frame = video_frame(video, seconds)
        height, left = frame.shape[:2]
        width = left + 560
        step = video.stem.split("_")[0]
        mark = int(step) if step.isdigit() else None
    figure = plt.figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND)
    axes = figure.add_axes(
        ((left + 80) / width, 50 / height, (width - left - 105) / width, (height - 90) / height)
    )
    draw(axes, curves, human, mark)
    figure.canvas.draw()
    pixels = np.array(figure.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]
    plt.close(figure)
    if video is not None:
        pixels[:, :left] = frame
    path.parent.mkdir(parents=True, exist_ok=True)
    # A palette makes the file three times smaller.
    Image.fromarray(pixels).quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), metavar="DIRECTORY")
    parser.add_argument("--human", type=float, help="human score, for a game not in the table")
    parser.add_argument("--video", type=Path, help="a recorded video, for its frame")
    parser.add_argument("--time", type=float, default=10.0, help="second of the video")
    args = parser.parse_args()
    games: dict[str, list[Curve]] = {}
    for curve in map(read, args.runs):
        games.setdefault(curve.game, []).append(curve)
    if args.video is not None and len(games) > 1:
        raise SystemExit("--video belongs to one game; the runs are of " + ", ".join(games))
    for game, curves in games.items():
        path = args.out / f"{game.lower()}.png"
        human = HUMAN.get(game) if args.human is None else args.human
        curves.sort(key=lambda curve: (curve.agent, curve.seed))
        picture(curves, path, human, args.video, args.time)
        sys.stdout.write(f"{path}  {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
