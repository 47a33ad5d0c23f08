"""`ludus export`: the agents of the zoo and one's own, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from envs.base import Step
from tests.end_to_end.configs import write_config
from tests.end_to_end.conftest import Ludus
from tests.end_to_end.test_own_worlds import AGENTS, OWN
from workbench.evaluation.load import load_board_agent, load_env_agent
from workbench.export import onnx_file
from workbench.export.acting import PPOActing
from workbench.runs.run import RUNS

ZOO = Path(__file__).resolve().parents[2] / RUNS / "zoo"
BOXING = str(ZOO / "atari-boxing")


def exported(ludus: Ludus, player: str) -> tuple[dict[str, Any], onnxruntime.InferenceSession]:
    outcome = ludus("export", player, "--onnx", "--out", "a.onnx", "--json")
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["largest_difference"] <= 1e-5
    assert report["observations"] == report["same_actions"] == 1000
    return report, onnxruntime.InferenceSession("a.onnx", providers=["CPUExecutionProvider"])


def random_obs(report: dict[str, Any], count: int) -> np.ndarray:
    shape = count, *report["obs_shape"]
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


def test_a_network_that_remembers(ludus: Ludus) -> None:
    player = str(ZOO / "grid-memory-r2d2")
    report, session = exported(ludus, player)
    agent = load_env_agent(player).agent
    memory = agent.initial_memory(3)
    carried = [np.zeros((3, 128), np.float32)] * 2
    flags, nothing = np.zeros(3, np.bool_), np.zeros(3, np.float32)
    for obs in np.split(random_obs(report, 12), 4):
        step = Step(obs, nothing, nothing, flags, flags)
        decision, memory = agent.act(step, memory, explore=False)
        q_values, *carried = session.run(
            None, {"obs": obs, "memory_h": carried[0], "memory_c": carried[1]}
        )
        np.testing.assert_allclose(q_values, decision.values, atol=1e-4)
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["world"]) == report["world"] == "minigrid/MiniGrid-MemoryS9-v0"
    assert json.loads(facts["actions"])[:3] == ["left", "right", "forward"]
    assert json.loads(facts["env_steps"]) == 1_600_000


def test_a_network_of_a_board_game(ludus: Ludus) -> None:
    player = str(ZOO / "connect-four@320000")
    report, session = exported(ludus, player)
    obs = 255 * (random_obs(report, 4) > 200).astype(np.uint8)
    policy, value, outcome = session.run(None, {"obs": obs})
    logits, chances = load_board_agent(player).agent.evaluate(obs)
    np.testing.assert_allclose(policy, torch.from_numpy(logits).softmax(1), atol=1e-5)
    np.testing.assert_allclose(outcome, chances, atol=1e-5)
    np.testing.assert_allclose(value, chances[:, 0] - chances[:, 2], atol=1e-5)
    reference = ReferenceEvaluator(onnx.load("a.onnx")).run(None, {"obs": obs})
    np.testing.assert_allclose(reference[0], policy, atol=1e-5)
    np.testing.assert_allclose(reference[2], outcome, atol=1e-5)


def test_a_world_of_ones_own_with_numbers_and_texts(ludus: Ludus, here: Path) -> None:
    changes = {"total_env_steps": 150, "record_period_env_steps": 10_000}
    write_config(here / "c.yaml", OWN | AGENTS["lstm"] | changes)
    trained = ludus("train", "c.yaml", "--run", "a")
    assert trained.code == 0, trained.err
    report, _ = exported(ludus, "a")
    assert report["parts"] == [
        {"name": "order", "kind": "text", "shape": [24, 2]},
        {"name": "time", "kind": "vector", "shape": [1]},
    ]
    assert report["actions"] == ["0,0", "0,1", "1,0", "1,1"]


def test_a_file_that_computes_something_else_is_not_written(
    ludus: Ludus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(self: PPOActing, obs: torch.Tensor, *memory: torch.Tensor) -> Any:
        return tuple(output + 1e-3 for output in right(self, obs, *memory))

    right = PPOActing.forward
    monkeypatch.setattr(PPOActing, "forward", forward)
    (here / "kept.onnx").write_text("of yesterday")
    player = str(ZOO / "grid-memory-feedforward")
    failed = ludus("export", player, "--onnx", "--out", "kept.onnx")
    assert failed.code == 1
    assert "up to 1.0e-03 away from the agent, more than 1e-05" in failed.err
    assert len(failed.err.strip().splitlines()) == 1
    assert [path.name for path in here.iterdir()] == ["kept.onnx"]
    assert (here / "kept.onnx").read_text() == "of yesterday"


def test_people_are_told_what_was_written(ludus: Ludus, here: Path) -> None:
    written = ludus("export", BOXING, "--onnx")
    assert written.code == 0
    assert written.out == "atari-boxing-650000.onnx\n"
    onnx.checker.check_model(onnx.load(written.out.strip()))
    assert "takes obs [batch, 4, 64, 64] uint8\n" in written.err
    assert "gives q_values [batch, 18] float32\n" in written.err
    assert "in bfloat16, as it was trained, the agent is up to" in written.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([BOXING], "say as what: ludus export"),
        ([BOXING, "--onnx", "--out", "."], ". is a folder"),
        ([BOXING, "--onnx", "--out", "nowhere/a.onnx"], "there is no folder nowhere"),
        ([BOXING + "@7", "--onnx"], "has no checkpoint '7'"),
        (["nobody", "--onnx"], "nobody"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    ludus: Ludus, here: Path, arguments: list[str], reason: str
) -> None:
    refused = ludus("export", *arguments)
    assert refused.code == 2
    assert reason in refused.err
    assert len(refused.err.strip().splitlines()) == 1
    assert not list(here.iterdir())


def test_missing_packages_are_named(ludus: Ludus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "PACKAGES", ("json", "onnx_of_tomorrow"))
    refused = ludus("export", BOXING, "--onnx")
    assert refused.code == 2
    assert refused.err == (
        "ludus: onnx_of_tomorrow is not installed; get it with: pip install 'ludus[export]'\n"
    )
