"""AlphaZero: a network that guides a tree search and learns from its results.

Silver et al. 2018 (https://arxiv.org/abs/1712.01815). The policy learns the search's
improved policy; the value learns the game results. The value is a distribution over win, draw
and loss.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn

from agents.base import Array, Learner, Player, Update, load_optimizer, load_weights
from agents.board_network import BoardNetwork
from agents.config import (
    AgentConfig,
    Count,
    PrecisionName,
    ResignationConfig,
    learning_rate_end,
)
from agents.networks import arithmetic_dtype
from agents.search import Evaluate, GumbelConfig, PUCTConfig, Search, SearchConfig
from envs.board.base import LOSS, WHITE_PIXEL, WIN, BoardGame, GameSpec, Position


class AlphaZeroConfig(AgentConfig):
    """The config of the network, its search, its self-play and its training."""

    training = "self_play"

    kind: Literal["alphazero"] = Field(
        description="AlphaZero: network and tree search; learns a board game by self-play"
    )
    blocks: int = Field(default=4, ge=1, le=100, description="residual blocks of the tower")
    channels: int = Field(default=32, ge=1, le=4096, description="channels of the tower")
    head_channels: int = Field(default=8, ge=1, le=4096, description="channels of each head")
    normalise: bool = Field(default=True, description="batch normalisation in the tower")
    search: SearchConfig = Field(default=PUCTConfig(), description="the tree search's rule")
    simulations: Count = Field(default=100, description="simulations of the search per move")
    fast_simulations: Count = Field(
        default=16, description="simulations of moves not learned from (KataGo's playout cap)"
    )
    full_share: float = Field(
        default=0.25, ge=1e-3, le=1, description="share of the moves that are learned from"
    )
    temperature: float = Field(
        default=1.0, ge=0.05, le=100, description="of self-play's first moves; 1: the policy itself"
    )
    temperature_plies: int = Field(
        default=10, ge=0, le=1_000_000, description="plies with temperature; then the best move"
    )
    random_plies: int = Field(
        default=0, ge=0, le=10_000, description="games begin with 0 to this many random moves"
    )
    resignation: ResignationConfig | None = Field(
        default=None, description="null: games are played to the end"
    )
    root_value_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of the search's value in the value target; the result has the rest",
    )
    batch_size: Count = Field(default=256, description="positions per update")
    learning_rate: float = Field(default=1e-3, ge=1e-12, le=1, description="Adam's learning rate")
    learning_rate_decay_env_steps: int | None = Field(
        default=None,
        ge=1,
        le=2**53,
        description="env steps of the decay to a tenth; null: constant",
    )
    weight_decay: float = Field(
        default=1e-4, ge=0, le=1, description="L2 decay of the weights (AdamW)"
    )
    max_grad_norm: float = Field(
        default=1.0, ge=1e-6, le=1e6, description="gradients are clipped to this norm"
    )
    average_decay: float = Field(
        default=0.99,
        ge=0,
        lt=1,
        description="decay per update of the moving average of the weights, which plays",
    )
    precision: PrecisionName = Field(
        default="auto",
        description="of the arithmetic; auto: bfloat16 where it is fast, else float32",
    )

    def schedule_ends(self) -> list[tuple[int | None, str]]:
        left = "a tenth of agent.learning_rate"
        return [learning_rate_end(self.learning_rate_decay_env_steps, left)]


class Positions(NamedTuple):
    """A batch of B positions to learn from, each from its side to move's view."""

    obs: Tensor  # [B, C, H, W] uint8
    policy: Tensor  # [B, A] float32, the improved policy of the search
    outcome: Tensor  # [B, 3] float32, the chances of WIN, DRAW and LOSS


