"""Tiny environments with known values, which expose a learner's mistakes in seconds.

Each isolates one ability (after A. Jones, "Debugging RL, without the agonizing pain"): a failure on
`delayed_reward` but not on `obs_value` points at bootstrapping, and so on. Observations are
1 x 8 x 8 pixels with stack 1, of one brightness each, except in `counter`, which exists to test
data paths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from envs.base import EnvConfig, EnvSpec, HumanPlay, RenderableEnv, State, Step

SIZE = 8

ProbeName = Literal[
    "constant",
    "obs_value",
    "delayed_reward",
    "action_value",
    "obs_action",
    "endless",
    "recall",
    "counter",
]


class ProbeConfig(EnvConfig):
    """Which probe and how many copies."""

    kind: Literal["probe"] = Field(
        description="tiny worlds with known values, for tests of learners"
    )
    probe: ProbeName = Field(description="name of the probe")
    num_envs: int = Field(default=8, ge=1, le=1024, description="envs played side by side")

    @property
    def title(self) -> str:
        """The probe's name."""
        return self.probe

    @property
    def human_play(self) -> HumanPlay:
        return HumanPlay(flat_colours=True)

    def make(self) -> "ProbeEnvs":
        return ProbeEnvs(self)


@dataclass(frozen=True)
class Probe:
    """Rules of one probe, batched over envs.

    Attributes:
        length: steps in an episode.
        num_actions: A.
        truncates: the episode is cut off at its length, instead of terminating.
        stack: frames in one observation.
        pixels: `(variant [N], t [N]) -> brightness [N]` of the newest frame.
        reward: `(variant [N], t [N], action [N]) -> [N]` for acting at time t.
    """

    length: int
    num_actions: int
    pixels: Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]]
    reward: Callable[[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]]
    truncates: bool = False
    stack: int = 1


PROBES: dict[str, Probe] = {
    # One step, reward 1: every Q is 1. Tests the loss and the optimizer.
    "constant": Probe(1, 1, lambda v, t: 0 * v + 128, lambda v, t, a: 0 * v + 1.0),
    # One step, reward ±1 by what is seen. Tests that the network tells observations apart.
    "obs_value": Probe(1, 1, lambda v, t: 255 * v, lambda v, t, a: 2.0 * v - 1),
    # Two steps, reward 1 at the end: the first Q is γ. Tests bootstrapping.
    "delayed_reward": Probe(2, 1, lambda v, t: 255 * (t > 0), lambda v, t, a: 1.0 * (t == 1)),
    # One step, the reward is ±1 by the action. Tests that the right action's Q is trained.
    "action_value": Probe(1, 2, lambda v, t: 0 * v + 128, lambda v, t, a: 2.0 * a - 1),
    # One step, reward 1 if the action names what is seen, else -1. Tests policy improvement.
    "obs_action": Probe(1, 2, lambda v, t: 255 * v, lambda v, t, a: 2.0 * (a == v) - 1),
    # Reward 1 for ever, cut off every 5 steps: Q is 1 / (1 - γ), not the finite sum.
    "endless": Probe(5, 1, lambda v, t: 0 * v + 128, lambda v, t, a: 0 * v + 1.0, truncates=True),
    # Four steps, 1 if the last action names what was seen at first; since then all was gray, so who
    # remembers nothing gets half. Tests memory.
    "recall": Probe(
        4,
        2,
        lambda v, t: np.where(t == 0, 255 * v, 128),
        lambda v, t, a: 1.0 * (t == 3) * (a == v),
    ),
    # Brightness counts t up from 10, cut off after 9 steps. Tests replay's frames and boundaries.
    "counter": Probe(9, 2, lambda v, t: t + 10, lambda v, t, a: t + 1.0, truncates=True, stack=4),
}


class ProbeEnvs(RenderableEnv):
    """N copies of one probe behind `envs.base.VectorEnv`."""

    def __init__(self, config: ProbeConfig) -> None:
        """Nothing runs before `reset` or `load_state_dict`."""
        self._probe = PROBES[config.probe]
        self.spec = EnvSpec(
            name=f"probe/{config.probe}",
            num_envs=config.num_envs,
            obs_shape=(self._probe.stack, SIZE, SIZE),
            frame_channels=1,
            action_names=tuple(f"action{i}" for i in range(self._probe.num_actions)),
        )
        self._rng = np.random.default_rng(0)
        self._first_env = 0
        n = config.num_envs
        self._t = np.zeros(n, np.int64)
        self._variant = np.zeros(n, np.int64)
        self._obs = np.zeros((n, *self.spec.obs_shape), np.uint8)
        self._actions: npt.NDArray[np.int64] | None = None

    def reset(self, seed: int, first_env: int = 0) -> None:
        self._first_env = first_env
        self._rng = np.random.default_rng(seed)
        # As if every env had just ended an episode: the pending tick starts a new one everywhere.
        self._t = np.full(self.spec.num_envs, self._probe.length)
        self._actions = np.zeros(self.spec.num_envs, np.int64)

    def send(self, actions: npt.NDArray[np.int64]) -> None:
        self._actions = np.array(actions, np.int64)

    def recv(self) -> Step:
        if self._actions is None:
            raise ValueError("recv needs a reset or a send before it")
        first = self._t == self._probe.length
        reward = self._probe.reward(self._variant, self._t, self._actions)
        self._actions = None
        self._t = np.where(first, 0, self._t + 1)
        drawn = self._rng.integers(2, size=self._first_env + len(first))[self._first_env :]
        self._variant = np.where(first, drawn, self._variant)
        frame = self._probe.pixels(self._variant, self._t).astype(np.uint8)
        history = np.where(first[:, None, None, None], 0, self._obs[:, 1:])
        newest = np.broadcast_to(frame[:, None, None, None], (len(first), 1, SIZE, SIZE))
        self._obs = np.concatenate([history, newest], axis=1).astype(np.uint8)
        last = self._t == self._probe.length
        ends_for_good = last & (not self._probe.truncates)
        return Step(
            self._obs,
            reward=np.where(first, 0, reward).astype(np.float32),
            discount=1.0 - ends_for_good.astype(np.float32),
            first=first,
            last=last,
        )

    def state_dict(self) -> dict[str, Any]:
        if self._actions is None:
            raise ValueError("the state of an env is taken between send and recv")
        return {
            "probe": self.spec.name,
            "rng": self._rng.bit_generator.state,
            "t": self._t,
            "variant": self._variant,
            "obs": self._obs,
            "actions": self._actions,
        }

    def load_state_dict(self, state: State) -> None:
        if state.get("probe") != self.spec.name or len(state["t"]) != self.spec.num_envs:
            raise ValueError(f"the saved env is not {self.spec.num_envs} x {self.spec.name}")
        self._rng.bit_generator.state = state["rng"]
        self._t = np.array(state["t"])
        self._variant = np.array(state["variant"])
        self._obs = np.array(state["obs"])
        self._actions = np.array(state["actions"])

    def render(self) -> npt.NDArray[np.uint8]:
        """See `RenderableEnv.render`: the newest frame of env 0, enlarged to `[128, 128, 3]`."""
        gray = np.repeat(np.repeat(self._obs[0, -1], 16, axis=0), 16, axis=1)
        return np.repeat(gray[:, :, None], 3, axis=2)

    def close(self) -> None:
        pass
