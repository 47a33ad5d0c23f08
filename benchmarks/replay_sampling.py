"""Batches per second out of replay: Ludus, prioritised and uniform, against SB3's uniform buffer.

All hold the same number of 84x84 transitions stacked by 4, in episodes of about 1,000 steps, and
give batches of 32 as torch tensors. For Ludus' prioritised replay one batch is the full cycle: draw
in proportion to priority, gather, and update the priorities of the batch. For SB3 it is
`ReplayBuffer.sample`. Every competitor has its own process; slices alternate, medians are shown,
and the fastest thread setting of each side counts.

    python benchmarks/replay_sampling.py [--transitions 50000] [--seconds 1.5] [--rounds 5]
        [--device cpu|cuda] [--json PATH]

Takes about three minutes and 7 GB (SB3 needs 56 kB for each transition). With `--device cuda`
Ludus' frames lie in GPU memory, and both sides must have their batches there.
"""

import argparse
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from side_by_side import (
    Competitor,
    answer,
    calls_per_second,
    measure_by_turns,
    show,
    write_slices,
)

NUM_ENVS = 8
STACK = 4
SIZE = 84
ACTIONS = tuple("abcdef")
BATCH = 32
EPISODE_LENGTH = 1000
THREADS = (1, 2)


def ours(
    connection: Connection, *, transitions: int, device: str, sampling: str, n_step: int
) -> None:
    from envs.base import EnvSpec, Step
    from workbench.config import ReplayConfig
    from workbench.replay import Replay, Ring, RingSize

    rng = np.random.default_rng(0)
    spec = EnvSpec("benchmark", NUM_ENVS, (STACK, SIZE, SIZE), 1, ACTIONS)
    replay = Replay(
        Ring(spec, RingSize(transitions // NUM_ENVS, 1), device=torch.device(device)),
        ReplayConfig.model_validate({"sampling": sampling}),
        rng,
        n_step=n_step,
        discount=0.99,
    )
    frames = rng.integers(0, 256, (64, STACK, SIZE, SIZE), np.uint8)
    last = np.zeros(NUM_ENVS, np.bool_)
    for _ in range(replay.ring.length):
        first, last = last, rng.random(NUM_ENVS) < 1 / EPISODE_LENGTH
        reward = rng.integers(-1, 2, NUM_ENVS).astype(np.float32)
        discount = 1 - last.astype(np.float32)
        obs = frames[rng.integers(64, size=NUM_ENVS)]
        replay.add(Step(obs, reward, discount, first, last), rng.integers(6, size=NUM_ENVS), ())

    errors = torch.rand(BATCH, device=device)

    def cycle() -> None:
        replay.update_priorities(replay.sample(BATCH), errors)

    answer(connection, {"whole": rate(device, cycle)})


def theirs(connection: Connection, *, transitions: int, device: str, optimize: bool) -> None:
    from gymnasium import spaces
    from stable_baselines3.common.buffers import ReplayBuffer

    rng = np.random.default_rng(0)
    buffer = ReplayBuffer(
        transitions,
        spaces.Box(0, 255, (STACK, SIZE, SIZE), np.uint8),
        spaces.Discrete(len(ACTIONS)),
        device=device,
        n_envs=NUM_ENVS,
        optimize_memory_usage=optimize,
        handle_timeout_termination=not optimize,
    )
    frames = rng.integers(0, 256, (64, STACK, SIZE, SIZE), np.uint8)
    infos: list[dict[str, Any]] = [{} for _ in range(NUM_ENVS)]
    for _ in range(buffer.buffer_size):
        done = rng.random(NUM_ENVS) < 1 / EPISODE_LENGTH
        reward = rng.integers(-1, 2, NUM_ENVS).astype(np.float32)
        obs, next_obs = frames[rng.integers(64, size=(2, NUM_ENVS))]
        buffer.add(obs, next_obs, rng.integers(6, size=NUM_ENVS), reward, done, infos)
    answer(connection, {"whole": rate(device, lambda: buffer.sample(BATCH))})


def rate(device: str, call: Callable[[], Any]) -> Callable[[float], float]:
    def whole() -> None:
        call()
        if device == "cuda":
            torch.cuda.synchronize()

    return lambda seconds: calls_per_second(whole, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--transitions", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=1.5, help="of one slice")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    count = args.transitions
    common = {"transitions": count, "device": args.device}
    competitors = [
        Competitor(
            f"Ludus, {sampling}, n_step {n_step}", ours, **common, sampling=sampling, n_step=n_step
        )
        for sampling in ("prioritized", "uniform")
        for n_step in (1, 3)
    ]
    for name, optimize in (("SB3, uniform", False), ("SB3, uniform, optimize_memory_usage", True)):
        competitors.append(Competitor(name, theirs, **common, optimize=optimize))
    names = [competitor.name for competitor in competitors]
    slices = measure_by_turns(
        competitors, (), threads=THREADS, rounds=args.rounds, seconds=args.seconds
    )
    rates = {key: median(of["whole"]) for key, of in slices.items()}
    best = {name: max(rates[name, threads] for threads in THREADS) for name in names}
    base = best["SB3, uniform"]
    show(
        f"Batches of {BATCH} per second from {count:,} transitions, 84x84 stacked by 4, "
        f"to {args.device}",
        ("replay", *(f"{n} thread{'s' * (n > 1)}" for n in THREADS), "best, ms each", "x SB3"),
        (
            (
                name,
                *(f"{rates[name, threads]:,.0f}" for threads in THREADS),
                f"{1000 / best[name]:.3f}",
                f"{best[name] / base:.2f}",
            )
            for name in names
        ),
        (
            f"medians of {args.rounds} slices of {args.seconds:g} s, by turns",
            "prioritised: draw, gather and update of priorities",
        ),
    )
    write_slices(args.json, args.seconds, slices)


if __name__ == "__main__":
    main()