class Evaluator:
    """An `Evaluate` that asks a network on behalf of a search."""

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        """Convolutions are computed in `dtype`."""
        self.network = network
        self._device = device
        self._dtype = dtype

    @torch.inference_mode()
    def __call__(self, obs: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
        """Returns the network's policy and value for positions `[B, C, H, W]`.

        Returns:
            Logits `[B, A]` of all actions, legal or not, and the side to move's chances `[B, 3]` of
            WIN, DRAW and LOSS.
        """
        logits, outcome = _forward(self.network, torch.from_numpy(obs), self._device, self._dtype)
        return logits.cpu().numpy(), outcome.softmax(1).cpu().numpy()


class AlphaZero(Learner):
    """Trains a network; a moving average of its weights plays.

    Attributes:
        network: the one that learns.
        average: the one that plays.
        evaluate: evaluates with the current average.
        env_steps: moves of self-play so far, on which the learning rate depends.
    """

    def __init__(self, config: AlphaZeroConfig, spec: GameSpec, device: torch.device) -> None:
        """Draws the initial weights from torch's global generator."""
        self._config = config
        self._device = device
        self._dtype = arithmetic_dtype(config.precision)
        self.env_steps = 0
        self.updates = 0
        self.network = BoardNetwork(config, spec).to(device)
        self.average = deepcopy(self.network).requires_grad_(False).eval()
        self.evaluate = Evaluator(self.average, device, self._dtype)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )

    def schedules(self) -> dict[str, float]:
        decay = self._config.learning_rate_decay_env_steps
        left = 1.0 if decay is None else max(0.1, 1 - 0.9 * self.env_steps / decay)
        return {"learning_rate": self._config.learning_rate * left}

    def frozen(self) -> "Evaluator":
        """Returns a copy of the network that plays; it does not learn."""
        return Evaluator(deepcopy(self.average), self._device, self._dtype)

    def update(self, batch: Positions) -> Update:
        """Takes one optimizer step on the cross-entropy of policy and outcome.

        Silver et al. 2018, eq. 1, with cross-entropy instead of squared error for the value.
        """
        config, device = self._config, self._device
        policy, outcome = batch.policy.to(device), batch.outcome.to(device)
        logits, outcome_logits = _forward(self.network, batch.obs, device, self._dtype)
        policy_loss = _cross_entropy(logits, policy)
        value_loss = _cross_entropy(outcome_logits, outcome)
        loss = policy_loss + value_loss
        for group in self._optimizer.param_groups:
            group["lr"] = self.schedules()["learning_rate"]
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), config.max_grad_norm)
        self._optimizer.step()
        self.updates += 1
        with torch.no_grad():
            # At first the average follows closely. Else it would keep the untrained weights.
            share = max(1 - config.average_decay, 1 / (1 + self.updates))
            for average, latest in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):  # includes the statistics of batch normalisation
                if average.is_floating_point():
                    average.lerp_(latest, share)
            target_entropy = torch.special.entr(policy).sum(1).mean()
            predicted = outcome_logits.softmax(1)
            errors = (predicted[:, WIN] - predicted[:, LOSS]) - (outcome[:, WIN] - outcome[:, LOSS])
        metrics = {
            "policy_loss": policy_loss.detach(),
            "value_loss": value_loss.detach(),
            "loss": loss.detach(),
            "entropy": target_entropy,  # of the search's policy; policy_loss cannot be below it
            "value_error": errors.abs().mean(),
        }
        return Update(metrics, torch.zeros(0))

    @torch.inference_mode()
    def loss(self, batch: Positions) -> float:
        """Returns the loss of the network that plays, without learning from `batch`."""
        device = self._device
        logits, outcome = _forward(self.average, batch.obs, device, self._dtype)
        policy_loss = _cross_entropy(logits, batch.policy.to(device))
        return float(policy_loss + _cross_entropy(outcome, batch.outcome.to(device)))

    def network_state(self) -> dict[str, Tensor]:
        """See `Learner.network_state`: the weights that play."""
        return dict(self.average.state_dict())

    def load_network_state(self, state: Mapping[str, Tensor]) -> None:
        load_weights(self.average, state)

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "env_steps": self.env_steps,
            "updates": self.updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        network, optimizer = _without_end_head(state["network"], state["optimizer"])
        load_weights(self.network, network)
        load_optimizer(self._optimizer, optimizer)
        self.env_steps = state["env_steps"]
        self.updates = state["updates"]


def _forward(
    network: nn.Module, obs: Tensor, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Returns policy logits `[B, A]` and outcome logits `[B, 3]`, both float32."""
    planes = obs.to(device, non_blocking=True).to(dtype, memory_format=torch.channels_last)
    with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
        logits, outcome_logits = network(planes / WHITE_PIXEL)
    return logits.float(), outcome_logits.float()


def _without_end_head(
    network: Mapping[str, Tensor], optimizer: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Returns both states without the third head of earlier versions.

    The head comes last in both. Its loss had weight 0, so it had no gradients and no moments.
    """
    if "end.weight" not in network:
        return dict(network), dict(optimizer)
    kept = {name.removeprefix("network."): tensor for name, tensor in network.items()}
    del kept["end.weight"], kept["end.bias"]
    (group,) = optimizer["param_groups"]
    return kept, {**optimizer, "param_groups": [{**group, "params": group["params"][:-2]}]}


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Returns the mean over B of the cross entropy of `[B, N]` logits from a distribution."""
    return -(target * logits.log_softmax(1)).sum(1).mean()


@dataclass(frozen=True)
class SearchPlayer(Player):
    """A player that searches with a network and plays the best move.

    Every move gets a new search of `simulations` without noise. When `go_on` returns False, the
    search ends early and the best move so far is played.
    """

    evaluate: Evaluate
    config: PUCTConfig | GumbelConfig
    game: BoardGame
    simulations: int
    go_on: Callable[[], bool] = lambda: True

    def choose(self, positions: Sequence[Position], seeds: Sequence[int]) -> list[int]:
        """See `Player.choose`; seeds are not used."""
        search = Search(self.config, self.game, self.evaluate, len(positions))
        for i, position in enumerate(positions):
            search.place(i, position)
        search.run(self.simulations, go_on=lambda _: self.go_on())
        return [search.best(i) for i in range(len(positions))]
