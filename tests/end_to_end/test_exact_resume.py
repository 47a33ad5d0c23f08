"""A run that was killed and resumed equals one that never was, bit for bit."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count, cycle, islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.end_to_end.configs import (
    ATARI,
    PPO_GRID,
    PPO_PROBE,
    PROBE,
    R2D2_PROBE,
    RICH_ATARI,
    SMALL_BOARD,
    write_config,
)
from tests.end_to_end.launcher import (
    MAX_FRAMES_PER_EPISODE,
    MAX_VIDEO_ENV_STEPS,
    RESEED_PERIOD_TICKS,
    ROOT,
    Launcher,
)
from workbench.replay.ring import FIELDS
from workbench.runs import checkpoint


def assert_equal_runs(run: Path, reference: Path) -> None:
    """Compares all that a run leaves, except for times and for videos."""
    assert json.loads((run / "run.json").read_text())["status"] == "finished"
    assert read_metrics(run) == read_metrics(reference)
    steps = checkpoint.list_steps(reference / "checkpoints")
    assert set(steps) <= set(checkpoint.list_steps(run / "checkpoints"))
    for step in steps:
        ours, theirs = (path / "checkpoints" / str(step) for path in (run, reference))
        assert same_bytes(ours, theirs, "model.safetensors"), step
    last = checkpoint.latest_step(reference / "checkpoints")
    assert checkpoint.latest_step(run / "checkpoints") == last
    ours, theirs = (path / "checkpoints" / str(last) for path in (run, reference))
    assert same_bytes(ours, theirs, "resume.safetensors")
    assert read_resume(ours) == read_resume(theirs)
    config = yaml.safe_load((run / "config.yaml").read_text())
    if "replay" not in config or config["env"]["kind"] == "board":  # no files of a ring
        return
    ring, reference_ring = read_ring(run), read_ring(reference)
    assert ring.keys() == reference_ring.keys()
    for name in ring:
        np.testing.assert_array_equal(ring[name], reference_ring[name], err_msg=name)


def same_bytes(ours: Path, theirs: Path, name: str) -> bool:
    return (ours / name).read_bytes() == (theirs / name).read_bytes()


def read_metrics(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    seconds = [line.pop("wall_seconds") for line in lines]
    assert all(before <= after for before, after in pairwise(seconds))
    return [{k: v for k, v in line.items() if not k.endswith("_per_second")} for line in lines]


def read_resume(path: Path) -> dict[str, Any]:
    """Returns the tree of `resume.json`, whose arrays are names, without what times change."""
    pairs = dict(json.loads((path / "resume.json").read_text())["items"])
    assert pairs.pop("wall_seconds")["value"] > 0
    # The digits of wall_seconds are in metrics.jsonl.
    assert pairs.pop("metrics_size")["value"] > 0
    return pairs


def read_ring(run: Path) -> dict[str, np.ndarray]:
    """Returns the rows of the ring's files that may still be sampled, oldest first."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    step = checkpoint.latest_step(run / "checkpoints")
    resume = checkpoint.load_resume(run / "checkpoints" / str(step))
    head, num_envs = resume["replay"]["head"], config["env"]["num_envs"]
    capacity_ticks = math.ceil(config["replay"]["capacity_env_steps"] / num_envs)
    arrays = {name: np.fromfile(run / "replay" / f"{name}.bin", FIELDS[name]) for name in FIELDS}
    arrays["frames"] = np.fromfile(run / "replay" / "frames.bin", np.uint8)
    length = len(arrays["action"]) // num_envs
    assert head > length, "the ring did not wrap around"
    stack = config["env"].get("stack", 4)
    ticks = np.arange(head - capacity_ticks - (stack - 1), head)
    return {name: array.reshape(length, -1)[ticks % length] for name, array in arrays.items()}


Finish = Callable[[dict[str, Any]], Path]


