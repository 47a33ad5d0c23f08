"""Networks for uint8 pixels: convnet torsos, an LSTM core, Q and policy/value heads.

Pixels stay uint8 until the first layer; the scale 1/255 is folded into that layer's weights, so no
pass over the images is spent on it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from agents.base import Flags, Memory
from agents.config import CoreName, PrecisionName, TorsoName
from agents.parts import PartsTorso
from envs.base import Part

FORGET_GATE_BIAS = 2.0
# Far enough from 0 that a gate is exactly 0 or 1 whatever else goes into it.
SATURATED = 1e4
# Pictures are mostly dark and differ in a few pixels. With the usual gain of sqrt(2) what differs
# hardly moves an LSTM's gates, and MiniGrid-Memory was not learned in 2M env_steps.
PIXEL_GAIN = 3 * 2**0.5

# (channels, kernel, stride) of each convolution and the width of the hidden layer after them.
CONVOLUTIONS: dict[TorsoName, tuple[list[tuple[int, int, int]], int]] = {
    "nature": ([(32, 8, 4), (64, 4, 2), (64, 3, 1)], 512),  # Mnih et al. 2015
    "small": ([(16, 8, 4), (32, 4, 2)], 256),  # Mnih et al. 2013
    "grid": ([(32, 8, 8), (64, 3, 1)], 128),  # one look at each tile of 8 pixels, then around it
    "cells": ([(32, 3, 1), (64, 3, 1)], 128),  # boards and grids of one pixel a cell
    "flat": ([], 64),  # for probes of a few pixels
}


class PixelConv2d(nn.Conv2d):
    """A convolution over pixels in 0..255 that acts as if they were in 0..1."""

    def forward(self, pixels: Tensor) -> Tensor:
        """`[B, C, H, W]` of 0..255 in a floating dtype -> `[B, C', H', W']`."""
        features: Tensor = self._conv_forward(pixels, self.weight / 255.0, self.bias)
        return features


class PixelFlatten(nn.Module):
    """Pixels as one flat vector in 0..1, for observations too small to convolve."""

    def forward(self, pixels: Tensor) -> Tensor:
        """`[B, C, H, W]` of 0..255 -> `[B, C*H*W]`."""
        return pixels.flatten(1) / 255.0


def make_torso(
    name: TorsoName, obs_shape: tuple[int, int, int], parts: Sequence[Part] = ()
) -> tuple[nn.Module, int]:
    """Returns the layers up to a flat feature vector, and its width.

    Args:
        name: of the convolutions that pictures go through.
        obs_shape: `(C, H, W)`, or `(stack, 1, W)` where there are parts.
        parts: of one frame of an observation that is not one picture.

    Raises:
        ValueError: a picture is too small for the convolutions.
    """
    if not parts:
        return _picture_torso(name, obs_shape)
    stack, (convolutions, hidden) = obs_shape[0], CONVOLUTIONS[name]
    torsos, width = [], 0
    for part in parts:
        if part.kind == "picture":
            channels, height, width_px = part.shape
            torso, features = _picture_torso(name, (stack * channels, height, width_px))
            torsos.append(torso)
            width += features
    channels = convolutions[-1][0] if convolutions else 0
    mixed = PartsTorso(parts, stack, torsos, channels, hidden)
    return mixed, width + mixed.added_features


def _picture_torso(name: TorsoName, obs_shape: tuple[int, int, int]) -> tuple[nn.Sequential, int]:
    channels, height, width = obs_shape
    layers: list[nn.Module] = []
    for i, (out_channels, kernel, stride) in enumerate(CONVOLUTIONS[name][0]):
        if min(height, width) < kernel:
            raise ValueError(
                f"the network {name!r} needs larger observations than {obs_shape[1]}x{obs_shape[2]}"
            )
        conv = PixelConv2d if i == 0 else nn.Conv2d
        layers += [conv(channels, out_channels, kernel, stride), nn.ReLU()]
        channels = out_channels
        height = (height - kernel) // stride + 1
        width = (width - kernel) // stride + 1
    layers.append(nn.Flatten() if layers else PixelFlatten())
    return nn.Sequential(*layers), channels * height * width


class LinearHead(nn.Module):
    """Q-values (or K quantiles of each) after one hidden layer."""

    def __init__(self, features: int, hidden: int, num_actions: int, atoms: int) -> None:
        """`atoms` is K: 1 for a scalar Q-value."""
        super().__init__()
        self._shape = (num_actions, atoms)
        self.values = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, num_actions * atoms)
        )

    def forward(self, features: Tensor) -> Tensor:
        """`[B, F]` -> `[B, A, K]`."""
        values: Tensor = self.values(features)
        return values.float().view(-1, *self._shape)


class DuelingHead(nn.Module):
    """State value plus mean-free advantages (Wang et al. 2016, eq. 9), per quantile."""

    def __init__(self, features: int, hidden: int, num_actions: int, atoms: int) -> None:
        """`atoms` is K: 1 for a scalar Q-value."""
        super().__init__()
        self.advantage = LinearHead(features, hidden, num_actions, atoms)
        self.value = LinearHead(features, hidden, 1, atoms)

    def forward(self, features: Tensor) -> Tensor:
        """`[B, F]` -> `[B, A, K]`."""
        advantage: Tensor = self.advantage(features)
        value: Tensor = self.value(features)
        return value + advantage - advantage.mean(1, keepdim=True)


def to_pixels(obs: Tensor, dtype: torch.dtype) -> Tensor:
    """`[B, C, H, W]` uint8 -> the same numbers, 0..255, in the floating `dtype` networks work in.

    The memory format is channels_last: 1.4x faster in float32 on CPU, and never slower. Copying
    channel by channel is twice as fast as `contiguous` for a batch of 32 on CPU.
    """
    pixels = torch.empty(
        obs.shape, dtype=dtype, device=obs.device, memory_format=torch.channels_last
    )
    for channel in range(obs.shape[1]):
        pixels[:, channel] = obs[:, channel]
    return pixels


class QNetwork(nn.Module):
    """Pixels to Q: `[B, C, H, W]` of 0..255 -> `[B, A, K]` float32, K atoms of each return."""

    def __init__(
        self,
        torso: TorsoName,
        obs_shape: tuple[int, int, int],
        num_actions: int,
        *,
        atoms: int,
        dueling: bool,
        parts: Sequence[Part] = (),
    ) -> None:
        """`atoms` is K: 1 for a scalar Q-value. Parameters are always float32."""
        super().__init__()
        self.torso, features = make_torso(torso, obs_shape, parts)
        head = DuelingHead if dueling else LinearHead
        self.head = head(features, CONVOLUTIONS[torso][1], num_actions, atoms)

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class; `pixels` as made by `to_pixels`, whose dtype is that of the arithmetic."""
        mixed = pixels.dtype != torch.float32
        with torch.autocast(pixels.device.type, dtype=pixels.dtype, enabled=mixed):
            values: Tensor = self.head(self.torso(pixels))
        return values


