"""A world of Ludus as a `gymnasium.Env`, so that any library can train in it."""

from math import prod
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from envs import make_envs, make_rendered_env
from envs.base import EnvConfig, Part, RenderableEnv, Step
from workbench.evaluation.episodes import EVAL_SEED_OFFSET, MAX_EVAL_ENVS

LARGEST = 710.0  # symlog of any float64 is nearer to 0, see `envs.spaces`
Observation = Any  # uint8 [C, H, W], or a dict of arrays


class World(gymnasium.Env[Observation, Any]):
    """One env, seen exactly as the agents of Ludus see it; rewards are raw scores.

    An observation is uint8 `[C, H, W]`, `facts.obs_shape`: a stack of pictures, channels first, the
    oldest first. In worlds of several parts (`facts.parts`) it holds their bytes, as agents take
    them; with `as_dict` it is a dict of these parts, which other libraries can learn from:

        picture    uint8 `[stack * C, H, W]`
        vector     float32 `[stack * D]`
        text       uint8 `[stack * L * 2]`, two hashes of each word

    Attributes:
        facts: what agents know of this world, see `envs.base.EnvSpec`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012 - as Gymnasium has it

    def __init__(
        self, config: EnvConfig, render_mode: str | None = None, *, as_dict: bool = False
    ) -> None:
        """Starts the simulator; raises ValueError if it does not start, or has no parts to show."""
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"there is no render_mode {render_mode!r}; it is 'rgb_array' or None")
        self.render_mode = render_mode
        alone = config.model_copy(update={"num_envs": 1})
        self._envs = make_envs(alone) if render_mode is None else make_rendered_env(alone)
        self.facts = self._envs.spec
        self.observation_space: spaces.Space[Any] = spaces.Box(
            0, 255, self.facts.obs_shape, np.uint8
        )
        self._as_dict = as_dict
        if as_dict:
            if not self.facts.parts:
                self._envs.close()
                raise ValueError(f"{self.facts.name} shows one picture: leave as_dict out")
            self.observation_space = spaces.Dict(
                {_key(part): _space(part, self.facts.stack) for part in self.facts.parts}
            )
        self.action_space = spaces.Discrete(self.facts.num_actions)
        self._now: Step | None = None
        self._closed = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode.

        Args:
            seed: determines this episode and those that follow without a seed. All seeds belong to
                training, unless `options` say otherwise.
            options: `{"eval_episode": i}` begins the i-th of the first 16 episodes that
                `ludus eval --seed SEED` plays. The next without a seed is the one that follows it
                in the same env there.

        Raises:
            ValueError: an option is wrong.
        """
        if seed is not None and seed >= EVAL_SEED_OFFSET:
            seed %= EVAL_SEED_OFFSET
        super().reset(seed=seed)
        episode = _eval_episode(options or {})
        if episode is not None:
            self._envs.reset(EVAL_SEED_OFFSET + (seed or 0), episode)
        elif seed is not None:
            self._envs.reset(seed)
        elif self._now is not None and self._now.last[0]:
            self._envs.send(np.zeros(1, np.int64))  # is ignored
        else:
            self._envs.reset(int(self.np_random.integers(EVAL_SEED_OFFSET)))
        self._now = self._envs.recv()
        return self._shown(self._now), {}

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """See `gymnasium.Env.step`; the reward is the raw score.

        `info["discount"]` is 0 where a learner should expect no more reward: at the end, and under
        Atari's protocol `classic` also where a life is lost.

        Raises:
            ValueError: there is no such action.
            ResetNeeded: no episode has begun, or it is over.
            WorldFailure: a ValueError; the world raised something, or broke its own rules.
        """
        if self._now is None or self._now.last[0]:
            raise ResetNeeded("no episode is under way: call reset()")
        if not self.action_space.contains(action):
            raise ValueError(
                f"there is no action {action!r}; they are 0 to {self.facts.num_actions - 1}: "
                + ", ".join(self.facts.action_names)
            )
        self._envs.send(np.array([action], np.int64))
        self._now = step = self._envs.recv()
        last, discount = bool(step.last[0]), float(step.discount[0])
        terminated = last and discount == 0
        info = {"discount": discount}
        return self._shown(step), float(step.reward[0]), terminated, last and not terminated, info

    def _shown(self, step: Step) -> Observation:
        """Returns the observation, which its owner may write to."""
        obs = step.obs[0].copy()
        if not self._as_dict:
            return obs
        parts, stack = self.facts.parts, self.facts.stack
        ends = np.cumsum([part.num_bytes for part in parts])
        found = np.split(obs.reshape(stack, -1), ends[:-1], axis=1)
        return {
            _key(part): np.ascontiguousarray(frames).view(_dtype(part)).reshape(_shape(part, stack))
            for part, frames in zip(parts, found, strict=True)
        }

    def render(self) -> Any:
        """Returns `[H, W, 3]` RGB of what a person sees; None without `render_mode`."""
        if self.render_mode is None:
            return None
        return cast(RenderableEnv, self._envs).render()

    def close(self) -> None:
        """Frees the simulator; may be called twice."""
        if not self._closed:
            self._closed = True
            self._envs.close()


def _key(part: Part) -> str:
    """Returns a part's name without dots, which PyTorch takes for those of modules."""
    return part.name.replace(".", "/")


def _dtype(part: Part) -> type[np.generic]:
    return np.float32 if part.kind == "vector" else np.uint8


def _shape(part: Part, stack: int) -> tuple[int, ...]:
    if part.kind == "picture":
        return (stack * part.shape[0], *part.shape[1:])
    return (stack * prod(part.shape),)


def _space(part: Part, stack: int) -> spaces.Box:
    low, high = (-LARGEST, LARGEST) if part.kind == "vector" else (0, 255)
    return spaces.Box(low, high, _shape(part, stack), _dtype(part))  # type: ignore[arg-type]


def _eval_episode(options: dict[str, Any]) -> int | None:
    """Returns which episode of an evaluation is asked for; raises ValueError."""
    for option in options:
        if option != "eval_episode":
            raise ValueError(f"there is no option {option!r}; there is eval_episode")
    episode = options.get("eval_episode")
    if episode is not None and episode not in range(MAX_EVAL_ENVS):
        raise ValueError(f"eval_episode is {episode!r}, not one of 0 to {MAX_EVAL_ENVS - 1}")
    return None if episode is None else int(episode)
