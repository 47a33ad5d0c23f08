"""The off-policy loop: act, store, learn from replay."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from agents.r2d2 import R2D2Config
from envs import make_envs
from workbench.config import OffPolicyConfig
from workbench.evaluation.load import record_progress
from workbench.replay import Replay, Ring, SequenceReplay, ring_size
from workbench.runs.checkpoint import Stateful
from workbench.runs.run import Run
from workbench.training.interact import Stream
from workbench.training.loop import Progress


class OffPolicyLoop:
    """An agent that learns from replay; an iteration is one tick of all envs."""

    def __init__(
        self,
        config: OffPolicyConfig,
        device: torch.device,
        directory: Path | None,
    ) -> None:
        """Makes the world, the agent and its replay, whose files lie in `directory`; see `Ring`."""
        agent_seed, replay_seed = np.random.SeedSequence(config.seed).spawn(2)
        self._config = config
        envs = make_envs(config.env)
        self.agent = config.agent.make(envs.spec, device, np.random.default_rng(agent_seed))
        self._stream = Stream(envs, self.agent)
        self._replay = self._make_replay(device, np.random.default_rng(replay_seed), directory)
        self.parts: Mapping[str, Stateful] = {
            "agent": self.agent,
            "replay": self._replay,
            "stream": self._stream,
        }

    def _make_replay(
        self, device: torch.device, rng: np.random.Generator, directory: Path | None
    ) -> Replay | SequenceReplay:
        agent, config, spec = self._config.agent, self._config.replay, self._stream.envs.spec
        size = ring_size(self._config, spec)
        ring = Ring(spec, size, device=device, directory=directory, storage=config.storage)
        if isinstance(agent, R2D2Config):
            memory = self.agent.initial_memory(spec.num_envs)
            return SequenceReplay(ring, config, rng, agent=agent, memory=memory)
        return Replay(ring, config, rng, n_step=agent.n_step, discount=agent.discount)

    def start(self) -> None:
        """See `Loop.start`."""
        self._stream.envs.reset(self._config.seed)

    def record(self, run: Run, env_steps: int) -> Path:
        """See `Loop.record`."""
        return record_progress(self.agent, self._config.env, run.videos, env_steps)

    def close(self) -> None:
        """See `Loop.close`."""
        self._stream.close()

    def iterations(self) -> Iterator[Progress]:
        """See `Loop.iterations`."""
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
