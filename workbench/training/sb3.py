"""The loop of Stable-Baselines3: its own methods, called in the order in which `learn` calls them.

So the weights are those of `model.learn(total_env_steps)` in a script of one's own, bit for bit.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.base import Update
from agents.sb3 import SB3Agent, algorithm_class, seeds_kept
from envs import env_spec
from envs.base import State, Step, episode_seed
from envs.plain_worlds import Guarded
from workbench.config import SB3TrainConfig
from workbench.evaluation.load import record_progress
from workbench.runs.run import Run
from workbench.training.loop import Loop, Progress

# What the library logs that is no news here.
NOT_METRICS = ("n_updates",)


class SB3Loop(Loop):
    """A model of SB3 that learns; an iteration is one of its rollouts and the updates after it."""

    def __init__(self, config: SB3TrainConfig, device: torch.device) -> None:
        """Makes the worlds and the model.

        Raises:
            ValueError: SB3 is not installed, or refuses the world or the arguments.
        """
        algorithm_class(config.agent.algorithm)
        from stable_baselines3.common.logger import Logger
        from stable_baselines3.common.monitor import Monitor
        from stable_baselines3.common.vec_env import DummyVecEnv

        spec = env_spec(config.env)
        self._worlds = DummyVecEnv(
            [partial(_monitored, Monitor, config) for _ in range(config.env.num_envs)]
        )
        self._config = config
        model = config.agent.build(self._worlds, device, config.seed)
        self._logger = Logger(None, [])
        model.set_logger(self._logger)
        self.agent = SB3Agent(model, spec)
        self._ticks = Ticks(config.env.num_envs)
        self.parts = {"agent": self.agent, "ticks": self._ticks}

    def start(self) -> None:
        """Does nothing: SB3 begins the first episodes when it begins to learn."""

    def record(self, run: Run, env_steps: int) -> Path:
        with seeds_kept():
            return record_progress(self.agent, self._config.env, run.videos, env_steps)

    def close(self) -> None:
        self._worlds.close()

    def iterations(self) -> Iterator[Progress]:
        from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

        model, ticks = self.agent.model, self._ticks
        begun = model.num_timesteps
        if begun:  # as the worlds are not saved, other episodes than at the start
            self._worlds.seed(episode_seed(self._config.seed, 0, begun))
            ticks.cut_off()
        total, callback = model._setup_learn(
            self._config.total_env_steps - begun, ticks.hear, reset_num_timesteps=not begun
        )
        callback.on_training_start(locals(), globals())
        learn = _from_rollout if isinstance(model, OnPolicyAlgorithm) else _from_replay
        while True:
            before = model.num_timesteps, model._n_updates
            learn(model, callback, total)
            updates = [self._update()] if model._n_updates > before[1] else []
            yield Progress(model.num_timesteps - before[0], updates, ticks.taken())

    def _update(self) -> Update:
        """Returns what SB3 logged of its latest updates."""
        told = self._logger.name_to_value
        metrics = {
            name.removeprefix("train/"): torch.tensor(float(value))
            for name, value in told.items()
            if name.startswith("train/") and isinstance(value, int | float | np.number)
        }
        told.clear()
        return Update(
            {name: value for name, value in metrics.items() if name not in NOT_METRICS},
            torch.zeros(0),
        )


def _monitored(monitor: Any, config: SB3TrainConfig) -> Any:
    return monitor(Guarded(config.env))


def _from_replay(model: Any, callback: Any, total: int) -> None:
    """One pass of the loop in `OffPolicyAlgorithm.learn`."""
    rollout = model.collect_rollouts(
        model.env,
        train_freq=model.train_freq,
        action_noise=model.action_noise,
        callback=callback,
        learning_starts=model.learning_starts,
        replay_buffer=model.replay_buffer,
        log_interval=None,
    )
    if model.num_timesteps > 0 and model.num_timesteps > model.learning_starts:
        steps = model.gradient_steps if model.gradient_steps >= 0 else rollout.episode_timesteps
        if steps > 0:
            model.train(batch_size=model.batch_size, gradient_steps=steps)


def _from_rollout(model: Any, callback: Any, total: int) -> None:
    """One pass of the loop in `OnPolicyAlgorithm.learn`, and in that of MaskablePPO."""
    model.collect_rollouts(model.env, callback, model.rollout_buffer, n_rollout_steps=model.n_steps)
    model._update_current_progress_remaining(model.num_timesteps, total)
    model.train()


class Ticks:
    """What SB3's worlds show; one row of theirs ends an episode and begins the next."""

    def __init__(self, num_envs: int) -> None:
        """Has heard nothing yet."""
        self._steps: list[Step] = []
        self._unfinished = np.zeros(num_envs, np.bool_)

    def hear(self, seen: dict[str, Any], _: dict[str, Any]) -> bool:
        """Is called by SB3 after each tick, with its local variables."""
        reward, done = np.array(seen["rewards"], np.float32), np.array(seen["dones"], np.bool_)
        self._add(reward, first=np.zeros_like(done), last=done)
        self._unfinished = ~done
        return True

    def cut_off(self) -> None:
        """Ends the episodes that a resumed training does not go on with."""
        nothing = np.zeros(len(self._unfinished), np.float32)
        self._add(nothing, first=nothing == 0, last=self._unfinished)

    def _add(self, reward: Any, *, first: Any, last: Any) -> None:
        no_obs = np.zeros((len(reward), 1, 1, 0), np.uint8)
        self._steps.append(Step(no_obs, reward, np.ones_like(reward), first, last))

    def taken(self) -> list[Step]:
        """Returns the ticks since the last call."""
        steps, self._steps = self._steps, []
        return steps

    def state_dict(self) -> dict[str, Any]:
        """Which episodes have begun."""
        return {"unfinished": self._unfinished}

    def load_state_dict(self, state: State) -> None:
        """Brings `state_dict` back."""
        self._unfinished = np.array(state["unfinished"], np.bool_)
