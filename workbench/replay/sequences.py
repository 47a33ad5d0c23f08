"""Replay of sequences for recurrent agents: windows of consecutive ticks of the ring."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from agents.base import History, Memory, ReplayedSequences
from agents.config import SequenceAgentConfig
from envs.base import EnvSpec, Step
from workbench.config import ReplayConfig
from workbench.replay.replay import (
    PrioritizedSampler,
    Sample,
    make_ring,
    replay_bytes,
    ring_ticks,
)
from workbench.replay.ring import Ticks, ring_length

# The staleness of a stored memory is measured with up to this many ticks before its sequence.
HISTORY_TICKS = 256
HISTORY_ROWS = 8


class SequenceReplay:
    """Stores ticks, and the agent's memory every `sequence_period_ticks`; samples sequences.

    A sequence may span several episodes; the agent clears its memory at each first tick.
    """

    def __init__(
        self,
        config: ReplayConfig,
        agent: SequenceAgentConfig,
        spec: EnvSpec,
        memory: Memory,
        *,
        slack_env_steps: int,
        device: torch.device,
        rng: np.random.Generator,
        directory: Path | None = None,
        total_env_steps: int | None = None,
    ) -> None:
        """Allocates the ring; see `Ring` for the errors raised.

        Args:
            config: size, storage and sampling.
            agent: gives the length and the period of sequences.
            spec: of the envs whose ticks are stored.
            memory: any memory of the agent for these envs; only its shape is used.
            slack_env_steps: env steps between two checkpoints.
            device: of the frames.
            rng: draws sequences.
            directory: of the ring's files; None: the replay is never saved.
            total_env_steps: of the whole training, if known.
        """
        self._agent = agent
        self._spec = spec
        self.ring = make_ring(config, spec, slack_env_steps, total_env_steps, device, directory)
        if config.sampling == "uniform":
            config = config.model_copy(update={"priority_exponent": 0.0})  # all priorities are 1
        self._sampler = PrioritizedSampler(self.ring, agent.window_ticks, rng, config)
        slots = _memory_slots(self.ring.length, agent)
        self._memory = [
            torch.zeros(slots, *m[0].shape, dtype=m.dtype, device=m.device) for m in memory
        ]
        self._drawn = 0

    def add(self, step: Step, action: npt.NDArray[np.int64], memory: Memory) -> None:
        """Stores one tick and, where sequences begin, the memory that the agent had before it."""
        slot, offset = divmod(self.ring.head, self._agent.sequence_period_ticks)
        if offset == 0:
            for stored, now in zip(self._memory, memory, strict=True):
                stored[slot % len(stored)] = now[0]
        self.ring.add(step, action)
        begin = self.ring.head - self._agent.window_ticks
        learnable = begin % self._agent.sequence_period_ticks == 0
        self._sampler.added(np.full(self._spec.num_envs, learnable))

    def sample(self, batch_size: int) -> Sample[ReplayedSequences]:
        """Draws a batch; at least `window_ticks` ticks must have been added."""
        agent, ring = self._agent, self.ring
        tick, env, weights = self._sampler.draw(batch_size)
        window = tick[:, None] + np.arange(agent.window_ticks)
        learned = window[:, agent.burn_in_ticks :][:, : agent.sequence_ticks]
        flat, flat_env = learned.reshape(-1), np.repeat(env, agent.sequence_ticks)
        reward, discount, end = ring.returns(flat, flat_env, agent.n_step, agent.discount)
        slot = torch.from_numpy(tick // agent.sequence_period_ticks)

        def send(field: npt.NDArray[Any]) -> torch.Tensor:
            return torch.from_numpy(field.reshape(learned.shape))

        batch = ReplayedSequences(
            obs=self._observations(window, env),
            first=self._firsts(window, env),
            memory=tuple(m[slot % len(m), torch.from_numpy(env)][None] for m in self._memory),
            action=send(ring.field("action", flat, flat_env).astype(np.int64)),
            valid=send(~ring.field("last", flat, flat_env)),
            reward=send(reward),
            discount=send(discount),
            end=send(end - np.repeat(tick, agent.sequence_ticks)),
            weights=torch.from_numpy(weights),
            history=self._history(tick, env),
        )
        self._drawn += 1
        return Sample(batch, tick, env)

    def _observations(self, ticks: Ticks, env: Ticks) -> torch.Tensor:
        """Returns `[B, T, C, H, W]` for ticks `[B, T]` of envs `[B]`."""
        flat = self.ring.observations(ticks.reshape(-1), np.repeat(env, ticks.shape[1]))
        return flat.view(*ticks.shape, *self._spec.obs_shape)

    def _firsts(self, ticks: Ticks, env: Ticks) -> npt.NDArray[np.bool_]:
        """Returns `[B, T]`."""
        first = self.ring.field("first", ticks.reshape(-1), np.repeat(env, ticks.shape[1]))
        return first.reshape(ticks.shape)

    def _history(self, tick: Ticks, env: Ticks) -> History | None:
        """Returns the ticks before some of the sequences, once in `staleness_period_updates`.

        Only sequences whose episode begins within `HISTORY_TICKS` have such a history.
        """
        if self._drawn % self._agent.staleness_period_updates:
            return None
        before = tick[:, None] + np.arange(-HISTORY_TICKS, 0)
        stored = before[:, 0] >= max(0, self.ring.head - self.ring.capacity_ticks)
        first = self._firsts(before, env)
        row = np.flatnonzero(stored & first.any(1))[:HISTORY_ROWS]
        if len(row) == 0:
            return None
        return History(self._observations(before[row], env[row]), first[row], row)

    def update_priorities(self, sample: Sample[Any], priorities: torch.Tensor) -> None:
        """Sets the raw priorities `[B]` of sequences that were learned from."""
        self._sampler.update(sample.tick, sample.env, priorities)

    def state_dict(self) -> dict[str, Any]:
        """Writes new ticks to the ring's files; returns the rest."""
        self.ring.flush()
        return {
            "head": self.ring.head,
            "sampler": self._sampler.state_dict(),
            "memory": list(self._memory),
            "drawn": self._drawn,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back and reads the ticks from the ring's files."""
        self.ring.restore(state["head"])
        self._sampler.load_state_dict(state["sampler"])
        for stored, saved in zip(self._memory, state["memory"], strict=True):
            stored[: len(saved)] = saved  # fewer where the training was extended
        self._drawn = state["drawn"]


def sequence_replay_bytes(
    config: ReplayConfig,
    agent: SequenceAgentConfig,
    spec: EnvSpec,
    slack_env_steps: int,
    total_env_steps: int | None = None,
) -> int:
    """Returns the bytes of all arrays of such a `SequenceReplay` without allocating them."""
    ticks = ring_length(spec, *ring_ticks(config, spec, slack_env_steps, total_env_steps))
    memories = _memory_slots(ticks, agent) * spec.num_envs * agent.memory_bytes
    prioritized = config.model_copy(update={"sampling": "prioritized"})
    return replay_bytes(prioritized, spec, slack_env_steps, total_env_steps) + memories


def _memory_slots(length: int, agent: SequenceAgentConfig) -> int:
    """Returns the number of memories stored beside a ring of `length` ticks."""
    return -(-length // agent.sequence_period_ticks) + 1
