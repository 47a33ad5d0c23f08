"""MiniGrid as RGB pixels: Ludus against MiniGrid with its own RGB wrapper, on one core.

Both play the same episodes with the same random actions; every picture is compared, and the script
fails on the first that differs. Rates are in env steps per second of processor time, so other
processes disturb them little. Slices alternate, and medians are shown.

    python benchmarks/minigrid_pixels.py [--rounds 5] [--seconds 1] [--json PATH]

Takes about two minutes.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete
from minigrid.wrappers import RGBImgObsWrapper, RGBImgPartialObsWrapper
from side_by_side import show, write_json

from envs import make_envs
from envs.base import episode_seed
from envs.grid import MiniGridConfig

WORLDS = [
    ("MiniGrid-Empty-8x8-v0", "partial", 7),
    ("MiniGrid-DoorKey-8x8-v0", "partial", 7),
    ("MiniGrid-DoorKey-8x8-v0", "full", 7),
    ("MiniGrid-MemoryS9-v0", "partial", 3),
    ("MiniGrid-FourRooms-v0", "partial", 7),
    ("MiniGrid-FourRooms-v0", "full", 7),
    ("BabyAI-GoToLocal-v0", "partial", 7),
    ("BabyAI-BossLevel-v0", "partial", 7),
]
MANY_ENVS = 16
COMPARED_STEPS = 500
SEED = 0


def theirs(config: MiniGridConfig) -> Iterator[np.ndarray]:
    """One world behind MiniGrid's wrapper: yields `[H, W, 3]` of each step, for ever."""
    world: Any = gymnasium.make(
        gymnasium.spec(config.env_id), disable_env_checker=True, agent_view_size=config.view_size
    )
    wrapper = RGBImgPartialObsWrapper if config.view == "partial" else RGBImgObsWrapper
    env = wrapper(world, config.tile_size)
    assert isinstance(env.action_space, Discrete)
    random, episode = np.random.default_rng(SEED), 0
    while True:
        with redirect_stdout(None):  # BabyAI prints each rejected draw of a level
            obs, _ = env.reset(seed=episode_seed(SEED, 0, episode))
        episode, ended = episode + 1, False
        yield obs["image"]
        while not ended:
            obs, _, terminated, truncated, _ = env.step(int(random.integers(env.action_space.n)))
            ended = terminated or truncated
            yield obs["image"]


def ours(config: MiniGridConfig) -> Iterator[np.ndarray]:
    """The same of our env 0: yields `[H, W, 3]` of each step, for ever."""
    envs = make_envs(config)
    envs.reset(SEED)
    random = np.random.default_rng(SEED)
    actions = np.zeros(config.num_envs, np.int64)
    while True:
        step = envs.recv()
        yield step.obs[0].transpose(1, 2, 0)
        if not step.last[0]:  # the action given to a last row is ignored: none is drawn for it
            actions[:] = random.integers(envs.spec.num_actions)
        envs.send(actions)


def compare(config: MiniGridConfig) -> None:
    for number, (a, b) in enumerate(
        zip(theirs(config), ours(config.model_copy(update={"num_envs": 1})), strict=True)
    ):
        if not np.array_equal(a, b):
            raise SystemExit(f"{config.env_id}, {config.view}: picture {number} differs")
        if number == COMPARED_STEPS:
            return


def steps_per_cpu_second(stream: Iterator[np.ndarray], envs: int) -> Callable[[float], float]:
    def measure(seconds: float) -> float:
        begin, count = time.process_time(), 0
        while (elapsed := time.process_time() - begin) < seconds:
            next(stream)
            count += envs
        return count / elapsed

    return measure


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of processor time, per slice")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    for env_id, view, view_size in WORLDS:
        config = MiniGridConfig(
            kind="minigrid", env_id=env_id, view=view, view_size=view_size, num_envs=MANY_ENVS
        )
        compare(config)
        measures = {
            "minigrid": steps_per_cpu_second(theirs(config), 1),
            "ludus_1": steps_per_cpu_second(ours(config.model_copy(update={"num_envs": 1})), 1),
            "ludus_16": steps_per_cpu_second(ours(config), MANY_ENVS),
        }
        slices: dict[str, list[float]] = {name: [] for name in measures}
        for _ in range(args.rounds):
            for name, measure in measures.items():
                slices[name].append(measure(args.seconds))
        rates = {name: median(values) for name, values in slices.items()}
        rows.append({"world": env_id, "view": view, "view_size": view_size, **rates})
    show(
        "MiniGrid from pixels, env steps per second of processor time",
        ("world", "view", "MiniGrid", "Ludus, 1 env", "x", f"Ludus, {MANY_ENVS} envs", "x"),
        (
            (
                str(row["world"]),
                f"{row['view']} {row['view_size']}",
                f"{row['minigrid']:,.0f}",
                f"{row['ludus_1']:,.0f}",
                f"{row['ludus_1'] / row['minigrid']:.1f}",
                f"{row['ludus_16']:,.0f}",
                f"**{row['ludus_16'] / row['minigrid']:.1f}**",
            )
            for row in rows
        ),
        (
            f"medians of {args.rounds} slices of {args.seconds:g} s; random actions; pictures of "
            f"{COMPARED_STEPS} steps of each world compared and equal",
        ),
    )
    write_json(args.json, {"rows": rows})


if __name__ == "__main__":
    main()
