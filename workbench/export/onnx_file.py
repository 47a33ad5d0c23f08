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
from workbench.errors import WorkError
from workbench.export.acting import Acting

PACKAGES = ("onnx", "onnxruntime", "onnxscript")  # of the extra `export`
Shapes = dict[str, list[int | str]]
Arrays = dict[str, npt.NDArray[Any]]


def to_onnx(acting: Acting, obs_shape: tuple[int, int, int], facts: Mapping[str, Any]) -> bytes:
    """Returns an ONNX file of `acting`, with `facts` as its metadata, each in JSON.

    The first dimension of all inputs and outputs, `batch`, may have any size.

    Raises:
        WorkError: torch cannot convert it.
    """
    memory = acting.memory_names
    obs = torch.zeros(2, *obs_shape, dtype=torch.uint8)
    halves = [torch.zeros(2, acting.memory_size) for _ in memory]
    batch = {0: torch.export.Dim("batch")}
    # What is given as *memory is one tuple here, and none where there is no memory.
    shapes = (batch, tuple(batch for _ in memory)) if memory else (batch,)
    try:
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
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        raise WorkError(f"torch could not convert the network to ONNX: {reason}") from None
    assert program is not None
    model = program.model_proto
    if not all(given.type.tensor_type.shape.dim[0].dim_param for given in model.graph.input):
        raise WorkError("torch converted the network to ONNX for one size of batch only")
    for node in model.graph.node:  # where in our source it came from, by paths of this machine
        del node.metadata_props[:]
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=json.dumps(value))
    data: bytes = model.SerializeToString()
    return data


def require_packages() -> None:
    """Raises ValueError, with the command that installs them, if packages are missing."""
    for package in PACKAGES:
        require(package, "export")


class Session:
    """An ONNX file as ONNX Runtime computes it on one CPU core.

    Attributes:
        inputs: the shape of each by name; `batch` may be any number.
        outputs: likewise.
    """

    def __init__(self, data: bytes) -> None:
        """Loads the bytes of a file."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"]
        )

        self.inputs: Shapes = {node.name: node.shape for node in self._session.get_inputs()}
        self.outputs: Shapes = {node.name: node.shape for node in self._session.get_outputs()}

    @property
    def memory_names(self) -> list[str]:
        """The inputs that are the agent's memory."""
        return [name for name in self.inputs if name != "obs"]

    def run(self, inputs: Arrays) -> Arrays:
        """Returns all outputs by name."""
        found = self._session.run(None, inputs)
        return dict(zip(self.outputs, map(np.asarray, found), strict=True))

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
