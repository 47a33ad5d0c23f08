"""Training speed of DQN on Pong: Ludus against Stable-Baselines3, and against its own ceiling.

Both train plain DQN (no double, no dueling, 1-step, uniform replay) on Pong with sticky actions and
without life loss, 84x84 stacked by 4, Nature CNN, batches of 32, one update per 4 env steps (8
samples per env step), Adam with the same learning rate, the same target period in updates, the same
replay capacity, and epsilon 0.01 from the start. SB3 runs `DQN("CnnPolicy").learn` on
`make_atari_env` and `VecFrameStack`, with 1 env, with 8, and with 8 in their own processes; Ludus
runs the very `workbench.training.train.train` of `ludus train`, metrics, checkpoints and videos
included but with periods longer than the slices. Each side is tried with 1 and 2 torch threads.

Every configuration has its own process; slices of a few seconds alternate, and medians are shown.
In the same slices each process also measures its parts, in env steps per second:

    env     stepping the envs alone, with random actions
    act     choosing actions for one tick
    learn   updates on one batch that never changes
    sample  drawing batches of 32

The ceiling of a loop that learns while its envs step is min(env, learn). Acting cannot overlap with
learning, so min(env, 1 / (1/act + 1/learn)) is what the best such loop could reach; one that does
not overlap could reach 1 / (1/env + 1/act + 1/learn).

    python benchmarks/dqn_speed.py [--seconds 6] [--rounds 5] [--json PATH]

Takes about 15 minutes and 8 GB. `--rounds 1 --seconds 1` shows within two minutes that it works.
"""

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import numpy as np
import torch
from side_by_side import (
    SETTLE_SECONDS,
    Competitor,
    calls_per_second,
    measure_by_turns,
    orders,
    show,
    write_slices,
)

BATCH = 32
STEPS_PER_UPDATE = 4
CAPACITY = 20_000
LEARNING_STARTS = 1_000
LEARNING_RATE = 1e-4
ADAM_EPSILON = 1.5e-4
TARGET_PERIOD_UPDATES = 1_000
EPSILON = 0.01
STICKY = 0.25
THREADS = (1, 2)
PARTS = ("env", "act", "learn", "sample")


class Slices:
    """Answers orders `(what, threads, seconds)` in the midst of training.

    The training loop calls `tick` after each tick. It returns at once while a slice is running, and
    otherwise waits for the next order; orders for parts are carried out on the spot.
    """

    def __init__(self, connection: Connection, parts: dict[str, Callable[[float], float]]) -> None:
        self._connection = connection
        self._orders = iter(orders(connection))
        self._parts = parts
        self._settles = self._ends = 0.0
        self._begin: tuple[float, int] | None = None
        self._running = False

    def tick(self, env_steps: int) -> bool:
        """Takes note of the tick just finished; returns False when training should end."""
        now = time.perf_counter()
        if self._running:
            if self._begin is None and now >= self._settles:
                self._begin = (now, env_steps)
            if now < self._ends or self._begin is None or self._begin[1] == env_steps:
                return True
            begin, first = self._begin
            self._connection.send((env_steps - first) / (now - begin))
            self._running = False
        for what, threads, seconds in self._orders:
            torch.set_num_threads(threads)
            if what == "whole":
                now = time.perf_counter()
                self._settles, self._ends = now + SETTLE_SECONDS, now + SETTLE_SECONDS + seconds
                self._begin, self._running = None, True
                return True
            self._connection.send(self._parts[what](seconds))
        return False


