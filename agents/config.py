"""What every agent's config has: what loops and checks read of it, without torch."""

from typing import TYPE_CHECKING, ClassVar, Literal

from envs.base import Config

if TYPE_CHECKING:
    import numpy as np
    import torch

    from agents.base import Agent
    from envs.base import EnvSpec

TorsoName = Literal["nature", "small", "grid", "flat"]
CoreName = Literal["lstm", "none"]
PrecisionName = Literal["auto", "float32", "bfloat16"]


class AgentConfig(Config):
    """An agent; each kind has a model of its own, named in `agents.AGENTS`.

    Attributes:
        training: the loop in which it learns, and so which other keys a config has.
        precision: of its network's arithmetic.
    """

    training: ClassVar[Literal["off_policy", "on_policy", "self_play"]]

    kind: str
    precision: PrecisionName


class EpisodicAgentConfig(AgentConfig):
    """An agent that acts in worlds with episodes.

    Attributes:
        network: how it sees.
        discount: γ
        reward_clip: training rewards lie within ± this; None: they are as the world gives them.
    """

    network: TorsoName
    discount: float
    reward_clip: float | None

    def make(self, spec: "EnvSpec", device: "torch.device", rng: "np.random.Generator") -> "Agent":
        """Returns the agent, untrained; `rng` draws its exploration.

        Raises:
            ValueError: the network does not fit the observations.
        """
        raise NotImplementedError


class OffPolicyAgentConfig(EpisodicAgentConfig):
    """An agent that learns from replay.

    Attributes:
        n_step: rewards that are summed before the value of what follows.
        batch_size: samples of one update.
    """

    training = "off_policy"

    n_step: int
    batch_size: int

    @property
    def window_ticks(self) -> int:
        """The consecutive ticks that one sample spans."""
        return self.n_step + 1

    @property
    def sample_period_ticks(self) -> int:
        """Between the begins of neighbouring samples of one env."""
        return 1

    @property
    def samples_per_update(self) -> int:
        """The transitions that one update learns from."""
        return self.batch_size
