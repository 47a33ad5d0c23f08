"""A world of Ludus as a `gymnasium.Env`, so that any library can train in it."""

from typing import Any, cast

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from envs import make_envs, make_rendered_env
from envs.base import EnvConfig, RenderableEnv, Step
from workbench.evaluation.episodes import EVAL_SEED_OFFSET, MAX_EVAL_ENVS

Pixels = npt.NDArray[np.uint8]


class World(gymnasium.Env[Pixels, Any]):
    """One env, seen exactly as the agents of Ludus see it; rewards are raw scores.

    An observation is uint8 `[C, H, W]`, `facts.obs_shape`: a stack of pictures, channels first, the
    oldest first. In worlds of several parts it holds their bytes, see `facts.parts`.

    Attributes:
        facts: what agents know of this world, see `envs.base.EnvSpec`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012 - as Gymnasium has it

    def __init__(self, config: EnvConfig, render_mode: str | None = None) -> None:
        """Starts the simulator; raises ValueError if it does not start."""
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"there is no render_mode {render_mode!r}; it is 'rgb_array' or None")
        self.render_mode = render_mode
        alone = config.model_copy(update={"num_envs": 1})
        self._envs = make_envs(alone) if render_mode is None else make_rendered_env(alone)
        self.facts = self._envs.spec
        self.observation_space = spaces.Box(0, 255, self.facts.obs_shape, np.uint8)
        self.action_space = spaces.Discrete(self.facts.num_actions)
        self._now: Step | None = None
        self._closed = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Pixels, dict[str, Any]]:
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
        if seed is not None:
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
        return self._now.obs[0], {}

    def step(self, action: Any) -> tuple[Pixels, float, bool, bool, dict[str, Any]]:
        """See `gymnasium.Env.step`; the reward is the raw score.

        `info["discount"]` is 0 where a learner should expect no more reward: at the end, and under
        Atari's protocol `classic` also where a life is lost.

        Raises:
            ValueError: there is no such action.
            ResetNeeded: no episode has begun, or it is over.
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
        return step.obs[0], float(step.reward[0]), terminated, last and not terminated, info

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


def _eval_episode(options: dict[str, Any]) -> int | None:
    """Returns which episode of an evaluation is asked for; raises ValueError."""
    for option in options:
        if option != "eval_episode":
            raise ValueError(f"there is no option {option!r}; there is eval_episode")
    episode = options.get("eval_episode")
    if episode is not None and episode not in range(MAX_EVAL_ENVS):
        raise ValueError(f"eval_episode is {episode!r}, not one of 0 to {MAX_EVAL_ENVS - 1}")
    return None if episode is None else int(episode)
