"""Training speed of recurrent PPO: Ludus against sb3-contrib, and against its own ceiling.

Both train on the same 16 MiniGrid-MemoryS9 worlds, made by the same code (ours: MiniGrid's own RGB
wrapper would slow sb3-contrib down further), with networks of the same size (two convolutions, a
hidden layer of 128, one LSTM of 256 shared by policy and value, a hidden layer for each of these
two, float32), rollouts of 128 ticks, whole sequences, 4
epochs of 4 minibatches of 512 decisions. Ludus is also measured with sequences of 32 ticks and in
bfloat16, which sb3-contrib does not offer. Each side is tried with 1 and 2 torch threads.

Every configuration has its own process; slices alternate, and medians are shown. Parts, in env
steps per second: `env` steps the worlds alone, `act` chooses actions alone, `learn` makes the
updates of one rollout alone. No loop that plays, then learns, can be faster than
1 / (1/env + 1/act + 1/learn), the ceiling; `learn` itself is far above a plain loop over time.

    python benchmarks/recurrent_ppo_speed.py [--seconds 8] [--rounds 5] [--json PATH]

Takes about 15 minutes.
"""

import argparse
import os
import time
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

NUM_ENVS = 16
TICKS = 128
EPOCHS = 4
MINIBATCHES = 4
LSTM = 256
# Of sb3-contrib, whose heads see the LSTM's 256 outputs: as many weights as 384 outputs of 384
# inputs, the LSTM's and those of the hidden layer before it, which is what heads of Ludus see.
HEAD = 576
LEARNING_RATE = 2e-4
WORLD = {
    "kind": "minigrid",
    "env_id": "MiniGrid-MemoryS9-v0",
    "view_size": 3,
    "num_envs": NUM_ENVS,
}
THREADS = (1, 2)
PARTS = ("env", "act", "learn")


def env_rate(seconds: float) -> float:
    from envs import make_envs
    from envs.grid import MiniGridConfig

    envs = make_envs(MiniGridConfig.model_validate(WORLD))
    envs.reset(0)
    envs.recv()
    random = np.random.default_rng(0)

    def tick() -> None:
        envs.send(random.integers(7, size=NUM_ENVS))
        envs.recv()

    return NUM_ENVS * calls_per_second(tick, seconds)


def ours(connection: Connection, *, sequence_ticks: int, precision: str) -> None:
    from agents.ppo import PPO
    from envs import make_envs
    from workbench.config import OnPolicyConfig
    from workbench.training.devices import keep_freed_memory
    from workbench.training.interact import interact
    from workbench.training.on_policy import OnPolicyLoop, make_sequences, take

    torch.set_flush_denormal(True)  # as `ludus train` does
    keep_freed_memory()
    config = OnPolicyConfig.model_validate(
        {
            "env": WORLD,
            "agent": {
                "kind": "ppo",
                "network": "grid",
                "core_size": LSTM,
                "rollout_ticks": TICKS,
                "sequence_ticks": sequence_ticks,
                "epochs": EPOCHS,
                "minibatches": MINIBATCHES,
                "learning_rate": LEARNING_RATE,
                "precision": precision,
            },
            "total_env_steps": 10**9,
        }
    )
    cpu = torch.device("cpu")
    loop = OnPolicyLoop(config, cpu)
    loop.start()
    iterations = loop.iterations()

    # What the parts are measured on: a second set of everything.
    other = make_envs(config.env)
    other.reset(1)
    agent = PPO(config.agent, other.spec, cpu, np.random.default_rng(0))
    memory = agent.initial_memory(NUM_ENVS)
    stream = interact(other, agent, memory, explore=True)
    ticks = [next(stream) for _ in range(TICKS + 1)]
    sequences = make_sequences(config.agent, ticks, memory, cpu)
    parts = np.array_split(np.arange(len(sequences.first)), MINIBATCHES)

    def learn() -> None:
        for _ in range(EPOCHS):
            for index in parts:
                agent.update(take(sequences, index))

    answer(
        connection,
        {
            "env": env_rate,
            "act": lambda s: (
                NUM_ENVS
                * calls_per_second(lambda: agent.act(ticks[0].step, memory, explore=True), s)
            ),
            "learn": lambda s: NUM_ENVS * TICKS * calls_per_second(learn, s),
            # The tick that is only looked at does not count.
            "whole": lambda s: NUM_ENVS * TICKS * calls_per_second(lambda: next(iterations), s),
        },
    )


