"""The ring buffer of ticks: every frame is stored once, in uint8.

Row `t % length` holds tick t of all envs: the newest frame of the observation, the action that
answered it, and the reward, discount, first and last flags that came with it. Frame stacks and
n-step returns are gathered from consecutive rows when they are sampled.

The ring is longer than its capacity by the ticks between two checkpoints. So ticks written after a
checkpoint never overwrite ticks that the checkpoint needs. A checkpoint only writes the new rows to
the ring's files; after a resume, rows past the saved head are written again.

If a whole training fits into the ring, it never wraps around, and its files have one row per tick
of that training. They grow when the training is extended; no row moves.
"""

import mmap
import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from envs.base import EnvSpec, Step
from workbench.config import OffPolicyConfig

Ticks = npt.NDArray[np.int64]
Storage = Literal["memory", "memmap"]

FIELDS: dict[str, type[np.generic]] = {
    "action": np.int16,
    "reward": np.float32,
    "discount": np.float32,
    "first": np.bool_,
    "last": np.bool_,
}
# A kill may come while files grow. No other file then has fewer rows than this one.
LAST_TO_GROW = "last"


class RingSize(NamedTuple):
    """How many ticks a ring holds."""

    capacity: int  # newest ticks that may be sampled
    slack: int  # most ticks that are added between two calls of `flush`
    total: int | None = None  # of the whole training, if known

    def length(self, spec: EnvSpec) -> int:
        """Returns all ticks: capacity, slack, and the frames of the oldest stack."""
        length = self.capacity + self.slack + spec.stack - 1
        return length if self.total is None else min(length, self.total)


