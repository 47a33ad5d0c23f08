"""What is exported computes what agents do, before any file is written."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agents.base import Agent
from agents.dqn import DQNConfig
from agents.parts import Floats
from agents.ppo import PPOConfig
from agents.r2d2 import R2D2Config
from envs.base import EnvSpec, Part, Step
from workbench.export.acting import ArithmeticFloats, acting_module

PARTS = (
    Part("picture", "picture", (1, 8, 8)),
    Part("vector", "vector", (3,)),
    Part("text", "text", (4, 2)),
)
WIDTH = sum(part.num_bytes for part in PARTS)
PIXELS = EnvSpec("pixels", 5, (2, 8, 8), 1, ("a", "b", "c"))
MIXED = EnvSpec("mixed", 5, (2, 1, WIDTH), 1, ("a", "b", "c"), PARTS)
CONFIGS = {
    "dqn": DQNConfig(kind="dqn", network="flat", head="quantile", quantiles=3),
    "ppo": PPOConfig(kind="ppo", network="flat", core="none"),
    "lstm": PPOConfig(kind="ppo", network="flat", core_size=6),
    "r2d2": R2D2Config(kind="r2d2", network="flat", core_size=6),
    "r2d2 without memory": R2D2Config(kind="r2d2", network="flat", core="none"),
}


def shaken(agent: Agent) -> Agent:
    """With weights that make every output differ from row to row."""
    with torch.no_grad():
        for parameter in agent.network.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return agent


def observations(spec: EnvSpec, rng: np.random.Generator) -> NDArray[np.uint8]:
    obs = rng.integers(256, size=(spec.num_envs, *spec.obs_shape), dtype=np.uint8)
    if spec.parts:
        numbers = rng.normal(size=(spec.num_envs, 2, 1, 3)).astype(np.float32)
        obs[..., 64:76] = numbers.view(np.uint8)
    return obs


@pytest.mark.parametrize("spec", [PIXELS, MIXED], ids=lambda spec: spec.name)
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_tick_is_that_of_the_agent(kind: str, spec: EnvSpec) -> None:
    agent = shaken(CONFIGS[kind].make(spec, torch.device("cpu"), np.random.default_rng(0)))
    acting = acting_module(agent)
    rng, memory = np.random.default_rng(1), agent.initial_memory(5)
    carried = [half[0] for half in memory]
    nothing = np.zeros(5, np.float32)
    for first in (True, False, False):
        obs = observations(spec, rng)
        flags = np.full(5, first)
        decision, memory = agent.act(
            Step(obs, nothing, nothing, flags, flags), memory, explore=False
        )
        (*found,) = acting(torch.from_numpy(obs), *carried)
        carried = found[len(acting.outputs) :]
        expected = {"q_values": decision.values, "policy": decision.policy}
        expected["value"] = decision.values[:, 0]
        for name, output in zip(acting.outputs, found, strict=False):
            np.testing.assert_allclose(output.numpy(), expected[name], rtol=1e-4, atol=1e-5)
            assert np.ptp(output.numpy(), axis=0).max() > 1e-3  # rows differ
        assert len(carried) == len(memory)
        for half, theirs in zip(carried, memory, strict=True):
            np.testing.assert_allclose(half.numpy(), theirs[0].numpy(), atol=1e-5)


def test_floats_are_read_exactly() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(2**32, size=6000, dtype=np.uint32)
    special = np.array([0.0, 1.0, -2.5, 3.4e38, 1e-38, 1e-45], np.float32).view(np.uint32)
    numbers = np.concatenate([bits, special]).view(np.float32)
    numbers = numbers[np.isfinite(numbers)]
    frames = torch.from_numpy(numbers.view(np.uint8)).view(1, 1, -1)
    np.testing.assert_array_equal(ArithmeticFloats()(frames)[0, 0].numpy(), numbers)
    np.testing.assert_array_equal(Floats()(frames)[0, 0].numpy(), numbers)


def test_the_agent_itself_stays_as_it_was() -> None:
    config = CONFIGS["dqn"]
    agent = config.make(MIXED, torch.device("cpu"), np.random.default_rng(0))
    before = [*agent.network_state()]
    acting_module(agent)
    assert [*agent.network_state()] == before
    assert all(parameter.requires_grad for parameter in agent.network.parameters())


def test_other_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="dqn, ppo, r2d2 and alphazero"):
        acting_module(object())  # type: ignore[arg-type]
