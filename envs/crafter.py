"""Crafter: survival in a generated world with one life (Hafner 2021, arXiv 2109.06780).

Rewards are Crafter's: 1 for each achievement unlocked for the first time in an episode, and a tenth
of the change of health. Death ends an episode, 10,000 steps cut it off (discount 1).

Crafter as published does not repeat an episode given its seed: it iterates over sets of objects,
whose order follows from their addresses in memory. Here they are put in order. At night drawing
takes random numbers from the world, so the picture's size is part of the dynamics.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from envs.base import DOWN, LEFT, RIGHT, UP, EnvConfig, EnvSpec, HumanPlay
from envs.extras import require
from envs.replayed import Outcome, ReplayedEnvs, Worlds

KEYS = {
    "move_up": UP,
    "move_down": DOWN,
    "move_left": LEFT,
    "move_right": RIGHT,
    "do": ("Space",),
    "sleep": ("KeyZ",),
    "place_stone": ("KeyR",),
    "place_table": ("KeyT",),
    "place_furnace": ("KeyF",),
    "place_plant": ("KeyP",),
}
LABELS = {
    "do": "Act",
    "move_up": "Up",
    "move_down": "Down",
    "move_left": "Left",
    "move_right": "Right",
}
RENDER_SIZE = 576  # a multiple of the 9 cells along a side


class CrafterConfig(EnvConfig):
    """How large the picture is, and how many envs."""

    kind: Literal["crafter"] = Field(description="Crafter: survival in a generated world")
    num_envs: int = Field(default=16, ge=1, le=1024, description="envs played side by side")
    obs_size: int = Field(default=64, ge=27, le=576, description="pixels along a side")
    stack: int = Field(default=1, ge=1, le=16, description="latest frames seen at once")

    @model_validator(mode="after")
    def _is_installed(self) -> "CrafterConfig":
        require("crafter", extra="crafter")
        return self

    @property
    def human_play(self) -> HumanPlay:
        return HumanPlay(KEYS, LABELS, steps_per_second=5)  # the speed of Crafter's own window

    def make(self) -> ReplayedEnvs:
        return ReplayedEnvs(CrafterWorlds(self))


class CrafterWorlds(Worlds):
    """N Crafter worlds for `envs.replayed.ReplayedEnvs`; a frame is `[3, obs_size, obs_size]` RGB.

    Attributes:
        achievement_names: what can be unlocked, in the order of the columns of `achievements`.
    """

    def __init__(self, config: CrafterConfig) -> None:
        """Nothing runs before `begin`."""
        from crafter import Env, constants

        n, size = config.num_envs, config.obs_size
        self._worlds: list[Any] = [Env(size=(size, size), seed=0) for _ in range(n)]
        for world in self._worlds:
            _balance_in_order(world)
        self._frames = np.zeros((n, 3, size, size), np.uint8)
        self.achievement_names: tuple[str, ...] = tuple(constants.achievements)
        self.spec = EnvSpec(
            name="crafter",
            num_envs=n,
            obs_shape=(3 * config.stack, size, size),
            frame_channels=3,
            action_names=tuple(constants.actions),
        )

    @property
    def achievements(self) -> npt.NDArray[np.bool_]:
        """`[N, 22]`: what was unlocked so far in the episodes that the latest Step shows.

        Where that Step is `last`, this is what the whole episode unlocked: average those rows over
        episodes and see `benchmarks/crafter_score.py`.
        """
        unlocked: list[Iterable[str]] = [world._unlocked or () for world in self._worlds]
        return np.array([[name in names for name in self.achievement_names] for names in unlocked])

    def begin(self, i: int, seed: int) -> None:
        """See `Worlds.begin`; generates a level, which takes about a second."""
        world = self._worlds[i]
        world._seed, world._episode = seed, 0  # from these two it derives the level's seed
        self._frames[i] = world.reset().transpose(2, 0, 1)

    def step(self, i: int, action: int) -> Outcome:
        obs, reward, done, info = self._worlds[i].step(action)
        self._frames[i] = obs.transpose(2, 0, 1)
        died = info["discount"] == 0
        return reward, died, done and not died

    def draw(self, rows: Sequence[int]) -> npt.NDArray[np.uint8]:
        return self._frames[rows]

    def render(self) -> npt.NDArray[np.uint8]:
        """See `Worlds.render`: what the agent sees, larger."""
        world = self._worlds[0]
        random_state = world._world.random.get_state()  # the noise of the night is drawn from it
        picture: npt.NDArray[np.uint8] = world.render((RENDER_SIZE, RENDER_SIZE))
        world._world.random.set_state(random_state)
        return picture

    def close(self) -> None:
        pass


def _balance_in_order(world: Any) -> None:
    """Makes `world` spawn and despawn by the order in which its objects came, not by address."""
    balance, level = world._balance_chunk, world._world

    def balance_in_order(chunk: Any, objects: Iterable[Any]) -> None:
        balance(chunk, sorted(objects, key=lambda obj: int(level._obj_map[tuple(obj.pos)])))

    world._balance_chunk = balance_in_order
