"""Imports cost what they use: which libraries each command loads, and which it must not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SIMULATORS = ("ale_py", "minigrid", "crafter", "vizdoom", "pyspiel")
LEARNING = ("torch", "numba", "safetensors", "wandb", "av")
ALL = (*SIMULATORS, *LEARNING, "gymnasium", "cv2", "chess", "starlette")
LOAD = "from workbench.config import load_config; from pathlib import Path; load_config(Path({!r}))"
CLI = "from workbench.cli.main import run_command; assert run_command({!r}) == 0"


def others(*used: str) -> tuple[str, ...]:
    return tuple(name for name in ALL if name not in used)


# What is run, and what it must not load.
FORBIDDEN = {
    "import workbench.config": ALL,
    "import agents, envs": ALL,
    "import ludus": (*ALL, "numpy", "yaml"),
    CLI.format(["--help"]): (*ALL, "numpy", "yaml"),
    CLI.format(["train", "--help"]): (*ALL, "numpy", "yaml"),
    CLI.format(["--version"]): (*ALL, "numpy", "yaml"),
    CLI.format(["runs"]): ALL,
    CLI.format(["list", "games"]): others("ale_py", "pyspiel", "gymnasium", "cv2"),
    CLI.format(["config", "atari"]): others("ale_py", "gymnasium", "cv2"),
    LOAD.format("configs/grid/empty.yaml"): others("minigrid", "gymnasium", "torch"),
    LOAD.format("configs/atari/pong.yaml"): others("ale_py", "gymnasium", "torch", "cv2"),
    "from workbench.evaluation.load import load_trained; load_trained('runs/zoo/grid-doorkey')": (
        *("ale_py", "crafter", "vizdoom", "pyspiel", "numba", "chess", "wandb", "starlette"),
    ),
    LOAD.format("configs/board/tic_tac_toe.yaml"): others("pyspiel", "torch", "numba"),
}


@pytest.mark.parametrize("code", FORBIDDEN)
def test_nothing_is_imported_that_is_not_used(code: str) -> None:
    told = "; import json, sys; sys.stderr.write(chr(10) + json.dumps([*sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code + told], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert loaded & set(FORBIDDEN[code]) == set()


def test_what_is_forbidden_is_found_where_it_is_loaded() -> None:
    """The names above are those of modules, so that none is forbidden in vain."""
    for name in ALL:
        assert __import__(name).__name__ == name
