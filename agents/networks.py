"""Networks that see uint8 pixels: convnet torsos, an LSTM core, Q and policy/value heads.

Pixels stay uint8 until the first layer; the scale 1/255 is folded into that layer's weights, so no
pass over the images is spent on it.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from agents.base import Flags, Memory

TorsoName = Literal["nature", "small", "grid", "flat"]
CoreName = Literal["lstm", "none"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
FORGET_GATE_BIAS = 2.0
# Pictures are mostly dark and differ in a few pixels. With the usual gain of sqrt(2) what differs
# hardly moves an LSTM's gates, and MiniGrid-Memory was not learned in 2M env_steps.
PIXEL_GAIN = 3 * 2**0.5

# (channels, kernel, stride) of each convolution and the width of the hidden layer after them.
CONVOLUTIONS: dict[TorsoName, tuple[list[tuple[int, int, int]], int]] = {
    "nature": ([(32, 8, 4), (64, 4, 2), (64, 3, 1)], 512),  # Mnih et al. 2015
    "small": ([(16, 8, 4), (32, 4, 2)], 256),  # Mnih et al. 2013
    "grid": ([(32, 8, 8), (64, 3, 1)], 128),  # one look at each tile of 8 pixels, then around it
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


def make_torso(name: TorsoName, obs_shape: tuple[int, int, int]) -> tuple[nn.Sequential, int]:
    """Returns the convolutions up to a flat feature vector, and its width.

    Raises:
        ValueError: the observation is too small for the convolutions.
    """
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

    The memory format is channels_last, measured 1.4x faster in float32 on CPU and nowhere slower.
    """
    return obs.contiguous(memory_format=torch.channels_last).to(dtype)


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
    ) -> None:
        """`atoms` is K: 1 for a scalar Q-value. Parameters are always float32."""
        super().__init__()
        self.torso, features = make_torso(torso, obs_shape)
        head = DuelingHead if dueling else LinearHead
        self.head = head(features, CONVOLUTIONS[torso][1], num_actions, atoms)

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class; `pixels` as made by `to_pixels`, whose dtype is that of the arithmetic."""
        mixed = pixels.dtype != torch.float32
        with torch.autocast(pixels.device.type, dtype=pixels.dtype, enabled=mixed):
            values: Tensor = self.head(self.torso(pixels))
        return values


def resolve_precision(precision: PrecisionName, device: torch.device) -> PrecisionName:
    """Replaces `auto` by what is fast on this machine: bfloat16 on matrix units, else float32.

    On a CPU without AMX, bfloat16 convolutions are several times slower than float32.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    if device.type == "cpu" and torch.cpu._is_amx_tile_supported():
        return "bfloat16"
    return "float32"


