"""Everything that only a GPU can show, in one command: `make cuda-check`.

Runs the tests marked `gpu`, measures the training throughput of DQN (with replay in GPU memory),
of the agents with memory and of self-play, and trains briefly on a real game. Writes
`cuda-check.md` and `cuda-check.json` under `--out`. It uses the python that runs it, so that a
machine's own torch is what is checked.

Example: python benchmarks/cuda_check.py --out /tmp/cuda
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from workbench.config import load_config
from workbench.training import doctor
from workbench.training.devices import resolve
from workbench.training.doctor import describe_machine, measure

ROOT = Path(__file__).parent.parent
LUDUS = [sys.executable, "-c", "from workbench.cli.main import main; main()"]
# (network, batch size, envs, precision) of DQN: the paper's shape, and shapes that fill a GPU.
DQN_SHAPES = [
    ("nature", 32, 16, "float32"),
    ("nature", 256, 64, "float32"),
    ("nature", 256, 64, "bfloat16"),
    ("nature", 1024, 128, "bfloat16"),
]
DQN_OVERRIDES = ["env.obs_size=84", "env.env_threads=0", "samples_per_env_step=8"]
# What is trained, the config, and what is changed in it.
TRAININGS = [
    *(
        (
            f"DQN, {network}, batch {batch_size}, {num_envs} envs, {precision}",
            "atari/pong.yaml",
            [
                *DQN_OVERRIDES,
                f"agent.network={network}",
                f"agent.batch_size={batch_size}",
                f"agent.precision={precision}",
                f"env.num_envs={num_envs}",
            ],
        )
        for network, batch_size, num_envs, precision in DQN_SHAPES
    ),
    ("PPO with an LSTM, MiniGrid-Memory, 64 envs", "grid/memory.yaml", ["env.num_envs=64"]),
    (
        "R2D2, MiniGrid-Memory, batch 64, 64 envs",
        "grid/memory_r2d2.yaml",
        ["env.num_envs=64", "agent.batch_size=64"],
    ),
    ("AlphaZero, connect four, 1,024 games", "board/connect_four_gpu.yaml", []),
    ("AlphaZero, go 9x9, 1,024 games", "board/go9_gpu.yaml", []),
]


def gpu_tests() -> dict[str, Any]:
    """Runs the tests marked `gpu` and returns their exit code and last line."""
    # By name: other tests need packages that a machine with a torch of its own may not have.
    tests = "tests/contracts/test_cuda.py"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout[-4000:], file=sys.stderr)
    return {"exit_code": done.returncode, "summary": done.stdout.strip().splitlines()[-1]}


def throughput(device: str, seconds: float) -> list[dict[str, Any]]:
    """Measures whole-loop steps/s of each of `TRAININGS`."""
    doctor.MEASURED_SECONDS = seconds
    rows = []
    for training, path, overrides in TRAININGS:
        config = load_config(ROOT / "configs" / path, [f"device={device}", *overrides])
        rate = measure(resolve(config))["steps_per_second"]
        rows.append({"training": training, "steps_per_second": round(rate)})
        print(rows[-1], file=sys.stderr)
    return rows


def learning_run(device: str, env_steps: int, out: Path) -> dict[str, Any]:
    """Trains on Boxing for `env_steps` and evaluates 10 episodes."""
    run = out / f"boxing-{time.strftime('%H%M%S')}"
    overrides = [
        f"device={device}",
        "env.num_envs=64",
        "env.env_threads=0",
        f"total_env_steps={env_steps}",
        f"checkpoint_period_env_steps={env_steps}",
        "wandb.mode=disabled",
    ]
    begin = time.monotonic()
    config = str(ROOT / "configs/atari/boxing.yaml")
    subprocess.run([*LUDUS, "train", config, *overrides, "--run", str(run)], cwd=ROOT, check=True)
    seconds = time.monotonic() - begin
    done = subprocess.run(
        [*LUDUS, "eval", str(run), "--episodes", "10", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(done.stdout)
    return {
        "game": "boxing",
        "env_steps": env_steps,
        "wall_seconds": round(seconds),
        "mean_return": report["mean_return"],
        "ci95": report["ci95"],
    }


def to_markdown(result: dict[str, Any]) -> str:
    """Returns the result as one Markdown page."""
    rows = "\n".join(
        f"| {row['training']} | {row['steps_per_second']:,} |" for row in result["throughput"]
    )
    learned = result["learning"]
    return (
        f"Machine: {result['machine']['device']}, {os.cpu_count()} CPU cores, "
        f"torch {result['machine']['torch']}\n\n"
        f"Tests marked `gpu`: {result['tests']['summary']}\n\n"
        "| training | steps/s |\n|---|---:|\n"
        f"{rows}\n\n"
        f"Boxing (machado) after {learned['env_steps']:,} env_steps in "
        f"{learned['wall_seconds']} s: mean return {learned['mean_return']:.1f}, "
        f"95% interval {learned['ci95']}, 10 episodes\n"
    )


def main() -> int:
    """Runs all parts; exit code 1 if there is no CUDA device or a test failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/cuda-check"))
    parser.add_argument("--device", default="cuda", help="cpu only to try the script itself")
    parser.add_argument("--seconds", type=float, default=10.0, help="per throughput row")
    parser.add_argument("--env-steps", type=int, default=300_000, help="of the learning run")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("cuda-check: no CUDA device here", file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    result = {
        "machine": describe_machine(),
        "tests": gpu_tests(),
        "throughput": throughput(arguments.device, arguments.seconds),
        "learning": learning_run(arguments.device, arguments.env_steps, arguments.out),
    }
    (arguments.out / "cuda-check.json").write_text(json.dumps(result, indent=1) + "\n")
    (arguments.out / "cuda-check.md").write_text(to_markdown(result))
    print(to_markdown(result))
    return 0 if result["tests"]["exit_code"] in (0, 5) else 1


if __name__ == "__main__":
    sys.exit(main())
