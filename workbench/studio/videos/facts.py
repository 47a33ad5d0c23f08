"""The videos of a run: which there are, a summary of each, and how each ended."""

import io
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
from PIL import Image
from starlette.exceptions import HTTPException

from workbench.recording.frame import Pixels
from workbench.runs.run import Run
from workbench.studio.videos.screen import cut_out

NAME = re.compile(r"([0-9]{1,18})_([0-9]{1,18})(_[0-9]{1,18})?")  # STEP_SEED, STEP_SEED_ENV
SCORE = re.compile(rb'"(?:episode_return|result)": ?(-?[\d.]{1,30})')
HEAD_BYTES = 8_192
MAX_FRAMES_DECODED = 300
POSTER_SIZE = 480, 320
# Where there is no picture: a screen with a question, in greys for light and dark.
PLACEHOLDER = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 320" fill="none" '
    b'stroke="#6b7280" stroke-width="6"><rect width="480" height="320" fill="#12151b" '
    b'stroke="none"/><rect x="160" y="100" width="160" height="104" rx="12"/>'
    b'<path d="M200 232h80M240 204v28M190 152h34M207 135v34"/>'
    b'<circle cx="270" cy="160" r="7"/><circle cx="292" cy="144" r="7"/></svg>'
)


def list_videos(run: Run) -> list[str]:
    """Returns the names of all videos, by training step; raises OSError if they are unreadable."""
    if not run.videos.is_dir():
        return []
    names = [path.stem for path in run.videos.glob("*.mp4") if NAME.fullmatch(path.stem)]
    return sorted(names, key=parts_of)


def find(run: Run, name: str, suffix: str, serves: Callable[[Path], bool]) -> Path:
    """Returns the file of a video; raises HTTPException 404 if there is none to give out."""
    try:
        path = run.videos / f"{name}{suffix}" if name in list_videos(run) else None
    except OSError:
        path = None
    if path is None or not serves(path):
        raise HTTPException(404, "there is no such video")
    return path


def file_name(run: Run, name: str) -> str:
    """Returns what a video is called where somebody keeps it, away from its run."""
    step, seed, env = parts_of(name)
    told = run.name.encode(errors="surrogateescape").decode(errors="replace")
    told = re.sub(r"[^\w.+-]+", "-", told)
    return f"{told}-step-{step}-seed-{seed}{f'-env-{env}' if env else ''}.mp4"


def parts_of(name: str) -> tuple[int, int, int]:
    """Returns the training step, the seed and the env of a video named `STEP_SEED[_ENV]`."""
    step, seed, *env = map(int, name.split("_"))
    return step, seed, env[0] if env else 0


def score_of(trace: Path) -> float | None:
    """Returns the return of a recorded episode, or the result of a recorded game."""
    try:
        found = SCORE.search(_head(trace))
        return float(found[1]) if found else None
    except (OSError, ValueError):
        return None


def make_poster(video: Path, *, is_board: bool, cropped: bool) -> bytes | None:
    """Returns a picture from the middle of a video, a JPEG; None if the video cannot be read.

    Args:
        video: an mp4 as `recording` writes it.
        is_board: the panel beside a board is narrower.
        cropped: to the screen of the game alone.
    """
    try:
        frame = _middle_frame(video)
        if cropped:
            frame = cut_out(frame, _head(video.with_suffix(".json")), is_board=is_board)
        image = Image.fromarray(frame)
    except (OSError, ValueError, av.FFmpegError):
        return None
    image.thumbnail(POSTER_SIZE, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=82)
    return file.getvalue()


def _middle_frame(video: Path) -> Pixels:
    """Returns `[H, W, 3]`; raises ValueError if there is no frame."""
    with av.open(str(video)) as container:
        if not container.streams.video:
            raise ValueError(f"{video} has no picture")
        stream = container.streams.video[0]
        middle = (stream.duration or 0) // 2
        container.seek(middle, stream=stream)  # to the key frame before it
        frame = None
        for i, frame in enumerate(container.decode(stream)):
            if (frame.pts or 0) >= middle or i == MAX_FRAMES_DECODED:
                break
        if frame is None:
            raise ValueError(f"{video} has no frame")
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def frame_size(video: Path) -> tuple[int, int]:
    """Returns `(H, W)` of a video's frames; `(1, 1)` if it cannot be read, so is never shown."""
    with suppress(OSError, ValueError, av.FFmpegError), av.open(str(video)) as container:
        if container.streams.video:
            return container.streams.video[0].height, container.streams.video[0].width
    return 1, 1


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""
