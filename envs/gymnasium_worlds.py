"""People's own worlds: any environment that follows Gymnasium's interface.

It is named by its id, as `gymnasium.make` takes it, and may come from a Python file, which is run
before. A world need not repeat an episode given its seed and actions: where one does not, a resumed
training cuts the unfinished episodes off and begins new ones (`envs.replayed`).
"""

import importlib
import re
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from math import isfinite
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType
from typing import Any, Literal

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.envs.registration import load_env_creator
from gymnasium.utils.env_checker import check_env
from pydantic import Field, field_validator, model_validator

from envs.base import EnvConfig, EnvSpec, HumanPlay, Part, WorldFailure
from envs.replayed import Outcome, ReplayedEnvs, Worlds
from envs.spaces import Actions, Observations, View, as_rgb, split_parts
from envs.spelling import did_you_mean

# Of a world that is made, so that what is wrong is told before a run is begun.
TRIED_STEPS = 100
TRIED_SECONDS = 2.0
ANSI = re.compile(r"\x1b\[[0-9;]*m")  # the colours that Gymnasium warns in
RENDER_SIZE = 256  # of what is drawn for a world that does not draw itself


class GymnasiumConfig(EnvConfig):
    """Which world, where it comes from, how it is seen, and how many envs."""

    kind: Literal["gymnasium"] = Field(description="any world that follows Gymnasium's interface")
    id: str = Field(
        min_length=1, description="as gymnasium.make takes it, or a class of the module"
    )
    module: str | None = Field(
        default=None, description="a Python file, or a module, that registers or defines the world"
    )
    kwargs: dict[str, Any] = Field(default={}, description="given to the world when it is made")
    wrappers: tuple[str, ...] = Field(
        default=(), description="package.module:Class, applied from the first to the last"
    )
    num_envs: int = Field(default=8, ge=1, le=1024, description="envs played side by side")
    grayscale: bool = Field(default=False, description="of pictures; they become smaller")
    height: int | None = Field(
        default=None, ge=3, le=512, description="pictures' new height in pixels; null: as they are"
    )
    width: int | None = Field(
        default=None, ge=3, le=512, description="pictures' new width in pixels; null: as they are"
    )
    stack: int = Field(default=1, ge=1, le=16, description="latest frames seen at once")
    text_words: int = Field(default=24, ge=1, le=512, description="words of a text that are read")
    max_episode_steps: int | None = Field(
        default=None, ge=1, le=10**9, description="cuts an episode off; null: the world's own limit"
    )
    success_return_above: float | None = Field(
        default=None,
        ge=-1e12,
        le=1e12,
        description="an episode with a higher return counts as a success",
    )

    @field_validator("module")
    @classmethod
    def _a_file_is_found_from_everywhere(cls, module: str | None) -> str | None:
        if module is not None and module.endswith(".py"):
            return str(Path(module).expanduser().resolve())
        return module

    @model_validator(mode="after")
    def _pictures_have_two_sides(self) -> "GymnasiumConfig":
        if (self.height is None) != (self.width is None):
            raise ValueError("height and width go together: set both or none")
        return self

    @property
    def title(self) -> str:
        """The world's id, without the module before it."""
        return self.id.rpartition(":")[2].rpartition("/")[2]

    @property
    def human_play(self) -> HumanPlay:
        return HumanPlay(steps_per_second=None)

    def make(self) -> ReplayedEnvs:
        return ReplayedEnvs(GymnasiumWorlds(self))

    def complaints(self) -> list[tuple[str, bool]]:
        """See `EnvConfig.complaints`: those of Gymnasium's own checker."""
        world, broken = make_world(self), []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                check_env(world.unwrapped, skip_render_check=True)
            except Exception as error:
                broken.append((_line(error), True))
            try:
                with redirect_stdout(None):  # some print what they should draw
                    world.reset(seed=0)
                    world.render()
            except Exception as error:
                broken.append((f"it does not draw itself: {_line(error)}", False))
            finally:
                world.close()
        hints = (" ".join(ANSI.sub("", str(one.message)).split()) for one in caught)
        return broken + [(hint.removeprefix("WARN: "), False) for hint in dict.fromkeys(hints)]


