"""Worlds to act in, all behind `envs.base.VectorEnv`."""

from typing import Annotated, assert_never

from pydantic import Field

from envs.atari import AtariConfig, AtariEnvs, RenderedAtari
from envs.base import RenderableEnv, VectorEnv
from envs.grid import MiniGridConfig, MiniGridEnvs
from envs.probes import ProbeConfig, ProbeEnvs

EnvConfig = Annotated[AtariConfig | MiniGridConfig | ProbeConfig, Field(discriminator="kind")]


def make_envs(config: EnvConfig) -> VectorEnv:
    """Returns the configured world with all its envs."""
    match config:
        case AtariConfig():
            return AtariEnvs(config)
        case MiniGridConfig():
            return MiniGridEnvs(config)
        case ProbeConfig():
            return ProbeEnvs(config)
        case _:
            assert_never(config)


def make_rendered_env(config: EnvConfig) -> RenderableEnv:
    """Returns one env of the configured world that also shows what a person would see."""
    match config:
        case AtariConfig():
            return RenderedAtari(config)
        case MiniGridConfig():
            return MiniGridEnvs(config.model_copy(update={"num_envs": 1}))
        case ProbeConfig():
            return ProbeEnvs(config.model_copy(update={"num_envs": 1}))
        case _:
            assert_never(config)
