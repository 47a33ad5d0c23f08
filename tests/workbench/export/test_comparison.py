"""A difference between a file and an agent is seen, whatever it is."""

from typing import Any

import numpy as np
import pytest
import torch

from agents.ppo import PPO, PPOConfig
from envs import env_spec
from envs.probes import ProbeConfig
from workbench.export.acting import MEMORY, acting_module
from workbench.export.comparison import Comparison, compare, compare_in_world
from workbench.export.onnx_file import Arrays, Session

RECALL = ProbeConfig(kind="probe", probe="recall")


def test_differences_are_relative_beyond_1() -> None:
    expected = {"q_values": np.array([[100.0, 50.0], [0.5, 0.25]], np.float32)}
    found = {"q_values": np.array([[101.0, 50.0], [0.5, 0.27]], np.float32)}
    number, difference, same = compare(found, expected)
    assert (number, same) == (2, 2)
    assert difference == pytest.approx(0.02, rel=1e-5)
    found["q_values"][0] = [49.0, 50.0]
    assert compare(found, expected) == Comparison(2, pytest.approx(0.51), 1)


def test_not_a_number_is_no_match() -> None:
    expected = {"policy": np.array([[1.0, 0.0]], np.float32)}
    assert compare({"policy": np.array([[np.nan, 0.0]])}, expected).difference == np.inf


def test_batches_are_added_up_and_the_worse_answer_counts() -> None:
    one, two = Comparison(8, 0.5, 7), Comparison(8, 0.25, 6)
    assert one.and_(two) == Comparison(16, 0.5, 13)
    assert two.at_least(one) == Comparison(8, 0.5, 6)


class FaultySession(Session):
    """Computes in torch what a file would, but for one output."""

    def __init__(self, agent: Any, fault: str) -> None:
        self.acting, self.fault = acting_module(agent), fault
        self.inputs = {name: [] for name in ("obs", *MEMORY)}

    def run(self, inputs: Arrays) -> Arrays:
        given = {name: torch.from_numpy(array) for name, array in inputs.items()}
        names = (*self.acting.outputs, *(f"next_{name}" for name in MEMORY))
        outputs = zip(names, self.acting(*given.values()), strict=True)
        return {name: o.numpy() + 0.01 * (name == self.fault) for name, o in outputs}


@pytest.fixture(scope="module")
def agent() -> PPO:
    config = PPOConfig(kind="ppo", network="flat", core_size=4)
    return config.make(env_spec(RECALL), torch.device("cpu"), np.random.default_rng(0))


def test_what_is_equal_is_found_equal(agent: PPO) -> None:
    exact, played = compare_in_world(agent, FaultySession(agent, ""), agent, RECALL)
    assert exact.observations == 1000
    assert exact.difference < 1e-6
    assert played == Comparison(1000, 0.0, 1000)


@pytest.mark.parametrize("fault", ["policy", "value", "next_memory_h", "next_memory_c"])
def test_a_fault_in_any_output_is_found(agent: PPO, fault: str) -> None:
    found, _ = compare_in_world(agent, FaultySession(agent, fault), agent, RECALL)
    assert found.difference == pytest.approx(0.01, rel=0.5)
