"""The machine that a run computes on."""

import subprocess
import sys

import pytest
import torch

from workbench.errors import UsageError
from workbench.training.devices import choose_device, resolve_precision

CPU = torch.device("cpu")


def test_a_named_precision_is_kept():
    assert resolve_precision("bfloat16", CPU) == "bfloat16"
    assert resolve_precision("float32", CPU) == "float32"


@pytest.mark.parametrize(("matrix_units", "fast"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_what_is_fast_here(monkeypatch: pytest.MonkeyPatch, matrix_units: bool, fast: str):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrix_units)
    assert resolve_precision("auto", CPU) == fast
    assert resolve_precision("auto", torch.device("mps")) == "float32"


def test_auto_takes_the_fastest_device_there_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(UsageError, match="cuda is not available here; set device=auto"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"


def test_denormals_are_zero_and_threads_are_as_asked():
    """In a process of its own, for both hold for the whole process."""
    program = (
        "import torch; from workbench.training.devices import prepare_torch; prepare_torch(3);"
        "print(torch.get_num_threads(), float(torch.tensor([1e-38]) * torch.tensor([1e-3])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["3", "0.0"]
