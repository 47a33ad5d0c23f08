"""Where networks compute."""

import torch

from workbench.config import DeviceName
from workbench.errors import UsageError


def choose_device(name: DeviceName) -> torch.device:
    """Returns the device asked for; `auto` takes cuda, else mps, else cpu.

    Raises:
        UsageError: the device asked for is not there.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, there in available.items() if there))
    if not available[name]:
        raise UsageError(f"the device {name} is not available here; set device=auto")
    return torch.device(name)