def arithmetic_dtype(precision: PrecisionName) -> torch.dtype:
    """Returns the dtype of convolutions; `auto`, which runs resolve beforehand, means float32."""
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


class Memoryless(nn.Module):
    """The core of a feed-forward agent, which has no memory."""

    size = 0

    def initial_memory(self, num_envs: int, device: torch.device) -> Memory:
        """Returns `()`."""
        return ()

    def forward(self, features: Tensor, first: Flags, memory: Memory) -> tuple[Tensor, Memory]:
        """`[B, T, F]` -> `[B, T, 0]`, and `()`."""
        return features[..., :0], memory


class LSTMCore(nn.Module):
    """An LSTM over B sequences of T ticks whose memory is cleared where an episode begins.

    A memory is `(h, c)`, each `[1, B, size]`.

    The LSTM takes two inputs besides the features, which are flags. An extra tick with the flag
    `clear` precedes the first tick of an episode within a sequence: it shuts the input,
    forget and output gates, so both halves of the memory become zero. Sequences with fewer episodes
    are padded at their end with ticks of the flag `hold`: the input gate is shut and the forget
    gate open, so c stays what it was. So a batch is one rectangle, for which libraries have fast
    kernels. Gates that are shut or open have no gradient, so training never moves the flags'
    weights.
    """

    def __init__(self, features: int, size: int) -> None:
        """Maps `features` inputs to `size` outputs."""
        super().__init__()
        self.size = size
        self.lstm = nn.LSTM(features + 2, size)
        with torch.no_grad():
            weight = self.lstm.get_parameter("weight_ih_l0")
            nn.init.orthogonal_(weight[:, :features])
            nn.init.orthogonal_(self.lstm.get_parameter("weight_hh_l0"))
            weight[:, features:] = 0.0
            clear, hold = weight.T[features:].view(2, 4, size)  # gates: input, forget, cell, output
            clear[[0, 1, 3]] = -SATURATED
            hold[0] = -SATURATED
            hold[1] = SATURATED
            for name in ("bias_ih_l0", "bias_hh_l0"):
                self.lstm.get_parameter(name).zero_()
            # At 0 the forget gate halves what is remembered at every tick (Jozefowicz et al. 2015).
            self.lstm.get_parameter("bias_ih_l0")[size : 2 * size] = FORGET_GATE_BIAS

    def initial_memory(self, num_envs: int, device: torch.device) -> Memory:
        """Returns zeros."""
        return tuple(torch.zeros(1, num_envs, self.size, device=device) for _ in range(2))

    def forward(self, features: Tensor, first: Flags, memory: Memory) -> tuple[Tensor, Memory]:
        """Unrolls the LSTM.

        Args:
            features: `[B, T, F]` float32.
            first: `[B, T]` where an episode begins: the memory is cleared before that tick.
            memory: before the first tick.

        Returns:
            `[B, T, size]`, and the memory after the last tick.
        """
        device = features.device
        kept = torch.from_numpy(~first[:, 0]).to(device)
        memory = tuple(m * kept.to(m.dtype)[:, None] for m in memory)
        batch_size, ticks, _ = features.shape
        if not first[:, 1:].any():  # always so when acting
            flagless = nn.functional.pad(features, (0, 2)).transpose(0, 1)
            output, memory = self.lstm(flagless, memory)
            return output.transpose(0, 1), memory
        cleared = first[:, 1:].cumsum(1)  # extra ticks before this one
        place = np.arange(ticks) + np.pad(cleared, ((0, 0), (1, 0)))  # [B, T]
        length = place[:, -1].max() + 1
        # Where each tick of the rectangle comes from: of [T + 2] with the flags' ticks at the end.
        source = np.full((batch_size, length), ticks)  # clear
        source[np.arange(length) > place[:, -1:]] = ticks + 1  # hold
        np.put_along_axis(source, place, np.arange(ticks)[None], 1)
        extended = nn.functional.pad(features, (0, 2, 0, 2))
        extended[:, ticks, -2] = 1.0
        extended[:, ticks + 1, -1] = 1.0
        row = torch.arange(batch_size, device=device)
        output, (_, cell) = self.lstm(
            extended[row, torch.from_numpy(source.T).to(device)], memory
        )  # [length, B, size]
        output = output[torch.from_numpy(place.T).to(device), row]
        return output.transpose(0, 1), (output[-1:], cell)


