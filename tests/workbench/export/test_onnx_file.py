"""ONNX files: read by others, for any batch, with metadata and without paths of this machine."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor

from workbench.errors import WorkError
from workbench.export.acting import Acting
from workbench.export.onnx_file import Session, to_onnx

FACTS = {"world": "probe/recall", "actions": ["left", "größer"], "obs_shape": [1, 2, 2]}


class Doubling(Acting):
    outputs = ("doubled",)
    memory_size = 3

    def forward(self, obs: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        return 2 * obs.float().flatten(1), memory[0] + 1, memory[1] - 1


class Guessing(Doubling):
    def forward(self, obs: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        if obs.float().sum() > 0:  # which an ONNX file cannot know
            return super().forward(obs, *memory)
        return obs, *memory


@pytest.fixture(scope="module")
def data() -> bytes:
    return to_onnx(Doubling(), (1, 2, 2), FACTS)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_any_batch_is_computed(data: bytes, batch: int) -> None:
    obs = np.arange(batch * 4, dtype=np.uint8).reshape(batch, 1, 2, 2)
    zeros = np.zeros((batch, 3), np.float32)
    inputs = {"obs": obs, "memory_h": zeros, "memory_c": zeros}
    found = Session(data).run(inputs)
    np.testing.assert_array_equal(found["doubled"], 2.0 * obs.reshape(batch, 4))
    np.testing.assert_array_equal(found["next_memory_h"], zeros + 1)
    np.testing.assert_array_equal(found["next_memory_c"], zeros - 1)
    reference = ReferenceEvaluator(onnx.load_from_string(data)).run(None, inputs)
    for theirs, ours in zip(reference, found.values(), strict=True):
        np.testing.assert_array_equal(theirs, ours)


def test_a_file_tells_what_it_is(data: bytes) -> None:
    session = Session(data)
    assert session.inputs == {
        "obs": ["batch", 1, 2, 2],
        "memory_h": ["batch", 3],
        "memory_c": ["batch", 3],
    }
    assert [*session.outputs] == ["doubled", "next_memory_h", "next_memory_c"]
    assert session.memory_names == ["memory_h", "memory_c"]
    assert session.metadata() == FACTS


def test_a_file_is_valid_and_tells_nothing_of_this_machine(data: bytes) -> None:
    onnx.checker.check_model(data, full_check=True)
    assert str(Path(__file__).parents[3]).encode() not in data
    assert Path(torch.__file__).parent.name.encode() + b"/nn" not in data


def test_what_torch_cannot_convert_is_one_line() -> None:
    with pytest.raises(WorkError, match=r"^torch could not convert the network to ONNX: .+$"):
        to_onnx(Guessing(), (1, 2, 2), FACTS)


class OnlyTwo(Doubling):
    def forward(self, obs: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        return super().forward(obs.reshape(len(obs), 4), *memory)


def test_a_file_for_one_size_of_batch_is_refused() -> None:
    with pytest.raises(WorkError, match="one size of batch only"):
        to_onnx(OnlyTwo(), (1, 2, 2), FACTS)
