"""Config fields common to all agents, read by loops and checks without torch."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from envs.base import Config

if TYPE_CHECKING:
    import numpy as np
    import torch

    from agents.base import Agent
    from envs.base import EnvSpec

TorsoName = Literal["nature", "small", "grid", "flat"]
CoreName = Literal["lstm", "none"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
RewardClip = Annotated[
    float | None, Field(ge=1e-6, le=1e6, description="training rewards lie within ± this")
]


class AgentConfig(Config):
    """The config of an agent; each kind has its own model, named in `agents.AGENTS`.

    Attributes:
        training: the loop that trains it, which decides which other keys a config has.
        precision: of its network's arithmetic.
    """

    training: ClassVar[Literal["off_policy", "on_policy", "self_play"]]

    kind: str
    precision: PrecisionName


class EpisodicAgentConfig(AgentConfig):
    """The config of an agent for episodic environments.

    Attributes:
        network: its torso.
        discount: γ
        reward_clip: training rewards are clipped to ± this; None: they are not clipped.
    """

    network: TorsoName
    discount: float
    reward_clip: RewardClip

    def make(self, spec: "EnvSpec", device: "torch.device", rng: "np.random.Generator") -> "Agent":
        """Returns the agent, untrained; `rng` is for its exploration.

        Raises:
            ValueError: the network does not fit the observations.
        """
        raise NotImplementedError


class OffPolicyAgentConfig(EpisodicAgentConfig):
    """The config of an agent that learns from replay.

    Attributes:
        n_step: rewards that are summed before bootstrapping.
        batch_size: samples per update.
    """

    training = "off_policy"

    n_step: int
    batch_size: int

    @property
    def window_ticks(self) -> int:
        """How many consecutive ticks one sample spans."""
        return self.n_step + 1

    @property
    def sample_period_ticks(self) -> int:
        """The ticks between the starts of consecutive samples of one env."""
        return 1

    @property
    def samples_per_update(self) -> int:
        """The transitions that one update learns from."""
        return self.batch_size


class ResignationConfig(Config):
    """The share of games to play out, and how many resignations may be wrong."""

    played_out_share: float = Field(
        default=0.1, ge=1e-3, le=1, description="of games, in which nobody may resign"
    )
    max_false_share: float = Field(
        default=0.05, ge=1e-6, lt=1, description="of resignations, that would not have lost"
    )
