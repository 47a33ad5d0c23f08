"""Where the game screen is in a video: read from its trace, or detected for older traces."""

import json
import re
from contextlib import closing
from typing import Any

import numpy as np

from envs import make_rendered_env
from envs.atari import AtariConfig
from envs.base import EnvConfig
from workbench.recording import board_frame, frame
from workbench.recording.frame import Pixels, ScreenBox, screen_box

TOLD = re.compile(rb'"screen": ?(\{[^{}]{1,300}\})')
ATARI_SCREEN = (210, 160)
LARGEST_SIDE = 10_000  # pixels
SMALLEST_SCREEN = 64  # what is narrower is no video of ours
STRIP_HEIGHT = frame.STRIP_LABEL_HEIGHT + frame.STRIP_ROWS_HEIGHT


def parse_screen(told: Any) -> ScreenBox:
    """Returns the screen that a trace tells of; raises ValueError if there can be none."""
    if not isinstance(told, dict) or told.keys() != set(ScreenBox._fields):
        raise ValueError("its screen is no rectangle")
    if not all(type(side) is int and 0 <= side < LARGEST_SIDE for side in told.values()):
        raise ValueError("its screen is no rectangle")
    box = ScreenBox(**told)
    inside = box.left + box.width <= box.frame_width and box.top + box.height <= box.frame_height
    if not (inside and box.width and box.height):
        raise ValueError("its screen is not within the video")
    return box


def screen_in(head: bytes) -> ScreenBox | None:
    """Returns the screen told in the first bytes of a trace; None: none that makes sense."""
    try:
        found = TOLD.search(head)
        return parse_screen(json.loads(found[1])) if found else None
    except ValueError:
        return None


def older_screen(world: EnvConfig, memory_units: int | None) -> ScreenBox:
    """Returns the screen in a video of an older version; may start the world to see its size."""
    if isinstance(world, AtariConfig):
        return screen_box(ATARI_SCREEN, memory_units)
    with closing(make_rendered_env(world.model_copy(update={"num_envs": 1}))) as env:
        env.reset(0)
        env.recv()
        height, width, _ = env.render().shape
    return screen_box((height, width), memory_units)


def older_crop(size: tuple[int, int], strip_height: int) -> ScreenBox:
    """Returns all but the panel and the memory's strip, also where margins are around the screen.

    Args:
        size: `(H, W)` of the video.
        strip_height: 0: the agent remembers nothing.
    """
    height, width = size
    inner = width - frame.PANEL_WIDTH
    return ScreenBox(
        left=0,
        top=0,
        width=inner if inner >= SMALLEST_SCREEN else width,
        height=height - strip_height if height - strip_height >= SMALLEST_SCREEN else height,
        frame_width=width,
        frame_height=height,
    )


def cut_out(pixels: Pixels, head: bytes, *, is_board: bool) -> Pixels:
    """Returns the screen alone of a video's frame `[H, W, 3]`; `head`: its trace's first bytes."""
    if (told := screen_in(head)) is not None and pixels.shape[:2] == told[:3:-1]:
        return pixels[told.top : told.top + told.height, told.left : told.left + told.width]
    width = pixels.shape[1] - (board_frame.PANEL_WIDTH if is_board else frame.PANEL_WIDTH)
    if width < 32:
        return pixels  # not a video of ours
    screen = pixels[:, :width]
    if is_board:
        return screen
    if b'"memory_norm"' in head and len(screen) > 2 * STRIP_HEIGHT:
        screen = screen[:-STRIP_HEIGHT]
    ground = np.abs(screen.astype(np.int16) - np.asarray(frame.BACKGROUND)).max(2) <= 6
    rows, columns = np.flatnonzero(~ground.all(1)), np.flatnonzero(~ground.all(0))
    if not len(rows):
        return screen
    return screen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
