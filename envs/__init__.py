"""Worlds to act in, all behind `envs.base.VectorEnv`."""

from contextlib import closing
from typing import Annotated, assert_never

from pydantic import Field

from envs.atari import AtariConfig, AtariEnvs, RenderedAtari
from envs.base import EnvSpec, RenderableEnv, VectorEnv
from envs.crafter import CrafterConfig, CrafterWorlds
from envs.doom import DoomConfig, DoomWorlds
from envs.grid import MiniGridConfig, MiniGridWorlds
from envs.probes import ProbeConfig, ProbeEnvs
from envs.replayed import ReplayedEnvs

EnvConfig = Annotated[
    AtariConfig | MiniGridConfig | CrafterConfig | DoomConfig | ProbeConfig,
    Field(discriminator="kind"),
]


def make_envs(config: EnvConfig) -> VectorEnv:
    """Returns the configured world with all its envs."""
    match config:
        case AtariConfig():
            return AtariEnvs(config)
        case ProbeConfig():
            return ProbeEnvs(config)
        case _:
            return _make_replayed_envs(config)


def env_spec(config: EnvConfig) -> EnvSpec:
    """Returns the facts of the configured world, as they are for one env of it."""
    with closing(make_envs(config.model_copy(update={"num_envs": 1}))) as env:
        return env.spec


def make_rendered_env(config: EnvConfig) -> RenderableEnv:
    """Returns one env of the configured world that also shows what a person would see."""
    match config:
        case AtariConfig():
            return RenderedAtari(config)
        case ProbeConfig():
            return ProbeEnvs(config.model_copy(update={"num_envs": 1}))
        case _:
            return _make_replayed_envs(config.model_copy(update={"num_envs": 1}))


def _make_replayed_envs(config: MiniGridConfig | CrafterConfig | DoomConfig) -> ReplayedEnvs:
    match config:
        case MiniGridConfig():
            return ReplayedEnvs(MiniGridWorlds(config))
        case CrafterConfig():
            return ReplayedEnvs(CrafterWorlds(config))
        case DoomConfig():
            return ReplayedEnvs(DoomWorlds(config), threads=config.env_threads)
        case _:
            assert_never(config)
