"""The environment interface and the episode-boundary convention, defined once.

An env is a stream of `Step`s. Row i belongs to env i for the whole run. The final observation of
an episode is an ordinary row with `last` set; the next row of that env ignores the action it was
given and carries the first observation of the next episode, with `first` set and reward 0
(Gymnasium's `NEXT_STEP` autoreset). So there is no `final_observation` and no loop has a
special case::

    tick      t-1        t          t+1        t+2
    obs       o_T-1      o_T        o'_0       o'_1
    reward    r_T-1      r_T        0          r'_1
    discount  1          0 or 1     1          1          0 iff the episode *terminated* here
    last      False      True       False      False
    first     False      False      True       False
    action    a_T-1      (ignored)  a'_0       a'_1

`discount` is data: 0 where the episode terminates (death or, when training under the `classic`
Atari protocol, the loss of a life), 1 where the return continues or was only truncated. A learner
multiplies it by its γ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

State = Mapping[str, Any]


class Config(BaseModel):
    """What a user sets in YAML: immutable, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(NamedTuple):
    """One tick of a vector env; its arrays are new, and the env never writes to them again."""

    obs: npt.NDArray[np.uint8]  # [N, C, H, W], stacked frames oldest first along C
    reward: npt.NDArray[np.float32]  # [N] raw game score that arrived with this obs; 0 where first
    discount: npt.NDArray[np.float32]  # [N] 0.0 where nothing follows this obs, else 1.0
    first: npt.NDArray[np.bool_]  # [N] this obs starts an episode
    last: npt.NDArray[np.bool_]  # [N] this obs ends one; the action given to it is ignored


class Part(NamedTuple):
    """One of the things that an observation consists of, and how its bytes are read.

    A picture `(C, H, W)` is uint8, a vector `(D,)` is float32, and a text `(L, 2)` holds two hashes
    of each of its first L words, uint8 in 1..255, or 0 where there is no word.
    """

    name: str
    kind: Literal["picture", "vector", "text"]
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """How many bytes of an observation it takes."""
        return prod(self.shape) * (4 if self.kind == "vector" else 1)


class Plain(Protocol):
    """A world as its author wrote it, for agents that need nothing else of Gymnasium.

    Attributes:
        observation_space: Gymnasium's.
        action_space: Gymnasium's. Where it is not Discrete, an action of `Decision` is `[N, ...]`,
            numbers of this space, and `EnvSpec.action_names` has one name for all.
        numbered: whether it is Discrete.
    """

    observation_space: Any
    action_space: Any
    numbered: bool

    def unpack(self, obs: npt.NDArray[np.uint8]) -> tuple[Any, npt.NDArray[np.bool_] | None]:
        """Returns N observations as the world gave them, and which actions are allowed.

        That is `[N, A]`, or None where the world does not tell.
        """


@dataclass(frozen=True)
class EnvSpec:
    """The facts of an environment that agents, replay and reports need.

    Attributes:
        name: what people call it, e.g. `atari/pong`.
        num_envs: rows of every array, N.
        obs_shape: `(C, H, W)` of one observation, uint8.
        frame_channels: channels of one frame; an obs stacks `C // frame_channels` frames.
        parts: empty where an observation is one picture. Else a frame is `(1, 1, W)`, the bytes of
            these parts one after another.
        action_names: one name per action, in order; its length is the number of actions A.
        frames_per_step: emulator frames that one agent step takes.
        protocol: the name of the evaluation protocol, if the environment has several.
        eval_epsilon: share of random actions in evaluation, set by the protocol.
        success_return_above: an episode succeeds if its return exceeds this; None: undefined.
        plain: how `obs` are unpacked where they are packed observations of Gymnasium; else None.
    """

    name: str
    num_envs: int
    obs_shape: tuple[int, int, int]
    frame_channels: int
    action_names: tuple[str, ...]
    parts: tuple[Part, ...] = ()
    frames_per_step: int = 1
    protocol: str | None = None
    eval_epsilon: float = 0.0
    success_return_above: float | None = None
    plain: Plain | None = None

    @property
    def num_actions(self) -> int:
        """A, the number of discrete actions."""
        return len(self.action_names)

    @property
    def stack(self) -> int:
        """How many consecutive frames one observation holds."""
        return self.obs_shape[0] // self.frame_channels

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """`(frame_channels, H, W)`: what one tick adds to an observation."""
        return (self.frame_channels, *self.obs_shape[1:])


