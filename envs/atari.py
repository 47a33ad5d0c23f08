"""Atari 2600 games on ale-py's native vector env, without its pitfalls.

Every constructor option is passed explicitly because its defaults differ from those of
`gym.make_vec` (sticky actions), hide the score (reward clipping) or never show lives 2+ (episodic
life). Rewards stay raw; clipping is the learner's business. Exact resume: each env is reseeded at
an episode end once it is `RESEED_PERIOD_TICKS` old, and the actions since then are kept, so a
stream is brought back by replaying them.

Protocols (Machado et al. 2018, https://arxiv.org/abs/1709.06009; Mnih et al. 2015):
    `machado`  sticky actions 0.25, no life-loss signal, no no-op start, no automatic FIRE
    `classic`  no sticky actions, 0 to 29 no-ops, FIRE at reset, a lost life ends the bootstrap
Both use the minimal action set, four frames per step, and cut episodes at 108,000 frames.

`flicker` blanks each frame with this probability, so that one must remember (Hausknecht and Stone
2015, https://arxiv.org/abs/1507.06527, with 0.5): for agents only, pictures for people are whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from ale_py import ALEInterface, roms
from ale_py.vector_env import AtariVectorEnv
from gymnasium.vector import AutoresetMode
from pydantic import Field, field_validator

from envs.base import (
    DOWN,
    LEFT,
    RIGHT,
    UP,
    EnvConfig,
    EnvSpec,
    HumanPlay,
    RenderableEnv,
    State,
    Step,
    episode_seed,
)
from envs.spelling import atari_spelling, did_you_mean, kind_of_world

FRAMES_PER_SECOND = 60
FRAMES_PER_STEP = 4
MAX_FRAMES_PER_EPISODE = 108_000
# A seeded reset reloads the ROM (about 0.1 s), so it is spread over this many ticks; longer makes
# resuming slower, since up to this many ticks plus one episode are replayed.
RESEED_PERIOD_TICKS = 4_000
# Under `classic`, 0 to NOOP_MAX - 1 no-op frames at the start of an episode.
NOOP_MAX = 30


@dataclass(frozen=True)
class Protocol:
    """The rules under which a score counts; scores of two protocols are never compared."""

    sticky: float
    noop_max: int
    fire_reset: bool
    life_loss_ends_bootstrap: bool
    eval_epsilon: float


PROTOCOLS = {
    # eval_epsilon 0.001 is Dopamine's; it also frees a greedy agent that never serves.
    "machado": Protocol(0.25, 0, False, False, 0.001),
    # 0.05 is that of Mnih et al. 2015.
    "classic": Protocol(0.0, NOOP_MAX, True, True, 0.05),
}
ProtocolName = Literal["machado", "classic"]


class AtariConfig(EnvConfig):
    """Which game, under which protocol, seen at which size, by how many envs."""

    protocols: ClassVar[tuple[str, ...]] = tuple(PROTOCOLS)

    kind: Literal["atari"] = Field(description="Atari 2600 games")
    game: str = Field(description="a game of ale-py: ludus list games")
    protocol: ProtocolName = Field(
        default="machado",
        description="machado: sticky actions; classic: no-op starts, and a lost life ends episodes",
    )
    num_envs: int = Field(default=16, ge=1, le=1024, description="envs played side by side")
    obs_size: int = Field(
        default=84, ge=36, le=210, description="pixels along a side of an observation"
    )
    stack: int = Field(default=4, ge=1, le=16, description="latest frames seen at once")
    flicker: float = Field(default=0.0, ge=0, le=1, description="share of frames that are blank")
    env_threads: int = Field(
        default=1, ge=0, le=1024, description="C++ threads that step the envs; 0: all cores"
    )

    @field_validator("game")
    @classmethod
    def _known_game(cls, game: str) -> str:
        games = list_games()
        spelling = atari_spelling(game, games)
        if not spelling.pixels:
            raise ValueError(f"{game!r} shows the machine's memory, and agents here see pixels")
        if spelling.game is None:
            known = kind_of_world(game) or f"{len(games)} for one player are in ale-py, e.g. pong"
            raise ValueError(f"unknown game {game!r}{did_you_mean(game, games, otherwise=known)}")
        return spelling.game

    @property
    def title(self) -> str:
        """The game's name."""
        return self.game

    @property
    def human_play(self) -> HumanPlay:
        keys = {"up": UP, "down": DOWN, "left": LEFT, "right": RIGHT, "fire": ("Space",)}
        labels, places = {}, {}
        if self.game == "pong":  # where what is called right goes up, and left goes down
            keys |= {"right": UP + RIGHT, "left": DOWN + LEFT}
            labels, places = {"right": "Up", "left": "Down"}, {"right": "up", "left": "down"}
        speed = FRAMES_PER_SECOND / FRAMES_PER_STEP
        return HumanPlay(keys, labels, places, steps_per_second=speed, flat_colours=True)

    def make(self) -> "AtariEnvs":
        return AtariEnvs(self)

    def make_rendered(self) -> "AtariEnvs":
        return AtariEnvs(self.model_copy(update={"num_envs": 1}), rendered=True)

    def note(self, typed: Mapping[str, Any]) -> str | None:
        """Returns a line where the name typed for the game stands for other rules elsewhere."""
        name = typed.get("game")
        implied = atari_spelling(name, list_games()).protocol if isinstance(name, str) else None
        if implied is None or implied == self.protocol:
            return None
        sticky = PROTOCOLS[self.protocol].sticky
        return (
            f"{name} is played as {self.game} under the protocol {self.protocol} (sticky actions "
            f"{sticky:g}, {FRAMES_PER_STEP} frames a step); env.protocol={implied} is nearer to "
            "what it is elsewhere"
        )


