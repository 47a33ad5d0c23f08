"""ONNX files: written from a module, described by their metadata, and run by ONNX Runtime."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from envs.extras import require
from workbench.export.acting import Acting

Arrays = dict[str, npt.NDArray[Any]]


def to_onnx(acting: Acting, obs_shape: tuple[int, int, int], facts: Mapping[str, Any]) -> bytes:
    """Returns an ONNX file of `acting`, with `facts` as its metadata, each in JSON.

    The first dimension of all inputs and outputs, `batch`, may have any size.

    Raises:
        ValueError: onnx is not installed.
    """
    for module in ("onnx", "onnxscript"):
        require(module, "export")
    memory = acting.memory_names
    obs = torch.zeros(2, *obs_shape, dtype=torch.uint8)
    halves = [torch.zeros(2, acting.memory_size) for _ in memory]
    batch = {0: torch.export.Dim("batch")}
    # What is given as *memory is one tuple here, and none where there is no memory.
    shapes = (batch, tuple(batch for _ in memory)) if memory else (batch,)
    with _quiet():
        program = torch.onnx.export(
            acting,
            (obs, *halves),
            dynamo=True,
            verbose=False,
            input_names=["obs", *memory],
            output_names=[*acting.outputs, *(f"next_{name}" for name in memory)],
            dynamic_shapes=shapes,
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:  # where in our source it came from, by paths of this machine
        del node.metadata_props[:]
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=json.dumps(value))
    data: bytes = model.SerializeToString()
    return data


class Session:
    """An ONNX file as ONNX Runtime computes it on one CPU core.

    Attributes:
        shapes: of inputs and outputs, by name.
        memory_names: the inputs that are the agent's memory.
    """

    def __init__(self, data: bytes) -> None:
        """Raises ValueError if onnxruntime is not installed."""
        require("onnxruntime", "export")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"]
        )

        nodes = [*self._session.get_inputs(), *self._session.get_outputs()]
        self.shapes = {node.name: tuple(node.shape) for node in nodes}
        self.memory_names = [node.name for node in self._session.get_inputs()[1:]]

    def run(self, inputs: Arrays) -> Arrays:
        """Returns all outputs by name."""
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, map(np.asarray, self._session.run(names, inputs)), strict=True))

    def metadata(self) -> dict[str, Any]:
        """Returns what `to_onnx` was told."""
        found = self._session.get_modelmeta().custom_metadata_map
        return {key: json.loads(value) for key, value in found.items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides what the exporter tells of its own making: old names in torch, no torchvision."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
