"""The configs of the two search rules."""

from typing import Annotated, Literal

from pydantic import Field

from envs.base import Config


class PUCTConfig(Config):
    """AlphaZero's search (Silver et al. 2018)."""

    kind: Literal["puct"] = Field(default="puct", description="AlphaZero's search rule")
    c_init: float = Field(default=1.25, ge=0, le=1000, description="exploration constant of PUCT")
    fpu_reduction: float = Field(
        default=0.2,
        ge=0,
        le=100,
        description="an unvisited move's value is its parent's, less this times √(visited prior)",
    )
    noise_share: float = Field(
        default=0.25, ge=0, le=1, description="share of Dirichlet noise in the root's prior"
    )
    noise_alpha: float = Field(
        default=10.0,
        ge=0.01,
        le=1e4,
        description="Dirichlet alpha of the root is this divided by its legal moves",
    )


class GumbelConfig(Config):
    """Gumbel AlphaZero (Danihelka et al. 2022), which learns from few simulations."""

    kind: Literal["gumbel"] = Field(
        description="Gumbel AlphaZero's search rule, for few simulations"
    )
    max_considered: int = Field(
        default=16, ge=1, le=100_000, description="most moves of the root that are visited"
    )
    c_scale: float = Field(default=1.0, ge=1e-6, le=1e4, description="scale of the values in σ(q)")


SearchConfig = Annotated[PUCTConfig | GumbelConfig, Field(discriminator="kind")]