class Encoder(nn.Module):
    """Maps pixels and memory to features: convnet torso, one hidden layer, core.

    The hidden layer's features are concatenated with the core's, so the current observation need
    not pass through the memory. Weights are orthogonal, biases zero.
    """

    def __init__(
        self,
        torso: TorsoName,
        obs_shape: tuple[int, int, int],
        core: CoreName,
        core_size: int,
        dtype: torch.dtype,
        parts: Sequence[Part] = (),
    ) -> None:
        """`core_size` is that of an LSTM; `dtype` is that of the arithmetic before the core."""
        super().__init__()
        self._dtype = dtype
        self.torso, features = make_torso(torso, obs_shape, parts)
        hidden = CONVOLUTIONS[torso][1]
        self.hidden = nn.Sequential(nn.Linear(features, hidden), nn.ReLU())
        initialize(self.torso, self.hidden)
        for layer in self.torso.modules():
            if isinstance(layer, PixelConv2d):
                nn.init.orthogonal_(layer.weight, PIXEL_GAIN)
        if isinstance(self.torso, PartsTorso):
            self.torso.start_plain()
        self.core = LSTMCore(hidden, core_size) if core == "lstm" else Memoryless()
        self.size = hidden + self.core.size

    def forward(self, obs: Tensor, first: Flags, memory: Memory) -> tuple[Tensor, Memory]:
        """`[B, T, C, H, W]` uint8 -> `[B, T, size]` float32; see `LSTMCore.forward`."""
        mixed = self._dtype != torch.float32
        with torch.autocast(obs.device.type, dtype=self._dtype, enabled=mixed):
            features: Tensor = self.hidden(self.torso(to_pixels(obs.flatten(0, 1), self._dtype)))
        seen = features.float().view(*obs.shape[:2], -1)
        remembered, memory = self.core(seen, first, memory)
        return torch.cat([seen, remembered], -1), memory