def list_games() -> list[str]:
    """Returns the names of all games for one player whose ROM ale-py ships, sorted.

    Loading one of the others (`combat`, `joust`, ...) would end the process, not raise.
    """
    paths = {name: roms.get_rom_path(name) for name in roms.get_all_rom_ids()}
    return sorted(
        name for name, path in paths.items() if path and ALEInterface.isSupportedROM(path)
    )


def _native(config: AtariConfig, *, in_colour: bool) -> AtariVectorEnv:
    """Returns ale-py's env with gray obs for agents, or with the colour screen for people."""
    protocol = PROTOCOLS[config.protocol]
    return AtariVectorEnv(
        config.game,
        config.num_envs,
        img_height=210 if in_colour else config.obs_size,
        img_width=160 if in_colour else config.obs_size,
        grayscale=not in_colour,
        stack_num=1 if in_colour else config.stack,
        batch_size=0,
        num_threads=config.env_threads,
        thread_affinity_offset=-1,
        max_num_frames_per_episode=MAX_FRAMES_PER_EPISODE,
        repeat_action_probability=protocol.sticky,
        full_action_space=False,
        continuous=False,
        autoreset_mode=AutoresetMode.NEXT_STEP,
        frameskip=FRAMES_PER_STEP,
        maxpool=True,
        noop_max=protocol.noop_max,
        episodic_life=False,  # it would reset the whole game at each lost life
        life_loss_info=False,
        reward_clipping=False,  # the raw score is nowhere else
        use_fire_reset=protocol.fire_reset,
    )


