"""Environments, all behind `envs.base.VectorEnv`."""

from contextlib import closing

from envs.base import EnvConfig, EnvSpec, RenderableEnv, VectorEnv

# Each kind of world: one file, one line here. The simulator is imported where the kind is used.
ENVS = {
    "atari": "envs.atari:AtariConfig",
    "minigrid": "envs.grid:MiniGridConfig",
    "crafter": "envs.crafter:CrafterConfig",
    "doom": "envs.doom:DoomConfig",
    "gymnasium": "envs.gymnasium_worlds:GymnasiumConfig",
    "probe": "envs.probes:ProbeConfig",
}


def make_envs(config: EnvConfig) -> VectorEnv:
    """Returns the configured world with all its envs."""
    return config.make()


def make_rendered_env(config: EnvConfig) -> RenderableEnv:
    """Returns one env of the configured world that also shows what a person would see."""
    return config.make_rendered()


def env_spec(config: EnvConfig) -> EnvSpec:
    """Returns the facts of the configured world, as they are for one env of it."""
    with closing(config.model_copy(update={"num_envs": 1}).make()) as env:
        return env.spec
