"""The project's files that DQN goes through, from the command to `optimizer.step()`.

    .venv/bin/python benchmarks/dqn_path.py

Trains DQN on Pong for 200 env_steps with `ludus train`, in a temporary directory, and prints

- the calls on the stack within `optimizer.step()`, from the command on;
- their files, and those that the loop calls besides once learning has begun: all that a transition
  goes through. What `train` does around the loop (metrics, videos, checkpoints) is not among them.

README.md and docs/architecture.md say what it prints; `tests/end_to_end/test_dqn_path.py` compares.
"""

import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch
import yaml

from workbench.cli.main import run_command
from workbench.evaluation import load

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("envs", "agents", "workbench")
COMMAND, LOOP = "workbench/cli/train.py:train", "workbench/training/off_policy.py:iterations"
# As configs/atari/pong.yaml, but small.
CONFIG: dict[str, Any] = {
    "env": {"kind": "atari", "game": "pong", "num_envs": 2},
    "agent": {"kind": "dqn", "network": "small", "batch_size": 8},
    "replay": {"capacity_env_steps": 200},
    "total_env_steps": 200,
    "learning_starts_env_steps": 100,
    "samples_per_env_step": 1,
    "checkpoint_period_env_steps": 200,
    "record_period_env_steps": 10_000,
    "device": "cpu",
    "wandb": {"mode": "disabled"},
}


class Trace(NamedTuple):
    """What was seen; files are relative to the repository."""

    calls: list[str]  # FILE:FUNCTION, from the command to the caller of `optimizer.step`
    files: list[str]  # those of `calls`, then what else the loop calls


def trace(directory: Path) -> Trace:
    """Trains in `directory` and returns what an update goes through."""
    config = directory / "c.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    calls: list[str] = []
    in_loop: set[str] = set()
    step = torch.optim.Adam.step

    def enter(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and calls and project_file(frame) and LOOP in stack_of(frame):
            in_loop.add(str(project_file(frame)))

    def noticed(*arguments: Any, **named: Any) -> Any:
        if not calls:
            stack = stack_of(sys._getframe(1))
            # Before the command there is the parser of the command line.
            calls.extend(stack[stack.index(COMMAND) :])
        return step(*arguments, **named)

    torch.optim.Adam.step = noticed  # type: ignore[method-assign]
    sys.setprofile(enter)
    try:
        code = run_command(["train", str(config), "--run", str(directory / "run")])
    finally:
        sys.setprofile(None)
        torch.optim.Adam.step = step  # type: ignore[method-assign]
    assert code == 0, "it did not train"
    on_stack = dict.fromkeys(call.partition(":")[0] for call in calls)
    return Trace(calls, [*on_stack, *sorted(in_loop - on_stack.keys())])


def project_file(frame: FrameType) -> str | None:
    """Returns the file of the project that `frame` runs, if it is one."""
    path = Path(frame.f_code.co_filename)
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    return name if name.startswith(PACKAGES) else None


def stack_of(frame: FrameType | None) -> list[str]:
    """Returns FILE:FUNCTION of the project's frames, from the outermost to `frame`."""
    stack: list[str] = []
    while frame is not None:
        if file := project_file(frame):
            stack.insert(0, f"{file}:{frame.f_code.co_name}")
        frame = frame.f_back
    return stack


def describe(found: Trace) -> str:
    """Returns what docs/architecture.md shows."""
    calls = [*found.calls, "optimizer.step"]
    lines = [f"{len(calls) - 1} calls from the command to optimizer.step():"]
    lines += [f"  {call}" for call in calls]
    lines += [f"{len(found.files)} files that a transition goes through:"]
    return "\n".join(lines + [f"  {file}" for file in found.files])


def main() -> None:
    load.MAX_VIDEO_ENV_STEPS = 1
    with tempfile.TemporaryDirectory() as directory:
        found = trace(Path(directory))
    print(describe(found))


if __name__ == "__main__":
    main()
