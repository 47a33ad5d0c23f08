"""Gymnasium's spaces as what agents work with: bytes that they see, and numbered actions.

An observation that is one picture stays a picture. Any other becomes the bytes of its parts, one
after another, which networks read according to `envs.base.Part`:

    picture      uint8, channels first; averaged by area where another size is asked for
    vector       float32; brought to -1..1 where the space is narrow, else symlog (Hafner et al.
                 2023, arXiv 2301.04104, eq. 9), so that no running statistics have to be kept
    number       a vector that is 1 at its place (one-hot)
    text         two hashes of each word, so that no vocabulary has to be known
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from envs.base import Part
from envs.text import hash_words

Bytes = npt.NDArray[np.uint8]

MAX_NUMBERS = 1024  # that a one-hot vector can tell apart
MAX_VECTOR = 16_384
MAX_ACTIONS = 256
MAX_PLANES = 64
SLACK = 0.1  # share of its range by which a number may leave its space: many worlds are careless
WIDE = 1_000.0  # bounds beyond this say little about what is seen


@dataclass(frozen=True)
class View:
    """How a world is looked at.

    Attributes:
        grayscale: pictures in colour lose it.
        size: `(H, W)` that pictures are brought to; None: as they are.
        text_words: how many words of a text are read.
    """

    grayscale: bool = False
    size: tuple[int, int] | None = None
    text_words: int = 24


class Sense(NamedTuple):
    """A part of an observation, where it is found, and how it is read."""

    part: Part
    path: tuple[Any, ...]  # keys, from outside to inside
    read: Callable[[Any], npt.NDArray[Any]]  # returns an array of the part's shape and dtype


class Observations:
    """Reads the observations of one space.

    Attributes:
        frame_shape: of what `read` returns.
        parts: see `EnvSpec.parts`.
    """

    def __init__(self, space: spaces.Space[Any], view: View) -> None:
        """Raises ValueError if agents cannot see such a space."""
        self._senses = list(_senses(space, view, ()))
        if not self._senses:
            raise ValueError("its observations hold nothing")
        parts = tuple(sense.part for sense in self._senses)
        alone = len(parts) == 1 and parts[0].kind == "picture"
        self.parts = () if alone else parts
        width = sum(part.num_bytes for part in parts)
        self.frame_shape = parts[0].shape if alone else (1, 1, width)

    def read(self, observation: Any) -> Bytes:
        """Returns the frame `[*frame_shape]`; raises ValueError if it is not of the space."""
        read: list[Bytes] = []
        for part, path, reader in self._senses:
            value = observation
            for key in path:
                value = value[key]
            try:
                array = reader(value)
            except (ValueError, TypeError) as error:
                raise ValueError(f"{part.name}: {error}") from None
            read.append(np.ascontiguousarray(array).view(np.uint8).ravel())
        return np.concatenate(read).reshape(self.frame_shape)


def _senses(space: spaces.Space[Any], view: View, path: tuple[Any, ...]) -> Iterator[Sense]:
    name = ".".join(map(str, path)) or "observation"
    match space:
        case spaces.Dict():
            for key, inner in space.spaces.items():
                yield from _senses(inner, view, (*path, key))
        case spaces.Tuple():
            for i, inner in enumerate(space.spaces):
                yield from _senses(inner, view, (*path, i))
        case spaces.Box() if _is_picture(space):
            yield _picture(space, view, name, path)
        case spaces.Box():
            yield _vector(space, name, path)
        case spaces.Discrete():
            yield _numbers([int(space.n)], [int(space.start)], name, path)
        case spaces.MultiDiscrete():
            yield _numbers(space.nvec.ravel().tolist(), space.start.ravel().tolist(), name, path)
        case spaces.MultiBinary():
            size = int(np.prod(space.shape))
            yield _numbers([2] * size, [0] * size, name, path)
        case _ if isinstance(space.sample(), str):  # Text, and MiniGrid's MissionSpace
            shape = (view.text_words, 2)
            yield Sense(
                Part(name, "text", shape), path, lambda text: hash_words(text, view.text_words)
            )
        case _:
            raise ValueError(
                f"{name} is a {type(space).__name__}; agents see Box, Discrete, MultiDiscrete, "
                "MultiBinary, Text, and Dict and Tuple of these (a wrapper can change it)"
            )


def _is_picture(space: spaces.Box) -> bool:
    """Whether a Box holds pictures, or planes that lie over one another like those of a picture."""
    shape = space.shape
    if len(shape) not in (2, 3) or min(_height_width(shape)) < 3:
        return False
    if space.dtype == np.uint8 or space.dtype == np.bool_:
        return _channels(shape) <= MAX_PLANES
    in_0_1 = bool((space.low == 0).all() and (space.high == 1).all())
    return in_0_1 and len(shape) == 3 and _channels(shape) <= MAX_PLANES


def _channels_first(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[2] not in (1, 3, 4) and shape[0] < min(shape[1:])


def _channels(shape: tuple[int, ...]) -> int:
    return 1 if len(shape) == 2 else shape[0] if _channels_first(shape) else shape[2]


def _height_width(shape: tuple[int, ...]) -> tuple[int, int]:
    height, width = shape[1:] if _channels_first(shape) else shape[:2]
    return height, width


def _picture(space: spaces.Box, view: View, name: str, path: tuple[Any, ...]) -> Sense:
    shape, first = space.shape, _channels_first(space.shape)
    size = view.size or _height_width(shape)
    channels = _channels(shape)
    gray = view.grayscale and channels == 3
    scale = 255.0 if space.high.max() == 1 else None  # flags, or shares

    def read(value: Any) -> Bytes:
        array = np.asarray(value)
        if array.shape != shape:
            raise ValueError(f"its shape is {array.shape}, not {shape} as its space says")
        if scale is not None:
            array = np.rint(np.clip(array, 0, 1) * np.float32(scale))
        picture: Any = array.astype(np.uint8, copy=False)
        if first:
            picture = picture.transpose(1, 2, 0)
        if gray:
            picture = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
        if picture.shape[:2] != size:
            planes = np.ascontiguousarray(picture).reshape(*picture.shape[:2], -1)
            picture = cv2.resize(planes, size[::-1], interpolation=cv2.INTER_AREA)
        planes_first: Bytes = picture.reshape(*size, -1).transpose(2, 0, 1)
        return planes_first

    return Sense(Part(name, "picture", (1 if gray else channels, *size)), path, read)


def _vector(space: spaces.Box, name: str, path: tuple[Any, ...]) -> Sense:
    size = int(np.prod(space.shape))
    if size > MAX_VECTOR:
        raise ValueError(
            f"{name} has {size:,} numbers; agents see vectors of at most {MAX_VECTOR:,}, and "
            "pictures (uint8, or 0..1) of any size"
        )
    low = space.low.ravel().astype(np.float64)
    high = space.high.ravel().astype(np.float64)
    narrow = (np.maximum(abs(low), abs(high)) <= WIDE) & (low < high)
    narrow_low, narrow_high = np.where(narrow, low, -1), np.where(narrow, high, 1)
    middle, reach = (narrow_low + narrow_high) / 2, (narrow_high - narrow_low) / 2
    slack = SLACK * 2 * reach

    def read(value: Any) -> npt.NDArray[np.float32]:
        array = np.asarray(value, np.float64)
        if array.shape != space.shape:
            raise ValueError(f"its shape is {array.shape}, not {space.shape} as its space says")
        flat = array.ravel()
        wrong = np.flatnonzero(~((flat >= low - slack) & (flat <= high + slack)))  # NaN is wrong
        if wrong.size:
            i = int(wrong[0])
            raise ValueError(
                f"its number {i} is {flat[i]:g}, outside {low[i]:g}..{high[i]:g} of its space"
            )
        symlog = np.sign(flat) * np.log1p(np.abs(flat))
        return np.where(narrow, (flat - middle) / reach, symlog).astype(np.float32)

    return Sense(Part(name, "vector", (size,)), path, read)


def _numbers(counts: list[int], starts: list[int], name: str, path: tuple[Any, ...]) -> Sense:
    size = sum(counts)
    if size > MAX_NUMBERS:
        raise ValueError(
            f"{name} tells {size:,} numbers apart; agents see at most {MAX_NUMBERS:,} (a wrapper "
            "can make a vector of it)"
        )
    offsets = np.cumsum([0, *counts[:-1]]) - starts

    def read(value: Any) -> npt.NDArray[np.float32]:
        numbers = np.asarray(value, np.int64).ravel()
        if numbers.shape != offsets.shape:
            raise ValueError(f"it has {numbers.size} numbers, not {offsets.size}")
        inside = (numbers >= starts) & (numbers < np.add(starts, counts))
        if not inside.all():
            raise ValueError(f"{numbers[~inside][0]} is not in its space")
        one_hot = np.zeros(size, np.float32)
        one_hot[numbers + offsets] = 1.0
        return one_hot

    return Sense(Part(name, "vector", (size,)), path, read)


def split_parts(frame: Bytes, parts: Sequence[Part]) -> list[Bytes]:
    """Returns the bytes of each part of a frame."""
    ends = np.cumsum([part.num_bytes for part in parts])
    return np.split(frame.ravel(), ends[:-1])


def as_rgb(planes: Bytes) -> Bytes:
    """Returns `[C, H, W]` as `[H, W, 3]`; other than 1 or 3 channels become their largest."""
    shown = planes if len(planes) in (1, 3) else planes.max(0, keepdims=True)
    rgb = shown if len(shown) == 3 else shown.repeat(3, axis=0)
    return np.ascontiguousarray(rgb.transpose(1, 2, 0))


class Actions:
    """Numbers the actions of one space.

    Attributes:
        names: of each action, in order.
    """

    def __init__(self, space: spaces.Space[Any], meanings: Iterable[str] = ()) -> None:
        """Raises ValueError if agents that choose among numbered actions cannot act in it.

        Args:
            space: of the world.
            meanings: what it calls its actions, if it does.
        """
        match space:
            case spaces.Discrete():
                counts, starts = [int(space.n)], [int(space.start)]
            case spaces.MultiDiscrete():
                counts = space.nvec.ravel().tolist()
                starts = space.start.ravel().tolist()
            case spaces.MultiBinary():
                counts = [2] * int(np.prod(space.shape))
                starts = [0] * len(counts)
            case spaces.Box():
                raise ValueError(
                    "its actions are continuous, and agents here choose among numbered ones; an "
                    "sb3 agent acts in it (agent: {kind: sb3, algorithm: SAC}), or a wrapper can "
                    "number them (gymnasium.wrappers.TransformAction)"
                )
            case _:
                raise ValueError(
                    f"its actions are a {type(space).__name__}; agents act in Discrete, "
                    "MultiDiscrete and MultiBinary spaces"
                )
        total = int(np.prod(counts))
        if not 1 <= total <= MAX_ACTIONS:
            raise ValueError(
                f"it has {total:,} different actions; agents choose among at most {MAX_ACTIONS}"
            )
        self._alone = isinstance(space, spaces.Discrete)
        self._dtype, self._shape = space.dtype, space.shape
        ranges = [range(start, start + n) for start, n in zip(starts, counts, strict=True)]
        self._actions = list(product(*ranges))
        named = tuple(str(name).lower() for name in meanings)
        if len(set(named)) == len(named) == total:
            self.names = named
        elif self._alone:
            self.names = tuple(f"action{i}" for (i,) in self._actions)
        else:
            self.names = tuple(",".join(map(str, action)) for action in self._actions)

    def __getitem__(self, number: int) -> Any:
        """Returns the action of a number, as the world takes it."""
        action = self._actions[number]
        if self._alone:
            return action[0]
        return np.array(action, self._dtype).reshape(self._shape)
