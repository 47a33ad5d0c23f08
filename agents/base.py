"""What acts and what learns: the protocols that loops, evaluation and recording rely on.

One signature serves feed-forward and recurrent agents: `memory` is `()` or the recurrent state, and
an agent clears it where `step.first`. Evaluation is the same call with `explore=False`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from envs.base import Step

Memory = tuple[torch.Tensor, ...]


class Decision(NamedTuple):
    """What an actor chose for one tick and what it thought."""

    action: npt.NDArray[np.int64]  # [N]
    values: npt.NDArray[np.float32]  # [N, A] Q-value of each action


class Transition(NamedTuple):
    """A batch of (possibly n-step) transitions, named by time index; rows are independent.

    The target that every value learner builds is `reward_t + discount_t * value(obs_t)`.
    """

    obs_tm1: torch.Tensor  # [B, C, H, W] uint8
    action_tm1: torch.Tensor  # [B] int64
    reward_t: torch.Tensor  # [B] float32, the discounted n-step sum
    discount_t: torch.Tensor  # [B] float32, γ^m for the m steps taken, 0 past the end
    obs_t: torch.Tensor  # [B, C, H, W] uint8
    weights: torch.Tensor  # [B] float32, importance weights; all ones when sampled uniformly


class Update(NamedTuple):
    """What one optimizer step tells about itself; tensors stay on the device."""

    loss: torch.Tensor  # []
    value: torch.Tensor  # [] mean predicted value of the actions taken
    errors: torch.Tensor  # [B] absolute TD errors, the raw priorities


class Actor(Protocol):
    """Chooses actions for N envs at once."""

    def initial_memory(self, num_envs: int) -> Memory:
        """Returns the memory before the first step: `()` for a feed-forward agent."""

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """Decides for every row; with `explore=False` the same inputs give the same answer."""


class Learner(Protocol):
    """Improves from batches and can be saved and brought back exactly."""

    def update(self, batch: Transition) -> Update:
        """Takes exactly one optimizer step."""

    def state_dict(self) -> dict[str, Any]:
        """All that learning and acting depend on, networks excepted (see `network_state`)."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back, bit for bit."""