def make_world(config: GymnasiumConfig) -> "gymnasium.Env[Any, Any]":
    """Returns one world as its author wrote it, with the wrappers of `config`.

    Raises:
        ValueError: it cannot be made; the message says why, in one line.
    """
    module = None if config.module is None else _load_module(config.module)
    try:
        maker: Any = getattr(module, config.id, None)
        if maker is None:
            maker = _registered(config.id)
        world = _with_pictures(maker, config.kwargs)
        for name in config.wrappers:
            world = resolve_name(name)(world)
        if config.max_episode_steps is not None:
            world = gymnasium.wrappers.TimeLimit(world, config.max_episode_steps)
    except gymnasium.error.Error as error:
        raise ValueError(_line(error)) from error
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"{config.id} cannot be made: {_line(error)}") from error
    return world


def _registered(env_id: str) -> Any:
    """Returns Gymnasium's entry of this id, whose module it imports; raises ValueError."""
    module, _, name = env_id.rpartition(":")
    if module:
        try:
            importlib.import_module(module)
        except Exception as error:
            raise ValueError(f"the module {module!r} cannot be imported: {_line(error)}") from error
    if name not in gymnasium.registry:
        near = did_you_mean(name, gymnasium.registry, otherwise="")
        raise ValueError(
            f"Gymnasium knows no world {name!r}{near}"
            + (" (module: FILE.py runs the file that registers it)" if not (module or near) else "")
        )
    return gymnasium.spec(name)  # the very version that was asked for, without a warning


def _with_pictures(maker: Any, kwargs: dict[str, Any]) -> "gymnasium.Env[Any, Any]":
    """Makes the world so that it draws itself, if it can."""
    if not isinstance(maker, gymnasium.envs.registration.EnvSpec):
        world: gymnasium.Env[Any, Any] = maker(**_drawn(maker) | kwargs)
        return world
    entry = maker.entry_point
    creator = load_env_creator(entry) if isinstance(entry, str) else entry
    try:
        return gymnasium.make(maker, disable_env_checker=True, **_drawn(creator) | kwargs)
    except TypeError:  # it takes no render_mode, whatever it says
        return gymnasium.make(maker, disable_env_checker=True, **kwargs)


def _drawn(creator: Any) -> dict[str, str]:
    """Returns what makes a world draw itself into an array, if it says that it can."""
    modes = getattr(creator, "metadata", {}).get("render_modes", ())
    return {"render_mode": "rgb_array"} if "rgb_array" in modes else {}


def _load_module(name: str) -> ModuleType:
    """Runs a Python file, or imports a module; each is run once."""
    if not name.endswith(".py"):
        try:
            return importlib.import_module(name)
        except Exception as error:
            raise ValueError(f"the module {name!r} cannot be imported: {_line(error)}") from error
    if name in sys.modules:
        return sys.modules[name]
    if not Path(name).is_file():
        raise ValueError(f"there is no file {name}")
    spec = spec_from_file_location(name, name)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ValueError(f"{name} cannot be run: {_line(error)}") from error
    return module


