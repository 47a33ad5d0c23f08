"""PPO with or without an LSTM: the feed-forward agent is the same code with an empty memory.

Schulman et al. 2017 (https://arxiv.org/abs/1707.06347), with the details of
https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/. A recurrent agent learns
from whole sequences, each unrolled from the memory it was played with. So before the first update
of a rollout, the recomputed probabilities of the actions taken equal those during play.
"""

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from agents.base import Decision, Memory, NetworkAgent, Sequences, Update
from agents.config import (
    CoreName,
    Count,
    OnPolicyAgentConfig,
    PrecisionName,
    RewardClip,
    TorsoName,
    learning_rate_end,
)
from agents.losses import clipped_policy_loss, clipped_value_loss
from agents.networks import ActorCritic, Encoder, arithmetic_dtype
from envs.base import EnvSpec, Step

Ticks = Annotated[int, Field(ge=1, le=100_000)]


class PPOConfig(OnPolicyAgentConfig):
    """The config: the network, the length of rollouts, and how fast it learns."""

    kind: Literal["ppo"] = Field(
        description="PPO, with an LSTM or without; learns from its latest rollout"
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
    rollout_ticks: Ticks = Field(default=128, description="steps per env and rollout")
    sequence_ticks: Ticks = Field(
        default=16, description="steps of backpropagation through time; divides rollout_ticks"
    )
    epochs: int = Field(default=4, ge=1, le=1000, description="passes over each rollout")
    minibatches: Count = Field(default=8, description="minibatches per epoch")
    discount: float = Field(default=0.99, ge=0, le=1, description="discount factor γ, per step")
    gae_lambda: float = Field(
        default=0.95, ge=0, le=1, description="λ of generalised advantage estimation (GAE)"
    )
    reward_scale: float = Field(
        default=1.0,
        ge=1e-6,
        le=1e6,
        description="training rewards are the world's times this, then clipped",
    )
    reward_clip: RewardClip = 1.0
    policy_clip: float = Field(
        default=0.2, ge=1e-6, le=100, description="ε: the probability ratio is clipped to 1 ± this"
    )
    value_clip: float | None = Field(
        default=0.2,
        ge=1e-6,
        le=1e6,
        description="values are clipped to ± this around the old ones; null: not clipped",
    )
    value_coefficient: float = Field(
        default=0.5, ge=0, le=1000, description="weight of the value loss"
    )
    entropy_coefficient: float = Field(
        default=0.01, ge=0, le=1000, description="weight of the entropy bonus"
    )
    learning_rate: float = Field(default=2.5e-4, ge=1e-12, le=1, description="Adam's learning rate")
    learning_rate_decay_env_steps: int | None = Field(
        default=None,
        ge=1,
        le=2**53,
        description="env steps of the linear decay to zero; null: constant",
    )
    adam_epsilon: float = Field(
        default=1e-5, ge=1e-15, le=1, description="Adam's ε, added to its denominator"
    )
    max_grad_norm: float = Field(
        default=0.5, ge=1e-6, le=1e6, description="gradients are clipped to this norm"
    )
    precision: PrecisionName = Field(default="float32", description="of the network's arithmetic")

    def schedule_ends(self) -> list[tuple[int | None, str]]:
        return [learning_rate_end(self.learning_rate_decay_env_steps, "0: nothing more is learned")]

    def make(self, spec: EnvSpec, device: torch.device, rng: np.random.Generator) -> "PPO":
        return PPO(self, spec, device, rng)


class PPO(NetworkAgent):
    """An `Agent`; one instance holds the network and the optimizer."""

    network: ActorCritic

    def __init__(
        self, config: PPOConfig, spec: EnvSpec, device: torch.device, rng: np.random.Generator
    ) -> None:
        """Builds the network: `rng` is for actions, torch's global generator for weights."""
        self._config = config
        self._rollout_env_steps = config.rollout_ticks * spec.num_envs
        self._env_steps = 0
        dtype = arithmetic_dtype(config.precision)
        encoder = Encoder(
            config.network, spec.obs_shape, config.core, config.core_size, dtype, spec.parts
        )
        network = ActorCritic(encoder, spec.num_actions).to(device)
        optimizer = torch.optim.Adam(
            network.parameters(), lr=config.learning_rate, eps=config.adam_epsilon, fused=True
        )
        super().__init__(network, optimizer, device, rng)

    def schedules(self) -> dict[str, float]:
        decay = self._config.learning_rate_decay_env_steps
        # As it was when the rollout began: the last one would teach nothing otherwise.
        begun = max(0, self._env_steps - self._rollout_env_steps)
        left = 1.0 if decay is None else max(0.0, 1 - begun / decay)
        return {"learning_rate": self._config.learning_rate * left}

    def initial_memory(self, num_envs: int) -> Memory:
        return self.network.encoder.core.initial_memory(num_envs, self._device)

    @torch.no_grad()
    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """See `Actor.act`: exploring samples the policy; otherwise takes the most likely action."""
        obs = torch.from_numpy(step.obs).to(self._device)
        logits, value, memory = self.network(obs[:, None], step.first[:, None], memory)
        policy = logits[:, 0].softmax(-1).cpu().numpy()
        if explore:
            cumulative = policy.cumsum(1)
            # Rounded, the sum may be below 1: what has no probability must not be drawn.
            drawn = self._rng.random((len(policy), 1)) * cumulative[:, -1:]
            action = (cumulative <= drawn).sum(1)
            self._env_steps += len(action)
        else:
            action = policy.argmax(1)
        return Decision(action, value.cpu().numpy(), policy), memory

    def update(self, batch: Sequences) -> Update:
        """Takes one optimizer step."""
        config = self._config
        logits, value, _ = self.network(
            batch.obs.to(self._device, non_blocking=True), batch.first, batch.memory
        )
        valid, action, old_log_prob, old_value, advantage = (
            field.to(self._device, non_blocking=True)
            for field in (batch.valid, batch.action, batch.log_prob, batch.value, batch.advantage)
        )
        log_policy = logits[valid].log_softmax(-1)  # [V, A], V valid decisions
        log_prob = log_policy.gather(1, action[valid][:, None]).squeeze(1)
        log_ratio = log_prob - old_log_prob[valid]
        scaled = advantage[valid]
        scaled = (scaled - scaled.mean()) / (scaled.std(correction=0) + 1e-8)
        policy_loss = clipped_policy_loss(log_ratio, scaled, config.policy_clip).mean()
        target = (advantage + old_value)[valid]
        value_clip = config.value_clip or inf
        value_loss = clipped_value_loss(value[valid], old_value[valid], target, value_clip)
        entropy = -(log_policy.exp() * log_policy).sum(1).mean()
        loss = (
            policy_loss
            + config.value_coefficient * value_loss.mean()
            - config.entropy_coefficient * entropy
        )
        for group in self._optimizer.param_groups:
            group["lr"] = self.schedules()["learning_rate"]
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), config.max_grad_norm)
        self._optimizer.step()
        self.updates += 1
        ratio = log_ratio.detach().exp()
        metrics = {
            "loss": loss,
            "policy_loss": policy_loss,
            "value_loss": value_loss.mean(),
            "value": value[valid].mean(),
            "entropy": entropy,
            "kl": (ratio - 1 - log_ratio).mean(),  # http://joschu.net/blog/kl-approx.html, k3
            "clipped": ((ratio - 1).abs() > config.policy_clip).float().mean(),
        }
        return Update({name: tensor.detach() for name, tensor in metrics.items()}, torch.zeros(0))

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"env_steps": self._env_steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._env_steps = state["env_steps"]
