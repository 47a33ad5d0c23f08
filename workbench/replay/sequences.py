"""Replay of sequences for recurrent agents: windows of consecutive ticks of the ring."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from agents.base import History, Memory, ReplayedSequences
from agents.config import SequenceAgentConfig
from envs.base import EnvSpec, State, Step
from workbench.config import OffPolicyConfig, ReplayConfig
from workbench.replay.replay import PrioritizedSampler, RingReplay, Sample
from workbench.replay.ring import FIELDS, Ring, Ticks, ring_size
from workbench.replay.sum_tree import tree_bytes

# The staleness of a stored memory is measured with up to this many ticks before its sequence.
HISTORY_TICKS = 256
HISTORY_ROWS = 8


class SequenceReplay(RingReplay):
    """Stores ticks, and the agent's memory every `sequence_period_ticks`; samples sequences.

    A sequence may span several episodes; the agent clears its memory at each first tick.
    """

    def __init__(
        self,
        ring: Ring,
        config: ReplayConfig,
        rng: np.random.Generator,
        *,
        agent: SequenceAgentConfig,
        memory: Memory,
    ) -> None:
        """Makes room for memories.

        Args:
            ring: for the ticks.
            config: says how to sample.
            rng: draws sequences.
            agent: gives the length and the period of sequences.
            memory: any memory of the agent for these envs; only its shape is used.
        """
        if config.sampling == "uniform":
            config = config.model_copy(update={"priority_exponent": 0.0})  # all priorities are 1
        super().__init__(ring, PrioritizedSampler(ring, agent.window_ticks, rng, config))
        self._agent = agent
        slots = _memory_slots(ring.length, agent)
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
        self._sampler.added(np.full(self.ring.spec.num_envs, learnable))

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
            first=ring.field("first", window, env[:, None]),
            memory=tuple(m[slot % len(m), torch.from_numpy(env)][None] for m in self._memory),
            action=torch.from_numpy(ring.field("action", learned, env[:, None]).astype(np.int64)),
            valid=torch.from_numpy(~ring.field("last", learned, env[:, None])),
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
        return flat.view(*ticks.shape, *self.ring.spec.obs_shape)

    def _history(self, tick: Ticks, env: Ticks) -> History | None:
        """Returns the ticks before some of the sequences, once in `staleness_period_updates`.

        Only sequences whose episode begins within `HISTORY_TICKS` have such a history.
        """
        if self._drawn % self._agent.staleness_period_updates:
            return None
        before = tick[:, None] + np.arange(-HISTORY_TICKS, 0)
        stored = before[:, 0] >= max(0, self.ring.head - self.ring.capacity_ticks)
        first = self.ring.field("first", before, env[:, None])
        row = np.flatnonzero(stored & first.any(1))[:HISTORY_ROWS]
        if len(row) == 0:
            return None
        return History(self._observations(before[row], env[row]), first[row], row)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"memory": list(self._memory), "drawn": self._drawn}

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict(state)
        for stored, saved in zip(self._memory, state["memory"], strict=True):
            stored[: len(saved)] = saved  # fewer where the training was extended
        self._drawn = state["drawn"]


def replay_bytes(config: OffPolicyConfig, spec: EnvSpec) -> int:
    """Returns the bytes of all arrays of the configured replay without allocating them."""
    agent, ticks = config.agent, ring_size(config, spec).length(spec)
    rows = ticks * spec.num_envs
    fields = sum(np.dtype(dtype).itemsize for dtype in FIELDS.values())
    size = rows * (math.prod(spec.frame_shape) + fields)
    if isinstance(agent, SequenceAgentConfig):
        size += _memory_slots(ticks, agent) * spec.num_envs * agent.memory_bytes
    if isinstance(agent, SequenceAgentConfig) or config.replay.sampling == "prioritized":
        size += tree_bytes(rows)
    return size


def _memory_slots(length: int, agent: SequenceAgentConfig) -> int:
    """Returns the number of memories stored beside a ring of `length` ticks."""
    return -(-length // agent.sequence_period_ticks) + 1
