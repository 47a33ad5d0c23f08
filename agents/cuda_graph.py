"""CUDA graphs: hundreds of small kernels launched as one."""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

Batch = TypeVar("Batch", bound=tuple[Tensor, ...])
WARM_UP_CALLS = 3


class Recorder(Generic[Batch]):
    """Calls a function of a batch; after warm-up, replays the kernels that it launched on the GPU.

    A small network's update is some 300 kernels, each of which takes longer to launch than to run.
    The function may change its tensors in place, but not replace them; its work on the host
    is not repeated in a replay
    (https://pytorch.org/docs/stable/notes/cuda.html#whole-network-capture).
    """

    def __init__(self, function: Callable[[Batch], tuple[Tensor, ...]]) -> None:
        """Batches must be on the GPU and have the same shapes and dtypes."""
        self._function = function
        self._calls = 0
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._graph = torch.cuda.CUDAGraph()

    def __call__(self, batch: Batch) -> tuple[Tensor, ...]:
        """Returns what the function makes of `batch`, in tensors that no later call changes."""
        self._calls += 1
        if self._calls <= WARM_UP_CALLS:
            return self._on_the_side(batch)
        if self._calls == WARM_UP_CALLS + 1:
            # The memory that the graph reads and writes.
            self._batch = type(batch)(*(tensor.clone() for tensor in batch))
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._results = self._function(self._batch)
        for kept, new in zip(self._batch, batch, strict=True):
            kept.copy_(new)
        self._graph.replay()
        return tuple(result.clone() for result in self._results)

    def _on_the_side(self, batch: Batch) -> tuple[Tensor, ...]:
        """Libraries choose their algorithms and memory here, which recording does not allow."""
        main = torch.cuda.current_stream()
        self._stream.wait_stream(main)
        with torch.cuda.stream(self._stream):
            results = self._function(batch)
        main.wait_stream(self._stream)
        return results
