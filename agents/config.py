"""Config fields common to all agents, read by loops and checks without torch."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from envs.base import Config

if TYPE_CHECKING:
    import numpy as np
    import torch

    from agents.base import Agent
    from envs.base import EnvSpec

TorsoName = Literal["nature", "small", "grid", "cells", "flat"]
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

    training: ClassVar[Literal["off_policy", "on_policy", "sb3", "self_play"]]

    kind: str
    precision: PrecisionName

    def schedule_ends(self) -> list[tuple[int | None, str]]:
        """Returns the env_steps at which each schedule ends (None: never), and what is so then."""
        return []


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

    def sample_bytes(self, obs_bytes: int) -> int:
        """Returns the least memory that one sample takes, with observations of this size."""
        return 2 * obs_bytes

    @property
    def batch_keys(self) -> str:
        """The keys that make a batch smaller, in words."""
        return "agent.batch_size"


class SequenceAgentConfig(OffPolicyAgentConfig):
    """The config of an agent that learns from replayed sequences, each with a burn-in.

    Attributes:
        burn_in_ticks: over which a sequence only warms up the memory.
        sequence_ticks: that are learned from, after the burn-in.
        sequence_period_ticks: between the begins of neighbouring sequences.
        staleness_period_updates: how often a batch has a `History`.
    """

    burn_in_ticks: int
    sequence_ticks: int
    sequence_period_ticks: int
    staleness_period_updates: int

    @property
    def memory_bytes(self) -> int:
        """The size of one env's memory."""
        raise NotImplementedError

    @property
    def window_ticks(self) -> int:
        """W, the ticks of one sample: burn-in, those learned from, and their lookahead."""
        return self.burn_in_ticks + self.sequence_ticks + self.n_step

    @property
    def sample_period_ticks(self) -> int:
        return self.sequence_period_ticks

    @property
    def samples_per_update(self) -> int:
        return self.batch_size * self.sequence_ticks

    def sample_bytes(self, obs_bytes: int) -> int:
        return self.window_ticks * (obs_bytes + self.memory_bytes)

    @property
    def batch_keys(self) -> str:
        return "agent.batch_size, agent.sequence_ticks or agent.burn_in_ticks"


class OnPolicyAgentConfig(EpisodicAgentConfig):
    """The config of an agent that learns from rollouts, cut into sequences.

    Attributes:
        rollout_ticks: of all envs, from which it learns at once.
        sequence_ticks: through which gradients flow back; divides `rollout_ticks`.
        epochs: how often it learns from each rollout.
        minibatches: of each epoch.
        gae_lambda: λ of the advantages.
        reward_scale: training rewards are the world's times this, then clipped.
    """

    training = "on_policy"

    rollout_ticks: int
    sequence_ticks: int
    epochs: int
    minibatches: int
    gae_lambda: float
    reward_scale: float

    @model_validator(mode="after")
    def _sequences_fill_rollouts(self) -> Self:
        if self.rollout_ticks % self.sequence_ticks:
            raise ValueError(
                f"sequence_ticks must divide rollout_ticks, and {self.sequence_ticks} "
                f"does not divide {self.rollout_ticks}"
            )
        return self


def learning_rate_end(decay_env_steps: int | None, left: str) -> tuple[int | None, str]:
    """Returns what `AgentConfig.schedule_ends` tells of a learning rate of which this is left."""
    return decay_env_steps, (
        f"agent.learning_rate_decay_env_steps ended at {decay_env_steps or 0:,} env_steps, so the "
        f"learning rate is {left}; it may be set anew, too: agent.learning_rate_decay_env_steps=N"
    )


class ResignationConfig(Config):
    """The share of games to play out, and how many resignations may be wrong."""

    played_out_share: float = Field(
        default=0.1, ge=1e-3, le=1, description="share of games in which nobody may resign"
    )
    max_false_share: float = Field(
        default=0.05,
        ge=1e-6,
        lt=1,
        description="share of resignations in games that would not have been lost",
    )