def ours(connection: Connection, *, num_envs: int, precision: str) -> None:
    from agents.dqn import DQN
    from envs import make_envs
    from workbench.config import OffPolicyConfig
    from workbench.evaluation import load as player
    from workbench.replay import Replay, Ring, ring_size
    from workbench.runs.run import create_run
    from workbench.training import train as training
    from workbench.training.metrics import Metrics
    from workbench.training.progress import ProgressLine
    from workbench.training.stopping import stop_signals

    config = OffPolicyConfig.model_validate(
        {
            "env": {"kind": "atari", "game": "pong", "num_envs": num_envs},
            "agent": {
                "kind": "dqn",
                "network": "nature",
                "head": "scalar",
                "double": False,
                "dueling": False,
                "n_step": 1,
                "batch_size": BATCH,
                "learning_rate": LEARNING_RATE,
                "adam_epsilon": ADAM_EPSILON,
                "target_period_updates": TARGET_PERIOD_UPDATES,
                "epsilon_start": EPSILON,
                "epsilon_end": EPSILON,
                "precision": precision,
            },
            "replay": {"capacity_env_steps": CAPACITY},
            "total_env_steps": 10**9,
            "learning_starts_env_steps": LEARNING_STARTS,
            "samples_per_env_step": BATCH / STEPS_PER_UPDATE,
            "checkpoint_period_env_steps": 200_000,
            "record_period_env_steps": 10**9,
            "device": "cpu",
            "wandb": {"mode": "disabled"},
        }
    )
    player.MAX_VIDEO_ENV_STEPS = 1  # the video before the first step

    # What the parts are measured on: a second set of everything.
    envs = make_envs(config.env)
    envs.reset(0)
    step = envs.recv()
    agent = DQN(config.agent, envs.spec, torch.device("cpu"), np.random.default_rng(0))
    replay = Replay(
        Ring(envs.spec, ring_size(config, envs.spec), device=torch.device("cpu")),
        config.replay,
        np.random.default_rng(0),
        n_step=1,
        discount=config.agent.discount,
    )
    random = np.random.default_rng(0)

    def tick_envs() -> None:
        nonlocal step
        envs.send(random.integers(envs.spec.num_actions, size=num_envs))
        step = envs.recv()

    for _ in range(replay.ring.capacity_ticks):
        replay.add(step, np.zeros(num_envs, np.int64), ())
        tick_envs()
    batch = replay.sample(BATCH).batch
    slices = Slices(
        connection,
        {
            "env": lambda s: num_envs * calls_per_second(tick_envs, s),
            "act": lambda s: (
                num_envs * calls_per_second(lambda: agent.act(step, (), explore=True), s)
            ),
            "learn": lambda s: STEPS_PER_UPDATE * calls_per_second(lambda: agent.update(batch), s),
            "sample": lambda s: (
                STEPS_PER_UPDATE * calls_per_second(lambda: replay.sample(BATCH), s)
            ),
        },
    )

    class Stopwatch(ProgressLine):
        """In place of the progress bar: `train` tells it of every tick."""

        ended = False

        def advance(self, env_steps: int) -> None:
            if env_steps >= 2 * LEARNING_STARTS and not self.ended:
                self.ended = not slices.tick(env_steps)
                if self.ended:
                    signal.raise_signal(signal.SIGINT)  # as Ctrl-C would

        def show(self, metrics: Metrics) -> None:
            """Stays silent."""

    with tempfile.TemporaryDirectory() as directory:
        run = create_run(config, str(Path(directory) / "run"))
        with stop_signals() as stop:
            training.train(run, Stopwatch("", config.total_env_steps, 0), stop)


