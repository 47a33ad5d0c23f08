"""The loop of SB3: the same weights as by SB3's own `learn`."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import stable_baselines3
import torch

from workbench.config import SB3TrainConfig
from workbench.runs.run import Run
from workbench.training.sb3 import SB3Loop

SHORT = {"n_steps": 64, "batch_size": 32, "n_epochs": 2}
SMALL = {"policy_kwargs": {"net_arch": [16]}}
# Algorithm, world, env_steps, arguments.
TRAININGS = [
    ("DQN", "CartPole-v1", 1_000, {}),
    ("PPO", "CartPole-v1", 192, SHORT),
    ("A2C", "Pendulum-v1", 60, {}),
    ("SAC", "Pendulum-v1", 120, SMALL),
    ("TD3", "Pendulum-v1", 120, {"train_freq": [20, "step"], "gradient_steps": -1, **SMALL}),
]


def make_config(algorithm: str, world: str, env_steps: int, kwargs: Any) -> SB3TrainConfig:
    return SB3TrainConfig.model_validate(
        {
            "seed": 5,
            "env": {"kind": "gymnasium", "id": world},
            "agent": {"kind": "sb3", "algorithm": algorithm, "kwargs": kwargs},
            "total_env_steps": env_steps,
            "device": "cpu",
        }
    )


@pytest.mark.parametrize(("algorithm", "world", "env_steps", "kwargs"), TRAININGS)
def test_the_weights_are_those_of_a_script(
    algorithm: str, world: str, env_steps: int, kwargs: dict[str, Any], tmp_path: Path
) -> None:
    loop = SB3Loop(make_config(algorithm, world, env_steps, kwargs), torch.device("cpu"))
    loop.start()
    done, recorded = 0, False
    for progress in loop.iterations():
        done += progress.env_steps
        if not recorded and world == "CartPole-v1":  # where it is short; it must change nothing
            loop.record(Run(tmp_path), done)
            recorded = True
        if done >= env_steps:
            break
    loop.close()

    given = {key: tuple(v) if isinstance(v, list) else v for key, v in kwargs.items()}
    given = deepcopy(given)  # SAC writes into the policy_kwargs that it is given
    script = getattr(stable_baselines3, algorithm)(
        "MlpPolicy", world, seed=5, device="cpu", **given
    )
    untrained = {name: tensor.clone() for name, tensor in script.policy.state_dict().items()}
    script.learn(env_steps)
    expected, found = script.policy.state_dict(), loop.agent.network_state()
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert not all(torch.equal(untrained[name], found[name]) for name in expected)
    assert done == script.num_timesteps
    assert loop.agent.updates == script._n_updates > 0


def test_every_episode_is_told_once() -> None:
    """The returns are those that SB3's own Monitor took up."""
    loop = SB3Loop(make_config("PPO", "CartPole-v1", 192, SHORT), torch.device("cpu"))
    iterations = loop.iterations()
    steps = [step for _ in range(3) for step in next(iterations).steps]
    lengths, length = [], 0
    for step in steps:
        length += 1
        if step.last[0]:
            lengths.append(length)
            length = 0
    loop.close()
    assert [episode["l"] for episode in loop.agent.model.ep_info_buffer] == lengths
    assert len(steps) == 192
    assert len(lengths) > 1