@pytest.fixture(scope="module")
def uninterrupted(processes: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Finish:
    """Returns the run that `config` makes when nothing disturbs it; the same one is made once."""
    finished: dict[str, Path] = {}

    def finish(config: dict[str, Any]) -> Path:
        key = json.dumps(config)
        if key not in finished:
            directory = tmp_path_factory.mktemp("uninterrupted")
            write_config(directory / "c.yaml", config)
            outcome = processes.run(directory, "train", "c.yaml", "--run", "a")
            assert outcome.code == 0, outcome.err
            finished[key] = directory / "runs/a"
        return finished[key]

    return finish


@pytest.mark.parametrize(
    "config",
    [PROBE, PPO_PROBE, R2D2_PROBE, SMALL_BOARD],
    ids=["dqn", "ppo-lstm", "r2d2-lstm", "alphazero"],
)
def test_killed_at_every_write_to_disk(
    processes: Launcher, tmp_path: Path, uninterrupted: Finish, config: dict[str, Any]
) -> None:
    reference = uninterrupted(config)
    write_config(tmp_path / "c.yaml", config)
    # Creating a run takes 4 syncs, saying that it runs takes 2 more.
    outcome = processes.run(tmp_path, "train", "c.yaml", "--run", "a", kill_at_sync=7)
    assert outcome.code == -signal.SIGKILL
    # Each process gets one sync further: into a checkpoint, past it, up to the end of the run.
    statuses = []
    for number in count(1):
        outcome = processes.run(tmp_path, "resume", "a", kill_at_sync=number)
        statuses.append(json.loads((tmp_path / "runs/a/run.json").read_text())["status"])
        if outcome.code != -signal.SIGKILL:
            break
    assert outcome.code == 0, outcome.err
    assert number > 12, "a checkpoint alone takes more syncs than that"
    assert set(statuses[:-1]) == {"running"}
    assert_equal_runs(tmp_path / "runs/a", reference)
    assert not list((tmp_path / "runs/a/checkpoints").glob(".*"))


def wait_for(process: int, condition: Callable[[], bool]) -> None:
    while not condition():
        os.kill(process, 0)  # raises if the process has ended, so that this cannot happen any more
        time.sleep(0.002)


def shown_env_steps(directory: Path) -> int:
    """Returns the env_steps on the last line that the running process printed."""
    shown = re.findall(r"env_steps +([\d,]+)/", (directory / "stderr").read_text())
    return int(shown[-1].replace(",", "")) if shown else 0


def unfinished(checkpoints: Path) -> set[int]:
    """Returns when each checkpoint that is being written, or never was finished, was changed."""
    times = set()
    for path in checkpoints.glob(".tmp-*"):
        with suppress(FileNotFoundError):
            times.add(path.stat().st_ctime_ns)
    return times


def choose_moment(
    kind: str, directory: Path, config: dict[str, Any], rng: np.random.Generator
) -> Callable[[int], None]:
    """Returns what waits for a random moment of the process about to be started."""
    checkpoints = directory / "runs/a/checkpoints"
    if kind == "starting":
        return lambda process: time.sleep(rng.uniform(0, 0.5))
    if kind == "saving":
        left = unfinished(checkpoints)
        return lambda process: wait_for(process, lambda: bool(unfinished(checkpoints) - left))
    in_force = checkpoint.latest_step(checkpoints) or 0
    beyond = int(rng.integers(1, 2 * config["checkpoint_period_env_steps"]))
    last = config["total_env_steps"] - 2 * config["log_period_env_steps"]
    env_steps = min(last, in_force + beyond)
    return lambda process: wait_for(process, lambda: shown_env_steps(directory) >= env_steps)


@pytest.mark.parametrize(
    ("config", "kills"),
    [
        pytest.param(ATARI, 3, id="atari"),
        pytest.param(RICH_ATARI, 3, id="prioritized-quantile-memmap"),
        pytest.param(PPO_PROBE, 2, id="ppo-lstm-probe"),
        pytest.param(PPO_GRID, 4, id="ppo-lstm-grid"),
        pytest.param(R2D2_PROBE, 2, id="r2d2-lstm-probe"),
        pytest.param(RICH_ATARI | {"total_env_steps": 3000}, 20, id="long", marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments(
    processes: Launcher,
    tmp_path: Path,
    uninterrupted: Finish,
    config: dict[str, Any],
    kills: int,
) -> None:
    reference = uninterrupted(config)
    write_config(tmp_path / "c.yaml", config)
    rng = np.random.default_rng(kills)
    command = ["train", "c.yaml", "--run", "a"]
    for kind in islice(cycle(["training", "saving", "training", "starting"]), kills):
        wait = choose_moment(kind, tmp_path, config, rng)
        (tmp_path / "stderr").write_text("")
        process = processes.start(tmp_path, *command)
        wait_for(process, (tmp_path / "runs/a/config.yaml").exists)
        wait(process)
        os.kill(process, signal.SIGKILL)
        assert processes.wait().code == -signal.SIGKILL
        command = ["resume", "a"]
    outcome = processes.run(tmp_path, *command)
    assert outcome.code == 0, outcome.err
    assert_equal_runs(tmp_path / "runs/a", reference)


def test_ctrl_c_saves_and_says_how_to_resume(
    processes: Launcher, tmp_path: Path, uninterrupted: Finish
) -> None:
    reference = uninterrupted(ATARI)
    write_config(tmp_path / "c.yaml", ATARI)
    command = ["train", "c.yaml", "--run", "a"]
    for env_steps, number in ((120, signal.SIGINT), (250, signal.SIGTERM)):
        (tmp_path / "stderr").write_text("")
        process = processes.start(tmp_path, *command)
        wait_for(process, lambda steps=env_steps: shown_env_steps(tmp_path) >= steps)
        os.kill(process, number)
        outcome = processes.wait()
        assert outcome.code == 130
        assert outcome.err.splitlines()[-1] == "saved; continue with: ludus resume runs/a"
        info = json.loads((tmp_path / "runs/a/run.json").read_text())
        assert info["status"] == "interrupted"
        assert info["env_steps"] == checkpoint.latest_step(tmp_path / "runs/a/checkpoints")
        assert info["env_steps"] >= env_steps
        command = ["resume", "runs/a"]
    assert processes.run(tmp_path, *command).code == 0
    assert_equal_runs(tmp_path / "runs/a", reference)


@pytest.mark.slow
def test_killed_as_a_person_would(
    processes: Launcher, tmp_path: Path, uninterrupted: Finish
) -> None:
    """Each process starts Python anew, and dies after a time that has nothing to do with it."""
    config = ATARI | {"total_env_steps": 3000}
    reference = uninterrupted(config)
    write_config(tmp_path / "c.yaml", config)
    patch_and_run = (
        "import envs.atari, workbench.evaluation.load as player;"
        "from workbench.cli.main import main;"
        f"envs.atari.RESEED_PERIOD_TICKS = {RESEED_PERIOD_TICKS};"
        f"envs.atari.MAX_FRAMES_PER_EPISODE = {MAX_FRAMES_PER_EPISODE};"
        f"player.MAX_VIDEO_ENV_STEPS = {MAX_VIDEO_ENV_STEPS}; main()"
    )
    rng = np.random.default_rng(0)
    command, kills = ["train", "c.yaml", "--run", "a"], 0
    while kills < 8:
        process = subprocess.Popen(
            [sys.executable, "-c", patch_and_run, *command],
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )
        try:
            process.wait(rng.uniform(1, 12))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            assert process.wait() == -signal.SIGKILL
        kills += 1
        if (tmp_path / "runs/a/config.yaml").exists():
            command = ["resume", "a"]
    assert kills > 0
    assert processes.run(tmp_path, *command).code == 0
    assert_equal_runs(tmp_path / "runs/a", reference)
