"""The board-game network: a residual tower with a policy and a win/draw/loss head."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from envs.board.base import GameSpec

if TYPE_CHECKING:
    from agents.alphazero import AlphaZeroConfig


class ResidualBlock(nn.Module):
    """Two convolutions with a skip connection; a new block is the identity.

    With `normalise`, batch normalisation follows each convolution (Silver et al. 2018). Without it,
    the second convolution starts at zero (Zhang et al. 2019, Fixup); the network then learns more
    slowly. With `pooling`, features of the whole board are added to every cell (Wu 2019, KataGo,
    section 3.3).
    """

    def __init__(self, channels: int, *, pooling: bool, normalise: bool) -> None:
        """Input and output have `channels`."""
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.first_norm = normalisation(channels, normalise=normalise)
        self.second_norm = normalisation(channels, normalise=normalise)
        self.pooled = nn.Linear(2 * channels, channels) if pooling else None
        for convolution in (self.first, self.second):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        last = self.second_norm if normalise else self.second
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, C, H, W]`; both are at least 0."""
        hidden = self.first_norm(self.first(features))
        if self.pooled is not None:
            pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
            hidden = hidden + self.pooled(pooled)[:, :, None, None]
        changed: Tensor = features + self.second_norm(self.second(hidden.relu()))
        return changed.relu()


def normalisation(channels: int, *, normalise: bool) -> nn.Module:
    """Returns batch normalisation, or the identity."""
    return nn.BatchNorm2d(channels) if normalise else nn.Identity()


class BoardNetwork(nn.Module):
    """A residual tower with two heads: the policy, and the outcome for the side to move."""

    def __init__(self, config: "AlphaZeroConfig", spec: GameSpec) -> None:
        """Every second block pools."""
        super().__init__()
        planes, height, width = spec.obs_shape
        channels, normalise = config.channels, config.normalise
        self.stem = nn.Conv2d(planes, channels, 3, padding=1)
        self.stem_norm = normalisation(channels, normalise=normalise)
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(channels, pooling=i % 2 == 1, normalise=normalise)
                for i in range(config.blocks)
            )
        )
        self.policy, self.value = (
            nn.Sequential(
                nn.Conv2d(channels, config.head_channels, 1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(config.head_channels * height * width, outputs),
            )
            for outputs in (spec.num_actions, 64)
        )
        self.value.extend([nn.ReLU(), nn.Linear(64, 3)])
        nn.init.kaiming_normal_(self.stem.weight, nonlinearity="relu")
        for last in (self.policy[-1], self.value[-1]):  # a new network has no preference
            nn.init.normal_(last.weight, std=0.01)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, C, H, W]` of 0..1 -> policy logits `[B, A]`, logits of WIN, DRAW, LOSS `[B, 3]`."""
        features = self.blocks(self.stem_norm(self.stem(planes)).relu())
        return self.policy(features), self.value(features)
