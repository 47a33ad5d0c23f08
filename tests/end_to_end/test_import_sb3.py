"""Models that SB3 saved: what is refused, and what a run of one is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stable_baselines3
import torch
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.utils import LinearSchedule

from tests.end_to_end.checks import complaint
from tests.end_to_end.conftest import Ludus
from workbench.evaluation.load import load_env_agent
from workbench.runs.run import Run

PENDULUM = "Pendulum-v1"
CARTPOLE = ("--env", "CartPole-v1")
SMALL = {"net_arch": [8], "activation_fn": torch.nn.Tanh}


class Marker:
    """Leaves a file where it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("marker"),)


def saved_dqn(path: Path, env_steps: int = 60) -> Any:
    model = stable_baselines3.DQN(
        "MlpPolicy",
        "CartPole-v1",
        seed=4,
        device="cpu",
        policy_kwargs=SMALL,
        learning_starts=20,
        learning_rate=LinearSchedule(1e-3, 0.0, 1.0),
    )
    model.learn(env_steps)
    model.marker = Marker()
    model.save(path)
    return model


def test_nothing_of_a_zip_is_run_that_is_not_trusted(ludus: Ludus, here: Path) -> None:
    saved_dqn(here / "model.zip")
    refused = ludus("import", "model.zip", "--algorithm", "DQN", *CARTPOLE, "--run", "a")
    assert "model.zip holds pickles, which can run any program" in complaint(refused, 2)
    assert "add --trust-pickle" in refused.err
    assert [path.name for path in here.iterdir()] == ["model.zip"]


def test_a_trusted_model_plays_and_goes_on(ludus: Ludus, here: Path) -> None:
    model = saved_dqn(here / "model.zip")
    made = ludus(
        *("import", "model.zip", "--algorithm", "DQN", *CARTPOLE, "--run", "a", "--trust-pickle")
    )
    assert made.code == 0, made.err
    assert made.out == "runs/a\n"
    assert (here / "marker").exists()  # what the flag is for
    (here / "marker").unlink()
    run = Run(Path("runs/a"))
    assert run.info["env_steps"] == model.num_timesteps
    assert run.status == "finished"
    assert run.config.agent.kwargs == {  # type: ignore[union-attr]
        "learning_rate": 1e-3,
        "learning_starts": 20,
        "policy_kwargs": {"net_arch": [8], "activation_fn": "torch.nn.modules.activation:Tanh"},
    }
    agent = load_env_agent("runs/a").agent
    expected = model.policy.state_dict()
    assert all(torch.equal(agent.network_state()[name], expected[name]) for name in expected)
    measured = ludus("eval", "a", "--episodes", "2", "--json")
    assert measured.code == 0, measured.err
    assert len(json.loads(measured.out)["returns"]) == 2
    resumed = ludus("resume", "a", "total_env_steps=120", "wandb.mode=disabled")
    assert resumed.code == 0, resumed.err
    assert run.info["env_steps"] == 120
    assert not (here / "marker").exists()  # the run holds no pickle


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["model.zip", "--algorithm", "SAC", *CARTPOLE], "it is no SAC of this world"),
        (["model.zip", "--algorithm", "DQN", "--env", "Acrobot-v1"], "it is no DQN of this world"),
        (["model.zip", "--algorithm", "DQN", "--env", "Nowhere-v1"], "knows no world"),
        (["model.zip", "--algorithm", "DQM", *CARTPOLE], "unknown algorithm 'DQM'"),
        (["text.zip", "--algorithm", "DQN", *CARTPOLE], "text.zip is not a zip"),
        (["none.zip", "--algorithm", "DQN", *CARTPOLE], "there is no file none.zip"),
    ],
)
def test_what_is_no_model_leaves_nothing_behind(
    ludus: Ludus,
    here: Path,
    arguments: list[str],
    reason: str,
) -> None:
    saved_dqn(here / "model.zip", 1)
    (here / "text.zip").write_text("PK")
    refused = ludus("import", *arguments, "--run", "a", "--trust-pickle")
    assert reason in complaint(refused, 2)
    assert not (here / "runs").exists()


def test_arguments_of_other_algorithms_are_kept(ludus: Ludus, here: Path) -> None:
    noise = NormalActionNoise(np.zeros(1), 0.2 * np.ones(1))
    stable_baselines3.TD3(
        "MlpPolicy",
        "Pendulum-v1",
        device="cpu",
        action_noise=noise,
        policy_kwargs={"net_arch": [8]},
    ).save("td3.zip")
    stable_baselines3.A2C("MlpPolicy", "CartPole-v1", device="cpu").save("a2c.zip")
    end = ("--trust-pickle", "--run")
    assert ludus("import", "td3.zip", "--algorithm", "TD3", "--env", PENDULUM, *end, "a").code == 0
    assert ludus("import", "a2c.zip", "--algorithm", "A2C", *CARTPOLE, *end, "b").code == 0
    configs = [Run(Path("runs") / name).config for name in "ab"]
    kwargs = [config.agent.kwargs for config in configs]  # type: ignore[union-attr]
    assert kwargs[0] == {"action_noise": {"sigma": 0.2}, "policy_kwargs": {"net_arch": [8]}}
    assert kwargs[1]["policy_kwargs"]["optimizer_class"] == "torch.optim.rmsprop:RMSprop"
