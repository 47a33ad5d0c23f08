"""What every test relies on: one thread, whole floats, the same random numbers in any order."""

import signal

import pytest
import torch
from hypothesis import settings

# Shells start what runs in the background with Ctrl-C ignored, and tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup ignores
torch.set_num_threads(1)
settings.register_profile("ludus", deadline=None, derandomize=True, database=None)
settings.load_profile("ludus")


@pytest.fixture(autouse=True)
def fresh_torch() -> None:
    torch.manual_seed(0)
    # A training that ran in this process before has turned denormals off; hypothesis needs them.
    torch.set_flush_denormal(False)
