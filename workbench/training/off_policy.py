"""The off-policy loop: act, store, learn from replay."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from workbench.config import OffPolicyConfig
from workbench.replay import make_replay
from workbench.training.loop import EpisodicLoop, Progress


class OffPolicyLoop(EpisodicLoop):
    """An agent that learns from replay; an iteration is one tick of all envs."""

    def __init__(
        self, config: OffPolicyConfig, device: torch.device, directory: Path | None
    ) -> None:
        """Makes the world, the agent and its replay, whose files lie in `directory`; see `Ring`."""
        super().__init__(config, device)
        self._config = config
        rng = np.random.default_rng(self._seed)
        spec = self._stream.envs.spec
        self._replay = make_replay(config, spec, self.agent, device, rng, directory)
        self.parts = {**self.parts, "replay": self._replay}

    def iterations(self) -> Iterator[Progress]:
        config, agent, replay = self._config, self.agent, self._replay
        clip = config.agent.reward_clip or np.inf
        memory = self._stream.memory
        for tick in self._stream.ticks():
            replay.add(
                tick.step._replace(reward=tick.step.reward.clip(-clip, clip)),
                tick.decision.action,
                memory,
            )
            memory = tick.memory
            env_steps = replay.ring.head * replay.ring.num_envs
            learnable_env_steps = env_steps - config.learning_starts_env_steps
            samples_due = learnable_env_steps * config.samples_per_env_step
            updates_due = int(samples_due / config.agent.samples_per_update)
            updates = []
            for _ in range(updates_due - agent.updates):
                sample = replay.sample(config.agent.batch_size)
                update = agent.update(sample.batch)
                replay.update_priorities(sample, update.priorities)
                updates.append(update)
            yield Progress(replay.ring.num_envs, updates, [tick.step])
