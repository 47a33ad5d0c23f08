"""MiniGrid and BabyAI environments as RGB pixels, drawn from a tile atlas.

MiniGrid computes an observation twice per step and draws it tile by tile in Python, which takes
99 % of a step. Here each kind of cell is drawn once, by MiniGrid itself, and then one gather makes
the pictures of all envs: those of `RGBImgPartialObsWrapper` or `RGBImgObsWrapper`, bit for bit.

The mission of a BabyAI level is not part of the picture. With `mission_words` it is a second part
of the observation; without, only levels with one possible mission can be solved.
`max_steps` cuts an episode off (discount 1); a goal or a death ends it.
"""

from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from copy import copy
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt
from minigrid.core.actions import Actions
from minigrid.core.constants import DIR_TO_VEC
from minigrid.core.grid import Grid
from minigrid.core.world_object import Wall
from pydantic import Field, field_validator

from envs.base import LEFT, RIGHT, UP, EnvConfig, EnvSpec, HumanPlay, Part
from envs.replayed import Outcome, ReplayedEnvs, Worlds
from envs.spelling import did_you_mean, meant
from envs.text import hash_words

KEYS = {
    "left": LEFT,
    "right": RIGHT,
    "forward": UP,
    "toggle": ("Space",),
    "pickup": ("KeyE",),
    "drop": ("KeyQ",),
    "done": ("KeyX",),
}
LABELS = {
    "left": "Turn left",
    "right": "Turn right",
    "pickup": "Pick up",
    "toggle": "Open or use",
}
RENDER_TILE_SIZE = 32
EMPTY = 0  # the kind of a cell that holds nothing
# A kind of cell has ten pictures: without an agent or with one that faces one of four directions,
# each plain or highlighted. The number of a picture is the sum of such terms:
PICTURES_PER_KIND = 10  # times the kind
HIGHLIGHT = 1
FACING_RIGHT = 2  # then 4: down, 6: left
FACING_UP = 8
UNSEEN = 0  # is drawn as an empty cell that is not highlighted
BEYOND = [Wall()]  # what a view shows beyond the grid

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class MiniGridConfig(EnvConfig):
    """Which world, seen how, by how many envs."""

    kind: Literal["minigrid"] = Field(description="MiniGrid and BabyAI worlds")
    env_id: str = Field(description="a world: ludus list worlds")
    num_envs: int = Field(default=16, ge=1, le=1024, description="envs played side by side")
    view: Literal["partial", "full"] = Field(
        default="partial", description="partial: what lies ahead of the agent; full: the whole grid"
    )
    view_size: int = Field(default=7, ge=3, le=31, description="cells along a side of the view")
    tile_size: int = Field(default=8, ge=2, le=32, description="pixels along a side of a cell")
    stack: int = Field(default=1, ge=1, le=16, description="latest frames seen at once")
    mission_words: int = Field(
        default=0, ge=0, le=512, description="words of the mission that are read; 0: it is not seen"
    )

    @field_validator("env_id")
    @classmethod
    def _known_world(cls, env_id: str) -> str:
        worlds = list_grid_worlds()
        if env_id.startswith("MiniGrid-WFC-"):
            raise ValueError(
                f"{env_id} cannot be made: MiniGrid's packages lack the pictures that its WFC "
                "worlds are patterned on"
            )
        world = meant(env_id, worlds, "MiniGrid-", "BabyAI-")
        if world is None:
            known = f"there are {len(worlds)}, e.g. MiniGrid-DoorKey-6x6-v0, BabyAI-GoToObj-v0"
            near = did_you_mean(env_id, worlds, otherwise=known)
            raise ValueError(f"unknown MiniGrid world {env_id!r}{near}")
        return world

    @field_validator("view_size")
    @classmethod
    def _has_a_centre(cls, view_size: int) -> int:
        if view_size % 2 == 0:
            raise ValueError(
                f"the agent stands in the middle of its view: not {view_size}, an odd size"
            )
        return view_size

    @property
    def title(self) -> str:
        """The world's id."""
        return self.env_id

    @property
    def human_play(self) -> HumanPlay:
        return HumanPlay(KEYS, LABELS, flat_colours=True)

    @property
    def sees_screen(self) -> bool:
        return self.view == "full"

    def make(self) -> ReplayedEnvs:
        return ReplayedEnvs(MiniGridWorlds(self))


