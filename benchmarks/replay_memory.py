"""Memory per stored 84x84 transition: Ludus' replay against Stable-Baselines3's, by RSS growth.

Each buffer is made and filled to the last row in a fresh process, with random pixels, and the
growth of the process's resident set is divided by the number of rows, those beyond the capacity
included. (A small buffer is made and dropped first, so that library code read on first use does not
count.) "After a checkpoint" is the same process after `Ring.flush`, which writes the ring to its
files; pages of mapped files, which the kernel can drop at any time, are told apart.

    python benchmarks/replay_memory.py [--transitions 50000] [--json PATH]

Takes about half a minute. Stable-Baselines3 is filled with a tenth of the transitions, as it needs
eight times the memory for each.
"""

import argparse
import gc
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from side_by_side import Competitor, orders, show, write_json

NUM_ENVS = 8
STACK = 4
SIZE = 84
ACTIONS = tuple("abcdef")
FEW = 512  # transitions of the buffer that is dropped


def ours(connection: Connection, *, transitions: int, files: bool) -> None:
    import torch

    from envs.base import EnvSpec, Step
    from workbench.config import ReplayConfig
    from workbench.replay import Replay, Ring, RingSize

    torch.set_num_threads(1)
    spec = EnvSpec("benchmark", NUM_ENVS, (STACK, SIZE, SIZE), 1, ACTIONS)
    pool = _pool()
    zeros, no = np.zeros(NUM_ENVS, np.float32), np.zeros(NUM_ENVS, np.bool_)

    def fill(count: int, directory: str) -> Replay:
        replay = Replay(
            Ring(
                spec,
                RingSize(-(-count // NUM_ENVS), 1),
                device=torch.device("cpu"),
                directory=Path(directory) if files else None,
            ),
            ReplayConfig(sampling="prioritized"),
            np.random.default_rng(0),
            n_step=3,
            discount=0.99,
        )
        for tick in range(replay.ring.length):
            obs = pool[tick % 7 : tick % 7 + NUM_ENVS]
            replay.add(Step(obs, zeros, zeros + 1, no, no), np.zeros(NUM_ENVS, np.int64), ())
        return replay

    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as large:
        fill(FEW, small).ring.flush()
        before = _memory()
        for _ in orders(connection):
            replay = fill(transitions, large)
            rows = replay.ring.length * NUM_ENVS
            filled = _growth(before, rows)
            replay.ring.flush()
            connection.send((filled, _growth(before, rows)))


def theirs(connection: Connection, *, transitions: int, optimize: bool) -> None:
    from gymnasium import spaces
    from stable_baselines3.common.buffers import ReplayBuffer

    pool = _pool()
    zeros, infos = np.zeros(NUM_ENVS, np.float32), [{} for _ in range(NUM_ENVS)]

    def fill(count: int) -> ReplayBuffer:
        buffer = ReplayBuffer(
            count,
            spaces.Box(0, 255, (STACK, SIZE, SIZE), np.uint8),
            spaces.Discrete(len(ACTIONS)),
            device="cpu",
            n_envs=NUM_ENVS,
            optimize_memory_usage=optimize,
            handle_timeout_termination=not optimize,
        )
        for tick in range(buffer.buffer_size):
            obs = pool[tick % 7 : tick % 7 + NUM_ENVS]
            buffer.add(obs, obs, np.zeros(NUM_ENVS, np.int64), zeros, zeros, infos)
        return buffer

    fill(FEW)
    before = _memory()
    for _ in orders(connection):
        buffer = fill(transitions)
        connection.send((_growth(before, buffer.buffer_size * NUM_ENVS), None))


def _pool() -> np.ndarray[Any, Any]:
    shape = (NUM_ENVS + 7, STACK, SIZE, SIZE)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _memory() -> dict[str, int]:
    gc.collect()
    info = psutil.Process().memory_info()
    return {"rss": info.rss, "file": getattr(info, "shared", 0)}


def _growth(before: dict[str, int], rows: int) -> dict[str, float]:
    """Bytes per row: all resident memory, and the part that is not pages of files."""
    now = _memory()
    growth = {key: now[key] - before[key] for key in now}
    return {
        "rows": rows,
        "rss": growth["rss"] / rows,
        "own": (growth["rss"] - growth["file"]) / rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--transitions", type=int, default=50_000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    many, few = args.transitions, max(args.transitions // 10, NUM_ENVS)
    results: dict[str, dict[str, float]] = {}
    for name, work, setup in (
        ("Ludus", ours, {"transitions": many, "files": False}),
        ("Ludus, with files to resume from", ours, {"transitions": many, "files": True}),
        ("SB3, default", theirs, {"transitions": few, "optimize": False}),
        ("SB3, optimize_memory_usage", theirs, {"transitions": few, "optimize": True}),
    ):
        competitor = Competitor(name, work, **setup)
        results[name], flushed = competitor.order("fill")
        if "files" in name:
            results["Ludus, after a checkpoint"] = flushed
        competitor.close()
    base = results["Ludus"]["rss"]
    show(
        "Memory per stored transition, 84x84 stacked by 4, measured as RSS growth",
        ("replay", "transitions", "kB each", "kB without mapped files", "1 M take, GB", "x Ludus"),
        (
            (
                name,
                f"{x['rows']:,}",
                f"{x['rss'] / 1000:.2f}",
                f"{x['own'] / 1000:.2f}",
                f"{x['rss'] / 1000:.1f}",
                f"{x['rss'] / base:.1f}",
            )
            for name, x in results.items()
        ),
        (
            "1 kB is 1000 bytes; Ludus has prioritised sampling, SB3 uniform",
            "SB3 with optimize_memory_usage cannot tell time limits from terminations",
        ),
    )
    write_json(args.json, {"bytes_per_transition": results})


if __name__ == "__main__":
    main()
