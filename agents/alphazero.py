"""AlphaZero: a network that learns what search makes of it.

Silver et al. 2018 (https://arxiv.org/abs/1712.01815): the policy learns the improved policy of the
search, the value the results of the games. The value is a win/draw/loss distribution.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn

from agents.base import Array, Learner, Player, Update
from agents.board_network import LOSS, WIN, BoardNetwork, Foreseeing
from agents.config import AgentConfig, PrecisionName
from agents.networks import arithmetic_dtype, load_weights
from agents.resignation import ResignationConfig
from agents.search import Evaluate, GumbelConfig, PUCTConfig, Search, SearchConfig
from envs.board.base import WHITE_PIXEL, BoardGame, GameSpec, Position


class AlphaZeroConfig(AgentConfig):
    """Which network, how it searches, how it plays against itself and how fast it learns."""

    training = "self_play"

    kind: Literal["alphazero"]
    blocks: int = Field(default=4, ge=1, le=100)
    channels: int = Field(default=32, ge=1, le=4096)
    head_channels: int = Field(default=8, ge=1, le=4096, description="of each head's convolution")
    pooling: bool = Field(default=True, description="every second block sees the whole board")
    normalise: bool = Field(default=True, description="batch normalisation in the tower")
    search: SearchConfig = PUCTConfig()
    simulations: int = Field(default=100, ge=1, le=1_000_000, description="per move")
    fast_simulations: int = Field(
        default=16,
        ge=1,
        le=1_000_000,
        description="per move that is not learned from (playout cap)",
    )
    full_share: float = Field(default=0.25, ge=1e-3, le=1, description="of moves learned from")
    temperature: float = Field(
        default=1.0, ge=0.05, le=100, description="of self-play's first plies"
    )
    temperature_plies: int = Field(
        default=10, ge=0, le=1_000_000, description="then the best move is made"
    )
    random_plies: int = Field(
        default=0, ge=0, le=10_000, description="games begin with up to so many moves at random"
    )
    resignation: ResignationConfig | None = Field(
        default=None, description="null: games are played to the end"
    )
    root_value_share: float = Field(
        default=0.5, ge=0, le=1, description="of the search's value in the target of the value"
    )
    end_weight: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="of the loss of foreseeing, only to learn, how the board stands in the end",
    )
    batch_size: int = Field(default=256, ge=1, le=1_000_000)
    learning_rate: float = Field(default=1e-3, ge=1e-12, le=1)
    learning_rate_decay_env_steps: int | None = Field(
        default=None, ge=1, le=2**53, description="falls to a tenth over this many; null: stays"
    )
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    max_grad_norm: float = Field(default=1.0, ge=1e-6, le=1e6)
    average_decay: float = Field(
        default=0.99, ge=0, lt=1, description="per update, of the weights that play"
    )
    precision: PrecisionName = "auto"


class Positions(NamedTuple):
    """A batch of positions to learn from, each as its side to move saw it."""

    obs: Tensor  # [B, C, H, W] uint8
    policy: Tensor  # [B, A] float32, what the search made of it
    outcome: Tensor  # [B, 3] float32, the chances of a win, a draw and a loss
    end: Tensor  # [B, C, H, W] uint8, how the board stood in the end, as the same side saw it
    ended: Tensor  # [B] bool, whether the game was played to its end, so that `end` is known


class Evaluator:
    """A network as a search asks it, see `Evaluate`."""

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        """Computes in `dtype`."""
        self.network = network
        self._device = device
        self._dtype = dtype

    @torch.inference_mode()
    def __call__(self, obs: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
        """Returns what the network thinks.

        Args:
            obs: `[B, C, H, W]`

        Returns:
            Policy logits `[B, A]`, legal or not, and values `[B]` of the side to move, in -1..1.
        """
        logits, outcome = _forward(self.network, torch.from_numpy(obs), self._device, self._dtype)
        chances = outcome.softmax(1)
        value = chances[:, WIN] - chances[:, LOSS]
        return logits.cpu().numpy(), value.cpu().numpy()


class AlphaZero(Learner):
    """The network that learns and the average of its weights, which plays.

    Attributes:
        evaluate: asks the average, as it is when asked.
    """

    def __init__(self, config: AlphaZeroConfig, spec: GameSpec, device: torch.device) -> None:
        """Builds the network from torch's global generator."""
        self._config = config
        self._device = device
        self._dtype = arithmetic_dtype(config.precision)
        self._env_steps = 0
        self._updates = 0
        network = BoardNetwork(
            spec.obs_shape,
            spec.num_actions,
            blocks=config.blocks,
            channels=config.channels,
            head_channels=config.head_channels,
            pooling=config.pooling,
            normalise=config.normalise,
        )
        self.network = network.to(device)
        self.average = deepcopy(self.network).requires_grad_(False).eval()
        self.evaluate = Evaluator(self.average, device, self._dtype)
        self._foreseeing = Foreseeing(self.network).to(device)
        self._optimizer = torch.optim.AdamW(
            self._foreseeing.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )

    @property
    def updates(self) -> int:
        return self._updates

    @property
    def env_steps(self) -> int:
        """Moves of self-play so far."""
        return self._env_steps

    def played(self, env_steps: int) -> None:
        """Notes that self-play has made so many more moves."""
        self._env_steps += env_steps

    def schedules(self) -> dict[str, float]:
        decay = self._config.learning_rate_decay_env_steps
        left = 1.0 if decay is None else max(0.1, 1 - 0.9 * self._env_steps / decay)
        return {"learning_rate": self._config.learning_rate * left}

    def frozen(self) -> "Evaluator":
        """Returns the playing network as it is now; it learns no more."""
        return Evaluator(deepcopy(self.average), self._device, self._dtype)

    def update(self, batch: Positions) -> Update:
        """Takes one optimizer step: cross entropy of the policy, the outcome and the end."""
        config, device = self._config, self._device
        policy, outcome = batch.policy.to(device), batch.outcome.to(device)
        logits, outcome_logits, end = _forward(self._foreseeing, batch.obs, device, self._dtype)
        policy_loss = _cross_entropy(logits, policy)
        value_loss = _cross_entropy(outcome_logits, outcome)
        loss = policy_loss + value_loss
        metrics = {"policy_loss": policy_loss.detach(), "value_loss": value_loss.detach()}
        if config.end_weight:
            end_loss = _end_loss(end, batch.end.to(device), batch.ended.to(device))
            loss = loss + config.end_weight * end_loss
            metrics["end_loss"] = end_loss.detach()
        for group in self._optimizer.param_groups:
            group["lr"] = self.schedules()["learning_rate"]
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._foreseeing.parameters(), config.max_grad_norm)
        self._optimizer.step()
        self._updates += 1
        with torch.no_grad():
            # Early on, the average follows closely: it would be of untrained weights otherwise.
            share = max(1 - config.average_decay, 1 / (1 + self._updates))
            for average, latest in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):  # the statistics of normalisation, too
                if average.is_floating_point():
                    average.lerp_(latest, share)
            target_entropy = torch.special.entr(policy).sum(1).mean()
            predicted = outcome_logits.softmax(1) @ _worth(outcome_logits)
            value_error = (predicted - outcome @ _worth(outcome)).abs().mean()
        metrics |= {
            "loss": loss.detach(),
            "entropy": target_entropy,  # of the search's policy; policy_loss cannot be below it
            "value_error": value_error,
        }
        return Update(metrics, torch.zeros(0))

    @torch.inference_mode()
    def loss(self, batch: Positions) -> float:
        """Returns the loss of the playing network's policy and outcome; it learns nothing."""
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
            "network": self._foreseeing.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "env_steps": self._env_steps,
            "updates": self._updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        load_weights(self._foreseeing, state["network"])
        self._optimizer.load_state_dict(dict(state["optimizer"]))
        self._env_steps = state["env_steps"]
        self._updates = state["updates"]


