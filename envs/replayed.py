"""Simulators behind `envs.base.VectorEnv`, restored by replaying actions.

Every episode has a seed of its own, derived from the run's seed, and our simulators repeat an
episode exactly given its seed and actions. So the actions of the unfinished episodes are all that a
stream is brought back from. A world that may not repeat itself (`Worlds.repeats`) is checked
by its last observation; where another one comes, the episode is cut off, and a new one begins.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from envs.base import EnvSpec, RenderableEnv, State, Step, episode_seed

Outcome = tuple[float, bool, bool]  # reward, terminated, truncated


class Worlds(Protocol):
    """N copies of a simulator; calls for different copies may come from different threads."""

    spec: EnvSpec
    repeats: bool = True  # surely, given seed and actions

    def begin(self, i: int, seed: int) -> None:
        """Starts an episode of copy i, the same one for the same seed whatever was before."""

    def step(self, i: int, action: int) -> Outcome:
        """Advances copy i."""

    def draw(self, rows: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Returns the frames `[len(rows), *spec.frame_shape]` of these copies as they are now."""

    def render(self) -> npt.NDArray[np.uint8]:
        """Returns `[H, W, 3]` RGB of copy 0 as it is now; must not change what follows."""

    def close(self) -> None:
        """Frees processes and memory."""


class ReplayedEnvs(RenderableEnv):
    """The stream of N worlds: a `VectorEnv`, and with one world also a `RenderableEnv`.

    An obs stacks the frames of `spec.stack` ticks, oldest first; frames before the episode are 0.
    With `threads`, the worlds work between `send` and `recv`, else within `recv`.
    """

    def __init__(self, worlds: Worlds, threads: int = 1) -> None:
        """Nothing runs before `reset` or `load_state_dict`."""
        self.worlds = worlds
        self.spec = worlds.spec
        n = self.spec.num_envs
        threads = min(threads, n)
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        # A pool starts at once, `map` when its results are asked for.
        self._map = map if self._pool is None else self._pool.map
        self._seed, self._first_env = 0, 0
        self._episode = np.full(n, -1, np.int64)  # index of the current episode of each env
        self._played: list[list[int]] = [[] for _ in range(n)]  # its actions so far
        self._was_last = np.ones(n, np.bool_)
        self._obs = np.zeros((n, *self.spec.obs_shape), np.uint8)
        self._cut_off = np.zeros(n, np.bool_)  # by the tick that was sent
        self._sent: npt.NDArray[np.int64] | None = None
        self._outcomes: Iterator[Outcome] = iter(())  # of the tick that was sent

    def reset(self, seed: int, first_env: int = 0) -> None:
        self._let_threads_finish()
        n = self.spec.num_envs
        self._seed, self._first_env = seed, first_env
        self._episode = np.full(n, -1, np.int64)
        # As if every env had just ended an episode: the pending tick starts a new one everywhere.
        self._was_last = np.ones(n, np.bool_)
        self._cut_off = np.zeros(n, np.bool_)
        self.send(np.zeros(n, np.int64))

    def send(self, actions: npt.NDArray[np.int64]) -> None:
        self._sent = np.array(actions, np.int64)
        self._outcomes = self._map(self._advance, range(self.spec.num_envs), self._sent.tolist())

    def _advance(self, i: int, action: int) -> Outcome:
        if self._was_last[i]:
            self._begin(i, int(self._episode[i]) + 1)
            return 0.0, False, False
        if self._cut_off[i]:
            return 0.0, False, True
        return self.worlds.step(i, action)

    def _begin(self, i: int, episode: int) -> None:
        self.worlds.begin(i, episode_seed(self._seed, self._first_env + i, episode))

    def recv(self) -> Step:
        if self._sent is None:
            raise ValueError("recv needs a reset or a send before it")
        reward, terminated, truncated = map(np.array, zip(*self._outcomes, strict=True))
        first = self._was_last
        self._episode = self._episode + first
        for i, action in enumerate(self._sent.tolist()):
            if first[i]:
                self._played[i] = []
            else:
                self._played[i].append(action)
        self._sent = None
        channels = self.spec.frame_channels
        obs = np.empty_like(self._obs)
        obs[:, :-channels] = np.where(first[:, None, None, None], 0, self._obs[:, channels:])
        obs[:, -channels:] = self.worlds.draw(range(self.spec.num_envs))
        if self._cut_off.any():
            obs[self._cut_off] = self._obs[self._cut_off]
            self._cut_off[:] = False
        self._obs = obs
        self._was_last = terminated | truncated
        discount = 1.0 - terminated.astype(np.float32)
        return Step(obs, reward.astype(np.float32), discount, first, self._was_last)

    def state_dict(self) -> dict[str, Any]:
        """See `VectorEnv.state_dict`: the actions of the unfinished episodes."""
        if self._sent is None:
            raise ValueError("the state of an env is taken between send and recv")
        played = [
            [] if ended else actions
            for ended, actions in zip(self._was_last, self._played, strict=True)
        ]
        seen = {} if self.worlds.repeats else {"obs": self._obs.copy()}
        return seen | {
            "world": self.spec.name,
            "seed": self._seed,
            "episode": self._episode.copy(),
            "was_last": self._was_last.copy(),
            "length": np.array([len(actions) for actions in played], np.int64),
            "actions": np.array(list(chain.from_iterable(played)), np.uint8),
            "sent": self._sent.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """See `VectorEnv.load_state_dict`; takes as long as replaying the unfinished episodes."""
        if state.get("world") != self.spec.name or len(state["length"]) != self.spec.num_envs:
            raise ValueError(f"the saved env is not {self.spec.num_envs} x {self.spec.name}")
        self._let_threads_finish()
        self._seed, self._first_env = state["seed"], 0  # only trainings are brought back
        self._episode = np.array(state["episode"], np.int64)
        self._was_last = np.array(state["was_last"], np.bool_)
        self._obs = np.zeros_like(self._obs)
        ends = np.cumsum(state["length"])
        self._played = [actions.tolist() for actions in np.split(state["actions"], ends[:-1])]
        unfinished = np.flatnonzero(~self._was_last).tolist()
        deque(self._map(self._replay, unfinished), maxlen=0)
        self._cut_off = np.zeros(len(ends), np.bool_)
        if not self.worlds.repeats:
            self._cut_off = (self._obs != state["obs"]).any((1, 2, 3)) & ~self._was_last
            self._obs = np.array(state["obs"], np.uint8)
        self.send(state["sent"])

    def _replay(self, i: int) -> None:
        actions, channels = self._played[i], self.spec.frame_channels
        self._begin(i, int(self._episode[i]))
        for left in range(len(actions), -1, -1):
            if left < self.spec.stack:  # these frames are still part of the stack
                frame = self.worlds.draw([i])[0]
                self._obs[i] = np.concatenate([self._obs[i, channels:], frame])
            if left:
                self.worlds.step(i, actions[-left])

    def _let_threads_finish(self) -> None:
        if self._pool is not None:
            deque(self._outcomes, maxlen=0)

    def render(self) -> npt.NDArray[np.uint8]:
        return self.worlds.render()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        self.worlds.close()
