"""People's own worlds without any change, for agents of other libraries: every Gymnasium space.

A `Step.obs` is the bytes of the world's own observation, which such an agent unpacks
(`envs.base.Plain`), so that evaluations and videos are made by the same code as everybody's.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pydantic import Field, model_validator

from envs.base import EnvSpec, Plain, WorldFailure
from envs.gymnasium_worlds import (
    GymnasiumConfig,
    GymnasiumWorlds,
    bars,
    enlarged,
    make_world,
    meanings,
)
from envs.replayed import Outcome, ReplayedEnvs
from envs.spaces import Actions

VIEW = ("grayscale", "height", "width", "stack", "text_words")


class PlainConfig(GymnasiumConfig):
    """Which world, where it comes from, and how many envs."""

    num_envs: int = Field(default=1, ge=1, le=1024)

    @model_validator(mode="after")
    def _nothing_is_changed(self) -> "PlainConfig":
        for key in VIEW:
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(
                    f"an sb3 agent sees the world as its author wrote it, without {key}; "
                    "wrappers can change it, e.g. gymnasium.wrappers:ResizeObservation"
                )
        return self

    def make(self) -> ReplayedEnvs:
        return PlainEnvs(PlainWorlds(self))


class Guarded(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A world whose faults are told by its name."""

    def __init__(self, config: GymnasiumConfig) -> None:
        """Makes the world; raises ValueError if it cannot be made."""
        super().__init__(make_world(config))
        self._name = f"gymnasium/{config.title}"

    def reset(self, **given: Any) -> Any:
        """Raises WorldFailure where the world raises anything."""
        try:
            return self.env.reset(**given)
        except Exception as error:
            raise WorldFailure(f"{self._name}, in reset: {_line(error)}") from error

    def step(self, action: Any) -> Any:
        """Raises WorldFailure where the world raises anything, or its reward is no number."""
        try:
            outcome = self.env.step(action)
            if not isfinite(float(outcome[1])):
                raise ValueError(f"the reward is {outcome[1]}")
        except Exception as error:
            raise WorldFailure(f"{self._name}, in step: {_line(error)}") from error
        return outcome


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


class Packed(Plain):
    """Observations of a space, and the allowed actions where a world tells them, as bytes."""

    def __init__(self, world: "gymnasium.Env[Any, Any]") -> None:
        """Raises ValueError if an observation is not of a fixed size."""
        self.observation_space, self.action_space = world.observation_space, world.action_space
        self.numbered = isinstance(world.action_space, spaces.Discrete)
        seen = world.observation_space
        self._is_dict = isinstance(seen, spaces.Dict)
        inside: Mapping[str, spaces.Space[Any]] = (
            seen.spaces if isinstance(seen, spaces.Dict) else {"": seen}
        )
        self._arrays = {key: _array_of(space) for key, space in inside.items()}
        self._world, self._masks = world, 0
        if world.has_wrapper_attr("action_masks"):
            self._masks = np.asarray(world.get_wrapper_attr("action_masks")()).size
        self.num_bytes = sum(one.nbytes for one in self._arrays.values()) + self._masks

    def read(self, observation: Any) -> npt.NDArray[np.uint8]:
        """Returns `[1, 1, W]`; raises ValueError if the observation is not of its space."""
        given = observation if self._is_dict else {"": observation}
        parts = []
        for key, like in self._arrays.items():
            array = np.asarray(given[key], like.dtype)
            if array.shape != like.shape:
                raise ValueError(f"its shape is {array.shape}, not {like.shape} as its space says")
            parts.append(array.tobytes())
        if self._masks:
            allowed = self._world.get_wrapper_attr("action_masks")()
            parts.append(np.asarray(allowed, np.bool_).tobytes())
        return np.frombuffer(b"".join(parts), np.uint8).reshape(1, 1, -1)

    def unpack(self, obs: npt.NDArray[np.uint8]) -> tuple[Any, npt.NDArray[np.bool_] | None]:
        rows, at = obs.reshape(len(obs), -1), 0
        unpacked = {}
        for key, like in self._arrays.items():
            data = np.ascontiguousarray(rows[:, at : at + like.nbytes])
            unpacked[key] = data.view(like.dtype).reshape(len(obs), *like.shape)
            at += like.nbytes
        masks = rows[:, at:].astype(np.bool_) if self._masks else None
        return unpacked if self._is_dict else unpacked[""], masks


def _array_of(space: spaces.Space[Any]) -> npt.NDArray[Any]:
    if not isinstance(
        space, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary
    ):
        raise ValueError(
            f"its observations hold a {type(space).__name__}; they must be Box, Discrete, "
            "MultiDiscrete, MultiBinary, or a Dict of these"
        )
    return np.zeros(space.shape or (), space.dtype)


class PlainWorlds(GymnasiumWorlds):
    """N copies of a world, unchanged."""

    def __init__(self, config: PlainConfig) -> None:
        """Makes the worlds, and begins an episode of each.

        Raises:
            ValueError: one cannot be made, or breaks its own rules; the message says why.
        """
        self._worlds: list[Any] = [Guarded(config) for _ in range(config.num_envs)]
        for world in self._worlds:  # those that tell allowed actions do so in an episode
            world.reset(seed=0)
        try:
            self._packed = [Packed(world) for world in self._worlds]
        except ValueError as error:
            raise ValueError(f"{config.title}: {error}") from None
        packed = self._packed[0]
        names: tuple[str, ...] = ("numbers",)
        if packed.numbered:
            names = Actions(packed.action_space, meanings(self._worlds[0])).names
        self.spec = EnvSpec(
            name=f"gymnasium/{config.title}",
            num_envs=config.num_envs,
            obs_shape=(1, 1, packed.num_bytes),
            frame_channels=1,
            action_names=names,
            success_return_above=config.success_return_above,
            plain=packed,
        )
        self._frames = np.zeros((config.num_envs, *self.spec.frame_shape), np.uint8)

    def begin(self, i: int, seed: int) -> None:
        self._see(i, self._worlds[i].reset(seed=seed)[0])

    def step(self, i: int, action: Any) -> Outcome:
        observation, reward, terminated, truncated, _ = self._worlds[i].step(action)
        self._see(i, observation)
        return float(reward), bool(terminated), bool(truncated) and not terminated

    def _shown(self) -> npt.NDArray[np.uint8]:
        seen, _ = self._packed[0].unpack(self._frames[:1])
        arrays = [one[0] for one in (seen.values() if isinstance(seen, dict) else [seen])]
        pictures = [one for one in arrays if one.ndim == 3 and one.dtype == np.uint8]
        if pictures:
            picture = max(pictures, key=np.size)
            return enlarged(picture if len(picture) in (1, 3) else picture.transpose(2, 0, 1))
        return bars(np.concatenate([one.ravel() for one in arrays]).astype(np.float32))

    def _see(self, i: int, observation: Any) -> None:
        try:
            self._frames[i] = self._packed[i].read(observation)
        except Exception as error:
            raise WorldFailure(f"{self.spec.name}, its observation: {_line(error)}") from error


class PlainEnvs(ReplayedEnvs):
    """The stream of such worlds; actions that are no numbers of a list are `[N, ...]`."""

    def send(self, actions: npt.NDArray[Any]) -> None:
        self._sent = actions
        given = actions.tolist() if actions.ndim == 1 else list(actions)
        self._outcomes = self._map(self._advance, range(self.spec.num_envs), given)
