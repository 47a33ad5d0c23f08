"""Whether two versions play the committed runs alike: the same episodes on the same seeds.

    python benchmarks/same_episodes.py OTHER/.venv/bin/ludus [--episodes 2] [--seed 5]

OTHER is a checkout of the other version with its own `.venv`. Each version evaluates the runs of
its own `runs/zoo`. Takes about two minutes per episode of both sides.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BOARD = ["--against", "greedy", "--simulations", "16"]


def played(ludus: Path, run: str, flags: list[str]) -> tuple[list[float], list[int]]:
    """Returns the scores and lengths of a run's episodes, or of its games."""
    command = [str(ludus.absolute()), "eval", f"runs/zoo/{run}", "--json", *flags]
    root = ludus.absolute().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    return report["returns"], report["lengths"]


def main() -> None:
    """Prints both sides of every run; exits with 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--episodes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=5)
    asked = parser.parse_args()
    differing = 0
    for path in sorted((ROOT / "runs/zoo").glob("*/checkpoints")):
        run = path.parent.name
        flags = ["--episodes", str(asked.episodes), "--seed", str(asked.seed)]
        if "kind: board" in (path.parent / "config.yaml").read_text(encoding="utf-8"):
            flags += BOARD
        ours, theirs = (
            played(ludus, run, flags) for ludus in (ROOT / ".venv/bin/ludus", asked.other)
        )
        differing += ours != theirs
        print(
            f"{run:<26} {'same' if ours == theirs else 'DIFFERENT'}  {ours}  {theirs}", flush=True
        )
    sys.exit(min(differing, 1))


if __name__ == "__main__":
    main()
