"""Learners as a stranger would add them: from replayed sequences, and from rollouts."""

from typing import Literal

import numpy as np
import torch

from agents.base import Agent, Decision, Memory, ReplayedSequences, Sequences, Update
from agents.config import OnPolicyAgentConfig, PrecisionName, SequenceAgentConfig, TorsoName
from envs.base import EnvSpec, Step
from tests.end_to_end.toy_agent import Linear


class SequencesConfig(SequenceAgentConfig):
    """Q-learning with one linear layer, from sequences."""

    kind: Literal["linear_sequences"]
    network: TorsoName = "flat"
    n_step: int = 1
    discount: float = 0.9
    reward_clip: float | None = None
    batch_size: int = 4
    burn_in_ticks: int = 1
    sequence_ticks: int = 4
    sequence_period_ticks: int = 2
    staleness_period_updates: int = 5
    learning_rate: float = 0.1
    precision: PrecisionName = "float32"

    @property
    def memory_bytes(self) -> int:
        return 0

    def make(self, spec: EnvSpec, device: torch.device, rng: np.random.Generator) -> Agent:
        return FromSequences(self, spec, rng)


class FromSequences(Linear):
    def update(self, batch: ReplayedSequences) -> Update:  # type: ignore[override]
        count, window = batch.obs.shape[:2]
        values = self.network(batch.obs.flatten(0, 1) / 255).view(count, window, -1)
        best = values.detach().amax(-1).gather(1, batch.end)
        learned = values[:, 1:][:, : batch.action.shape[1]]  # after a burn-in of one tick
        value = learned.gather(2, batch.action[..., None])[..., 0]
        error = (batch.reward + batch.discount * best - value) * batch.valid
        loss = (batch.weights[:, None] * error**2).mean()
        return self._descend(loss, error.detach().abs().mean(1))


class RolloutsConfig(OnPolicyAgentConfig):
    """A policy gradient with one linear layer."""

    kind: Literal["linear_rollouts"]
    network: TorsoName = "flat"
    rollout_ticks: int = 8
    sequence_ticks: int = 4
    epochs: int = 1
    minibatches: int = 2
    discount: float = 0.9
    gae_lambda: float = 1.0
    reward_scale: float = 1.0
    reward_clip: float | None = None
    learning_rate: float = 0.1
    precision: PrecisionName = "float32"

    def make(self, spec: EnvSpec, device: torch.device, rng: np.random.Generator) -> Agent:
        return FromRollouts(self, spec, rng)


class FromRollouts(Linear):
    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        with torch.no_grad():
            policy = self.network(torch.from_numpy(step.obs) / 255).softmax(1).numpy()
        action = policy.argmax(1)
        if explore:
            action = np.array([self._rng.choice(len(row), p=row / row.sum()) for row in policy])
        return Decision(action, np.zeros((len(action), 1), np.float32), policy), memory

    def update(self, batch: Sequences) -> Update:  # type: ignore[override]
        log_policy = self.network(batch.obs.flatten(0, 1) / 255).log_softmax(1)
        log_prob = log_policy.gather(1, batch.action.flatten()[:, None])[:, 0]
        gain = (log_prob * batch.advantage.flatten())[batch.valid.flatten()]
        return self._descend(-gain.mean(), torch.zeros(0))