class Ring:
    """The newest ticks of N envs, plus slack."""

    def __init__(
        self,
        spec: EnvSpec,
        size: RingSize,
        *,
        device: torch.device,
        directory: Path | None = None,
        storage: Storage = "memory",
    ) -> None:
        """Allocates all memory at once.

        Args:
            spec: of the envs whose ticks are stored.
            size: how many of them. Existing files with fewer rows grow.
            device: of the frames. With the storage `memmap` they are in files on the host instead.
            directory: of the files; None: the ring is never saved.
            storage: `memory` copies new rows to the files at `flush`; `memmap` works on the files.

        Raises:
            OSError: the disk is too small, or the files belong to other envs.
        """
        self.spec = spec
        self.capacity_ticks = size.capacity
        self.length = size.length(spec)
        self._has_past = False
        if directory is not None:
            rows = _rows_on_disk(directory, spec.num_envs)
            self.length, self._has_past = max(self.length, rows), rows > 0
        self._wraps = self.length >= size._replace(total=None).length(spec)
        self.num_envs = spec.num_envs
        self.head = 0  # ticks added so far; the newest is tick head - 1
        self._flushed = 0
        self._files: dict[str, np.memmap[Any, Any]] = {}
        shape = (self.length, spec.num_envs)
        frames_shape = (*shape, *spec.frame_shape)
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            self._files["frames"] = _map_file(directory / "frames.bin", np.uint8, frames_shape)
            for name, dtype in FIELDS.items():
                self._files[name] = _map_file(directory / f"{name}.bin", dtype, shape)
        self._in_files = storage == "memmap" and directory is not None
        self._fields: dict[str, npt.NDArray[Any]]
        if self._in_files:
            self._fields = {name: self._files[name] for name in FIELDS}
            frames = torch.from_numpy(self._files["frames"])
        else:
            self._fields = {name: np.zeros(shape, dtype) for name, dtype in FIELDS.items()}
            if device.type == "cpu":  # numpy, unlike torch, asks for huge pages
                frames = torch.from_numpy(np.zeros(frames_shape, np.uint8))
            else:
                frames = torch.zeros(frames_shape, dtype=torch.uint8, device=device)
        self._flat = {name: np.asarray(x).reshape(-1) for name, x in self._fields.items()}
        self._frames = frames.view(self.length * spec.num_envs, -1)  # [rows, bytes]

    def add(self, step: Step, action: npt.NDArray[np.int64]) -> None:
        """Appends one tick: a Step and the actions `[N]` that answered it.

        Raises:
            ValueError: the ticks of the whole training were added already.
        """
        if self.head >= self.length and not self._wraps:
            raise ValueError(f"a ring for {self.length} ticks in all cannot take another")
        row = self.head % self.length
        newest = torch.from_numpy(step.obs[:, -self.spec.frame_channels :])
        begin = row * self.num_envs
        self._frames[begin : begin + self.num_envs] = newest.reshape(self.num_envs, -1).to(
            self._frames.device
        )
        for name, value in zip(FIELDS, (action, *step[1:]), strict=True):
            self._fields[name][row] = value
        self.head += 1

    def field(self, name: str, tick: Ticks, env: Ticks) -> npt.NDArray[Any]:
        """Returns the values of one of `FIELDS` at ticks and envs, e.g. `[B]`."""
        return self._flat[name].take((tick % self.length) * self.num_envs + env)

    def observations(self, tick: Ticks, env: Ticks, ahead: int = 0) -> torch.Tensor:
        """Returns the observations `[B, C, H, W]` uint8 at ticks and envs `[B]`.

        Frames from before the episode's first one are zeros, as in the envs.

        Args:
            tick: of the observations.
            env: of the observations.
            ahead: number of later frames to append along C.
        """
        stack = self.spec.stack
        rows = self._rows(tick, env, 1 - stack, ahead)  # oldest first
        index = torch.from_numpy(rows.reshape(-1)).to(self._frames.device)
        frames = torch.index_select(self._frames, 0, index)
        starts = self._flat["first"].take(rows[:, 1:stack])
        if starts.any():
            # A frame is from before the start if any later frame up to the newest is a first.
            before = np.flip(np.logical_or.accumulate(np.flip(starts, 1), axis=1), 1)
            i, j = np.nonzero(before)
            frames[torch.from_numpy(i * (stack + ahead) + j).to(frames.device)] = 0
        return frames.view(len(tick), -1, *self.spec.obs_shape[1:])

    def returns(
        self, tick: Ticks, env: Ticks, n_step: int, discount: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], Ticks]:
        """Returns n-step returns from the actions at `tick` `[B]`, cut at the episode's end.

        Returns:
            `sum_k γ^(k-1) reward_k` `[B]`, the product of discounts `γ^m` `[B]`, and the tick
            `[B]` of the observation to bootstrap from, m <= n_step ticks later.
        """
        rows = self._rows(tick, env, 1, n_step).T  # [n_step, B]
        rewards = self._flat["reward"].take(rows)
        discounts = np.float32(discount) * self._flat["discount"].take(rows)
        lasts = self._flat["last"].take(rows)
        total, product, end = rewards[0], discounts[0], tick + 1
        going = ~lasts[0]
        for k in range(1, n_step):
            total = total + np.where(going, product * rewards[k], 0)
            product = np.where(going, product * discounts[k], product)
            end = end + going
            going = going & ~lasts[k]
        return total, product, end

    def _rows(self, tick: Ticks, env: Ticks, begin: int, end: int) -> Ticks:
        """Returns the rows `[B, end - begin + 1]` of ticks `tick + begin` to `tick + end`."""
        ticks = tick[:, None] + np.arange(begin, end + 1)
        ticks %= self.length
        ticks *= self.num_envs
        ticks += env[:, None]
        return ticks

    def flush(self) -> None:
        """Writes all new ticks to the files; the caller then saves `head` in a checkpoint."""
        if self._files and not self._in_files:
            for begin, end in self._rows_since_flush():
                frames = self._frames[begin * self.num_envs : end * self.num_envs]
                target = self._files["frames"][begin:end]
                target[:] = frames.cpu().numpy().reshape(target.shape)
                for name in FIELDS:
                    self._files[name][begin:end] = self._fields[name][begin:end]
        for file in self._files.values():
            file.flush()
        self._forget_files()
        self._flushed = self.head

    def _forget_files(self) -> None:
        """Frees the files' pages in memory, which the ring's own arrays already hold."""
        if not self._in_files:
            for file in self._files.values():
                mapped: Any = file.base
                mapped.madvise(mmap.MADV_DONTNEED)

    def _rows_since_flush(self) -> list[tuple[int, int]]:
        count = min(self.head - self._flushed, self.length)
        end = self.head % self.length
        begin = end - count
        if begin >= 0:
            return [(begin, end)]
        return [(0, end), (begin + self.length, self.length)]

    def restore(self, head: int) -> None:
        """Reads the files that were flushed at `head`; raises ValueError if they are gone."""
        if not self._has_past:
            raise ValueError("the files of its replay are gone")
        self.head = self._flushed = head
        if not self._in_files:
            for name in FIELDS:
                self._fields[name][:] = self._files[name]
            flat = self._files["frames"].reshape(self._frames.shape)
            for begin in range(0, len(flat), 65536):  # in parts: the source is a mapped file
                part = np.array(flat[begin : begin + 65536])
                self._frames[begin : begin + 65536] = torch.from_numpy(part).to(self._frames.device)
            self._forget_files()


def ring_size(config: OffPolicyConfig, spec: EnvSpec) -> RingSize:
    """Returns the configured size; what is added between two checkpoints is slack."""
    num_envs = spec.num_envs
    return RingSize(
        capacity=-(-config.replay.capacity_env_steps // num_envs),
        slack=-(-config.checkpoint_period_env_steps // num_envs) + 1,
        total=-(-config.total_env_steps // num_envs),
    )


def _rows_on_disk(directory: Path, num_envs: int) -> int:
    """Returns the rows of the files in `directory`; 0 if there are none."""
    path = directory / f"{LAST_TO_GROW}.bin"
    size = path.stat().st_size if path.is_file() else 0
    return size // (num_envs * np.dtype(FIELDS[LAST_TO_GROW]).itemsize)


def _map_file(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Opens, makes or lengthens a mapped file of `shape`; raises OSError if the disk is too small.

    All its blocks are reserved: writing to a mapped file on a full disk would kill the process.
    """
    row = int(np.prod(shape[1:])) * np.dtype(dtype).itemsize
    size, shorter = shape[0] * row, _rows_on_disk(path.parent, shape[1]) * row
    with path.open("ab") as file:
        existing = file.tell()
        # A size between the two is left by a kill while the file grew.
        if existing % row or not shorter <= existing <= size:
            raise OSError(f"{path} has {existing} bytes where {size} were expected")
        if existing < size:
            os.posix_fallocate(file.fileno(), 0, size)
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)