def _line(error: BaseException) -> str:
    """Returns what an exception says, in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class GymnasiumWorlds(Worlds):
    """N copies of a world for `envs.replayed.ReplayedEnvs`."""

    repeats = False

    def __init__(self, config: GymnasiumConfig) -> None:
        """Makes the worlds, and tries the first one for a few steps.

        Raises:
            ValueError: it cannot be made, agents cannot see or act in it, or it breaks its own
                rules; the message says why, in one line.
        """
        self._name = f"gymnasium/{config.title}"
        self._worlds = [make_world(config) for _ in range(config.num_envs)]
        world = self._worlds[0]
        size = None if config.height is None else (config.height, config.width or config.height)
        try:
            self._observations = Observations(
                world.observation_space, View(config.grayscale, size, config.text_words)
            )
            self._actions = Actions(world.action_space, meanings(world))
        except ValueError as error:
            raise ValueError(f"{config.title}: {error}") from None
        channels, height, width = self._observations.frame_shape
        self.spec = EnvSpec(
            name=self._name,
            num_envs=config.num_envs,
            obs_shape=(channels * config.stack, height, width),
            frame_channels=channels,
            action_names=self._actions.names,
            parts=self._observations.parts,
            success_return_above=config.success_return_above,
        )
        self._frames = np.zeros((config.num_envs, *self.spec.frame_shape), np.uint8)
        self._try()

    def _try(self) -> None:
        """Plays a few steps, so that what breaks at once breaks before anything is learned."""
        rng = np.random.default_rng(0)
        enough = time.monotonic() + TRIED_SECONDS
        self.begin(0, seed=0)
        for _ in range(TRIED_STEPS):
            _, terminated, truncated = self.step(0, int(rng.integers(len(self._actions.names))))
            if terminated or truncated or time.monotonic() > enough:
                break

    def begin(self, i: int, seed: int) -> None:
        """See `Worlds.begin`; raises WorldFailure where the world raises anything."""
        try:
            with redirect_stdout(sys.stderr):
                observation, _ = self._worlds[i].reset(seed=seed)
            self._frames[i] = self._observations.read(observation)
        except Exception as error:
            raise WorldFailure(f"{self._name}, in reset: {_line(error)}") from error

    def step(self, i: int, action: int) -> Outcome:
        """See `Worlds.step`; raises WorldFailure where the world does, or breaks its own rules."""
        try:
            with redirect_stdout(sys.stderr):
                observation, reward, terminated, truncated, _ = self._worlds[i].step(
                    self._actions[action]
                )
            self._frames[i] = self._observations.read(observation)
            value = float(reward)
            if not isfinite(value):
                raise ValueError(f"the reward is {value}")
        except Exception as error:
            raise WorldFailure(
                f"{self._name}, in step({self._actions.names[action]}): {_line(error)}"
            ) from error
        return value, bool(terminated), bool(truncated) and not terminated

    def draw(self, rows: Sequence[int]) -> npt.NDArray[np.uint8]:
        return self._frames[rows]

    def render(self) -> npt.NDArray[np.uint8]:
        """See `Worlds.render`; a world that does not draw itself shows what the agent sees."""
        picture = _rendered(self._worlds[0])
        return self._shown() if picture is None else picture

    def _shown(self) -> npt.NDArray[np.uint8]:
        """Returns a picture of what the agent sees in copy 0."""
        return _as_picture(self._frames[0], self.spec.parts)

    def close(self) -> None:
        for world in self._worlds:
            world.close()


def _rendered(world: Any) -> npt.NDArray[np.uint8] | None:
    """Returns what a world draws, `[H, W, 3]`; None where it draws nothing or cannot."""
    if world.render_mode != "rgb_array":
        return None
    try:
        picture = np.asarray(world.render(), np.uint8)
    except Exception:  # `ludus check` tells; what is learned does not depend on it
        return None
    return picture[..., :3] if picture.ndim == 3 and picture.shape[2] >= 3 else None


def meanings(world: Any) -> Sequence[str]:
    """Returns what a world calls its actions, if it does."""
    for name in ("action_names", "get_action_meanings"):
        try:
            found = world.get_wrapper_attr(name)
            return [str(one) for one in (found() if callable(found) else found)]
        except (AttributeError, TypeError):
            continue
    return ()


def _as_picture(frame: npt.NDArray[np.uint8], parts: Sequence[Part]) -> npt.NDArray[np.uint8]:
    """Returns a picture `[H, W, 3]` of a frame: the largest one in it, or bars for its numbers."""
    if not parts:
        return enlarged(frame)
    read = dict(zip(parts, split_parts(frame, parts), strict=True))
    pictures = [part for part in parts if part.kind == "picture"]
    if pictures:
        largest = max(pictures, key=lambda part: part.num_bytes)
        return enlarged(read[largest].reshape(largest.shape))
    numbers = [data.view(np.float32) for part, data in read.items() if part.kind == "vector"]
    return bars(np.concatenate(numbers) if numbers else np.zeros(1, np.float32))


def enlarged(planes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Returns `[C, H, W]` as a larger picture `[H', W', 3]`, see `as_rgb`."""
    times = max(1, RENDER_SIZE // max(planes.shape[1:]))
    return as_rgb(planes).repeat(times, axis=0).repeat(times, axis=1)


def bars(numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Returns a bar for each number, from -1 at the bottom to 1 at the top."""
    picture = np.zeros((RENDER_SIZE, RENDER_SIZE, 3), np.uint8)
    middle = RENDER_SIZE // 2
    tops = (middle - np.clip(numbers, -1, 1) * (middle - 1)).astype(int)
    edges = np.linspace(0, RENDER_SIZE, len(tops) + 1).astype(int)
    for top, left, right in zip(tops, edges, edges[1:], strict=False):
        picture[min(top, middle) : max(top, middle) + 1, left : max(left + 1, right - 2)] = 200
    return picture
