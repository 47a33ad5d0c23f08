"""When a side gives up a game it has lost; `workbench/selfplay/resignation.py` does it."""

from pydantic import Field

from envs.base import Config


class ResignationConfig(Config):
    """How many games are played out, and how many of those who give up may be wrong."""

    played_out_share: float = Field(
        default=0.1, ge=1e-3, le=1, description="of games, in which nobody may give up"
    )
    max_false_share: float = Field(
        default=0.05, ge=1e-6, lt=1, description="of those who give up, that would not have lost"
    )