class VectorEnv(Protocol):
    """N envs in lock-step, as a stream: `reset`, then `recv`, `send`, `recv`, ...

    Between `send` and `recv` the env may work on threads of its own while the caller learns.
    `state_dict` may be called only in that gap; after `load_state_dict`, the next `recv` returns
    the same Step as it would have then, so a resumed stream equals the uninterrupted one.
    """

    spec: EnvSpec

    def reset(self, seed: int, first_env: int = 0) -> None:
        """Restarts all envs; every random choice from here on is determined by `seed`.

        Row i begins with the episode that row `first_env + i` of more envs would begin with.
        """

    def recv(self) -> Step:
        """Returns the pending Step."""

    def send(self, actions: npt.NDArray[np.int64]) -> None:
        """Starts the next tick. `actions` `[N]`; rows that were `last` ignore theirs."""

    def state_dict(self) -> dict[str, Any]:
        """The state that restores the stream at this point."""

    def load_state_dict(self, state: State) -> None:
        """Restores the stream; raises ValueError if the state belongs to another env."""

    def close(self) -> None:
        """Frees threads and memory."""


class RenderableEnv(VectorEnv, Protocol):
    """A single env that also renders the picture a person would see."""

    def render(self) -> npt.NDArray[np.uint8]:
        """Returns `[H, W, 3]` RGB of the moment shown by the last received obs."""


@dataclass(frozen=True)
class HumanPlay:
    """How a person plays with a keyboard, and how fast.

    Attributes:
        keys: by button, the physical keys (`KeyboardEvent.code`) that press it. A button is an
            action, or a part of one whose name joins several buttons, with or without a `+`;
            buttons that are left out get a spare key.
        labels: by button, the label shown; if left out, its name.
        places: by button, its arrow (`up`, `down`, `left`, `right`), if its name does not tell.
        steps_per_second: the environment's own speed; None: it waits for the player.
        flat_colours: few colours and sharp edges, which PNG compresses well.
    """

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    steps_per_second: float | None = None
    flat_colours: bool = False


# Physical keys that move, of the arrows and of the left hand.
UP, DOWN = ("ArrowUp", "KeyW"), ("ArrowDown", "KeyS")
LEFT, RIGHT = ("ArrowLeft", "KeyA"), ("ArrowRight", "KeyD")


class WorldFailure(ValueError):
    """A world raised an exception or broke its own rules while it was played; says which one."""


class EnvConfig(Config):
    """An environment and its number of envs; each kind has its own model, named in `envs.ENVS`.

    Attributes:
        protocols: the evaluation protocols that the key `protocol` chooses from, if there are any.
    """

    kind: str
    num_envs: int

    protocols: ClassVar[tuple[str, ...]] = ()

    @property
    def title(self) -> str:
        """What is played, e.g. `pong`: new runs are named after it."""
        return self.kind

    @property
    def human_play(self) -> HumanPlay:
        """How a person plays it."""
        return HumanPlay()

    @property
    def sees_screen(self) -> bool:
        """Whether an observation shows the very screen that people see, only smaller."""
        return True

    def make(self) -> VectorEnv:
        """Returns the vector env; raises ValueError if it does not start."""
        raise NotImplementedError

    def make_rendered(self) -> RenderableEnv:
        """Returns one env that also shows what a person would see."""
        return cast(RenderableEnv, self.model_copy(update={"num_envs": 1}).make())

    def complaints(self) -> list[tuple[str, bool]]:
        """Returns what its author should look at, a line each, and whether it breaks a rule."""
        return []

    def note(self, typed: Mapping[str, Any]) -> str | None:
        """Returns a line about what may surprise users, given what they typed."""
        return None


def episode_seed(seed: int, env_index: int, episode_index: int) -> int:
    """Returns the 31-bit seed of one episode of one env, derived from the run's seed."""
    sequence = np.random.SeedSequence([seed, env_index, episode_index])
    return int(sequence.generate_state(1)[0] & 0x7FFFFFFF)


class SavedGenerator(np.random.Generator):
    """A random generator that is saved in checkpoints."""

    def state_dict(self) -> dict[str, Any]:
        """Returns the generator's position."""
        return {"rng": self.bit_generator.state}

    def load_state_dict(self, state: State) -> None:
        """Restores `state_dict`; ignores other keys of `state`."""
        self.bit_generator.state = state["rng"]
