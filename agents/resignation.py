"""The config of resignation, which `workbench/selfplay/resignation.py` implements."""

from pydantic import Field

from envs.base import Config


class ResignationConfig(Config):
    """The share of games to play out, and how many resignations may be wrong."""

    played_out_share: float = Field(
        default=0.1, ge=1e-3, le=1, description="of games, in which nobody may resign"
    )
    max_false_share: float = Field(
        default=0.05, ge=1e-6, lt=1, description="of resignations, that would not have lost"
    )
