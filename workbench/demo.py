"""`make demo`: trains on a real game for a few minutes, with a video before and one after."""

import sys
from pathlib import Path

from workbench.cli import run_command
from workbench.run import RUNS

CONFIG = Path("configs/atari/demo.yaml")
EPISODES = 4


def main() -> int:
    """Trains, evaluates the first and the last checkpoint, and says where everything is."""
    number = 1
    while (RUNS / f"demo-{number}").exists():
        number += 1
    name = f"{RUNS}/demo-{number}"
    _say(f"Training from pixels for a few minutes on this machine; the run is {name}.")
    code = run_command(["train", str(CONFIG), "--run", name])
    if code:
        return code
    steps = sorted(int(p.name) for p in Path(name, "checkpoints").iterdir() if p.name.isdigit())
    for when, step in (("before", steps[0]), ("after", steps[-1])):
        _say(f"\n{when} training: {EPISODES} episodes of checkpoint {step}")
        code = run_command(["eval", f"{name}@{step}", "--episodes", str(EPISODES)])
        if code:
            return code
    first, last = (Path(name, "videos", f"{step}_0.mp4") for step in (steps[0], steps[-1]))
    _say(
        f"\nWatch it:  before  {first}\n           after   {last}\n"
        f"Next:      ludus record {name}                 one more video, with a trace\n"
        f"           ludus runs                               what is there\n"
        f"           ludus doctor configs/atari/pong.yaml     what a real training will cost\n"
        f"           ludus train configs/atari/pong.yaml      that training; Ctrl-C saves\n"
        f"(`ludus` is .venv/bin/ludus; `. .venv/bin/activate` puts it on the path.)"
    )
    return 0


def _say(message: str) -> None:
    sys.stderr.write(message + "\n")


if __name__ == "__main__":
    sys.exit(main())
