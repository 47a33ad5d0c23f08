"""DQN with its main early improvements: double, dueling, n-step, quantile regression.

Mnih et al. 2015 (https://www.nature.com/articles/nature14236), van Hasselt et al. 2016 (double),
Wang et al. 2016 (dueling), Dabney et al. 2018 (quantile regression). n-step returns and priorities
are built by replay; the learner treats 1-step and 3-step transitions alike.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from agents.base import Decision, Memory, NetworkAgent, Transition, Update
from agents.config import OffPolicyAgentConfig, PrecisionName, RewardClip, TorsoName
from agents.cuda_graph import Recorder
from agents.exploration import replace_at_random
from agents.losses import greedy_action, huber_td_loss, quantile_huber_loss, take_action, td_target
from agents.networks import QNetwork, arithmetic_dtype, to_pixels
from envs.base import EnvSpec, Step


class DQNConfig(OffPolicyAgentConfig):
    """The config of DQN: network, improvements, schedules, learning rate."""

    kind: Literal["dqn"] = Field(
        description="DQN with double, dueling, n-step and quantile options; learns from replay"
    )
    network: TorsoName = Field(
        default="nature", description="convolutional torso; flat: fully connected"
    )
    head: Literal["scalar", "quantile"] = Field(
        default="scalar",
        description="scalar: expected return (DQN); quantile: its distribution (QR-DQN)",
    )
    quantiles: int = Field(
        default=50, ge=2, le=1000, description="quantiles per action, where head is quantile"
    )
    double: bool = Field(default=True, description="double Q-learning")
    dueling: bool = Field(default=True, description="dueling heads: value and advantages")
    n_step: int = Field(default=3, ge=1, le=100, description="rewards summed before bootstrapping")
    discount: float = Field(default=0.99, ge=0, le=1, description="discount factor γ, per step")
    reward_clip: RewardClip = 1.0
    batch_size: int = Field(default=32, ge=1, le=1_000_000, description="transitions per update")
    learning_rate: float = Field(default=1e-4, ge=1e-12, le=1, description="Adam's learning rate")
    adam_epsilon: float = Field(
        default=1.5e-4, ge=1e-15, le=1, description="Adam's ε, added to its denominator"
    )
    max_grad_norm: float = Field(
        default=10.0, ge=1e-6, le=1e6, description="gradients are clipped to this norm"
    )
    target_period_updates: int = Field(
        default=1000, ge=1, le=10**9, description="updates between copies to the target network"
    )
    epsilon_start: float = Field(
        default=1.0, ge=0, le=1, description="share of random actions at first"
    )
    epsilon_end: float = Field(
        default=0.01, ge=0, le=1, description="share of random actions after the decay"
    )
    epsilon_decay_env_steps: int = Field(
        default=50_000, ge=1, le=2**53, description="env steps of the linear decay of epsilon"
    )
    precision: PrecisionName = Field(
        default="auto",
        description="of the arithmetic; auto: bfloat16 where it is fast, else float32",
    )

    def sample_bytes(self, obs_bytes: int) -> int:
        # Of each pair of quantiles: the error, its Huber loss, and their product.
        pairs = self.quantiles**2 if self.head == "quantile" else 0
        return super().sample_bytes(obs_bytes) + pairs * 3 * 4

    @property
    def batch_keys(self) -> str:
        return "agent.batch_size" + " or agent.quantiles" * (self.head == "quantile")

    def schedule_ends(self) -> list[tuple[int | None, str]]:
        end = self.epsilon_decay_env_steps
        return [(end, f"epsilon stays {self.epsilon_end:g}: its decay ended at {end:,} env_steps")]

    def make(self, spec: EnvSpec, device: torch.device, rng: np.random.Generator) -> "DQN":
        return DQN(self, spec, device, rng)


class DQN(NetworkAgent):
    """An `Agent`; one instance holds both Q networks and the optimizer."""

    def __init__(
        self, config: DQNConfig, spec: EnvSpec, device: torch.device, rng: np.random.Generator
    ) -> None:
        """Builds the networks: `rng` is for exploration, torch's global generator for weights."""
        self._config = config
        self._num_actions = spec.num_actions
        self._dtype = arithmetic_dtype(config.precision)
        self._env_steps = 0
        quantile, on_cuda = config.head == "quantile", device.type == "cuda"
        atoms = config.quantiles if quantile else 1
        network = QNetwork(
            config.network,
            spec.obs_shape,
            spec.num_actions,
            atoms=atoms,
            dueling=config.dueling,
            parts=spec.parts,
        ).to(device)
        optimizer = torch.optim.Adam(
            network.parameters(),
            lr=config.learning_rate,
            eps=config.adam_epsilon,
            fused=True,
            capturable=on_cuda,
        )
        super().__init__(network, optimizer, device, rng)
        self.target = deepcopy(network).requires_grad_(False)
        self._loss = quantile_huber_loss if quantile else huber_td_loss
        self._learn: Callable[[Transition], tuple[Tensor, ...]] = (
            Recorder(self._step) if on_cuda else self._step
        )

    def schedules(self) -> dict[str, float]:
        """See `Learner.schedules`: epsilon, the share of random actions, falls, then stays."""
        start, end = self._config.epsilon_start, self._config.epsilon_end
        progress = min(1.0, self._env_steps / self._config.epsilon_decay_env_steps)
        return {"epsilon": start + progress * (end - start)}

    def initial_memory(self, num_envs: int) -> Memory:
        """See `Actor.initial_memory`: this agent remembers nothing."""
        return ()

    @torch.no_grad()
    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """See `Actor.act`; exploring calls advance the epsilon schedule."""
        obs = torch.from_numpy(step.obs).to(self._device)
        values: Tensor = self.network(to_pixels(obs, self._dtype))
        q_values = values.mean(-1).cpu().numpy()
        action = q_values.argmax(1)
        if explore:
            epsilon = self.schedules()["epsilon"]
            action = replace_at_random(action, epsilon, self._num_actions, self._rng)
            self._env_steps += len(action)
        return Decision(action, q_values), memory

    def update(self, batch: Transition) -> Update:
        """Takes one optimizer step; copies its weights to the target network now and then."""
        batch = Transition(*(field.to(self._device, non_blocking=True) for field in batch))
        loss, value, errors = self._learn(batch)
        self.updates += 1
        if self.updates % self._config.target_period_updates == 0:
            self.target.load_state_dict(self.network.state_dict())
        return Update({"loss": loss, "value": value}, errors)

    def _step(self, batch: Transition) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the loss, the mean value, and `[B]` absolute TD errors."""
        with torch.no_grad():
            pixels_t = to_pixels(batch.obs_t, self._dtype)
            values_t: Tensor = self.target(pixels_t)
            # Double: the network that learns chooses the action, the target network its value.
            action_t = greedy_action(self.network(pixels_t) if self._config.double else values_t)
            target = td_target(batch.reward_t, batch.discount_t, take_action(values_t, action_t))
        value_tm1 = take_action(
            self.network(to_pixels(batch.obs_tm1, self._dtype)), batch.action_tm1
        )
        loss_per_row, errors = self._loss(value_tm1, target)
        loss = (batch.weights * loss_per_row).mean()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self._config.max_grad_norm)
        self._optimizer.step()
        return loss.detach(), value_tm1.detach().mean(), errors

    def state_dict(self) -> dict[str, Any]:
        target = self.target.state_dict()
        return super().state_dict() | {"target": target, "env_steps": self._env_steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.target.load_state_dict(state["target"])
        self._env_steps = state["env_steps"]
