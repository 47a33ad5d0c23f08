"""How far the exported files of the zoo's agents are from the agents (docs/export.md).

python benchmarks/export_differences.py [RUN ...]
"""

import sys
import tempfile
from pathlib import Path

from workbench.export.export import export_onnx
from workbench.runs import checkpoint


def zoo() -> list[str]:
    runs = sorted(path.parent for path in Path("runs/zoo").glob("*/config.yaml"))
    return [str(run) for run in runs if checkpoint.latest_step(run / "checkpoints") is not None]


def main() -> None:
    print("| agent | | MB | largest difference | same action | trained in | its own difference |")
    print("|---|---|---:|---:|---:|---|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for run in sys.argv[1:] or zoo():
            one = export_onnx(run, Path(folder) / "a.onnx")
            size = one.path.stat().st_size / 1e6
            count = one.exported.observations
            memory = " with LSTM" * ("memory_h" in one.inputs)
            own = one.played
            apart = f"{own.difference:.1e}, same action {own.same_actions:,}" if own[1] else "-"
            print(
                f"| `{run}` | {one.facts['agent']}{memory} | {size:.1f} "
                f"| {one.exported.difference:.1e} | {one.exported.same_actions:,} of {count:,} "
                f"| {one.precision} | {apart} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
