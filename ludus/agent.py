"""A trained agent as Python programs use it: an observation in, an action out."""

from typing import Any

import numpy as np
import numpy.typing as npt

from agents.base import Memory
from envs import env_spec
from envs.base import Step
from workbench.evaluation.episodes import EvalActor
from workbench.evaluation.load import EnvAgent
from workbench.training.devices import torch_threads

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
        self._memory: Memory | None = None
        self._rows: tuple[int, ...] = ()

    def act(self, observation: npt.NDArray[np.uint8], first: Flags | bool | None = None) -> Any:
        """Chooses the best action.

        Args:
            observation: uint8 `[*spec.obs_shape]` of one env, or `[N, *spec.obs_shape]` of N.
            first: where it begins an episode, one flag or `[N]`; None: nowhere but after `reset`.

        Returns:
            The number of the action, an int; or `[N]` int64. Up to 16 envs, an action does not
            depend on how many there are; beyond, rounding may decide between two that are equal.

        Raises:
            ValueError: the observation is not one of this world, or the number of envs changed
                without a `reset`.
        """
        obs = np.asarray(observation)
        shape = self.spec.obs_shape
        if obs.dtype != np.uint8 or obs.shape[-3:] != shape or obs.ndim > 4 or not obs.size:
            raise ValueError(
                f"the observation is {obs.dtype} {list(obs.shape)}, and this agent sees uint8 "
                f"{list(shape)}, or a batch of them; ludus.make(run) is a world that shows them"
            )
        rows = obs.shape[:-3]
        if self._memory is None:
            begins = np.ones(rows, np.bool_)
            self._memory = self._actor.initial_memory(rows[0] if rows else 1)
            self._rows = rows
        elif rows != self._rows:
            raise ValueError(
                f"the agent acts in {_told(self._rows)}, and this is an observation of "
                f"{_told(rows)}; call reset() before it acts elsewhere"
            )
        else:
            begins = np.asarray(False if first is None else first, np.bool_)
            if begins.ndim and begins.shape != rows:
                raise ValueError(f"first has the shape {list(begins.shape)}, not {list(rows)}")
        count = rows[0] if rows else 1
        step = Step(
            obs.reshape(count, *shape),
            reward=np.zeros(count, np.float32),
            discount=np.ones(count, np.float32),
            first=np.array(np.broadcast_to(begins, (count,))),
            last=np.zeros(count, np.bool_),
        )
        with torch_threads(self._torch_threads):
            decision, self._memory = self._actor.act(step, self._memory, explore=False)
        return decision.action if rows else int(decision.action[0])


def _told(rows: tuple[int, ...]) -> str:
    return f"{rows[0]} envs" if rows else "one env"
