"""CUDA graphs: hundreds of small kernels launched as one."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

Batch = TypeVar("Batch", bound=tuple[Tensor, ...])
WARM_UP_CALLS = 3


class Recorded(NamedTuple, Generic[Batch]):
    """A recorded graph with the memory that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    batch: Batch
    results: tuple[Tensor, ...]


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
        self._recorded: Recorded[Batch] | None = None

    def __call__(self, batch: Batch) -> tuple[Tensor, ...]:
        """Returns what the function makes of `batch`, in tensors that no later call changes."""
        if self._recorded is None:
            self._calls += 1
            if self._calls <= WARM_UP_CALLS:
                return self._on_the_side(batch)
            self._recorded = self._record(batch)
        for kept, new in zip(self._recorded.batch, batch, strict=True):
            kept.copy_(new)
        self._recorded.graph.replay()
        return tuple(result.clone() for result in self._recorded.results)

    def _on_the_side(self, batch: Batch) -> tuple[Tensor, ...]:
        """Libraries choose their algorithms and memory here, which recording does not allow."""
        main = torch.cuda.current_stream()
        self._stream.wait_stream(main)
        with torch.cuda.stream(self._stream):
            results = self._function(batch)
        main.wait_stream(self._stream)
        return results

    def _record(self, batch: Batch) -> Recorded[Batch]:
        kept = type(batch)(*(tensor.clone() for tensor in batch))
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            results = self._function(kept)
        return Recorded(graph, kept, results)
