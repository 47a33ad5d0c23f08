"""The ring of ticks: every frame once, in uint8, with what is needed to rebuild transitions.

Row `t % length` holds tick t of all envs: the newest frame of the observation, the action it was
given, and the reward, discount, first and last flags that arrived with it. Stacks and n-step
returns are gathered from consecutive rows when sampled.

The ring is longer than its capacity by as many ticks as lie between two checkpoints, so ticks
written after a checkpoint never overwrite ticks that the checkpoint refers to. Saving the ring is
then only writing the new rows to its file; on resume, rows past the saved head are simply
written again.
"""

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from envs.base import EnvSpec, Step

Ticks = npt.NDArray[np.int64]
Storage = Literal["memory", "memmap"]

FIELDS: dict[str, type[np.generic]] = {
    "action": np.int16,
    "reward": np.float32,
    "discount": np.float32,
    "first": np.bool_,
    "last": np.bool_,
}


class Ring:
    """`capacity_ticks` of the newest ticks of N envs, plus slack."""

    def __init__(
        self,
        spec: EnvSpec,
        *,
        capacity_ticks: int,
        slack_ticks: int,
        device: torch.device,
        directory: Path | None,
        storage: Storage,
    ) -> None:
        """Allocates everything at once.

        Args:
            spec: of the envs whose ticks are stored.
            capacity_ticks: how many of the newest ticks may be sampled.
            slack_ticks: how many ticks may be added between two calls of `flush`.
            device: where frames live; a CPU ring with `storage="memmap"` lives in its files.
            directory: where the files lie; None: the ring is never saved.
            storage: `memory` copies new rows to the files at `flush`; `memmap` works on the files.

        Raises:
            OSError: the files do not fit on the disk.
        """
        self._spec = spec
        self.capacity_ticks = capacity_ticks
        self.length = capacity_ticks + slack_ticks + spec.stack - 1
        self.num_envs = spec.num_envs
        self.head = 0  # ticks added so far; the newest is tick head - 1
        self._flushed = 0
        self._files: dict[str, npt.NDArray[Any]] = {}
        shape = (self.length, spec.num_envs)
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            frames_file = _map_file(directory / "frames.bin", np.uint8, (*shape, *spec.frame_shape))
            self._files = {"frames": frames_file} | {
                name: _map_file(directory / f"{name}.bin", dtype, shape)
                for name, dtype in FIELDS.items()
            }
        self._in_files = storage == "memmap" and directory is not None
        if self._in_files:
            self._fields = {name: self._files[name] for name in FIELDS}
            frames = torch.from_numpy(self._files["frames"])
        else:
            self._fields = {name: np.zeros(shape, dtype) for name, dtype in FIELDS.items()}
            frames = torch.zeros((*shape, *spec.frame_shape), dtype=torch.uint8, device=device)
        self._frames = frames.view(self.length * spec.num_envs, -1)  # [rows, bytes]

    def add(self, step: Step, action: npt.NDArray[np.int64]) -> None:
        """Appends one tick: a Step and the actions `[N]` that answered it."""
        row = self.head % self.length
        newest = torch.from_numpy(step.obs[:, -self._spec.frame_channels :])
        begin = row * self.num_envs
        self._frames[begin : begin + self.num_envs] = newest.reshape(self.num_envs, -1).to(
            self._frames.device
        )
        for name, value in zip(FIELDS, (action, *step[1:]), strict=True):
            self._fields[name][row] = value
        self.head += 1

    def field(self, name: str, tick: Ticks, env: Ticks) -> npt.NDArray[Any]:
        """Returns `[B]` values of one of `FIELDS` at ticks and envs `[B]`."""
        return self._fields[name][tick % self.length, env]

    def observations(self, tick: Ticks, env: Ticks) -> torch.Tensor:
        """Rebuilds the observations of ticks `[B]` of envs `[B]`: `[B, C, H, W]` uint8.

        Frames from before the episode's first are zeros, as the envs themselves show them.
        """
        stack = self._spec.stack
        ticks = tick[:, None] + np.arange(1 - stack, 1)  # [B, stack], oldest first
        rows = torch.from_numpy((ticks % self.length) * self.num_envs + env[:, None])
        frames = torch.index_select(self._frames, 0, rows.reshape(-1).to(self._frames.device))
        frames = frames.view(len(tick), stack, -1)
        starts = self._fields["first"][ticks[:, 1:] % self.length, env[:, None]]  # [B, stack - 1]
        if starts.any():
            # A frame is from before the start if any later frame up to the newest is a first.
            before = np.flip(np.logical_or.accumulate(np.flip(starts, 1), axis=1), 1)
            hidden = torch.from_numpy(np.nonzero(before.reshape(-1))[0])
            i, j = hidden // (stack - 1), hidden % (stack - 1)
            frames[i.to(frames.device), j.to(frames.device)] = 0
        return frames.view(len(tick), *self._spec.obs_shape)

    def returns(
        self, tick: Ticks, env: Ticks, n_step: int, discount: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], Ticks]:
        """The n-step return that begins by acting at `tick` `[B]`, cut at the episode's end.

        Returns:
            `sum_k γ^(k-1) reward_k` `[B]`, the product of discounts `γ^m` `[B]`, and the tick
            `[B]` of the observation to bootstrap from, m <= n_step ticks later.
        """
        total = np.zeros(len(tick), np.float32)
        product = np.ones(len(tick), np.float32)
        going = np.ones(len(tick), np.bool_)
        end = tick.copy()
        for _ in range(n_step):
            end = end + going
            reward = self.field("reward", end, env)
            total += np.where(going, product * reward, 0)
            step_discount = np.float32(discount) * self.field("discount", end, env)
            product = np.where(going, product * step_discount, product)
            going &= ~self.field("last", end, env)
        return total, product, end

    def flush(self) -> None:
        """Makes all ticks so far durable; the caller then records `head` in a checkpoint."""
        if self._files and not self._in_files:
            for begin, end in self._rows_since_flush():
                frames = self._frames[begin * self.num_envs : end * self.num_envs]
                target = self._files["frames"][begin:end]
                target[:] = frames.cpu().numpy().reshape(target.shape)
                for name in FIELDS:
                    self._files[name][begin:end] = self._fields[name][begin:end]
        for file in self._files.values():
            if isinstance(file, np.memmap):
                file.flush()
        self._flushed = self.head

    def _rows_since_flush(self) -> list[tuple[int, int]]:
        count = min(self.head - self._flushed, self.length)
        end = self.head % self.length
        begin = end - count
        if begin >= 0:
            return [(begin, end)]
        return [(0, end), (begin + self.length, self.length)]

    def restore(self, head: int) -> None:
        """Takes up the files as they were flushed with `head`."""
        self.head = self._flushed = head
        if not self._in_files:
            for name in FIELDS:
                self._fields[name][:] = self._files[name]
            flat = self._files["frames"].reshape(self._frames.shape)
            for begin in range(0, len(flat), 65536):  # in parts: the source is a mapped file
                part = np.array(flat[begin : begin + 65536])
                self._frames[begin : begin + 65536] = torch.from_numpy(part).to(self._frames.device)


def _map_file(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Opens or makes a mapped file of `shape`; raises OSError if it does not fit on the disk.

    Its blocks are reserved, since a write to a mapped file on a full disk would kill the process.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with path.open("ab") as file:
        existing = file.tell()
        if existing not in (0, size):
            raise OSError(f"{path} has {existing} bytes where {size} were expected")
        if existing == 0:
            os.posix_fallocate(file.fileno(), 0, size)
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)