def _forward(
    network: nn.Module, obs: Tensor, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """Returns what the network says, in float32."""
    planes = obs.to(device, non_blocking=True).to(dtype, memory_format=torch.channels_last)
    with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
        said = network(planes / WHITE_PIXEL)
    return tuple(tensor.float() for tensor in said)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Returns the mean over B of the cross entropy of `[B, N]` logits from a distribution."""
    return -(target * logits.log_softmax(1)).sum(1).mean()


def _end_loss(logits: Tensor, end: Tensor, ended: Tensor) -> Tensor:
    """Returns the cross entropy per cell, summed over planes; of games that were not played out, 0.

    Args:
        logits: `[B, C, H, W]` that a pixel is white in the end.
        end: `[B, C, H, W]` uint8.
        ended: `[B]` bool, whether `end` is known.
    """
    loss = nn.functional.binary_cross_entropy_with_logits(
        logits, end.float() / WHITE_PIXEL, reduction="none"
    )
    return (loss.sum(1).mean((1, 2)) * ended).mean()


def _worth(like: Tensor) -> Tensor:
    """Returns `[3]`: what a win, a draw and a loss are worth."""
    return torch.tensor([1.0, 0.0, -1.0], device=like.device)


class SearchPlayer(Player):
    """A network that makes the best move its search finds."""

    def __init__(
        self,
        evaluate: Evaluate,
        config: PUCTConfig | GumbelConfig,
        game: BoardGame,
        simulations: int,
    ) -> None:
        """Each move is searched for anew, with so many simulations and without noise."""
        self._evaluate = evaluate
        self._config = config
        self._game = game
        self._simulations = simulations

    def choose(self, positions: Sequence[Position], seeds: Sequence[int]) -> list[int]:
        """See `Player.choose`; nothing is drawn."""
        search = Search(self._config, self._game, self._evaluate, len(positions))
        for i, position in enumerate(positions):
            search.place(i, position)
        search.run(self._simulations)
        return [search.best(i) for i in range(len(positions))]