def theirs(connection: Connection) -> None:
    import gymnasium
    from sb3_contrib import RecurrentPPO
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
    from stable_baselines3.common.vec_env import VecEnv

    from agents.networks import make_torso
    from envs import make_envs
    from envs.grid import MiniGridConfig
    from workbench.training.devices import keep_freed_memory

    torch.set_flush_denormal(True)
    keep_freed_memory()

    class Worlds(VecEnv):
        """Ours, as sb3 wants them: an episode's end is told with the next one's first obs."""

        def __init__(self) -> None:
            self.envs = make_envs(MiniGridConfig.model_validate(WORLD))
            space = gymnasium.spaces.Box(0, 255, self.envs.spec.obs_shape, np.uint8)
            actions = gymnasium.spaces.Discrete(self.envs.spec.num_actions)
            super().__init__(NUM_ENVS, space, actions)
            self.envs.reset(0)
            self.latest = self.envs.recv()

        def reset(self) -> np.ndarray:
            return self.latest.obs

        def step_async(self, actions: np.ndarray) -> None:
            self.envs.send(actions)

        def step_wait(self) -> Any:
            before, self.latest = self.latest, self.envs.recv()
            step = self.latest
            infos = [
                {"terminal_observation": before.obs[i]} if step.first[i] else {}
                for i in range(NUM_ENVS)
            ]
            return step.obs, step.reward, step.first, infos

        def close(self) -> None:
            self.envs.close()

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            return [None] * NUM_ENVS

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
            raise NotImplementedError

        def env_method(self, method_name: str, *args: Any, **kwargs: Any) -> list[Any]:
            raise NotImplementedError

        def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
            return [False] * NUM_ENVS

    class Features(BaseFeaturesExtractor):
        """The torso and the hidden layer of ours; sb3 hands it floats in 0..1."""

        def __init__(self, observation_space: gymnasium.spaces.Box) -> None:
            super().__init__(observation_space, 128)
            torso, width = make_torso("grid", observation_space.shape)
            self.layers = torch.nn.Sequential(torso, torch.nn.Linear(width, 128), torch.nn.ReLU())

        def forward(self, obs: torch.Tensor) -> torch.Tensor:
            return self.layers(obs * 255.0)

    model = RecurrentPPO(
        "CnnLstmPolicy",
        Worlds(),
        learning_rate=LEARNING_RATE,
        n_steps=TICKS,
        batch_size=NUM_ENVS * TICKS // MINIBATCHES,
        n_epochs=EPOCHS,
        policy_kwargs={
            "features_extractor_class": Features,
            "net_arch": {"pi": [HEAD], "vf": [HEAD]},
            "lstm_hidden_size": LSTM,
            "shared_lstm": True,
            "enable_critic_lstm": False,
        },
        device="cpu",
        seed=1,
    )

    def turn() -> None:
        model.learn(NUM_ENVS * TICKS, reset_num_timesteps=False, log_interval=10**9)

    turn()  # fills the rollout buffer, and lets everything warm up
    obs = model.env.reset()
    begins = np.zeros(NUM_ENVS, bool)
    answer(
        connection,
        {
            "env": env_rate,
            "act": lambda s: (
                NUM_ENVS * calls_per_second(lambda: model.predict(obs, episode_start=begins), s)
            ),
            "learn": lambda s: NUM_ENVS * TICKS * calls_per_second(model.train, s),
            "whole": lambda s: NUM_ENVS * TICKS * calls_per_second(turn, s),
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="of one slice of the whole")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    competitors = [
        Competitor("sb3-contrib RecurrentPPO", theirs),
        Competitor("Ludus, whole sequences", ours, sequence_ticks=TICKS, precision="float32"),
        Competitor("Ludus, sequences of 32", ours, sequence_ticks=32, precision="float32"),
        Competitor(
            "Ludus, whole sequences, bfloat16", ours, sequence_ticks=TICKS, precision="bfloat16"
        ),
    ]
    begin = time.monotonic()
    slices = measure_by_turns(
        competitors, PARTS, threads=THREADS, rounds=args.rounds, seconds=args.seconds
    )
    rates = {key: {what: median(x) for what, x in of.items()} for key, of in slices.items()}
    for of in rates.values():
        of["ceiling"] = 1 / sum(1 / of[part] for part in PARTS)
    best = max(of["whole"] for key, of in rates.items() if key[0].startswith("sb3"))
    show(
        "Recurrent PPO on MiniGrid-MemoryS9 from pixels, env steps per second",
        ("configuration", "threads", *PARTS, "whole", "x sb3", "ceiling", "whole / ceiling"),
        (
            (
                name,
                str(threads),
                *(f"{of[part]:,.0f}" for part in PARTS),
                f"**{of['whole']:,.0f}**",
                f"{of['whole'] / best:.2f}",
                f"{of['ceiling']:,.0f}",
                f"{of['whole'] / of['ceiling']:.2f}",
            )
            for (name, threads), of in sorted(rates.items(), key=lambda item: item[1]["whole"])
        ),
        (
            f"medians of {args.rounds} slices of {args.seconds:g} s, by turns, "
            f"{(time.monotonic() - begin) / 60:.0f} minutes; "
            f"OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'not set')}",
            "x sb3: against the better of sb3-contrib's two",
        ),
    )
    write_slices(args.json, args.seconds, slices)


if __name__ == "__main__":
    main()
