"""DQN with its main early improvements: double, dueling, n-step, quantile regression.

Mnih et al. 2015 (https://www.nature.com/articles/nature14236), van Hasselt et al. 2016 (double),
Wang et al. 2016 (dueling), Dabney et al. 2018 (quantile regression). n-step returns and priorities
are built by replay; the learner treats 1-step and 3-step transitions alike.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from agents.base import Agent, Decision, Memory, Transition, Update
from agents.config import OffPolicyAgentConfig, PrecisionName, TorsoName
from agents.cuda_graph import Recorder
from agents.exploration import EpsilonGreedy
from agents.losses import greedy_action, huber_td_loss, quantile_huber_loss, take_action, td_target
from agents.networks import QNetwork, arithmetic_dtype, load_weights, to_pixels
from envs.base import EnvSpec, Step


class DQNConfig(OffPolicyAgentConfig):
    """The config of DQN: network, improvements, schedules, learning rate."""

    kind: Literal["dqn"]
    network: TorsoName = "nature"
    head: Literal["scalar", "quantile"] = "scalar"
    quantiles: int = Field(default=50, ge=2, le=1000, description="K, where head is quantile")
    double: bool = True
    dueling: bool = True
    n_step: int = Field(default=3, ge=1, le=100)
    discount: float = Field(default=0.99, ge=0, le=1)
    reward_clip: float | None = Field(
        default=1.0, ge=1e-6, le=1e6, description="training rewards lie within ± this"
    )
    batch_size: int = Field(default=32, ge=1, le=1_000_000)
    learning_rate: float = Field(default=1e-4, ge=1e-12, le=1)
    adam_epsilon: float = Field(default=1.5e-4, ge=1e-15, le=1)
    max_grad_norm: float = Field(default=10.0, ge=1e-6, le=1e6)
    target_period_updates: int = Field(default=1000, ge=1, le=10**9)
    epsilon_start: float = Field(default=1.0, ge=0, le=1)
    epsilon_end: float = Field(default=0.01, ge=0, le=1)
    epsilon_decay_env_steps: int = Field(default=50_000, ge=1, le=2**53)
    precision: PrecisionName = "auto"

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


class DQN(Agent):
    """An `Agent`; one instance holds both Q networks and the optimizer."""

    def __init__(
        self, config: DQNConfig, spec: EnvSpec, device: torch.device, rng: np.random.Generator
    ) -> None:
        """Builds the networks: `rng` is for exploration, torch's global generator for weights."""
        self._config = config
        self._device = device
        self._dtype = arithmetic_dtype(config.precision)
        self._exploration = EpsilonGreedy(
            start=config.epsilon_start,
            end=config.epsilon_end,
            decay_env_steps=config.epsilon_decay_env_steps,
            num_actions=spec.num_actions,
            rng=rng,
        )
        self._updates = 0
        self.online = self._network(spec).to(device)
        self.target = self._network(spec).to(device).requires_grad_(False)
        self.target.load_state_dict(self.online.state_dict())
        self._bootstrap_action = self._double_action if config.double else self._target_action
        self._loss: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = (
            quantile_huber_loss if config.head == "quantile" else huber_td_loss
        )
        on_cuda = device.type == "cuda"
        self._optimizer = torch.optim.Adam(
            self.online.parameters(),
            lr=config.learning_rate,
            eps=config.adam_epsilon,
            fused=True,
            capturable=on_cuda,
        )
        self._learn: Callable[[Transition], tuple[Tensor, ...]] = (
            Recorder(self._step) if on_cuda else self._step
        )

    def _network(self, spec: EnvSpec) -> QNetwork:
        return QNetwork(
            self._config.network,
            spec.obs_shape,
            spec.num_actions,
            atoms=self._config.quantiles if self._config.head == "quantile" else 1,
            dueling=self._config.dueling,
            parts=spec.parts,
        )

    @property
    def acting_network(self) -> QNetwork:
        return self.online

    @property
    def updates(self) -> int:
        return self._updates

    def schedules(self) -> dict[str, float]:
        return {"epsilon": self._exploration.epsilon}

    def initial_memory(self, num_envs: int) -> Memory:
        """See `Actor.initial_memory`: this agent remembers nothing."""
        return ()

    @torch.no_grad()
    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """See `Actor.act`; exploring calls advance the epsilon schedule."""
        obs = torch.from_numpy(step.obs).to(self._device)
        values: Tensor = self.online(to_pixels(obs, self._dtype))
        q_values = values.mean(-1).cpu().numpy()
        action = q_values.argmax(1)
        if explore:
            action = self._exploration.explore(action)
        return Decision(action, q_values), memory

    def update(self, batch: Transition) -> Update:
        """Takes one optimizer step; copies online to target every `target_period_updates`."""
        batch = Transition(*(field.to(self._device, non_blocking=True) for field in batch))
        loss, value, errors = self._learn(batch)
        self._updates += 1
        if self._updates % self._config.target_period_updates == 0:
            self.target.load_state_dict(self.online.state_dict())
        return Update({"loss": loss, "value": value}, errors)

    def _step(self, batch: Transition) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the loss, the mean value, and `[B]` absolute TD errors."""
        with torch.no_grad():
            pixels_t = to_pixels(batch.obs_t, self._dtype)
            values_t: Tensor = self.target(pixels_t)
            action_t = self._bootstrap_action(pixels_t, values_t)
            target = td_target(batch.reward_t, batch.discount_t, take_action(values_t, action_t))
        value_tm1 = take_action(
            self.online(to_pixels(batch.obs_tm1, self._dtype)), batch.action_tm1
        )
        loss_per_row, errors = self._loss(value_tm1, target)
        loss = (batch.weights * loss_per_row).mean()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.online.parameters(), self._config.max_grad_norm)
        self._optimizer.step()
        return loss.detach(), value_tm1.detach().mean(), errors

    def _double_action(self, pixels_t: Tensor, values_t: Tensor) -> Tensor:
        return greedy_action(self.online(pixels_t))

    def _target_action(self, pixels_t: Tensor, values_t: Tensor) -> Tensor:
        return greedy_action(values_t)

    def network_state(self) -> dict[str, Tensor]:
        return dict(self.online.state_dict())

    def load_network_state(self, state: Mapping[str, Tensor]) -> None:
        load_weights(self.online, state)

    def state_dict(self) -> dict[str, Any]:
        return {
            "target": dict(self.target.state_dict()),
            "optimizer": self._optimizer.state_dict(),
            **self._exploration.state_dict(),
            "updates": self._updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.target.load_state_dict(state["target"])
        self._optimizer.load_state_dict(dict(state["optimizer"]))
        for group in self._optimizer.param_groups:  # the checkpoint may be of another device
            group["capturable"] = self._device.type == "cuda"
        self._exploration.load_state_dict(state)
        self._updates = state["updates"]
