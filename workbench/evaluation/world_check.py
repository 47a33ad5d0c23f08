"""Tries a world before an agent is trained in it: its rules, its looks, and its repeatability."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from envs.base import EnvConfig, EnvSpec, Step, VectorEnv
from envs.spaces import as_rgb, split_parts

STEPS = 300
LISTED = 18  # actions
PICTURE_HEIGHT = 320
GAP = 8  # pixels between two pictures
BACKGROUND = 32


class Finding(NamedTuple):
    """One line of the report; `is_fault` where the world should be mended."""

    topic: str
    text: str
    is_fault: bool = False


def check_world(config: EnvConfig, picture: Path) -> Iterator[Finding]:
    """Tells what agents see and do in a world, and what is wrong with it.

    Args:
        config: the world; two envs of it are played under random actions.
        picture: where a PNG goes: what a person would see, and what an agent sees.

    Raises:
        ValueError: the world does not start, or breaks its own rules.
    """
    with closing(config.make_rendered()) as env:
        spec = env.spec
        yield Finding("sees", describe_observation(spec))
        yield Finding("acts", describe_actions(spec))
        env.reset(0)
        step = env.recv()
        _write_picture(picture, [env.render(), *agent_pictures(step.obs[0], spec)])
        yield Finding("picture", f"{picture}: what a person sees, and what the agent sees")
    for complaint, is_fault in config.complaints():
        yield Finding("rule" if is_fault else "hint", complaint, is_fault)
    two = config.model_copy(update={"num_envs": 2})
    with closing(two.make()) as env:
        first, seconds = _play(env, seed=1)
        _play(env, seed=2)  # what was played before must not matter
        second, _ = _play(env, seed=1)
    yield Finding("speed", f"{2 * STEPS / seconds:,.0f} steps/s in two envs")
    ends = sum(int(step.last.sum()) for step in first)
    yield Finding("episodes", f"{ends} ended within {STEPS} random steps of two envs")
    yield _repeats(first, second, resumes=spec.plain is None)


def describe_actions(spec: EnvSpec) -> str:
    """Returns in words what there is to do."""
    if spec.plain is not None and not spec.plain.numbered:
        return f"numbers: {spec.plain.action_space}"
    names = ", ".join(spec.action_names[:LISTED]) + ", ..." * (spec.num_actions > LISTED)
    return f"{spec.num_actions} actions: {names}"


def describe_observation(spec: EnvSpec) -> str:
    """Returns in words what an observation consists of."""
    if spec.plain is not None:
        return f"what the world gives: {spec.plain.observation_space}"
    if not spec.parts:
        channels, height, width = spec.frame_shape
        told = f"a picture of {height} x {width} pixels, {channels} channels"
    else:
        told = "; ".join(
            f"{part.name}: a "
            + {
                "picture": lambda s: f"picture of {s[1]} x {s[2]} pixels, {s[0]} channels",
                "vector": lambda s: f"vector of {s[0]} numbers",
                "text": lambda s: f"text of up to {s[0]} words",
            }[part.kind](part.shape)
            for part in spec.parts
        )
    return told + (f"; the latest {spec.stack} of them" if spec.stack > 1 else "")


def agent_pictures(obs: npt.NDArray[np.uint8], spec: EnvSpec) -> Iterator[npt.NDArray[np.uint8]]:
    """Yields the pictures `[H, W, 3]` in the newest frame of an observation `[C, H, W]`."""
    frame = obs[-spec.frame_channels :]
    for part, data in zip(spec.parts, split_parts(frame, spec.parts), strict=False):
        if part.kind == "picture":
            yield as_rgb(data.reshape(part.shape))
    if not spec.parts and spec.plain is None:
        yield as_rgb(frame)


def _write_picture(path: Path, pictures: list[npt.NDArray[np.uint8]]) -> None:
    """Writes pictures `[H, W, 3]` side by side, of one height, with sharp pixels."""
    shown = []
    for picture in pictures:
        height, width = picture.shape[:2]
        size = (max(1, round(width * PICTURE_HEIGHT / height)), PICTURE_HEIGHT)
        larger = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)
        shown.append(np.pad(larger, ((0, 0), (0, GAP), (0, 0)), constant_values=BACKGROUND))
    image = cv2.cvtColor(cv2.hconcat(shown), cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def _play(env: VectorEnv, seed: int) -> tuple[list[Step], float]:
    """Returns what happens under random actions, and how many seconds it took."""
    rng = np.random.default_rng(seed)
    begun = time.perf_counter()
    env.reset(seed)
    steps = []
    for _ in range(STEPS):
        steps.append(env.recv())
        env.send(_random_actions(env.spec, rng))
    return steps, time.perf_counter() - begun


def _random_actions(spec: EnvSpec, rng: np.random.Generator) -> npt.NDArray[Any]:
    if spec.plain is None or spec.plain.numbered:
        return rng.integers(spec.num_actions, size=spec.num_envs)
    space = spec.plain.action_space
    space.seed(int(rng.integers(2**31)))
    return np.stack([space.sample() for _ in range(spec.num_envs)])


def _repeats(first: list[Step], second: list[Step], *, resumes: bool) -> Finding:
    for tick, (one, other) in enumerate(zip(first, second, strict=True)):
        pairs: Iterator[tuple[Any, Any]] = zip(one, other, strict=True)
        same = (np.array_equal(*pair) for pair in pairs)
        if not all(same):
            return Finding(
                "repeats",
                f"no: the same seed and actions gave something else at step {tick}. It can be "
                "learned, but scores of a seed cannot be repeated, and a resumed training begins "
                "its unfinished episodes anew. Take all chance from self.np_random, and start "
                "every episode anew in reset(seed=...)",
                is_fault=True,
            )
    so = "a resumed training is exact" if resumes else "scores of a seed can be repeated"
    return Finding("repeats", f"yes: {STEPS} steps came out the same again, so {so}")
