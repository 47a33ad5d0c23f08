"""A trained agent as Python programs use it: an observation in, an action out."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agents.base import Memory
from envs import env_spec
from envs.base import EnvConfig, Step
from workbench.evaluation.episodes import EvalActor
from workbench.evaluation.load import EnvAgent
from workbench.training.devices import torch_threads

if TYPE_CHECKING:
    from ludus.plain import PlainWorld

Flags = npt.NDArray[np.bool_]


class TrainedAgent:
    """An agent that acts as `ludus eval` lets it act, in one env or in a batch of them.

    It remembers: one that has a memory must be told where episodes begin, by `reset` or by `first`.

    Attributes:
        spec: what it sees and does: `obs_shape`, `action_names`, ...
        env_steps: how long it was trained.
    """

    def __init__(self, trained: EnvAgent) -> None:
        """Acts as if nothing had been seen yet."""
        self.spec = env_spec(trained.env)
        self.env_steps = trained.env_steps
        self._agent = trained.agent
        self._torch_threads = trained.run.config.torch_threads
        self._plain = _plain_world(trained.env)
        self._memory: Memory = ()
        self._seen = np.zeros(0, np.uint8)  # [N, C, H, W], stacks of a plain world's frames
        self.reset(seed=0)

    def reset(self, *, seed: int | None = None, eval_episode: int = 0) -> None:
        """Forgets everything: each of the next observations begins an episode.

        Args:
            seed: of the random actions that a protocol of evaluation asks for, as Atari's do; None:
                they go on. In other worlds nothing depends on it.
            eval_episode: which episode of `ludus eval --seed SEED` the first env plays, as for
                `World.reset`.
        """
        if seed is not None:
            self._actor = EvalActor(self._agent, self.spec, seed, eval_episode)
        self._rows: tuple[int, ...] | None = None

    def act(self, observation: Any, first: Flags | bool | None = None) -> Any:
        """Chooses the best action.

        Args:
            observation: of `ludus.make(run)`: uint8 `[*spec.obs_shape]`, or `[N, *spec.obs_shape]`
                of N envs. An agent that was trained in a world of kind `gymnasium` also takes what
                that world shows by itself, or a batch of it from `gymnasium.vector`.
            first: where it begins an episode, one flag or `[N]`; None: nowhere but after `reset`.

        Returns:
            The number of the action, an int; or `[N]` int64. Up to 16 envs, an action does not
            depend on how many there are; beyond, rounding may decide between two that are equal.
            To what a world shows by itself, the action as that world takes it.

        Raises:
            ValueError: the observation is not one of this world, or the number of envs changed
                without a `reset`.
        """
        plain = None if _is_seen(observation, self.spec.obs_shape) else self._plain
        if plain is not None:
            frames, rows = plain.frames(observation)
            begins = self._begins(rows, first)
            self._seen[begins] = 0
            kept = self._seen[:, self.spec.frame_channels :]
            self._seen = np.concatenate([kept, frames], axis=1)
            obs = self._seen
        else:
            obs, rows = self._rows_of(np.asarray(observation))
            begins = self._begins(rows, first)
        count = len(obs)
        step = Step(
            obs,
            reward=np.zeros(count, np.float32),
            discount=np.ones(count, np.float32),
            first=begins,
            last=np.zeros(count, np.bool_),
        )
        with torch_threads(self._torch_threads):
            decision, self._memory = self._actor.act(step, self._memory, explore=False)
        if plain is not None:
            return plain.actions(decision.action, rows)
        return decision.action if rows else int(decision.action[0])

    def _rows_of(self, obs: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], tuple[int, ...]]:
        """Returns `[N, C, H, W]`, and the shape `()` or `(N,)` that N stands for."""
        shape = self.spec.obs_shape
        if not _is_seen(obs, shape):
            raise ValueError(
                f"the observation is {obs.dtype} {list(obs.shape)}, and this agent sees uint8 "
                f"{list(shape)}, or a batch of them; ludus.make(run) is a world that shows them"
            )
        return obs.reshape(-1, *shape), obs.shape[:-3]

    def _begins(self, rows: tuple[int, ...], first: Flags | bool | None) -> Flags:
        """Returns where episodes begin, `[N]`, and begins to act in so many envs after `reset`."""
        count = rows[0] if rows else 1
        if self._rows is None:
            self._rows = rows
            self._memory = self._actor.initial_memory(count)
            self._seen = np.zeros((count, *self.spec.obs_shape), np.uint8)
            return np.ones(count, np.bool_)
        if rows != self._rows:
            raise ValueError(
                f"the agent acts in {_told(self._rows)}, and this is an observation of "
                f"{_told(rows)}; call reset() before it acts elsewhere"
            )
        begins = np.asarray(False if first is None else first, np.bool_)
        if begins.ndim and begins.shape != rows:
            raise ValueError(f"first has the shape {list(begins.shape)}, not {list(rows)}")
        return np.array(np.broadcast_to(begins, (count,)))


def _is_seen(observation: Any, shape: tuple[int, int, int]) -> bool:
    """Whether it is what agents see, of one env or of several."""
    return (
        isinstance(observation, np.ndarray)
        and observation.dtype == np.uint8
        and observation.shape[-3:] == shape
        and observation.ndim <= 4
        and observation.size > 0
    )


def _told(rows: tuple[int, ...]) -> str:
    return f"{rows[0]} envs" if rows else "one env"


def _plain_world(config: EnvConfig) -> "PlainWorld | None":
    """Returns the world by itself, if it is one of Gymnasium's."""
    if config.kind != "gymnasium":
        return None
    from envs.gymnasium_worlds import GymnasiumConfig
    from ludus.plain import PlainWorld

    assert isinstance(config, GymnasiumConfig)
    return PlainWorld(config)