class AtariEnvs(RenderableEnv):
    """N Atari games in lock-step behind `envs.base.VectorEnv`.

    Attributes:
        lives: `[N]` int32, as they were in the newest Step.
    """

    def __init__(self, config: AtariConfig, *, rendered: bool = False) -> None:
        """Loads the ROM N times; nothing runs before `reset` or `load_state_dict`.

        With `rendered`, `render` shows what a person would see of env 0.
        """
        n = config.num_envs
        protocol = PROTOCOLS[config.protocol]
        # ale-py's vector env cannot render, so a twin, in colour and at full size, is given the
        # same seeds and actions; the emulator is deterministic, so both play the same game.
        colours = (False, True) if rendered else (False,)
        self._natives = [_native(config, in_colour=colour) for colour in colours]
        self._screen = np.zeros(0, np.uint8)  # the newest frame of the last of them, of env 0
        self.spec = EnvSpec(
            name=f"atari/{config.game}",
            num_envs=n,
            obs_shape=(config.stack, config.obs_size, config.obs_size),
            frame_channels=1,
            action_names=tuple(a.name.lower() for a in self._natives[0].ale.get_action_set()),
            frames_per_step=FRAMES_PER_STEP,
            protocol=config.protocol,
            eval_epsilon=protocol.eval_epsilon,
        )
        self._life_loss_ends_bootstrap = protocol.life_loss_ends_bootstrap
        self._flicker = config.flicker
        self._seed, self._first_env = 0, 0
        self._tick = 0  # how many Steps were received since the reset
        self._segment = np.zeros(n, np.int64)  # how many times each env was reseeded
        self._age = np.zeros(n, np.int64)  # ticks since then
        self._actions: list[npt.NDArray[np.int64]] = []  # [N] per tick, the oldest segment's first
        self.lives = np.zeros(n, np.int32)
        self._was_last = np.zeros(n, np.bool_)
        self._pending: Step | None = None
        self._in_flight = False  # whether the native env works on actions that were sent

    def reset(self, seed: int, first_env: int = 0) -> None:
        if self._in_flight:  # a native reset does not discard the tick under way
            self._receive()
        self._seed, self._first_env = seed, first_env
        self._tick = 0
        self._segment[:] = 0
        self._age[:] = 0
        self._actions.clear()
        self._was_last = np.zeros_like(self._was_last)
        n = self.spec.num_envs
        everywhere = np.ones(n, np.bool_)
        obs, self.lives = self._start(everywhere)
        self._pending = Step(
            obs,
            reward=np.zeros(n, np.float32),
            discount=np.ones(n, np.float32),
            first=everywhere,
            last=~everywhere,
        )

    def send(self, actions: npt.NDArray[np.int64]) -> None:
        self._actions.append(np.array(actions, np.int64))
        self._age += 1
        self._send(self._actions[-1])

    def recv(self) -> Step:
        step, self._pending = self._pending or self._recv_native(), None
        if self._flicker:
            self._blank(step.obs)
        self._tick += 1
        return step

    def _recv_native(self) -> Step:
        obs, reward, terminated, truncated, info = self._receive()
        first = self._was_last
        lives = info["lives"]
        stale = first & (self._age >= RESEED_PERIOD_TICKS)
        if stale.any():
            self._segment[stale] += 1
            self._age[stale] = 0
            del self._actions[: len(self._actions) - int(self._age.max())]
            obs, lives = self._start(stale)
        discount = 1.0 - terminated.astype(np.float32)
        if self._life_loss_ends_bootstrap:
            discount[(lives < self.lives) & ~first] = 0.0
        self.lives = lives
        self._was_last = terminated | truncated
        reward = np.where(first, 0, reward).astype(np.float32)
        return Step(obs, reward, discount, first, self._was_last)

    def _blank(self, obs: npt.NDArray[np.uint8]) -> None:
        """Blanks frames of `obs`; each stays so as long as it is part of a stack."""
        n, stack = obs.shape[:2]
        for age in range(min(stack, self._tick + 1)):
            rng = np.random.default_rng([self._seed, self._tick - age])
            draws = rng.random(self._first_env + n)[self._first_env :]
            obs[draws < self._flicker, stack - 1 - age] = 0

    def _start(self, rows: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Starts the current segment in `rows` `[N]`; returns obs and lives of all rows."""
        starting = np.flatnonzero(rows).tolist()
        seeds = [
            episode_seed(self._seed, self._first_env + i, int(self._segment[i])) for i in starting
        ]
        results = [
            native.reset(seed=np.array(seeds), options={"reset_mask": rows})
            for native in self._natives
        ]
        self._screen = results[-1][0][0, -1]
        obs, info = results[0]
        return obs, info["lives"]

    def _send(self, actions: npt.NDArray[np.int64]) -> None:
        for native in self._natives:
            native.send(actions)
        self._in_flight = True

    def _receive(self) -> Any:
        """Returns obs, reward, terminated, truncated and info of the tick that was sent."""
        results = [native.recv() for native in self._natives]
        self._in_flight = False
        self._screen = results[-1][0][0, -1]
        return results[0]

    def state_dict(self) -> dict[str, Any]:
        """See `VectorEnv.state_dict`: the seed and the actions of the unfinished segments."""
        if not self._in_flight:
            raise ValueError("the state of an env is taken between send and recv")
        return {
            "game": self.spec.name,
            "protocol": self.spec.protocol,
            "seed": self._seed,
            "tick": self._tick,
            "segment": self._segment.copy(),
            "age": self._age.copy(),
            "actions": np.stack(self._actions).astype(np.uint8),
        }

    def load_state_dict(self, state: State) -> None:
        """See `VectorEnv.load_state_dict`; takes as long as replaying the saved ticks."""
        ours = (self.spec.name, self.spec.protocol)
        saved = (state.get("game"), state.get("protocol"))
        if saved != ours or len(state["age"]) != self.spec.num_envs:
            raise ValueError(
                "the saved env is not {} x {} under {}".format(self.spec.num_envs, *ours)
            )
        actions = state["actions"].astype(np.int64)
        ages = np.array(state["age"], np.int64)
        self.reset(state["seed"])
        self._tick = state["tick"]
        self._segment[:] = state["segment"]
        self._pending = None
        # An env whose segment is younger than the oldest idles until its own segment starts.
        for tick, row in enumerate(actions):
            starts = ages == len(actions) - tick
            if starts.any():
                _, lives = self._start(starts)
                self._was_last[starts] = False
                self.lives[starts] = lives[starts]
            self._send(row)
            if tick + 1 < len(actions):
                _, _, terminated, truncated, info = self._receive()
                self._was_last = terminated | truncated
                self.lives = info["lives"]
        self._age[:] = ages
        self._actions = list(actions)

    def render(self) -> npt.NDArray[np.uint8]:
        """See `RenderableEnv.render`: `[210, 160, 3]`."""
        return self._screen.copy()

    def close(self) -> None:
        for native in self._natives:
            native.close()