def theirs(connection: Connection, *, num_envs: int, processes: bool) -> None:
    import ale_py
    import gymnasium
    from stable_baselines3 import DQN
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import (
        DummyVecEnv,
        SubprocVecEnv,
        VecEnv,
        VecFrameStack,
        VecTransposeImage,
    )

    from workbench.training.devices import keep_freed_memory

    torch.set_flush_denormal(True)  # as `train` does for Ludus
    keep_freed_memory()

    def game(**options: object) -> gymnasium.Env[object, object]:
        gymnasium.register_envs(ale_py)  # in the process that makes the env
        return gymnasium.make("ALE/Pong-v5", **options)

    def make_envs(seed: int) -> VecEnv:
        envs = make_atari_env(
            game,
            n_envs=num_envs,
            seed=seed,
            env_kwargs={"frameskip": 1, "repeat_action_probability": STICKY},
            wrapper_kwargs={"noop_max": 0, "terminal_on_life_loss": False},
            vec_env_cls=SubprocVecEnv if processes else DummyVecEnv,
        )
        return VecTransposeImage(VecFrameStack(envs, n_stack=4))

    # One vector step of 8 envs is 8 env steps, hence 2 updates; with 1 env an update takes 4 steps.
    model = DQN(
        "CnnPolicy",
        make_envs(1),
        learning_rate=LEARNING_RATE,
        buffer_size=CAPACITY,
        learning_starts=LEARNING_STARTS,
        batch_size=BATCH,
        train_freq=max(1, STEPS_PER_UPDATE // num_envs),
        gradient_steps=max(1, num_envs // STEPS_PER_UPDATE),
        target_update_interval=TARGET_PERIOD_UPDATES * STEPS_PER_UPDATE,
        exploration_initial_eps=EPSILON,
        exploration_final_eps=EPSILON,
        policy_kwargs={"optimizer_kwargs": {"eps": ADAM_EPSILON}},
        device="cpu",
        seed=1,
    )
    envs = make_envs(2)
    obs = envs.reset()
    assert isinstance(obs, np.ndarray)
    draw = np.random.default_rng(0)

    def learn(seconds: float) -> float:
        batch = model.replay_buffer.sample(BATCH)
        sample, model.replay_buffer.sample = model.replay_buffer.sample, lambda *_, **__: batch
        rate = calls_per_second(lambda: model.train(1, BATCH), seconds)
        model.replay_buffer.sample = sample
        return STEPS_PER_UPDATE * rate

    slices = Slices(
        connection,
        {
            "env": lambda s: (
                num_envs * calls_per_second(lambda: envs.step(draw.integers(6, size=num_envs)), s)
            ),
            "act": lambda s: (
                num_envs * calls_per_second(lambda: model.predict(obs, deterministic=True), s)
            ),
            "learn": learn,
            "sample": lambda s: (
                STEPS_PER_UPDATE * calls_per_second(lambda: model.replay_buffer.sample(BATCH), s)
            ),
        },
    )

    class Stopwatch(BaseCallback):
        """`learn` tells it of every vector step."""

        def _on_step(self) -> bool:
            return self.num_timesteps < 2 * LEARNING_STARTS or slices.tick(self.num_timesteps)

    model.learn(10**9, callback=Stopwatch(), log_interval=10**9)
    for vector_env in (envs, model.get_env()):
        with suppress(EOFError, BrokenPipeError):
            vector_env.close()


def ceilings(rates: dict[str, float]) -> dict[str, float]:
    """The ceilings that the module's docstring defines, in env steps per second."""
    env, act, learn = rates["env"], rates["act"], rates["learn"]
    return {
        "ceiling": min(env, learn),
        "ceiling_with_acting": min(env, 1 / (1 / act + 1 / learn)),
        "ceiling_in_turns": 1 / (1 / env + 1 / act + 1 / learn),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="of one slice of the whole")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    competitors = [
        Competitor("SB3, 1 env", theirs, num_envs=1, processes=False),
        Competitor("SB3, 8 envs", theirs, num_envs=8, processes=False),
        Competitor("SB3, 8 envs in processes", theirs, num_envs=8, processes=True),
    ] + [
        Competitor(f"Ludus, {n} envs, {precision}", ours, num_envs=n, precision=precision)
        for precision in ("float32", "bfloat16")
        for n in (8, 16)
    ]
    slices = measure_by_turns(
        competitors, PARTS, threads=THREADS, rounds=args.rounds, seconds=args.seconds
    )
    rates = {key: {what: median(x) for what, x in of.items()} for key, of in slices.items()}
    for of in rates.values():
        of |= ceilings(of)
    sb3 = max((of["whole"], key) for key, of in rates.items() if key[0].startswith("SB3"))
    show(
        "DQN on Pong, env steps per second: batch 32, 8 samples per env step, Nature CNN, 84x84",
        (
            "configuration",
            "threads",
            *PARTS,
            "whole",
            "x best SB3",
            "ceiling",
            "whole / ceiling",
            "/ with acting",
            "/ in turns",
        ),
        (
            (
                name,
                str(threads),
                *(f"{of[part]:,.0f}" for part in PARTS),
                f"**{of['whole']:,.0f}**",
                f"{of['whole'] / sb3[0]:.2f}",
                f"{of['ceiling']:,.0f}",
                *(f"{of['whole'] / of[key]:.2f}" for key in ceilings(of)),
            )
            for (name, threads), of in sorted(rates.items(), key=lambda item: item[1]["whole"])
        ),
        (
            f"medians of {args.rounds} slices of {args.seconds:g} s, by turns; "
            f"OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'not set')}",
            f"the best of SB3, always float32: {sb3[1][0]}, {sb3[1][1]} threads, {sb3[0]:,.0f}",
            *(_headline(rates, precision, sb3[0]) for precision in ("float32", "bfloat16")),
        ),
    )
    write_slices(args.json, args.seconds, slices)


def _headline(rates: dict[tuple[str, int], dict[str, float]], precision: str, sb3: float) -> str:
    """What the best of Ludus in one precision says against SB3 and against its ceiling."""
    name, threads = max(
        (key for key in rates if key[0].endswith(precision)), key=lambda key: rates[key]["whole"]
    )
    of = rates[name, threads]
    return (
        f"the best of Ludus in {precision}: {name}, {threads} threads, {of['whole']:,.0f}: "
        f"{of['whole'] / sb3:.2f} x SB3 and {of['whole'] / of['ceiling']:.2f} of the ceiling"
    )


if __name__ == "__main__":
    main()
