"""SB3's agents in our protocols: their choices, their state, and what they are made with."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from agents.sb3 import SB3Agent, SB3Config, random_state, seeds_kept
from envs import env_spec, make_envs
from envs.base import Step
from envs.plain_worlds import PlainConfig
from tests.agents import moment_world
from workbench.config import SB3TrainConfig
from workbench.training.sb3 import SB3Loop

CPU = torch.device("cpu")
MOMENT = {"kind": "gymnasium", "id": "Moment", "module": moment_world.__file__}
SMALL = {"policy_kwargs": {"net_arch": [8]}}
SMALL_LSTM = {"policy_kwargs": {"net_arch": [8], "lstm_hidden_size": 8}}
OFF = {"learning_starts": 10, "buffer_size": 40, "batch_size": 4, **SMALL}
# Algorithm, policy, the kind of action, arguments.
MODELS = [
    ("DQN", "MlpPolicy", "numbered", OFF),
    ("QRDQN", "MlpPolicy", "numbered", OFF),
    ("A2C", "MlpPolicy", "multi", SMALL),
    ("MaskablePPO", "MlpPolicy", "numbered", {"n_steps": 8, "batch_size": 4, **SMALL}),
    ("RecurrentPPO", "MlpLstmPolicy", "numbered", {"n_steps": 8, "batch_size": 4, **SMALL_LSTM}),
    ("SAC", "MlpPolicy", "box", OFF | {"action_noise": {"sigma": 0.3}}),
    ("TQC", "MlpPolicy", "box", OFF),
]


def config_of(
    algorithm: str, policy: str, action: str, kwargs: Mapping[str, Any]
) -> SB3TrainConfig:
    return SB3TrainConfig.model_validate(
        {
            "seed": 2,
            "env": MOMENT | {"kwargs": {"action": action}},
            "agent": {"kind": "sb3", "algorithm": algorithm, "policy": policy, "kwargs": kwargs},
            "total_env_steps": 64,
            "device": "cpu",
        }
    )


def equal(left: Any, right: Any) -> bool:
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, torch.Tensor | np.ndarray):
        return bool((torch.as_tensor(left) == torch.as_tensor(right)).all())
    return bool(left == right)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model[0])
def test_a_resumed_training_goes_on_bit_for_bit(model: tuple[Any, ...]) -> None:
    """In a world whose episodes are over at once, as worlds alone are not brought back."""
    config = config_of(*model)
    whole, half = SB3Loop(config, CPU), SB3Loop(config, CPU)
    iterations = whole.iterations()
    while whole.agent.model.num_timesteps < 32:
        next(iterations)
    saved = {name: part.state_dict() for name, part in whole.parts.items()}
    half.agent.load_network_state(
        {name: tensor.clone() for name, tensor in whole.agent.network_state().items()}
    )
    kept = _copied(saved)
    while whole.agent.model.num_timesteps < 64:
        next(iterations)
    at_end = _copied(whole.agent.state_dict())
    weights = {name: tensor.clone() for name, tensor in whole.agent.network_state().items()}

    for name, part in half.parts.items():
        part.load_state_dict(kept[name])
    again = half.iterations()
    while half.agent.model.num_timesteps < 64:
        next(again)
    assert not equal(kept["agent"], at_end)
    assert equal(half.agent.network_state(), weights)
    assert equal(half.agent.state_dict(), at_end)


def _copied(state: Any) -> Any:
    if isinstance(state, Mapping):
        return {key: _copied(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [_copied(value) for value in state]
    if isinstance(state, torch.Tensor):
        return state.clone()
    return state.copy() if isinstance(state, np.ndarray) else state


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model[0])
def test_it_chooses_as_sb3_does(model: tuple[Any, ...]) -> None:
    config = config_of(*model)
    spec = env_spec(config.env)
    agent = config.agent.make(spec, CPU)
    step = first_step(config.env, 5)
    memory = agent.initial_memory(5)
    decision, after = agent.act(step, memory, explore=False)
    assert spec.plain is not None
    obs, allowed = spec.plain.unpack(step.obs)
    given: dict[str, Any] = {"action_masks": allowed} if model[0] == "MaskablePPO" else {}
    action, state = agent.model.predict(obs, deterministic=True, **given)
    assert np.array_equal(decision.action, action)
    if model[0] == "RecurrentPPO":
        assert all(np.array_equal(new, old) for new, old in zip(after[:2], state, strict=True))
        assert len(after) == 4
        assert after[2].abs().sum() > 0
    rows = 3 if decision.policy is None else 1
    assert decision.values.shape == (5, rows)
    if decision.policy is None:
        assert np.array_equal(decision.values.argmax(1), action)
    else:
        assert decision.policy.shape == (5, 3 if model[2] == "numbered" else 1)
        assert decision.policy.sum(1) == pytest.approx(np.ones(5))
    if model[0] == "MaskablePPO":
        assert decision.policy is not None
        assert (decision.policy[:, 1] < 1e-6).all()  # which the world forbids


def first_step(world: PlainConfig, num_envs: int) -> Step:
    envs = make_envs(world.model_copy(update={"num_envs": num_envs}))
    envs.reset(1)
    return envs.recv()


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"gama": 0.9}, "DQN has no gama; it has"),
        ({"policy_kwargs": {"net_arch": "wide"}}, "DQN refuses this"),
        ({"train_freq": [4, "day"]}, "DQN refuses this"),
    ],
)
def test_arguments_that_sb3_refuses(kwargs: dict[str, Any], reason: str) -> None:
    config = config_of("DQN", "MlpPolicy", "numbered", kwargs)
    with pytest.raises(ValueError, match=reason):
        config.agent.make(env_spec(config.env), CPU)


@pytest.mark.parametrize("key", ["seed", "device", "env"])
def test_what_the_rest_of_a_config_says_is_no_argument(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} is not set here; set "):
        SB3Config(kind="sb3", algorithm="DQN", kwargs={key: 1})


def test_noise_is_told_by_its_deviation() -> None:
    config = config_of("SAC", "MlpPolicy", "box", OFF | {"action_noise": 0.3})
    with pytest.raises(ValueError, match=r"action_noise is {sigma: S}"):
        config.agent.make(env_spec(config.env), CPU)


def test_a_world_that_does_not_fit_is_refused() -> None:
    config = config_of("SAC", "MlpPolicy", "numbered", {})
    with pytest.raises(ValueError, match="SAC refuses this"):
        config.agent.make(env_spec(config.env), CPU)


def test_drawing_can_be_kept_apart() -> None:
    before = random_state()
    with seeds_kept():
        torch.rand(1)
        np.random.rand()  # noqa: NPY002
        assert not equal(random_state(), before)
    assert equal(random_state(), before)


def test_the_agents_of_making_and_learning_have_the_same_network() -> None:
    config = config_of(*MODELS[0])
    loop = SB3Loop(config, CPU)
    made: SB3Agent = config.agent.make(env_spec(config.env), CPU)
    made.load_network_state(loop.agent.network_state())
    assert equal(made.network_state(), loop.agent.network_state())