def list_grid_worlds() -> list[str]:
    """Returns the ids of all MiniGrid and BabyAI worlds but the `WFC` ones (see `_known_world`)."""
    return sorted(
        env_id
        for env_id, spec in gymnasium.registry.items()
        if str(spec.entry_point).startswith("minigrid.") and "wfc" not in str(spec.entry_point)
    )


class TileAtlas:
    """The pictures of all kinds of cells met so far, each drawn once by MiniGrid.

    A kind is what `WorldObj.encode` tells apart (type, color, state), which is also what MiniGrid's
    own tile cache goes by: the contents of a box, say, do not show.
    """

    def __init__(self, tile_size: int) -> None:
        """Knows the empty cell only."""
        self._tile_size = tile_size
        self._kind_of_code: dict[tuple[int, int, int], int] = {}
        self._examples: list[Any] = [None]  # an object of each kind
        self.see_behind = np.ones(1, np.bool_)  # [kinds]
        self._drawn = np.zeros(PICTURES_PER_KIND, np.bool_)
        self._pictures = np.zeros((PICTURES_PER_KIND, 3, tile_size, tile_size), np.uint8)

    def kinds(self, cells: Sequence[Any]) -> list[int]:
        """Returns the kind of each of `cells`, which are MiniGrid's objects or None."""
        known = self._kind_of_code
        try:
            return [EMPTY if cell is None else known[cell.encode()] for cell in cells]
        except KeyError:
            for cell in cells:
                if cell is not None and cell.encode() not in known:
                    self._add(cell)
            return self.kinds(cells)

    def _add(self, cell: Any) -> None:
        self._kind_of_code[cell.encode()] = len(self._examples)
        self._examples.append(copy(cell))  # a copy, since a door changes
        self.see_behind = np.append(self.see_behind, bool(cell.see_behind()))
        new = np.zeros((PICTURES_PER_KIND, *self._pictures.shape[1:]), np.uint8)
        self._pictures = np.concatenate([self._pictures, new])
        self._drawn = np.concatenate([self._drawn, np.zeros(PICTURES_PER_KIND, np.bool_)])

    def gather(self, pictures: IntArray) -> npt.NDArray[np.uint8]:
        """Returns `[N, 3, H * tile_size, W * tile_size]` for picture numbers `[N, H, W]`."""
        if not self._drawn[pictures].all():
            for number in np.unique(pictures[~self._drawn[pictures]]):
                self._draw(int(number))
        n, height, width = pictures.shape
        tiles = self._pictures[pictures]  # [N, H, W, 3, tile, tile]
        size = self._tile_size
        rows_first = tiles.transpose(0, 3, 1, 4, 2, 5)
        return rows_first.reshape(n, 3, height * size, width * size)

    def _draw(self, number: int) -> None:
        kind, variant = divmod(number, PICTURES_PER_KIND)
        direction = variant // 2 - 1
        tile = Grid.render_tile(
            self._examples[kind],
            agent_dir=None if direction < 0 else direction,
            highlight=bool(variant % 2),
            tile_size=self._tile_size,
        )
        self._pictures[number] = tile.astype(np.uint8).transpose(2, 0, 1)
        self._drawn[number] = True


@lru_cache(maxsize=1 << 16)
def _sweep(seen: int, clear: int, width: int) -> tuple[int, int]:
    """Spreads sight along one row of a view, as a row of `Grid.process_vis` does.

    Args:
        seen: bit i says that column i is seen from the row behind.
        clear: bit i says that one can see beyond column i.
        width: columns.

    Returns:
        What is seen of this row, and what of the row ahead of it.
    """
    ahead = 0
    for i in range(width - 1):
        if (seen & clear) >> i & 1:
            seen |= 1 << (i + 1)
            ahead |= 0b11 << i
    for i in range(width - 1, 0, -1):
        if (seen & clear) >> i & 1:
            seen |= 1 << (i - 1)
            ahead |= 0b11 << (i - 1)
    return seen, ahead


