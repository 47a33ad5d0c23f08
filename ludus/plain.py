"""People's own worlds by themselves: what they show and take, as agents see it and act."""

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from envs.gymnasium_worlds import GymnasiumConfig, make_world
from envs.spaces import Actions, Observations, View

Rows = tuple[int, ...]  # () of one env, (N,) of N


class PlainWorld:
    """What a world of kind `gymnasium` shows and takes by itself."""

    def __init__(self, config: GymnasiumConfig) -> None:
        """Makes the world once, to learn its spaces; raises ValueError if it cannot be made."""
        world = make_world(config)
        self._title, self._space = config.title, world.observation_space
        size = None if config.height is None else (config.height, config.width or config.height)
        view = View(config.grayscale, size, config.text_words)
        self._observations = Observations(self._space, view)
        self._actions = Actions(world.action_space)
        world.close()

    def frames(self, observation: Any) -> tuple[npt.NDArray[np.uint8], Rows]:
        """Returns frames `[N, *frame_shape]` of one observation or of a batch, and which it is.

        Raises:
            ValueError: it is not of this world's space.
        """
        try:
            batch = _is_batch(self._space, observation)
            seen = _split(self._space, observation) if batch else [observation]
            frames = np.stack([self._observations.read(one) for one in seen])
        except (IndexError, KeyError, TypeError, ValueError) as error:
            reason = f"there is no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"the observation is not one of {self._title}: {reason}") from None
        return frames, (len(frames),) if batch else ()

    def actions(self, numbers: npt.NDArray[np.int64], rows: Rows) -> Any:
        """Returns the actions `[N]` of these numbers as the world takes them, or the only one."""
        taken = [self._actions[number] for number in numbers.tolist()]
        return np.array(taken) if rows else taken[0]


def _is_batch(space: spaces.Space[Any], value: Any) -> bool:
    match space:
        case spaces.Dict():
            return any(_is_batch(inner, value[key]) for key, inner in space.spaces.items())
        case spaces.Tuple():
            return any(_is_batch(*one) for one in zip(space.spaces, value, strict=True))
        case _ if space.shape:
            return np.ndim(value) == len(space.shape) + 1
    return not isinstance(value, str) and np.ndim(value) == 1  # texts and numbers


def _split(space: spaces.Space[Any], value: Any) -> list[Any]:
    """Returns the observations of a batch, each as one env gives it."""
    match space:
        case spaces.Dict():
            inside = [_split(inner, value[key]) for key, inner in space.spaces.items()]
            return [dict(zip(space.spaces, one, strict=True)) for one in zip(*inside, strict=True)]
        case spaces.Tuple():
            parts = zip(space.spaces, value, strict=True)
            return list(zip(*(_split(*one) for one in parts), strict=True))
    return list(value)
