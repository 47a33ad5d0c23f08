"""R2D2: a recurrent DQN that learns from replayed sequences.

Kapturowski et al. 2019 (https://openreview.net/forum?id=r1lyTjAqYX). A sequence is unrolled from
the memory stored when it was played, first over a burn-in that only warms up the memory, and
then over the ticks that are learned from. Double, dueling, n-step, rescaled values (Pohlen et al.
2018, https://arxiv.org/abs/1805.11593).
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from agents.base import Decision, Memory, NetworkAgent, ReplayedSequences, Update
from agents.config import CoreName, PrecisionName, RewardClip, SequenceAgentConfig, TorsoName
from agents.exploration import replace_at_random
from agents.losses import rescale, sequence_priority, unrescale
from agents.networks import Encoder, RecurrentQ, arithmetic_dtype
from envs.base import EnvSpec, Step

# η, the weight of the largest error of a sequence against the mean (section 2.3 of the paper).
PRIORITY_MIX = 0.9


class R2D2Config(SequenceAgentConfig):
    """The config of R2D2: network, sequences, learning rate."""

    kind: Literal["r2d2"] = Field(
        description="R2D2: DQN with an LSTM; learns from replayed sequences"
    )
    network: TorsoName = Field(
        default="small", description="convolutional torso; flat: fully connected"
    )
    core: CoreName = Field(default="lstm", description="memory: an LSTM, or none")
    core_size: int = Field(
        default=256,
        ge=1,
        le=8192,
        description="hidden units of the LSTM",
    )
    dueling: bool = Field(default=True, description="dueling heads: value and advantages")
    n_step: int = Field(default=5, ge=1, le=100, description="rewards summed before bootstrapping")
    discount: float = Field(default=0.997, ge=0, le=1, description="discount factor γ, per step")
    reward_clip: RewardClip = None
    burn_in_ticks: int = Field(
        default=16,
        ge=0,
        le=10_000,
        description="steps that only warm up the LSTM, at a sequence's start",
    )
    sequence_ticks: int = Field(
        default=32, ge=2, le=10_000, description="steps that are learned from, after the burn-in"
    )
    sequence_period_ticks: int = Field(
        default=16,
        ge=1,
        le=10_000,
        description="steps from the start of one sequence to that of the next",
    )
    batch_size: int = Field(default=32, ge=1, le=1_000_000, description="sequences per update")
    learning_rate: float = Field(default=1e-4, ge=1e-12, le=1, description="Adam's learning rate")
    adam_epsilon: float = Field(
        default=1e-3, ge=1e-15, le=1, description="Adam's ε, added to its denominator"
    )
    max_grad_norm: float = Field(
        default=40.0, ge=1e-6, le=1e6, description="gradients are clipped to this norm"
    )
    target_period_updates: int = Field(
        default=500, ge=1, le=10**9, description="updates between copies to the target network"
    )
    staleness_period_updates: int = Field(
        default=500,
        ge=1,
        le=10**9,
        description="updates between measurements of how stale the replayed LSTM states are",
    )
    epsilon: float = Field(
        default=0.4, ge=1e-6, le=1, description="share of random actions in the first env"
    )
    epsilon_exponent: float = Field(
        default=7.0,
        ge=0,
        le=100,
        description="the last env has epsilon ** (1 + this); those between are spread evenly",
    )
    precision: PrecisionName = Field(default="float32", description="of the network's arithmetic")

    def make(self, spec: EnvSpec, device: torch.device, rng: np.random.Generator) -> "R2D2":
        return R2D2(self, spec, device, rng)

    @property
    def memory_bytes(self) -> int:
        return 2 * 4 * self.core_size if self.core == "lstm" else 0


class R2D2(NetworkAgent):
    """An `Agent`; one instance holds both Q networks and the optimizer."""

    network: RecurrentQ

    def __init__(
        self, config: R2D2Config, spec: EnvSpec, device: torch.device, rng: np.random.Generator
    ) -> None:
        """Builds the networks: `rng` is for exploration, torch's global generator for weights."""
        self._config = config
        self._num_actions = spec.num_actions
        # Some envs stay bold for ever, others show what was learned (Horgan et al. 2018, sec. 4.1).
        self._epsilon = config.epsilon ** np.linspace(1, 1 + config.epsilon_exponent, spec.num_envs)
        dtype = arithmetic_dtype(config.precision)
        encoder = Encoder(
            config.network, spec.obs_shape, config.core, config.core_size, dtype, spec.parts
        )
        network = RecurrentQ(encoder, spec.num_actions, dueling=config.dueling).to(device)
        optimizer = torch.optim.Adam(
            network.parameters(), lr=config.learning_rate, eps=config.adam_epsilon, fused=True
        )
        super().__init__(network, optimizer, device, rng)
        self.target = deepcopy(network).requires_grad_(False)

    def schedules(self) -> dict[str, float]:
        """See `Learner.schedules`: nothing changes."""
        return {}

    def initial_memory(self, num_envs: int) -> Memory:
        return self.network.encoder.core.initial_memory(num_envs, self._device)

    @torch.no_grad()
    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """See `Actor.act`; each env has its own epsilon."""
        obs = torch.from_numpy(step.obs).to(self._device)
        values, memory = self.network(obs[:, None], step.first[:, None], memory)
        action = values[:, 0].argmax(1).cpu().numpy()
        if explore:
            action = replace_at_random(action, self._epsilon, self._num_actions, self._rng)
        return Decision(action, unrescale(values[:, 0]).cpu().numpy()), memory

    def update(self, batch: ReplayedSequences) -> Update:
        """Takes one optimizer step; copies its weights to the target network now and then."""
        config = self._config
        burn_in = config.burn_in_ticks
        obs = batch.obs.to(self._device, non_blocking=True)
        action, valid, reward, discount, end, weights = (
            field.to(self._device, non_blocking=True) for field in batch[3:-1]
        )
        with torch.no_grad():
            values_target, _ = self.target(obs, batch.first, batch.memory)
            memory = batch.memory
            if burn_in:
                _, memory = self.network(obs[:, :burn_in], batch.first[:, :burn_in], memory)
        values, _ = self.network(obs[:, burn_in:], batch.first[:, burn_in:], memory)
        with torch.no_grad():
            best = values.argmax(-1).gather(1, end - burn_in)  # [B, L] the double action
            row = torch.arange(len(obs), device=self._device)[:, None]
            target = rescale(reward + discount * unrescale(values_target[row, end, best]))
        value = values[:, : config.sequence_ticks].gather(2, action[..., None]).squeeze(-1)
        errors = (target - value) * valid
        loss = (weights[:, None] * 0.5 * errors**2).sum() / valid.sum()
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), config.max_grad_norm)
        staleness = self._staleness(batch, obs)
        self._optimizer.step()
        self.updates += 1
        if self.updates % config.target_period_updates == 0:
            self.target.load_state_dict(self.network.state_dict())
        metrics = {"loss": loss.detach(), "value": unrescale(value.detach()[valid]).mean()}
        priority = sequence_priority(errors.detach().abs(), valid, PRIORITY_MIX)
        return Update(metrics | staleness, priority)

    @torch.no_grad()
    def _staleness(self, batch: ReplayedSequences, obs: Tensor) -> dict[str, Tensor]:
        """How far Q-values from the stored memory are from those of an up-to-date memory.

        `staleness` at the first tick of a window, `staleness_after_burn_in` at the first that is
        learned from: `|Q - Q_true| / |max Q_true|` (Kapturowski et al. 2019, section 3), where
        Q_true comes from unrolling the network as it is now from the beginning of an episode.
        """
        if batch.history is None:
            return {}
        history_obs, history_first, row = batch.history
        chosen = torch.from_numpy(row).to(self._device)
        begin = self.initial_memory(len(row))
        _, memory = self.network(history_obs.to(self._device), history_first, begin)
        played = tuple(m[:, chosen] for m in batch.memory)
        ticks = self._config.burn_in_ticks + 1
        true, stored = (
            unrescale(self.network(obs[chosen, :ticks], batch.first[row, :ticks], m)[0])
            for m in (memory, played)
        )  # [K, ticks, A]
        gap = (stored - true).norm(dim=-1).mean(0) / true.amax(-1).abs().mean(0)
        return {"staleness": gap[0], "staleness_after_burn_in": gap[-1]}

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"target": self.target.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.target.load_state_dict(state["target"])
