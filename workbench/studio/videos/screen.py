"""Where the game screen is in a video: read from its trace, or detected for older traces."""

import json
import re
from contextlib import closing
from typing import Any

import cv2
import numpy as np

from envs import make_rendered_env
from envs.base import EnvConfig
from workbench.recording import board_frame, frame
from workbench.recording.frame import Pixels, ScreenBox, screen_box

TOLD = re.compile(rb'"screen": ?(\{[^{}]{1,300}\})')

LARGEST_SIDE = 10_000  # pixels
SMALLEST_SCREEN = 64  # what is narrower is no video of ours
STRIP_HEIGHT = frame.STRIP_LABEL_HEIGHT + frame.STRIP_ROWS_HEIGHT


def parse_screen(told: Any) -> ScreenBox:
    """Returns the screen that a trace tells of; raises ValueError if there can be none."""
    is_box = isinstance(told, dict) and told.keys() == set(ScreenBox._fields)
    if not (is_box and all(type(n) is int and 0 <= n < LARGEST_SIDE for n in told.values())):
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
    """Returns the screen in a video of an older version; starts the world to see its size."""
    with closing(make_rendered_env(world)) as env:
        env.reset(0)
        env.recv()
        height, width, _ = env.render().shape
    return screen_box((height, width), memory_units)


def older_crop(
    size: tuple[int, ...], strip_height: int, panel_width: int = frame.PANEL_WIDTH
) -> ScreenBox:
    """Returns all but the panel and the memory's strip, also where margins are around the screen.

    Args:
        size: `(H, W)` of the video.
        strip_height: 0: the agent remembers nothing.
        panel_width: the panel beside a board is narrower.
    """
    height, width = size
    inner = width - panel_width
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
    box, size = screen_in(head), pixels.shape[:2]
    is_told = box is not None and size == box[:3:-1]
    if box is None or not is_told:
        strip_height = STRIP_HEIGHT if b'"memory_norm"' in head else 0
        panel_width = board_frame.PANEL_WIDTH if is_board else frame.PANEL_WIDTH
        box = older_crop(size, strip_height, panel_width)
    screen = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    if is_told or is_board:
        return screen
    away = np.abs(screen.astype(np.int16) - np.asarray(frame.BACKGROUND)).max(2)
    left, top, width, height = cv2.boundingRect((away > 6).astype(np.uint8))
    return screen[top : top + height, left : left + width] if width else screen
