"""The hardware that a run uses: its device, precision, threads and memory."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from agents.config import PrecisionName
from workbench.config import DeviceName, TrainConfig
from workbench.errors import UsageError

# Parameters of mallopt, as in glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def choose_device(name: DeviceName) -> torch.device:
    """Returns the device asked for; `auto` takes cuda, else mps, else cpu.

    Raises:
        UsageError: the device asked for is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next((device for device, there in available.items() if there), "cpu"))
    if not available.get(name, True):
        raise UsageError(f"the device {name} is not available here; set device=auto")
    return torch.device(name)


def resolve_precision(precision: PrecisionName, device: torch.device) -> PrecisionName:
    """Replaces `auto` by what is fast on this machine: bfloat16 on matrix units, else float32.

    On a CPU without AMX, bfloat16 convolutions are several times slower than float32.
    """
    if precision != "auto":
        return precision
    fast = (device.type == "cuda" and torch.cuda.is_bf16_supported()) or (
        device.type == "cpu" and torch.cpu._is_amx_tile_supported()
    )
    return "bfloat16" if fast else "float32"


def resolve(config: TrainConfig) -> TrainConfig:
    """Replaces what depends on the machine, so that the saved config means the same elsewhere.

    Raises:
        UsageError: the device is not there.
    """
    precision = resolve_precision(config.agent.precision, choose_device(config.device))
    agent = config.agent.model_copy(update={"precision": precision})
    return config.model_copy(update={"agent": agent})


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Lets PyTorch compute with so many threads for a while: results depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def prepare_torch(threads: int) -> None:
    """Sets what PyTorch does in this whole process: its threads, denormals and freed memory."""
    torch.set_num_threads(threads)
    # Momentum of weights that no longer learn decays into denormals; Adam was 5x slower for them.
    torch.set_flush_denormal(True)
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Lets glibc use the memory of freed tensors again.

    By default it gives large blocks back to the system, and each new tensor is faulted in page by
    page: an update of DQN took 4 % longer on one machine, a third longer on another.
    """
    with suppress(AttributeError):  # only glibc has it
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
