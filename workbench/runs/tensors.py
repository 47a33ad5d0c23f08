"""Tensors of a checkpoint as files, and the nested structures around them as JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from workbench.errors import UsageError


def save_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Writes tensors by name; raises OSError where they cannot be written."""
    # Clones: safetensors refuses tensors that share memory, and strides are not kept.
    whole = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    # safetensors 0.8 gives its files the mode 0600, whatever the umask asks for.
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(whole, path)
        path.chmod(mode)
    except SafetensorError as error:  # what a full disk is to safetensors
        raise OSError(f"{path} cannot be written: {error}") from error


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Returns tensors by name; raises UsageError if the file is damaged."""
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UsageError(f"{path} is damaged: {error}") from error


def flatten(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Returns `value` as JSON in which every array is a reference into `tensors`."""
    match value:
        case torch.Tensor():
            tensors[name] = value
            return {"tensor": name}
        case np.ndarray():
            tensors[name] = torch.from_numpy(np.array(value, order="C"))
            return {"array": name, "dtype": value.dtype.str}
        case Mapping():
            # As pairs: keys may be integers, which JSON objects would turn into strings.
            return {"items": [[k, flatten(v, f"{name}/{k}", tensors)] for k, v in value.items()]}
        case list() | tuple():
            return {"list": [flatten(v, f"{name}/{i}", tensors) for i, v in enumerate(value)]}
        case None | bool() | int() | float() | str():
            return {"value": value}
        case _:
            raise TypeError(f"{name} is a {type(value).__name__}, which a checkpoint cannot hold")


def unflatten(node: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """Returns what `flatten` made JSON of; raises UsageError, KeyError or TypeError if damaged."""
    match node:
        case {"tensor": name}:
            return tensors[name]
        case {"array": name, "dtype": dtype}:
            return tensors[name].numpy().astype(dtype, copy=False)
        case {"items": pairs}:
            return {key: unflatten(child, tensors) for key, child in pairs}
        case {"list": children}:
            return [unflatten(child, tensors) for child in children]
        case {"value": value}:
            return value
    raise UsageError("resume.json is damaged")