class Pose(NamedTuple):
    """What a view shows from one place in one direction.

    The view is turned so that the agent stands in the middle of the last row and looks up.
    """

    indices: IntArray  # [V * V] where in the flat grid each cell of the view is; beyond it: W * H
    getter: Callable[[Any], Any]  # picks these from a list
    agent: int  # where in the flat grid the agent stands


class _Sight:
    """Which cells of the grid an agent's view shows, and which of these it sees."""

    def __init__(self, world: Any, view_size: int) -> None:
        self._width, self._height = world.width, world.height
        self._size = view_size
        self._bits = 1 << np.arange(view_size)
        self._through_walls = bool(world.see_through_walls)
        self._poses: dict[tuple[int, int, int], Pose] = {}

    def pose(self, world: Any) -> Pose:
        """Returns what the agent's view shows as it now stands."""
        x, y = world.agent_pos
        key = (int(x), int(y), world.agent_dir)
        if key not in self._poses:
            self._poses[key] = self._compute_pose(*key)
        return self._poses[key]

    def _compute_pose(self, x: int, y: int, direction: int) -> Pose:
        ahead = DIR_TO_VEC[direction]
        right = np.array((-ahead[1], ahead[0]))
        steps_ahead = np.arange(self._size - 1, -1, -1)[:, None, None]
        steps_right = (np.arange(self._size) - self._size // 2)[None, :, None]
        cells = np.array((x, y)) + steps_ahead * ahead + steps_right * right  # [V, V, 2]
        xs, ys = cells.reshape(-1, 2).T
        inside = (xs >= 0) & (xs < self._width) & (ys >= 0) & (ys < self._height)
        indices = np.where(inside, ys * self._width + xs, self._width * self._height)
        return Pose(indices, itemgetter(*indices.tolist()), y * self._width + x)

    def seen(self, clear: BoolArray) -> BoolArray:
        """Returns which cells are seen `[N, V, V]`; `clear`: where one can see beyond the cell."""
        if self._through_walls:
            return np.ones_like(clear)
        seen_rows = []
        for clear_rows in (clear @ self._bits).tolist():
            ahead, rows = 1 << (self._size // 2), []
            for clear_row in reversed(clear_rows):
                row, ahead = _sweep(ahead, clear_row, self._size)
                rows.append(row)
            seen_rows.append(rows[::-1])
        seen_bits: IntArray = np.array(seen_rows)[:, :, None] & self._bits
        seen: BoolArray = seen_bits != 0
        return seen


class MiniGridWorlds(Worlds):
    """N MiniGrid worlds for `envs.replayed.ReplayedEnvs`.

    A frame is `[3, H, W]` RGB. H = W = view_size * tile_size in a partial view, and the size of the
    grid times tile_size in a full one, where what the agent sees is highlighted.
    """

    def __init__(self, config: MiniGridConfig) -> None:
        """Nothing runs before `begin`."""
        n = config.num_envs
        # A spec instead of the id: no warning where a later version of the world exists.
        entry = gymnasium.spec(config.env_id)
        self._worlds: list[Any] = [
            gymnasium.make(
                entry, disable_env_checker=True, agent_view_size=config.view_size
            ).unwrapped
            for _ in range(n)
        ]
        for world in self._worlds:
            world.gen_obs = dict  # its own observation, of which nothing is used, takes 95 us
        world = self._worlds[0]
        self._full = config.view == "full"
        self._view_size = config.view_size
        self._atlas = TileAtlas(config.tile_size)
        self._sight = _Sight(world, config.view_size)
        view = (config.view_size, config.view_size)
        height, width = (world.height, world.width) if self._full else view
        frame = (3, height * config.tile_size, width * config.tile_size)
        parts: tuple[Part, ...] = ()
        if config.mission_words:
            mission = Part("mission", "text", (config.mission_words, 2))
            parts = (Part("picture", "picture", frame), mission)
            frame = (1, 1, sum(part.num_bytes for part in parts))
        self._missions = np.zeros((n, config.mission_words, 2), np.uint8)
        self.spec = EnvSpec(
            name=f"minigrid/{config.env_id}",
            num_envs=n,
            obs_shape=(frame[0] * config.stack, *frame[1:]),
            frame_channels=frame[0],
            parts=parts,
            action_names=tuple(action.name for action in Actions)[: world.action_space.n],
            success_return_above=0.0,
        )

    def begin(self, i: int, seed: int) -> None:
        with redirect_stdout(None):  # BabyAI prints each rejected draw of a level
            self._worlds[i].reset(seed=seed)
        self._missions[i] = hash_words(self._worlds[i].mission, self._missions.shape[1])

    def step(self, i: int, action: int) -> Outcome:
        _, reward, terminated, truncated, _ = self._worlds[i].step(action)
        return reward, terminated, truncated

    def draw(self, rows: Sequence[int]) -> npt.NDArray[np.uint8]:
        worlds = [self._worlds[i] for i in rows]
        poses = [self._sight.pose(world) for world in worlds]
        pictures = self._full_pictures if self._full else self._partial_pictures
        frames = self._atlas.gather(pictures(worlds, poses))
        if self.spec.parts:
            missions = self._missions[rows].reshape(len(rows), -1)
            frames = np.concatenate([frames.reshape(len(rows), -1), missions], 1)[:, None, None]
        return frames

    def _partial_pictures(self, worlds: Sequence[Any], poses: Sequence[Pose]) -> IntArray:
        """Returns the numbers `[n, V, V]` of the pictures that make up each agent's view."""
        size = self._view_size
        cells = [p.getter(w.grid.grid + BEYOND) for w, p in zip(worlds, poses, strict=True)]
        kinds = np.array([self._atlas.kinds(c) for c in cells]).reshape(-1, size, size)
        seen = self._sight.seen(self._atlas.see_behind[kinds])
        # The agent's own cell shows what it carries, not what it stands on.
        kinds[:, -1, size // 2] = self._atlas.kinds([world.carrying for world in worlds])
        pictures = np.where(seen, kinds * PICTURES_PER_KIND + HIGHLIGHT, UNSEEN)
        pictures[:, -1, size // 2] += FACING_UP
        return pictures

    def _full_pictures(self, worlds: Sequence[Any], poses: Sequence[Pose]) -> IntArray:
        """Returns the numbers `[n, H, W]` of the pictures that make up each grid."""
        size, n = self._view_size, len(worlds)
        kinds = np.array([self._atlas.kinds(world.grid.grid + BEYOND) for world in worlds])
        view = np.array([pose.indices for pose in poses])
        in_view = np.take_along_axis(kinds, view, axis=1).reshape(n, size, size)
        seen = self._sight.seen(self._atlas.see_behind[in_view])
        light = np.zeros_like(kinds)
        np.put_along_axis(light, view, seen.reshape(n, -1) * HIGHLIGHT, axis=1)
        pictures: IntArray = kinds * PICTURES_PER_KIND + light
        for row, pose, world in zip(pictures, poses, worlds, strict=True):
            row[pose.agent] += FACING_RIGHT + 2 * world.agent_dir
        return pictures[:, :-1].reshape(n, worlds[0].height, worlds[0].width)

    def render(self) -> npt.NDArray[np.uint8]:
        """See `Worlds.render`: the whole grid, what the agent sees highlighted."""
        picture: npt.NDArray[np.uint8] = self._worlds[0].get_frame(tile_size=RENDER_TILE_SIZE)
        return picture

    def close(self) -> None:
        for world in self._worlds:
            world.close()
