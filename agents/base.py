"""What acts and what learns: the protocols that loops, evaluation and recording rely on.

One signature serves feed-forward and recurrent agents: `memory` is `()` or the recurrent state, and
an agent clears it where `step.first`. Evaluation is the same call with `explore=False`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from envs.base import Step
from envs.board.base import Position

Memory = tuple[torch.Tensor, ...]
Array = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class Decision(NamedTuple):
    """What an actor chose for one tick and what it thought."""

    action: npt.NDArray[np.int64]  # [N]
    values: Array  # [N, A] Q-value of each action, or [N, 1] the value of the state
    policy: Array | None = None  # [N, A] probability of each action; None: the actor has none


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

    metrics: dict[str, torch.Tensor]  # each []; `loss` is always among them
    # [B] raw priorities: the |TD error| of each row, or each sequence's mix of them; [0]: none.
    priorities: torch.Tensor


class Actor(Protocol):
    """Chooses actions for N envs at once."""

    def initial_memory(self, num_envs: int) -> Memory:
        """Returns the memory before the first step: `()` for a feed-forward agent."""

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """Decides for every row; with `explore=False` the same inputs give the same answer."""


class Forfeit(str):
    """Why a player that should have moved loses its game, e.g. that it took too long."""


class Win(str):
    """A side that declares its win, and why the rules allow it."""


class Player(Protocol):
    """Makes moves in board games and remembers nothing from one to the next."""

    def choose(
        self, positions: Sequence[Position], seeds: Sequence[int]
    ) -> Sequence[int | Forfeit | Win]:
        """Returns a move in each position, of which none is over.

        Whatever is drawn for a move is determined by its seed, so that a move depends neither on
        those before it nor on the positions beside it. Only engines forfeit, also where their move
        is illegal, and only they declare wins, which have been checked.
        """


class Learner(Protocol):
    """What learns and can be saved and brought back exactly."""

    @property
    def updates(self) -> int:
        """Optimizer steps taken so far."""

    def update(self, batch: Any) -> Update:
        """Takes exactly one optimizer step; what a batch holds is said by the agent."""

    def schedules(self) -> dict[str, float]:
        """What changes as training goes on, as it is now: the share of random actions, ..."""

    def network_state(self) -> dict[str, torch.Tensor]:
        """The parameters that acting needs, the part of a checkpoint that is kept for ever."""

    def load_network_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Brings `network_state` back; raises ValueError if it belongs to another network."""

    def state_dict(self) -> dict[str, Any]:
        """All that learning and acting depend on, networks excepted (see `network_state`)."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back, bit for bit."""


class Agent(Actor, Learner, Protocol):
    """An actor that learns."""

    @property
    def acting_network(self) -> torch.nn.Module:
        """The network that it acts by."""
