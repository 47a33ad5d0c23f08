"""An agent as a stranger would add one: this file, and a line in `agents.AGENTS`."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from agents.base import Agent, Decision, Memory, Transition, Update
from agents.config import OffPolicyAgentConfig, PrecisionName, TorsoName
from envs.base import EnvSpec, Step


class LinearConfig(OffPolicyAgentConfig):
    """Q-learning with one linear layer."""

    kind: Literal["linear"]
    network: TorsoName = "flat"
    n_step: int = Field(default=1, ge=1, le=10)
    discount: float = Field(default=0.9, ge=0, le=1)
    reward_clip: float | None = None
    batch_size: int = Field(default=16, ge=1, le=1000)
    learning_rate: float = Field(default=0.1, ge=1e-6, le=10)
    precision: PrecisionName = "float32"

    def make(self, spec: EnvSpec, device: torch.device, rng: np.random.Generator) -> Agent:
        return Linear(self, spec, rng)


class Linear(Agent):
    """An `Agent` of a few lines: what it has to say, and nothing that its protocol says already."""

    def __init__(self, config: Any, spec: EnvSpec, rng: np.random.Generator) -> None:
        self._rng = rng
        self.updates = 0
        size = int(np.prod(spec.obs_shape))
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(size, spec.num_actions))
        self._optimizer = torch.optim.SGD(self.network.parameters(), lr=config.learning_rate / size)

    def initial_memory(self, num_envs: int) -> Memory:
        return ()

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        with torch.no_grad():
            values = self.network(torch.from_numpy(step.obs) / 255).numpy()
        action = values.argmax(1)
        if explore:
            action = self._rng.integers(values.shape[1], size=len(action))
        return Decision(action, values), memory

    def update(self, batch: Transition) -> Update:
        with torch.no_grad():
            best = self.network(batch.obs_t / 255).max(1).values
        value = self.network(batch.obs_tm1 / 255)[torch.arange(len(best)), batch.action_tm1]
        error = batch.reward_t + batch.discount_t * best - value
        return self._descend((batch.weights * error**2).mean(), error.detach().abs())

    def _descend(self, loss: torch.Tensor, priorities: torch.Tensor) -> Update:
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        self.updates += 1
        return Update({"loss": loss.detach()}, priorities)

    def schedules(self) -> dict[str, float]:
        return {}

    def network_state(self) -> dict[str, torch.Tensor]:
        return dict(self.network.state_dict())

    def load_network_state(self, state: Mapping[str, torch.Tensor]) -> None:
        self.network.load_state_dict(dict(state))

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.updates = state["updates"]
