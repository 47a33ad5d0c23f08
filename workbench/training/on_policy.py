"""The on-policy loop: play a rollout, learn from it alone, discard it."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from agents.base import Memory, Sequences
from agents.config import OnPolicyAgentConfig
from agents.losses import generalized_advantage
from envs.base import SavedGenerator
from workbench.config import OnPolicyConfig
from workbench.training.interact import Tick
from workbench.training.loop import EpisodicLoop, Progress


class OnPolicyLoop(EpisodicLoop):
    """An agent that learns from rollouts; an iteration is one rollout and the updates from it."""

    def __init__(self, config: OnPolicyConfig, device: torch.device) -> None:
        """Makes the world and the agent."""
        super().__init__(config, device)
        self._config, self._device = config.agent, device
        self._shuffle = SavedGenerator(np.random.PCG64(self._seed))
        self.parts = {**self.parts, "shuffle": self._shuffle}

    def iterations(self) -> Iterator[Progress]:
        config, agent = self._config, self.agent
        stream, num_envs = self._stream.ticks(), self._stream.envs.spec.num_envs
        while True:
            memory = self._stream.memory
            # One tick more than is learned from: its value stands for what comes after.
            ticks = list(islice(stream, config.rollout_ticks + 1))
            sequences = make_sequences(config, ticks, memory, self._device)
            count = len(sequences.first)
            batches = (
                take(sequences, index)
                for _ in range(config.epochs)
                for index in split_at_random(self._shuffle, count, config.minibatches)
            )
            # Sequences of one tick may all be last observations: there is no mean of nothing.
            updates = [agent.update(batch) for batch in batches if batch.valid.any()]
            yield Progress(len(ticks) * num_envs, updates, [tick.step for tick in ticks])


def split_at_random(
    rng: np.random.Generator, count: int, parts: int
) -> list[npt.NDArray[np.int64]]:
    """Returns `parts` disjoint sets of the indices below `count`, as equal in size as possible."""
    return np.array_split(rng.permutation(count), parts)


def make_sequences(
    config: OnPolicyAgentConfig, ticks: Sequence[Tick], memory: Memory, device: torch.device
) -> Sequences:
    """Cuts a rollout into sequences of equal length.

    Args:
        config: of the agent that played.
        ticks: T + 1 consecutive ticks of N envs, of which the last is only looked at.
        memory: with which the agent met the first of them.
        device: where the agent learns.

    Returns:
        `T / sequence_ticks * N` sequences: those of all envs from the first ticks, then those from
        the next, and so on.
    """
    steps = [tick.step for tick in ticks]
    decisions = [tick.decision for tick in ticks]
    clip = config.reward_clip or np.inf
    reward = np.stack([step.reward for step in steps])
    last = np.stack([step.last for step in steps])
    value = np.stack([decision.values[:, 0] for decision in decisions])
    advantage = generalized_advantage(
        (np.float32(config.reward_scale) * reward).clip(-clip, clip),
        np.float32(config.discount) * np.stack([step.discount for step in steps]),
        last,
        value,
        gae_lambda=config.gae_lambda,
    )
    action = np.stack([decision.action for decision in decisions])
    policy = np.stack([d.policy for d in decisions if d.policy is not None])
    probability = np.take_along_axis(policy, action[..., None], 2)[..., 0]
    length = config.sequence_ticks

    def cut(field: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """`[T (+ 1), N, ...]` -> `[T / length * N, length, ...]`."""
        pieces = field[: len(ticks) - 1].reshape(-1, length, *field.shape[1:])
        return np.ascontiguousarray(pieces.swapaxes(1, 2)).reshape(-1, length, *field.shape[2:])

    def send(field: npt.NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(cut(field)).to(device)

    before = [memory, *(tick.memory for tick in ticks)]
    return Sequences(
        obs=send(np.stack([step.obs for step in steps])),
        first=cut(np.stack([step.first for step in steps])),
        valid=send(~last),
        action=send(action),
        log_prob=send(np.log(probability)),
        value=send(value),
        advantage=send(advantage),
        memory=tuple(
            torch.cat(parts, 1) for parts in zip(*before[: len(ticks) - 1 : length], strict=True)
        ),
    )


def take(sequences: Sequences, index: npt.NDArray[np.int64]) -> Sequences:
    """Returns some of the sequences."""
    chosen = torch.from_numpy(index).to(sequences.obs.device)
    tensors = ("obs", "valid", "action", "log_prob", "value", "advantage")
    return sequences._replace(
        first=sequences.first[index],
        memory=tuple(m[:, chosen] for m in sequences.memory),
        **{name: getattr(sequences, name)[chosen] for name in tensors},
    )
