"""What an agent computes at one tick, as modules that can be exported.

They take uint8 observations `[B, C, H, W]` and, of agents with an LSTM, its memory `[B, size]`
twice. All arithmetic is float32. The memory of an episode begins with zeros.
"""

from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn

from agents.base import Agent
from agents.dqn import DQN
from agents.losses import unrescale
from agents.networks import ActorCritic, Encoder, LSTMCore, QNetwork, RecurrentQ
from agents.parts import PartsTorso
from agents.ppo import PPO
from agents.r2d2 import R2D2

MEMORY = ("memory_h", "memory_c")


class Acting(nn.Module):
    """One tick of an agent.

    Attributes:
        outputs: the names of what `forward` returns before the memory.
        memory_size: width of each half of the memory; 0: the agent has none.
    """

    outputs: tuple[str, ...]
    memory_size = 0

    @property
    def memory_names(self) -> tuple[str, ...]:
        """The names of the memory's halves, as inputs; as outputs they begin with `next_`."""
        return MEMORY if self.memory_size else ()


class ArithmeticFloats(nn.Module):
    """Reads bytes as little-endian float32 by arithmetic; exact for finite numbers."""

    scale: Tensor

    def __init__(self) -> None:
        """Lists the worth of the last binary digit for each exponent."""
        super().__init__()
        exponents = torch.arange(256, dtype=torch.float64).clamp(1, 254)
        self.register_buffer("scale", (2.0 ** (exponents - 150)).float())

    def forward(self, frames: Tensor) -> Tensor:
        """`[B, stack, 4 * D]` uint8 -> `[B, stack, D]`."""
        numbers = frames.long().view(*frames.shape[:-1], frames.shape[-1] // 4, 4)
        low, middle, high, top = numbers.unbind(-1)
        exponent = (top % 128) * 2 + high // 128
        digits = low + middle * 2**8 + (high % 128 + 128 * (exponent > 0)) * 2**16
        found: Tensor = digits.float() * self.scale[exponent] * (1 - 2 * (top // 128)).float()
        return found


class DQNActing(Acting):
    """Q-values of an agent without memory."""

    outputs = ("q_values",)

    def __init__(self, network: QNetwork) -> None:
        """`network` computes in float32."""
        super().__init__()
        self.torso, self.head = network.torso, network.head

    def forward(self, obs: Tensor, *memory: Tensor) -> tuple[Tensor]:
        """Returns `[B, A]`."""
        return (self.head(self.torso(obs.float())).mean(-1),)


class EncodedActing(Acting):
    """An agent that acts on what an `Encoder` sees and remembers."""

    def __init__(self, encoder: Encoder) -> None:
        """`encoder` computes in float32."""
        super().__init__()
        self.torso, self.hidden = encoder.torso, encoder.hidden
        self.core = encoder.core
        self.memory_size = encoder.core.size

    def features(
        self, obs: Tensor, memory: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Returns `[B, F]`, and the memory after."""
        seen: Tensor = self.hidden(self.torso(obs.float()))
        if not isinstance(self.core, LSTMCore):
            return seen, ()
        hidden, cell = memory
        weights = self.core.lstm.get_parameter
        # The inputs after the features are flags, which are 0 when acting.
        seen_weight = weights("weight_ih_l0")[:, : seen.shape[1]]
        gates = nn.functional.linear(seen, seen_weight, weights("bias_ih_l0"))
        gates = gates + nn.functional.linear(hidden, weights("weight_hh_l0"), weights("bias_hh_l0"))
        keep_in, keep, new, show = gates.chunk(4, 1)
        cell = keep.sigmoid() * cell + keep_in.sigmoid() * new.tanh()
        hidden = show.sigmoid() * cell.tanh()
        return torch.cat([seen, hidden], 1), (hidden, cell)


class PPOActing(EncodedActing):
    """The policy, and the value of the state."""

    outputs = ("policy", "value")

    def __init__(self, network: ActorCritic) -> None:
        """`network` computes in float32."""
        super().__init__(network.encoder)
        self.policy, self.value = network.policy, network.value

    def forward(self, obs: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        """Returns probabilities `[B, A]`, values `[B]`, and the memory after."""
        features, after = self.features(obs, memory)
        return self.policy(features).softmax(-1), self.value(features).squeeze(-1), *after


class R2D2Acting(EncodedActing):
    """Q-values of an agent that may have a memory."""

    outputs = ("q_values",)

    def __init__(self, network: RecurrentQ) -> None:
        """`network` computes in float32."""
        super().__init__(network.encoder)
        self.head = network.head

    def forward(self, obs: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        """Returns `[B, A]` and the memory after."""
        features, after = self.features(obs, memory)
        return unrescale(self.head(features).squeeze(-1)), *after


def acting_module(agent: Agent) -> Acting:
    """Returns what `agent`, which computes in float32, does at one tick.

    Raises:
        ValueError: it is of a kind that cannot be exported.
    """
    acting: Acting
    match agent:
        case DQN():
            acting = DQNActing(cast(QNetwork, agent.network))
        case PPO():
            acting = PPOActing(agent.network)
        case R2D2():
            acting = R2D2Acting(agent.network)
        case _:
            raise ValueError("only agents of the kinds dqn, ppo, r2d2 and alphazero are exported")
    acting = deepcopy(acting).requires_grad_(False).eval()
    for module in acting.modules():
        if isinstance(module, PartsTorso):
            module.floats = ArithmeticFloats()
    return acting
