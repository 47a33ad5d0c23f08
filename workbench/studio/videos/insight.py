"""Finds what surprised an agent, what it looks at, and what its first layer sees.

Only maths: arrays and networks go in, arrays come out. `enactment.py` brings back the observations.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from agents.base import Array
from workbench.recording.frame import BACKGROUND, Pixels, activity_colours
from workbench.studio.videos.traces import EpisodeTrace

# Of the longer side of an observation; Greydanus et al. use 5 and 3 pixels of 80.
MASK_SIGMA = 1 / 16
BLUR_SIGMA = 3 / 80
MASKS_PER_SIDE = 16
MASKS_PER_BATCH = 128
NO_SALIENCY = 1e-12  # below this, nothing that was blurred changed anything
MAX_SURPRISES = 12
SURPRISE_THRESHOLD = 6.0  # times the robust standard deviation of all errors
LEAST_SURPRISE = 0.02  # times the largest value
SURPRISE_DISTANCE = 4  # env_steps between two that are told
ROBUST_SIGMA = 1.4826  # the standard deviation of a normal variable over its median deviation
KERNEL_COLUMNS, MAP_COLUMNS = 16, 8
GAP = 1  # pixels between the tiles of a sheet

Look = Literal["choice", "value"]
Tint = tuple[int, int, int]
TINTS: dict[Look, Tint] = {"choice": (64, 190, 255), "value": (255, 84, 72)}
# `[B, C, H, W]` uint8 -> the value `[B]` and what actions are chosen by, `[B, A]`.
Think = Callable[[npt.NDArray[np.uint8]], tuple[Array, Array]]


class Event(NamedTuple):
    """Something that happened, at the frame that shows it."""

    t: int
    kind: Literal["reward", "life", "surprise", "end"]
    amount: float  # of the reward or the surprise, else 0


def state_values(trace: EpisodeTrace) -> npt.NDArray[np.float64]:
    """Returns `[T + 1]` the value of each state: what the agent says, or its best Q-value."""
    return trace.values[:, 0] if trace.policy is not None else trace.values.max(1)


def surprises(
    trace: EpisodeTrace, gamma: float, reward_scale: float, reward_clip: float | None
) -> npt.NDArray[np.float64]:
    """Returns `[T + 1]` the TD error `r + γ·v(t+1) − v(t)`, at t + 1, where it is learned.

    Args:
        trace: of the episode.
        gamma: the agent's discount.
        reward_scale: what the agent's training multiplied rewards by.
        reward_clip: within ± what it then kept them; None: it did not.
    """
    value, errors = state_values(trace), np.zeros(len(trace.values))
    reward = trace.rewards * reward_scale
    if reward_clip is not None:
        reward = reward.clip(-reward_clip, reward_clip)
    errors[1:] = reward[:-1] + gamma * trace.discounts[:-1] * value[1:] - value[:-1]
    return errors


def outliers(errors: npt.NDArray[np.float64], least: float) -> list[int]:
    """Returns where errors are far out of the ordinary and above `least`, ascending.

    Of neighbours only the largest is told.
    """
    size = np.abs(errors - np.median(errors))
    spread = ROBUST_SIGMA * np.median(size)
    found: list[int] = []
    for t in np.argsort(-size, kind="stable").tolist():
        if len(found) == MAX_SURPRISES or size[t] <= max(SURPRISE_THRESHOLD * spread, least):
            break
        if all(abs(t - other) >= SURPRISE_DISTANCE for other in found):
            found.append(t)
    return sorted(found)


def events(trace: EpisodeTrace, errors: npt.NDArray[np.float64]) -> list[Event]:
    """Returns what happened, in order; `errors` are those of `surprises`.

    A life is lost where nothing follows though the episode goes on: only the `classic` protocol of
    Atari says so.
    """
    end = len(trace.rewards) - 1
    rewarded = np.flatnonzero(trace.rewards[:end]).tolist()
    lost = np.flatnonzero(trace.discounts[: end - 1] == 0).tolist()
    found = [Event(t + 1, "reward", float(trace.rewards[t])) for t in rewarded]
    found += [Event(t + 1, "life", 0.0) for t in lost]
    least = LEAST_SURPRISE * float(np.abs(trace.values).max())
    found += [Event(t, "surprise", float(errors[t])) for t in outliers(errors, least)]
    found.append(Event(end, "end", 0.0))
    return sorted(found, key=lambda event: event.t)


@lru_cache(maxsize=4)
def _masks(height: int, width: int) -> tuple[Array, tuple[int, int]]:
    """Returns `[K, H, W]` bumps of height 1 in a grid, and the grid's rows and columns."""
    side = max(height, width)
    sigma = MASK_SIGMA * side
    bumps, counts = [], []
    for length in (height, width):
        count = max(1, round(min(MASKS_PER_SIDE, side) * length / side))
        centre = (np.arange(count) + 0.5) * length / count
        away = (np.arange(length) + 0.5)[None] - centre[:, None]
        bumps.append(np.exp(-0.5 * (away / sigma) ** 2))
        counts.append(count)
    masks = bumps[0][:, None, :, None] * bumps[1][None, :, None, :]
    return masks.reshape(-1, height, width).astype(np.float32), (counts[0], counts[1])


