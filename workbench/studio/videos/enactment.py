"""Replays a recorded episode in its env, since a trace holds no observations.

Worlds are deterministic given the seed and the actions, sticky actions included, so the trace's
actions bring back each observation, and the agent what it remembered. Frames are kept once, not
once for each stack that they are part of.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from agents.base import Agent, Array, Decision
from agents.config import EpisodicAgentConfig
from agents.sb3 import SB3Config
from envs import env_spec, make_envs
from envs.base import EnvConfig, EnvSpec, Step
from workbench.errors import UsageError
from workbench.evaluation.load import episodic_config
from workbench.recording.frame import ScreenBox
from workbench.runs import checkpoint
from workbench.runs.run import Run
from workbench.studio.cache import Cache, fingerprint
from workbench.studio.videos.screen import older_screen
from workbench.studio.videos.traces import EpisodeTrace, read_episode

REWARD_TOLERANCE = 1e-3
VALUE_TOLERANCE = 1e-2  # of bfloat16, whose sums depend on the machine
CHECKED_STEPS = 32  # of an agent without memory, whose other steps need not be recomputed
CACHE_BYTES = 256 << 20


def nearest_checkpoint(run: Run, env_steps: int) -> int:
    """Returns the checkpoint nearest to `env_steps`; raises UsageError if there is none."""
    steps = checkpoint.list_steps(run.checkpoints)
    if not steps:
        raise UsageError(f"{run.name} has no checkpoint, so the agent cannot be asked")
    return min(steps, key=lambda step: (abs(step - env_steps), step))


def recorded_at(video: str) -> int:
    """Returns the env_steps in a video's name, `STEP_SEED`; raises UsageError if it has none."""
    step = video.split("_")[0]
    if not (step.isascii() and step.isdecimal()) or len(step) > 18:
        raise UsageError(f"the video {video} is not named after the step it was recorded at")
    return int(step)


