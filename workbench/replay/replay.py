"""Replay of transitions: a ring of ticks, and the samplers that draw from it."""

from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from agents.base import Flags, Memory, Transition
from envs.base import SavedGenerator, State, Step
from workbench.config import ReplayConfig
from workbench.replay.ring import Ring, Ticks
from workbench.replay.sum_tree import SumTree

Batch = TypeVar("Batch")
# Added to TD errors so that every transition can be drawn (Schaul et al. 2016, section 3.3).
PRIORITY_OFFSET = 1e-3


class Sample(NamedTuple, Generic[Batch]):
    """A batch and its place in the ring."""

    batch: Batch
    tick: Ticks  # [B]
    env: Ticks  # [B]


class UniformSampler:
    """Draws every stored transition with equal probability."""

    def __init__(self, ring: Ring, n_step: int, rng: np.random.Generator) -> None:
        """Samples transitions of `ring` that have `n_step` later ticks."""
        self._ring = ring
        self._n_step = n_step
        self._rng = SavedGenerator(rng.bit_generator)

    def added(self, learnable: Flags) -> None:
        """Does nothing: all transitions are equally likely."""

    def draw(self, count: int) -> tuple[Ticks, Ticks, npt.NDArray[np.float32]]:
        """Returns ticks, envs and importance weights, each `[count]`."""
        ring = self._ring
        low = max(0, ring.head - ring.capacity_ticks)
        high = ring.head - self._n_step
        tick = self._rng.integers(low, high, count)
        env = self._rng.integers(ring.num_envs, size=count)
        # The env ignored the action at an episode's last observation, so it teaches nothing.
        while (bad := ring.field("last", tick, env)).any():
            tick[bad] = self._rng.integers(low, high, bad.sum())
            env[bad] = self._rng.integers(ring.num_envs, size=bad.sum())
        return tick, env, np.ones(count, np.float32)

    def update(self, tick: Ticks, env: Ticks, priorities: torch.Tensor) -> None:
        """Does nothing, so the host need not wait for the priorities."""

    def state_dict(self) -> dict[str, Any]:
        """Returns the generator's state."""
        return self._rng.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Brings `state_dict` back."""
        self._rng.load_state_dict(state)


class PrioritizedSampler:
    """Draws windows of ticks in proportion to `(|TD error| + 0.001) ** α` (Schaul et al. 2016).

    A new window has the largest priority so far. It can be drawn once its last tick is stored.
    Importance weights are `(P(i) / min P) ** -β` within the batch, so the largest is 1.
    """

    def __init__(
        self, ring: Ring, window_ticks: int, rng: np.random.Generator, config: ReplayConfig
    ) -> None:
        """Samples windows of `window_ticks` from `ring`."""
        self._ring = ring
        self._window_ticks = window_ticks
        self._rng = SavedGenerator(rng.bit_generator)
        self._config = config
        self._tree = SumTree(ring.length * ring.num_envs)
        self._largest = 1.0
        self._envs = np.arange(ring.num_envs)

    def added(self, learnable: Flags) -> None:
        """Adds the window that ends with the newest tick, and removes the one that expires.

        Args:
            learnable: `[N]` whether the new window of each env may be drawn.
        """
        ring = self._ring
        expired = ring.head - ring.capacity_ticks - 1
        if expired >= 0:
            self._tree.set(self._leaf(np.full_like(self._envs, expired), self._envs), 0.0)
        ready = ring.head - self._window_ticks
        if ready >= 0:
            tick = np.full_like(self._envs, ready)
            self._tree.set(self._leaf(tick, self._envs), np.where(learnable, self._largest, 0.0))

    def draw(self, count: int) -> tuple[Ticks, Ticks, npt.NDArray[np.float32]]:
        """Returns ticks, envs and importance weights, each `[count]`, by stratified sampling."""
        ring = self._ring
        strata = np.arange(count) + self._rng.random(count)
        leaf = self._tree.find(strata * (self._tree.total / count))
        row, env = np.divmod(leaf, ring.num_envs)
        newest = ring.head - 1
        tick = newest - (newest - row) % ring.length
        priority = self._tree.get(leaf)
        weights = (priority / priority.min()) ** -self._config.importance_exponent
        return tick, env, weights.astype(np.float32)

    def update(self, tick: Ticks, env: Ticks, priorities: torch.Tensor) -> None:
        """Sets the raw priorities `[B]` of windows, before offset and exponent."""
        # If learning diverges, sampling must work until the loss is checked.
        finite = np.nan_to_num(priorities.cpu().numpy().astype(np.float64), nan=0, posinf=0)
        priority = (finite + PRIORITY_OFFSET) ** self._config.priority_exponent
        self._largest = max(self._largest, float(priority.max()))
        self._tree.set(self._leaf(tick, env), priority)

    def _leaf(self, tick: Ticks, env: Ticks) -> Ticks:
        return (tick % self._ring.length) * self._ring.num_envs + env

    def state_dict(self) -> dict[str, Any]:
        """Returns the priorities and the generator's state."""
        return {
            **self._rng.state_dict(),
            "priorities": self._tree.leaves.copy(),
            "largest": self._largest,
        }

    def load_state_dict(self, state: State) -> None:
        """Brings `state_dict` back."""
        self._rng.load_state_dict(state)
        self._tree.set_all(state["priorities"])
        self._largest = state["largest"]


