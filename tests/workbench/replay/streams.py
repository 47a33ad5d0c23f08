"""Random streams of Steps as a vector env would send them, and what replay must make of them.

Frames are 2 x 2 pixels that say where they come from, so that a test can read it off a sample:

    [[episode, t],
     [env, channel]]       all counted from 1: a black frame is one from before the episode
"""

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from envs.base import EnvSpec, Step

Stream = list[Step]


@dataclass(frozen=True)
class Case:
    """The sizes that a stream and the ring that stores it may have."""

    num_envs: int
    stack: int
    channels: int
    n_step: int
    spare_ticks: int  # how much larger the capacity is than the least that configs allow
    slack_ticks: int
    ticks: int
    ends: float  # share of steps that end an episode
    seed: int

    @property
    def capacity_ticks(self) -> int:
        return self.n_step + 2 + self.spare_ticks

    @property
    def spec(self) -> EnvSpec:
        return make_spec(self.num_envs, self.stack, self.channels)

    def stream(self) -> Stream:
        return random_stream(self.spec, self.ticks, self.ends, np.random.default_rng(self.seed))


cases = st.builds(
    Case,
    num_envs=st.integers(1, 3),
    stack=st.integers(1, 4),
    channels=st.sampled_from([1, 3]),
    n_step=st.integers(1, 5),
    spare_ticks=st.integers(0, 12),
    slack_ticks=st.integers(0, 4),
    ticks=st.integers(7, 60),
    ends=st.sampled_from([0.0, 0.05, 0.3, 0.8]),
    seed=st.integers(0, 2**31),
)


def make_spec(num_envs: int, stack: int, channels: int = 1, size: int = 2) -> EnvSpec:
    return EnvSpec(
        name="stream",
        num_envs=num_envs,
        obs_shape=(stack * channels, size, size),
        frame_channels=channels,
        action_names=("a", "b", "c"),
    )


def random_stream(spec: EnvSpec, ticks: int, ends: float, rng: np.random.Generator) -> Stream:
    """Episodes that terminate or are cut off, and lives lost (discount 0, but not last)."""
    n, channels = spec.num_envs, spec.frame_channels
    episode, t = np.zeros(n, int), np.zeros(n, int)
    obs = np.zeros((n, *spec.obs_shape), np.uint8)
    last = np.ones(n, bool)
    stream = []
    for _ in range(ticks):
        first = last
        episode, t = episode + first, np.where(first, 0, t + 1)
        frame = np.zeros((n, channels, 2, 2), np.uint8)
        frame[:, :, 0, 0], frame[:, :, 0, 1] = episode[:, None], t[:, None] + 1
        frame[:, :, 1, 0] = np.arange(1, n + 1)[:, None]
        frame[:, :, 1, 1] = np.arange(1, channels + 1)
        history = np.where(first[:, None, None, None], 0, obs[:, channels:])
        obs = np.concatenate([history, frame], axis=1).astype(np.uint8)
        last = ~first & (rng.random(n) < ends)
        stops = np.where(last, rng.random(n) < 0.5, rng.random(n) < 0.1) & ~first
        reward = np.where(first, 0, rng.normal(size=n)).astype(np.float32)
        stream.append(Step(obs, reward, 1 - stops.astype(np.float32), first, last))
    return stream


def actions(tick: int, num_envs: int) -> np.ndarray:
    """Some actions that tell ticks and envs apart."""
    return (tick + np.arange(num_envs)) % 3


def learnable(stream: Stream, capacity_ticks: int, n_step: int) -> set[tuple[int, int]]:
    """The (tick, env) that may be sampled: recent, their n later ticks stored, and not a last."""
    ticks = range(max(0, len(stream) - capacity_ticks), len(stream) - n_step)
    return {(t, e) for t in ticks for e, last in enumerate(stream[t].last) if not last}


def reference_return(
    stream: Stream, tick: int, env: int, n_step: int, discount: float
) -> tuple[float, float, int]:
    """The n-step return by its definition, over n steps or as many as the episode has left."""
    ahead = stream[tick + 1 : tick + 1 + n_step]
    lasts = [k for k, step in enumerate(ahead) if step.last[env]]
    steps = ahead[: lasts[0] + 1] if lasts else ahead
    factors = [discount * float(step.discount[env]) for step in steps]
    total = sum(math.prod(factors[:k]) * step.reward[env] for k, step in enumerate(steps))
    return float(total), math.prod(factors), tick + len(steps)
