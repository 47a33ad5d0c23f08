"""The protocols of actors and learners, used by the loops, evaluation and recording.

One signature serves feed-forward and recurrent agents: `memory` is `()` or the recurrent state, and
an agent clears it where `step.first` is set. Evaluation is the same call with `explore=False`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from envs.base import SavedGenerator, Step
from envs.board.base import Position

Memory = tuple[Tensor, ...]
Array = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class Decision(NamedTuple):
    """The actions an actor chose for one tick, and its estimates."""

    action: npt.NDArray[np.int64]  # [N]
    values: Array  # [N, A] Q-value of each action, or [N, 1] the value of the state
    policy: Array | None = None  # [N, A] probability of each action; None: the actor has none


class Transition(NamedTuple):
    """A batch of (possibly n-step) transitions; suffixes are time indices, rows are independent.

    The target of every value learner is `reward_t + discount_t * value(obs_t)`.
    """

    obs_tm1: Tensor  # [B, C, H, W] uint8
    action_tm1: Tensor  # [B] int64
    reward_t: Tensor  # [B] float32, the discounted n-step sum
    discount_t: Tensor  # [B] float32, γ^m for the m steps taken, 0 past the end
    obs_t: Tensor  # [B, C, H, W] uint8
    weights: Tensor  # [B] float32, importance weights; all ones when sampled uniformly


class Sequences(NamedTuple):
    """B sequences of T consecutive ticks each; a sequence may run through several episodes."""

    obs: Tensor  # [B, T, C, H, W] uint8
    first: Flags  # [B, T] an episode begins; on the host, which cuts sequences
    valid: Tensor  # [B, T] bool; False at an episode's last observation, whose action was ignored
    action: Tensor  # [B, T] int64
    log_prob: Tensor  # [B, T] float32, of the action when it was taken
    value: Tensor  # [B, T] float32, predicted then
    advantage: Tensor  # [B, T] float32
    memory: Memory  # before the first tick of each sequence


class History(NamedTuple):
    """The ticks before some sequences, from the start of the episode."""

    obs: Tensor  # [K, P, C, H, W] uint8, up to the tick before the sequence
    first: Flags  # [K, P]; at least one is True, and what precedes it is ignored
    row: npt.NDArray[np.int64]  # [K] which sequences of the batch


class ReplayedSequences(NamedTuple):
    """B windows of W consecutive ticks, of which L after the burn-in are learned from."""

    obs: Tensor  # [B, W, C, H, W] uint8
    first: Flags  # [B, W] an episode begins; on the host, which cuts sequences
    memory: Memory  # stored when the first tick of each window was played
    action: Tensor  # [B, L] int64
    valid: Tensor  # [B, L] bool; False at an episode's last observation, whose action was ignored
    reward: Tensor  # [B, L] float32, the discounted n-step sum that followed
    discount: Tensor  # [B, L] float32, γ^m for the m steps taken, 0 past the end
    end: Tensor  # [B, L] int64, the tick of the window m steps later
    weights: Tensor  # [B] float32, importance weights
    history: History | None  # given now and then, to measure how stale stored memories are


class Update(NamedTuple):
    """The statistics of one optimizer step; tensors stay on the device."""

    metrics: dict[str, Tensor]  # each []; `loss` is always among them
    # [B] raw priorities: the |TD error| of each row, or each sequence's mix of them; [0]: none.
    priorities: Tensor


class Actor(Protocol):
    """Chooses actions for N envs at once."""

    def initial_memory(self, num_envs: int) -> Memory:
        """Returns the memory before the first step: `()` for a feed-forward agent."""

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        """Decides for every row; with `explore=False` the same inputs give the same answer."""


class Forfeit(str):
    """Why a player forfeits its game instead of moving, e.g. that it took too long."""


class Win(str):
    """A declared win: by which side, and why the rules allow it."""


class Player(Protocol):
    """Makes moves in board games, without memory between moves."""

    def choose(
        self, positions: Sequence[Position], seeds: Sequence[int]
    ) -> Sequence[int | Forfeit | Win]:
        """Returns a move in each position; none of them is over.

        All randomness of a move comes from its seed, so that a move depends neither on earlier
        moves nor on the other positions. Only engines forfeit, including by an illegal move, and
        only they declare wins, which have already been checked.
        """


class Learner(Protocol):
    """Learns, and can be saved and restored exactly.

    Attributes:
        updates: optimizer steps taken so far.
    """

    updates: int

    def update(self, batch: Any) -> Update:
        """Takes exactly one optimizer step; each agent defines its own batch type."""

    def schedules(self) -> dict[str, float]:
        """The current values of schedules: the share of random actions, ..."""

    def network_state(self) -> dict[str, Tensor]:
        """The parameters needed for acting: the part of a checkpoint that is kept for ever."""

    def load_network_state(self, state: Mapping[str, Tensor]) -> None:
        """Restores `network_state`; raises ValueError if it belongs to another network."""

    def state_dict(self) -> dict[str, Any]:
        """All state of learning and acting except networks (see `network_state`)."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores `state_dict`, bit for bit."""


class Agent(Actor, Learner, Protocol):
    """An actor that learns.

    Attributes:
        network: the one that it acts with.
    """

    network: nn.Module


class NetworkAgent(Agent):
    """An agent whose network both acts and learns; subclasses say how."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
        rng: np.random.Generator,
    ) -> None:
        """`optimizer` is that of the network, which is on `device`; `rng` is for exploration."""
        self.network = network
        self.updates = 0
        self._optimizer = optimizer
        self._device = device
        self._rng = SavedGenerator(rng.bit_generator)

    def network_state(self) -> dict[str, torch.Tensor]:
        return dict(self.network.state_dict())

    def load_network_state(self, state: Mapping[str, torch.Tensor]) -> None:
        load_weights(self.network, state)

    def state_dict(self) -> dict[str, Any]:
        optimizer = self._optimizer.state_dict()
        return {"optimizer": optimizer, "updates": self.updates, **self._rng.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        load_optimizer(self._optimizer, state["optimizer"])
        self.updates = state["updates"]
        self._rng.load_state_dict(state)


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Restores the moments of an optimizer; its learning rate and the like stay the config's."""
    own = [
        {key: value for key, value in group.items() if key != "params"}
        for group in optimizer.param_groups
    ]
    optimizer.load_state_dict(dict(state))
    for group, configured in zip(optimizer.param_groups, own, strict=True):
        group.update(configured)


def load_weights(network: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Loads parameters into `network`; raises ValueError if they belong to another one."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit this network: {error}") from error
