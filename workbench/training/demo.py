"""`make demo`: trains on a real game for a few minutes, with a video before and after."""

import json
import sys
from pathlib import Path

import numpy as np

from workbench.cli.main import run_command
from workbench.cli.wording import say
from workbench.runs.checkpoint import list_steps
from workbench.runs.run import RUNS, Run

CONFIG = Path("configs/atari/demo.yaml")
PARTS = 6


def main() -> int:
    """Trains, shows how the score rose, and says where everything is; returns the exit code."""
    number = 1
    while (RUNS / f"demo-{number}").exists():
        number += 1
    run = Run(RUNS / f"demo-{number}")
    say("An agent now learns Road Runner from pixels, for a few minutes on this machine.\n")
    code = run_command(["train", str(CONFIG), "--run", str(run.path)])
    if code:
        return code
    say("\nMean score of the episodes that ended while it trained:")
    for env_steps, score in score_by_part(run.metrics_path, PARTS):
        say(f"  to env_step {env_steps:>7,}  {score:7,.0f}  {'█' * round(score / 50)}")
    steps = list_steps(run.checkpoints)
    before, after = (run.videos / f"{step}_0.mp4" for step in (steps[0], steps[-1]))
    say(
        f"\nVideos     before  {before}   score {_score(before):,.0f}\n"
        f"           after   {after}   score {_score(after):,.0f}\n\n"
        f"Next, after `. .venv/bin/activate`:\n"
        + "\n".join(f"  {command:<42}{what}" for command, what in _next_steps(run.path))
    )
    return 0


def _next_steps(run: Path) -> list[tuple[str, str]]:
    config = "configs/atari/boxing.yaml"
    return [
        (f"ludus watch {run}", "see it and all others in the browser"),
        ("ludus play runs/zoo/connect-four", "play against an agent there"),
        (f"ludus eval {run} --episodes 10", "measure it"),
        (f"ludus record {run} --seed 1", "one more video, with a trace of every step"),
        (f"ludus doctor {config}", "what a real training will cost here"),
        (f"ludus train {config}", "that training; Ctrl-C saves it"),
    ]


def score_by_part(metrics_path: Path, parts: int) -> list[tuple[int, float]]:
    """Returns `(env_steps at its end, mean episode return)` of each part of a run.

    A part in which no episode ended is left out.
    """
    lines = [json.loads(line) for line in metrics_path.read_text().splitlines()]
    rows = []
    for part in np.array_split(np.arange(len(lines)), parts):
        told = [lines[i] for i in part if lines[i]["episodes"]]
        if told:
            scores, counts = zip(*((x["episode_return"], x["episodes"]) for x in told), strict=True)
            rows.append((lines[part[-1]]["env_steps"], float(np.average(scores, weights=counts))))
    return rows


def _score(video: Path) -> float:
    return float(json.loads(video.with_suffix(".json").read_text())["episode_return"])


if __name__ == "__main__":
    sys.exit(main())