def load_weights(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Loads the parameters of `network`; raises ValueError if they belong to another one."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"the weights do not fit this network: {error}") from error


class Memoryless(nn.Module):
    """The core of a feed-forward agent: it remembers nothing."""

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
    """

    def __init__(self, features: int, size: int) -> None:
        """`features` come in, `size` go out."""
        super().__init__()
        self.size = size
        self.lstm = nn.LSTM(features, size)
        # At 0 the forget gate halves what is remembered at every tick (Jozefowicz et al. 2015).
        with torch.no_grad():
            for name, parameter in self.lstm.named_parameters():
                if "bias" in name:
                    parameter.zero_()
                else:
                    nn.init.orthogonal_(parameter)
            self.lstm.get_parameter("bias_ih_l0")[size : 2 * size] = FORGET_GATE_BIAS

    def initial_memory(self, num_envs: int, device: torch.device) -> Memory:
        """Returns zeros."""
        return tuple(torch.zeros(1, num_envs, self.size, device=device) for _ in range(2))

    def forward(self, features: Tensor, first: Flags, memory: Memory) -> tuple[Tensor, Memory]:
        """Unrolls the LSTM.

        Each sequence is cut where an episode begins, and all pieces, longest first, make one packed
        sequence: so there is no loop over ticks here, and no padding.

        Args:
            features: `[B, T, F]` float32.
            first: `[B, T]` where an episode begins: the memory is cleared before that tick.
            memory: before the first tick.

        Returns:
            `[B, T, size]`, and the memory after the last tick.
        """
        batch_size, ticks, width = features.shape
        begins = first.copy()
        begins[:, 0] = True
        begin = np.flatnonzero(begins)  # [pieces], in `[B * T]`
        length = np.diff(begin, append=batch_size * ticks)
        order = np.argsort(-length, kind="stable")
        begin, length = begin[order], length[order]
        # How many pieces have a tick 0, a tick 1, ...: `length` falls.
        alive = np.searchsorted(-length, -np.arange(length[0]), side="left")
        ends = np.cumsum(alive)
        tick = np.repeat(np.arange(len(alive)), alive)
        piece = np.arange(len(tick)) - (ends - alive)[tick]
        packed_from = torch.from_numpy(begin[piece] + tick).to(features.device)  # [B * T]
        row = torch.from_numpy(begin // ticks).to(features.device)
        kept = torch.from_numpy(~first.reshape(-1)[begin] & (begin % ticks == 0))
        start = tuple(m[:, row] * kept.to(m)[:, None] for m in memory)

        packed = PackedSequence(
            features.reshape(-1, width)[packed_from], torch.from_numpy(alive.astype(np.int64))
        )
        output, end = self.lstm(packed, start)
        unpacked = torch.empty_like(output.data).index_copy(0, packed_from, output.data)
        final = np.flatnonzero((begin + length) % ticks == 0)  # pieces that reach the last tick
        by_row = torch.from_numpy(final[np.argsort(begin[final])]).to(features.device)
        after = tuple(m[:, by_row] for m in end)
        return unpacked.view(batch_size, ticks, self.size), after


class Encoder(nn.Module):
    """Pixels and what is remembered to features: convnet torso, one hidden layer, core.

    The features are those of the hidden layer beside those of the core: what is seen now need not
    pass through the memory. Weights are orthogonal, biases zero.
    """

    def __init__(
        self,
        torso: TorsoName,
        obs_shape: tuple[int, int, int],
        core: CoreName,
        core_size: int,
        dtype: torch.dtype,
    ) -> None:
        """`core_size` is that of an LSTM; `dtype` is that of the arithmetic before the core."""
        super().__init__()
        self._dtype = dtype
        self.torso, features = make_torso(torso, obs_shape)
        hidden = CONVOLUTIONS[torso][1]
        self.hidden = nn.Sequential(nn.Linear(features, hidden), nn.ReLU())
        initialize(self.torso, self.hidden)
        if CONVOLUTIONS[torso][0]:
            nn.init.orthogonal_(self.torso[0].weight, PIXEL_GAIN)  # type: ignore[arg-type]
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
    """Pixels to a policy and a value, each after one more hidden layer.

    That layer combines what is seen with what is remembered. The policy starts almost uniform
    (detail 2 of https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/).
    """

    def __init__(self, encoder: Encoder, num_actions: int) -> None:
        """Each hidden layer is as wide as what the encoder gives."""
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
    """Pixels and what is remembered to Q-values."""

    def __init__(self, encoder: Encoder, num_actions: int, *, dueling: bool) -> None:
        """The head has one hidden layer, as wide as what the encoder gives."""
        super().__init__()
        self.encoder = encoder
        head = DuelingHead if dueling else LinearHead
        self.head = head(encoder.size, encoder.size, num_actions, atoms=1)

    def forward(self, obs: Tensor, first: Flags, memory: Memory) -> tuple[Tensor, Memory]:
        """`[B, T, C, H, W]` uint8 -> Q-values `[B, T, A]`, and the memory after."""
        features, memory = self.encoder(obs, first, memory)
        values: Tensor = self.head(features.flatten(0, 1))
        return values.view(*features.shape[:2], -1), memory