def saliency(obs: npt.NDArray[np.uint8], think: Think) -> dict[Look, Array]:
    """Returns where an agent looks: how much it changes its mind if a place is blurred.

    Greydanus et al. 2018 (https://arxiv.org/abs/1711.00138, eq. 1 to 4), with half the squared
    change of the value, and of what actions are chosen by. Gradients would be cheaper but tell how
    the output reacts to a change of single pixels that never happens; blurring takes away what is
    there, a ball say, and works for every agent by acting alone.

    Args:
        obs: `[C, H, W]`; all frames of a stack are blurred at the same place.
        think: asked about observations that were blurred somewhere.

    Returns:
        `[H, W]` for the choice and for the value, in 0..1, of which the largest is 1; all 0 where
        the agent minds nothing.
    """
    _, height, width = obs.shape
    masks, grid = _masks(height, width)
    sharp = obs.astype(np.float32)
    sigma = BLUR_SIGMA * max(height, width)
    blurred = np.stack([cv2.GaussianBlur(channel, (0, 0), sigma) for channel in sharp])
    value, scores = think(obs[None])
    changes: dict[Look, list[Array]] = {"choice": [], "value": []}
    for begin in range(0, len(masks), MASKS_PER_BATCH):
        mask = masks[begin : begin + MASKS_PER_BATCH, None]
        batch = np.rint(sharp + mask * (blurred - sharp)).astype(np.uint8)
        values, all_scores = think(batch)
        changes["value"].append(0.5 * (values - value) ** 2)
        moved = _mean_free(all_scores) - _mean_free(scores)
        changes["choice"].append(0.5 * (moved**2).sum(1))
    return {look: _as_map(np.concatenate(c), grid, height, width) for look, c in changes.items()}


def _mean_free(scores: Array) -> Array:
    """What all actions gain alike changes no choice."""
    free: Array = scores - scores.mean(1, keepdims=True)
    return free


def _as_map(change: Array, grid: tuple[int, int], height: int, width: int) -> Array:
    coarse = change.astype(np.float32).reshape(grid)
    resized = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    whole = np.asarray(resized, np.float32)
    peak = whole.max()
    return np.divide(whole, peak) if peak > NO_SALIENCY else np.zeros_like(whole)


def tinted(strength: Array, tint: Tint) -> Pixels:
    """Returns `[H, W, 4]`: one colour, the more opaque the stronger; `strength` in 0..1."""
    picture = np.empty((*strength.shape, 4), np.uint8)
    picture[..., :3] = tint
    picture[..., 3] = np.rint(strength**0.7 * 215)
    return picture


def first_convolution(network: nn.Module) -> nn.Conv2d | None:
    """Returns the first layer that looks at pixels; None: the network has no convolution."""
    return next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)


def filter_sheet(weight: Tensor, frame_channels: int) -> Pixels:
    """Returns a picture of kernels: a row per frame of the stack, oldest first, a column each.

    Kernels of a single frame are laid out in as many rows as they need.

    Each kernel has its own scale. Kernels of gray frames are amber where light excites and blue
    where it inhibits; those of colour frames show the colours that excite, around gray.

    Args:
        weight: `[K, C, h, w]`.
        frame_channels: 1 or 3; C is a multiple.
    """
    kernels = weight.detach().float().cpu().numpy()
    count, _, height, width = kernels.shape
    scale = np.abs(kernels).max((1, 2, 3), keepdims=True)
    scaled = kernels / np.where(scale > 0, scale, 1)
    tiles = scaled.reshape(count, -1, frame_channels, height, width).swapaxes(0, 1)
    if frame_channels == 3:
        coloured = np.rint(127.5 + 127.5 * tiles.transpose(0, 1, 3, 4, 2)).astype(np.uint8)
    else:
        coloured = coloured_by_activity(tiles[:, :, 0])
    columns = count if len(tiles) > 1 else KERNEL_COLUMNS
    return sheet(coloured.reshape(-1, height, width, 3), columns)


def activation_sheet(maps: Array) -> Pixels:
    """Returns a picture of feature maps `[K, h, w]`, dark where silent; all have one scale."""
    peak = float(np.abs(maps).max())
    return sheet(coloured_by_activity(maps / peak if peak > 0 else maps), MAP_COLUMNS)


def coloured_by_activity(activity: npt.NDArray[Any]) -> Pixels:
    """Returns `[..., 3]` for `[...]`: blue below zero, dark at zero, amber above; see the panel."""
    return activity_colours(activity.astype(np.float32).ravel()).reshape(*activity.shape, 3)


def sheet(tiles: Pixels, columns: int) -> Pixels:
    """Returns tiles `[N, h, w, 3]` in rows of `columns`, with gaps between them."""
    count, height, width, _ = tiles.shape
    columns = min(columns, count)
    rows, down, across = -(-count // columns), height + GAP, width + GAP
    framed = np.full((rows * columns, down, across, 3), BACKGROUND, np.uint8)
    framed[:count, :height, :width] = tiles
    picture = framed.reshape(rows, columns, down, across, 3).swapaxes(1, 2)
    return picture.reshape(rows * down, columns * across, 3)[:-GAP, :-GAP]


def newest_frame(obs: npt.NDArray[np.uint8], frame_channels: int) -> Pixels:
    """Returns the newest frame of an observation `[C, H, W]` as `[H, W, 3]`."""
    newest: Any = obs[-frame_channels:].transpose(1, 2, 0)
    return np.ascontiguousarray(np.broadcast_to(newest, (*obs.shape[1:], 3)))