@dataclass(frozen=True)
class Enactment:
    """An episode with its observations and memories, and the agent that acted in it."""

    trace: EpisodeTrace
    spec: EnvSpec
    agent: Agent  # in float32: it is asked about many pictures that differ little
    checkpoint: int
    note: str | None  # what is not as it was recorded
    screen: ScreenBox
    sees_screen: bool  # whether an observation shows the very screen, only smaller
    frames: npt.NDArray[np.uint8]  # [stack + T, c, H, W]
    memories: tuple[npt.NDArray[np.float32], ...]  # each [T + 2, size], before each step

    @property
    def nbytes(self) -> int:
        """Size in bytes, without the agent."""
        return self.frames.nbytes + sum(memory.nbytes for memory in self.memories)

    def obs(self, t: int) -> npt.NDArray[np.uint8]:
        """Returns `[C, H, W]`, what the agent saw at frame t."""
        return self.frames[t : t + self.spec.stack].reshape(self.spec.obs_shape)

    def think(self, t: int, obs: npt.NDArray[np.uint8]) -> Decision:
        """Returns what the agent decides at frame t if it sees `[B, C, H, W]` there instead."""
        none, ones = np.zeros(len(obs), np.float32), np.ones(len(obs), np.float32)
        step = Step(obs, none, ones, np.full(len(obs), t == 0), np.zeros(len(obs), np.bool_))
        memory = tuple(
            torch.from_numpy(np.repeat(before[None, t : t + 1], len(obs), 1))
            for before in self.memories
        )
        return self.agent.act(step, memory, explore=False)[0]

    def value_and_scores(self, t: int, obs: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
        """Returns the values `[B]`, and Q-values or log-probabilities `[B, A]`; see `think`."""
        _, values, policy = self.think(t, obs)
        if policy is None:
            return values.max(1), values
        return values[:, 0], np.log(np.maximum(policy, np.finfo(np.float32).tiny))


def enact(run: Run, env_steps: int, trace: EpisodeTrace) -> Enactment:
    """Plays the episode of `trace` once more; takes seconds where it is long.

    Raises:
        UsageError: there is no whole checkpoint, or the world no longer does what was recorded.
    """
    config = episodic_config(run)
    world, agent_config = config.env, config.agent
    used = nearest_checkpoint(run, env_steps)
    weights = checkpoint.load_model(run.checkpoints / str(used))
    try:
        spec = env_spec(world)
        if spec.plain is not None:
            raise ValueError("what an sb3 agent sees is no picture in which to look for reasons")
        if spec.parts:
            raise ValueError("what the agent sees is numbers or a text, not just one picture")
        agent = _load(agent_config, spec, weights)
        steps = _replay(world, spec, trace)
        stack, (c, h, w) = spec.stack, spec.frame_shape
        frames = np.concatenate([steps[0].obs.reshape(stack, c, h, w), *(s.obs for s in steps[1:])])
        decisions, memories = _remember(agent, steps, frames)
        if agent_config.precision != "float32":
            precise = agent_config.model_copy(update={"precision": "float32"})
            agent = _load(precise, spec, weights)
        units = memories[0].shape[1] if memories else None
        screen = trace.screen or older_screen(world, units)
    except (ValueError, ImportError, OSError, RuntimeError) as error:
        raise UsageError(f"the episode cannot be played once more: {error}") from None
    return Enactment(
        trace=trace,
        spec=spec,
        agent=agent,
        checkpoint=used,
        note=_difference(trace, decisions, used, env_steps),
        screen=screen,
        sees_screen=world.sees_screen,
        frames=frames,
        memories=memories,
    )


def _load(
    config: EpisodicAgentConfig | SB3Config, spec: EnvSpec, weights: dict[str, torch.Tensor]
) -> Agent:
    # On the CPU, for a training may have the rest.
    agent = config.make(spec, torch.device("cpu"), np.random.default_rng(0))
    agent.load_network_state(weights)
    return agent


def _replay(world: EnvConfig, spec: EnvSpec, trace: EpisodeTrace) -> list[Step]:
    """Returns the T + 1 steps of the episode.

    After the first, each step's `obs` is `[1, c, H, W]`, its newest frame alone.

    Raises:
        ValueError: actions, rewards or the end are not those of the trace, or it is too long.
    """
    if list(trace.action_names) != list(spec.action_names):
        raise ValueError("the world has other actions now than when it was recorded")
    if (trace.end + spec.stack) * prod(spec.frame_shape) > CACHE_BYTES:
        raise ValueError(f"{trace.end:,} steps are too many")
    steps = []
    with closing(make_envs(world.model_copy(update={"num_envs": 1}))) as env:
        env.reset(trace.seed, trace.env)
        for t in range(trace.end + 1):
            step = env.recv()
            if t and abs(step.reward[0] - trace.rewards[t - 1]) > REWARD_TOLERANCE:
                raise ValueError(f"the world did something else at step {t} than when recorded")
            if t < trace.end:
                if step.last[0]:
                    raise ValueError(f"the world ended at step {t}, before the recording did")
                env.send(trace.actions[t : t + 1])
            newest = step.obs[:, -spec.frame_channels :].copy()
            steps.append(step._replace(obs=newest) if t else step)
    return steps


def _remember(
    agent: Agent, steps: Sequence[Step], frames: npt.NDArray[np.uint8]
) -> tuple[dict[int, Decision], tuple[npt.NDArray[np.float32], ...]]:
    """Returns the decisions at some steps (at all, with a memory) and the memories before each."""
    memory, stack = agent.initial_memory(1), len(frames) - len(steps) + 1
    asked: Iterable[int] = range(len(steps))
    if not memory:
        asked = np.unique(np.linspace(0, len(steps) - 1, CHECKED_STEPS).astype(int)).tolist()
    decisions, before = {}, [memory]
    for t in asked:
        step = steps[t]._replace(obs=frames[t : t + stack].reshape(steps[0].obs.shape))
        decisions[t], memory = agent.act(step, memory, explore=False)
        before.append(memory)
    return decisions, tuple(
        torch.cat([m.reshape(1, -1) for m in part]).float().numpy()
        for part in zip(*before, strict=True)
    )


def _difference(
    trace: EpisodeTrace, decisions: dict[int, Decision], used: int, env_steps: int
) -> str | None:
    if used != env_steps:
        return (
            f"The checkpoint of step {env_steps:,} is gone, so the nearest one, of step {used:,}, "
            "is asked instead."
        )
    for t, decision in decisions.items():
        recorded, scale = trace.values[t], 1 + np.abs(trace.values).max()
        if recorded.shape != decision.values[0].shape:
            return "The agent has other actions now than when this was recorded."
        away = float(np.abs(recorded - decision.values[0]).max())
        if away > VALUE_TOLERANCE * scale:
            return f"The agent now values step {t} by {away:.3g} differently than when recorded."
    return None


class Enactments:
    """A cache of the episodes that were played once more last, bounded by their bytes."""

    def __init__(self) -> None:
        """Always keeps the newest one, however large it is."""
        self._kept: Cache[Enactment] = Cache(CACHE_BYTES, lambda enactment: enactment.nbytes)

    def get(self, run: Run, trace_path: Path) -> Enactment:
        """Returns the episode of a trace; raises as `read_episode` and `enact` do."""
        env_steps = recorded_at(trace_path.stem)
        used = run.checkpoints / str(nearest_checkpoint(run, env_steps))
        paths = (trace_path, run.config_path, used / "meta.json", used / "model.safetensors")
        return self._kept.get(
            trace_path,
            lambda: enact(run, env_steps, read_episode(trace_path)),
            (used, *map(fingerprint, paths)),
        )
