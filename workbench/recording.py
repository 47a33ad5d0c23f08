"""Recording: one whole episode as a video that shows what the agent thought, and as a trace.

The video has the real screen on the left and a panel on the right: the score, the Q-value of each
action with the chosen one lit, and how the best Q-value moved lately. A bar tells how far an action
lies behind the best one: the best is full, and an action is empty if it is as far behind as any
action was in the last `RECENT_STEPS` steps. Q-values differ little compared with their size, so bars
from zero would all look alike.
"""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from agents.base import Actor
from envs.base import EnvSpec, RenderableEnv
from workbench.errors import WorkError
from workbench.evaluate import with_epsilon
from workbench.interact import interact

# One Atari step is four emulator frames at 60 Hz, so this is real time there.
FPS = 15
TRACE_DIGITS = 4
RECENT_STEPS = 100

SCREEN_HEIGHT = 400  # small screens are enlarged to about this
MIN_HEIGHT = 384  # what the panel needs for 18 actions
PANEL_WIDTH = 336
MARGIN = 18
LEFT, RIGHT = MARGIN, PANEL_WIDTH - MARGIN
ROWS_TOP = 102
MAX_ROW_HEIGHT = 26
SPARKLINE_HEIGHT = (38, 120)  # at least, at most
NAME_WIDTH = 96
VALUE_WIDTH = 54

BACKGROUND = (18, 21, 27)
TRACK = (30, 35, 44)
MUTED = (133, 142, 156)
TEXT = (228, 232, 238)
BAR = (74, 96, 128)
CHOSEN = (240, 178, 72)
# The chosen action is not the best one: the protocol asked for a random action.
DEVIATING = (228, 104, 88)
LINE = (94, 184, 170)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Recording:
    """One recorded episode and where it lies."""

    video: Path
    trace: Path
    episode_return: float  # raw game score
    episode_length: int  # in env_steps


def record_episode(
    actor: Actor,
    env: RenderableEnv,
    *,
    seed: int,
    epsilon: float,
    directory: Path,
    name: str,
    title: str,
    max_env_steps: int,
) -> Recording:
    """Plays one episode and writes `directory/name.mp4` and `directory/name.json`.

    Both files appear whole or not at all, the trace first. The trace is one JSON object: `game`,
    `title`, `seed`, `epsilon`, `action_names`, `episode_return`, `episode_length`, `cut`, `fps` and
    `steps`. Entry t of `steps` belongs to frame t of the video:

    - `t`; `score`: the raw score when obs t was seen; `values`: the Q-value of each action there
    - `action`: what was done there; `reward`, `discount`: what came of it, i.e. what arrived with
      obs t+1 (a `Step` carries what arrived with its own obs)

    A last entry without a deed closes the trace: `action` is null, `reward` 0, `discount` 1, `score`
    the episode's return. So an episode of T env_steps has T + 1 entries and frames.

    Args:
        actor: chooses the actions; it is not changed.
        env: one env, reset here; afterwards no tick is in flight and the caller closes it.
        seed: of the episode and of the random actions.
        epsilon: share of random actions that the evaluation protocol asks for.
        directory: made if it does not exist.
        name: of both files, without suffix.
        title: shown at the top of the video.
        max_env_steps: the recording is cut after this many, and the trace then says so.

    Raises:
        ValueError: `env` has several rows.
        WorkError: a value is not finite, so the agent has diverged.
        OSError: the disk is full or not writable.
    """
    spec = env.spec
    if spec.num_envs != 1:
        raise ValueError(f"a recording shows one env, not {spec.num_envs}")
    env.reset(seed)
    acting = with_epsilon(actor, epsilon, spec.num_actions, seed)
    panel: Panel | None = None
    steps: list[dict[str, Any]] = []
    score, cut = 0.0, False
    video, trace = directory / f"{name}.mp4", directory / f"{name}.json"
    directory.mkdir(parents=True, exist_ok=True)
    with _temporary(video) as video_file, _temporary(trace) as trace_file:
        with _VideoWriter(video_file) as writer:
            for step, decision, _ in interact(env, acting, explore=False):
                if steps:
                    steps[-1]["reward"] = _rounded(step.reward[0])
                    steps[-1]["discount"] = _rounded(step.discount[0])
    raise NotImplementedError