class RingReplay:
    """A ring of ticks and the sampler that draws from it."""

    def __init__(self, ring: Ring, sampler: UniformSampler | PrioritizedSampler) -> None:
        """`sampler` is that of the ring."""
        self.ring = ring
        self._sampler = sampler

    def update_priorities(self, sample: Sample[Any], priorities: torch.Tensor) -> None:
        """Sets the raw priorities `[B]` of a sample that was learned from; see `Update`."""
        self._sampler.update(sample.tick, sample.env, priorities)

    def state_dict(self) -> dict[str, Any]:
        """Writes new ticks to the ring's files; returns the ring's head and the sampler's state."""
        self.ring.flush()
        return {"head": self.ring.head, "sampler": self._sampler.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Brings `state_dict` back and reads the ticks from the ring's files."""
        self.ring.restore(state["head"])
        self._sampler.load_state_dict(state["sampler"])


class Replay(RingReplay):
    """Stores ticks and samples batches of n-step transitions."""

    def __init__(
        self,
        ring: Ring,
        config: ReplayConfig,
        rng: np.random.Generator,
        *,
        n_step: int,
        discount: float,
    ) -> None:
        """`rng` draws samples; `discount` is γ."""
        sampler = (
            PrioritizedSampler(ring, n_step + 1, rng, config)
            if config.sampling == "prioritized"
            else UniformSampler(ring, n_step, rng)
        )
        super().__init__(ring, sampler)
        self._n_step = n_step
        self._discount = discount
        self._envs = np.arange(ring.num_envs)

    def add(self, step: Step, action: npt.NDArray[np.int64], memory: Memory) -> None:
        """Stores one tick.

        Args:
            step: with rewards that are already clipped.
            action: `[N]` the answers to `step`.
            memory: ignored: agents with a memory learn from `SequenceReplay`.
        """
        self.ring.add(step, action)
        begin = np.full_like(self._envs, max(0, self.ring.head - self._n_step - 1))
        # The env ignored the action at an episode's last observation, so it teaches nothing.
        self._sampler.added(~self.ring.field("last", begin, self._envs))

    def sample(self, batch_size: int) -> Sample[Transition]:
        """Draws a batch; at least `n_step + 1` ticks must have been added."""
        tick, env, weights = self._sampler.draw(batch_size)
        reward, discount, end = self.ring.returns(tick, env, self._n_step, self._discount)
        action = self.ring.field("action", tick, env).astype(np.int64)
        obs_tm1, obs_t = self._observations(tick, end, env)
        batch = Transition(
            obs_tm1=obs_tm1,
            action_tm1=torch.from_numpy(action),
            reward_t=torch.from_numpy(reward),
            discount_t=torch.from_numpy(discount),
            obs_t=obs_t,
            weights=torch.from_numpy(weights),
        )
        return Sample(batch, tick, env)

    def _observations(
        self, tick: Ticks, end: Ticks, env: Ticks
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the observations of `tick` and `end`; frames that both share are copied once."""
        spec, n_step = self.ring.spec, self._n_step
        if n_step < spec.stack and (end - tick == n_step).all():
            frames = self.ring.observations(tick, env, ahead=n_step)
            return frames[:, : spec.obs_shape[0]], frames[:, n_step * spec.frame_channels :]
        return self.ring.observations(tick, env), self.ring.observations(end, env)
