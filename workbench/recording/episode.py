"""Records one whole episode as a video with the agent's outputs, and as a trace.

The video has the real screen on the left and what the agent thought around it; `frame.py` draws it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from agents.base import Actor
from envs.base import RenderableEnv
from workbench.errors import WorkError
from workbench.evaluation.episodes import EVAL_SEED_OFFSET, EvalActor
from workbench.recording.frame import Picture, Pixels, Thought
from workbench.training.interact import Tick, playing

# One Atari step is four emulator frames at 60 Hz, so there this is the game's own speed.
FPS = 15
TRACE_DIGITS = 4


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
    env_index: int = 0,
    directory: Path,
    name: str,
    title: str,
    max_env_steps: int,
) -> Recording:
    """Plays one episode of an evaluation; writes `directory/name.mp4` and `directory/name.json`.

    Both files appear whole or not at all. The trace is one JSON object: `game`, `title`, `seed` and
    `env` (what `VectorEnv.reset` was given), `epsilon`, `action_names`, `episode_return`,
    `episode_length`, `cut`, `fps`, `screen` (where in the video it is, see `ScreenBox`) and
    `steps`. Entry t of `steps` belongs to frame t of the video
    and tells of obs t:

    - `score`: the raw score so far; `values`: the Q-value of each action, or the state's value
    - `policy`, where the actor has one: the probability of each action
    - `memory_norm`, where the actor has a memory: the Euclidean norm of its `h` after this obs
    - `action`: what was done there; `reward`, `discount`: what followed, i.e. what arrived with
      obs t+1 (whereas a `Step` carries what arrived with its own obs)

    The last entry shows where it ended, and nothing was done there: `action` is null, `reward` 0,
    `discount` 1. So an episode of T env_steps has T + 1 entries and frames.

    Args:
        actor: chooses the actions; it is not changed.
        env: one env, reset here; afterwards, or after an error, no tick is in flight, so the
            caller may close it.
        seed: of the evaluation; never shared with training.
        env_index: which of the evaluation's envs; its first episode is shown.
        directory: made if it does not exist.
        name: of both files, without suffix.
        title: shown at the top of the video.
        max_env_steps: the recording is cut after this many, and the trace then says so.

    Raises:
        WorkError: a value, a probability or the memory is not finite.
        OSError: the disk is full or not writable.
    """
    spec = env.spec
    env.reset(EVAL_SEED_OFFSET + seed, env_index)
    acting = EvalActor(actor, spec, seed, env_index)
    steps: list[dict[str, Any]] = []
    score, cut = 0.0, False
    directory.mkdir(parents=True, exist_ok=True)
    with appearing_whole(directory, name) as (video, trace):
        picture: Picture | None = None
        with open_video(video, FPS) as show, playing(env, acting) as ticks:
            for tick in ticks:
                t, step, thought = len(steps), tick.step, _thought(tick)
                for part, numbers in thought._asdict().items():
                    if numbers is not None and not np.isfinite(numbers).all():
                        raise WorkError(f"the agent's {part}: not finite at step {t} of {title}")
                if steps:
                    steps[-1].update(
                        reward=_short(step.reward[0]), discount=_short(step.discount[0])
                    )
                score += float(step.reward[0])
                over = bool(step.last[0])
                cut = not over and t == max_env_steps
                chosen = tick.decision.action[0]
                # Numbers that are no place in a list: all such actions go by one name.
                action = None if over or cut else int(chosen) if chosen.ndim == 0 else 0
                screen = env.render()
                if picture is None:
                    picture = Picture(screen.shape, title, spec, thought)
                show(picture.draw(screen, t, score, action, thought))
                steps.append(
                    {
                        "t": t,
                        "action": action,
                        "reward": 0.0,
                        "discount": 1.0,
                        "score": _short(score),
                        **({"numbers": chosen.tolist()} if chosen.ndim and action == 0 else {}),
                        **_thought_facts(thought),
                    }
                )
                if action is None:
                    break
        assert picture is not None  # an episode has a first tick
        facts = {
            "game": spec.name,
            "title": title,
            "seed": EVAL_SEED_OFFSET + seed,
            "env": env_index,
            "epsilon": spec.eval_epsilon,
            "action_names": spec.action_names,
            "episode_return": _short(score),
            "episode_length": len(steps) - 1,
            "cut": cut,
            "fps": FPS,
            "screen": picture.screen._asdict(),
            "steps": steps,
        }
        trace.write_text(json.dumps(facts, separators=(",", ":")), encoding="utf-8")
    return Recording(directory / f"{name}.mp4", directory / f"{name}.json", score, len(steps) - 1)


def _thought(tick: Tick) -> Thought:
    """Returns what was thought in the only env."""
    _, (_, values, policy), memory = tick
    return Thought(
        values[0],
        None if policy is None else policy[0],
        memory[0][0, 0].float().cpu().numpy() if memory else None,
    )


def _thought_facts(thought: Thought) -> dict[str, Any]:
    """Returns what the trace tells of a thought."""
    facts: dict[str, Any] = {"values": [_short(value) for value in thought.values]}
    if thought.policy is not None:
        facts["policy"] = [_short(probability) for probability in thought.policy]
    if thought.memory is not None:
        facts["memory_norm"] = _short(np.linalg.norm(thought.memory))
    return facts


def _short(number: float | np.floating[Any]) -> float:
    return round(float(number), TRACE_DIGITS)


@contextmanager
def appearing_whole(directory: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """Yields where to write the video and the trace; renames both if all went well."""
    suffixes = (".json", ".mp4")  # in the order of appearance: a video always has its trace
    trace, video = temporaries = [directory / f".{name}.tmp{suffix}" for suffix in suffixes]
    try:
        video.touch()  # PyAV's errors do not tell which file it is
        yield video, trace
        for temporary, suffix in zip(temporaries, suffixes, strict=True):
            temporary.replace(directory / f"{name}{suffix}")
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


@contextmanager
def open_video(path: Path, fps: int) -> Iterator[Callable[[Pixels], None]]:
    """Yields what adds a frame, `[H, W, 3]` RGB with even sides, the same for all."""
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "21", "preset": "veryfast"}
        # Training goes on elsewhere on these cores.
        stream.thread_count = 1

        def show(pixels: Pixels) -> None:
            if not stream.codec_context.is_open:
                stream.height, stream.width, _ = pixels.shape
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))

        yield show
        container.mux(stream.encode(None))