def initialize(*modules: nn.Module) -> None:
    """Gives all weights orthogonal values of gain sqrt(2), and all biases zero."""
    for module in modules:
        for parameter in module.parameters():
            if parameter.dim() > 1:
                nn.init.orthogonal_(parameter, 2**0.5)
            else:
                nn.init.zeros_(parameter)


class ActorCritic(nn.Module):
    """Maps pixels to a policy and a value, each after one more hidden layer.

    That layer combines the observation with the memory. The policy starts almost uniform
    (detail 2 of https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/).
    """

    def __init__(self, encoder: Encoder, num_actions: int) -> None:
        """Each hidden layer is as wide as the encoder's output."""
        super().__init__()
        self.encoder = encoder
        self.policy, self.value = (
            nn.Sequential(
                nn.Linear(encoder.size, encoder.size), nn.ReLU(), nn.Linear(encoder.size, outputs)
            )
            for outputs in (num_actions, 1)
        )
        initialize(self.policy, self.value)
        nn.init.orthogonal_(self.policy[-1].weight, 0.01)  # type: ignore[arg-type]
        nn.init.orthogonal_(self.value[-1].weight, 1.0)  # type: ignore[arg-type]

    def forward(self, obs: Tensor, first: Flags, memory: Memory) -> tuple[Tensor, Tensor, Memory]:
        """`[B, T, C, H, W]` uint8 -> logits `[B, T, A]`, values `[B, T]`, the memory after."""
        features, memory = self.encoder(obs, first, memory)
        return self.policy(features), self.value(features).squeeze(-1), memory


class RecurrentQ(nn.Module):
    """Maps pixels and memory to Q-values."""

    def __init__(self, encoder: Encoder, num_actions: int, *, dueling: bool) -> None:
        """The head has one hidden layer, as wide as the encoder's output."""
        super().__init__()
        self.encoder = encoder
        head = DuelingHead if dueling else LinearHead
        self.head = head(encoder.size, encoder.size, num_actions, atoms=1)

    def forward(self, obs: Tensor, first: Flags, memory: Memory) -> tuple[Tensor, Memory]:
        """`[B, T, C, H, W]` uint8 -> Q-values `[B, T, A]`, and the memory after."""
        features, memory = self.encoder(obs, first, memory)
        values: Tensor = self.head(features.flatten(0, 1))
        return values.view(*features.shape[:2], -1), memory
