"""ViZDoom scenarios: first-person environments, through their Gymnasium API.

An action presses one button or none. Death or a fulfilled task ends an episode; the scenario's
timeout cuts it off (discount 1), also where the task is fulfilled on that very tic. The game shows
nothing once an episode is over, so the final frame repeats the one before it.

Games are processes. They outlive a Ctrl-C, so that a run can be saved, but not the process that
started them.
"""

import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import cv2
import gymnasium
import numpy as np
import numpy.typing as npt
import psutil
from pydantic import Field, field_validator, model_validator

from envs.base import DOWN, LEFT, RIGHT, UP, EnvConfig, EnvSpec, HumanPlay
from envs.extras import require
from envs.replayed import Outcome, ReplayedEnvs, Worlds
from envs.spelling import did_you_mean, meant

TICS_PER_SECOND = 35
KEYS = {
    "attack": ("Space",),
    "use": ("KeyE",),
    "move_forward": UP,
    "move_backward": DOWN,
    "turn_left": LEFT,
    "turn_right": RIGHT,
    "move_left": LEFT,
    "move_right": RIGHT,
}
# Those that a run is saved at.
STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
# ViZDoom (1.3) forks without Python's lock, and OpenBLAS (SciPy 1.17's) joins its threads before
# each fork. Of two forks at the same moment one waits forever for a thread that the other joined.
ONE_AT_A_TIME = threading.Lock()


class DoomConfig(EnvConfig):
    """Which scenario, seen how, by how many games, each of which is a process."""

    kind: Literal["doom"] = Field(description="ViZDoom scenarios")
    scenario: str = Field(description="an id such as VizdoomBasic-v1, or the path of a .cfg file")
    num_envs: int = Field(
        default=8, ge=1, le=256, description="games played side by side, each a process"
    )
    frame_skip: int = Field(default=4, ge=1, le=100, description="tics that one step takes")
    obs_height: int = Field(default=60, ge=8, le=480, description="pixels")
    obs_width: int = Field(default=80, ge=8, le=640, description="pixels")
    grayscale: bool = Field(default=False, description="one channel instead of three")
    stack: int = Field(default=1, ge=1, le=16, description="latest frames seen at once")
    screen: Literal["160x120", "320x240", "640x480"] = Field(
        default="160x120",
        description="what the game draws; a larger one is slower but finer",
    )
    env_threads: int = Field(
        default=2, ge=1, le=256, description="games that are stepped at the same time"
    )

    @field_validator("scenario")
    @classmethod
    def _known_scenario(cls, scenario: str) -> str:
        require("vizdoom", extra="doom")
        if scenario.endswith(".cfg"):
            path = Path(scenario).resolve()  # so that it is found from everywhere
            if not path.is_file():
                raise ValueError(f"there is no scenario file {str(path)!r}")
            return str(path)
        scenarios = list_scenarios()
        found = meant(scenario, scenarios, "Vizdoom")
        if found is None:
            known = f"there are {len(scenarios)}, e.g. VizdoomBasic-v1, VizdoomMyWayHome-v1"
            near = did_you_mean(scenario, scenarios, otherwise=known)
            raise ValueError(
                f"unknown scenario {scenario!r}{near} (or give the path of a .cfg file)"
            )
        return found

    @model_validator(mode="after")
    def _can_be_played(self) -> "DoomConfig":
        with closing(_make_game(self)) as game:
            if not isinstance(game.action_space, gymnasium.spaces.Discrete):
                raise ValueError(
                    f"the scenario {self.scenario!r} has buttons that are not just pressed or not "
                    "(such as TURN_LEFT_RIGHT_DELTA): list others in available_buttons of a .cfg "
                    "file"
                )
            if game.action_space.n < 2:
                raise ValueError(
                    f"the scenario {self.scenario!r} has no buttons; one wrong name in "
                    "available_buttons is enough for ViZDoom to take none"
                )
        return self

    @property
    def title(self) -> str:
        """The scenario's name."""
        return Path(self.scenario).stem  # it may be a path

    @property
    def human_play(self) -> HumanPlay:
        return HumanPlay(KEYS, steps_per_second=TICS_PER_SECOND / self.frame_skip)

    def make(self) -> ReplayedEnvs:
        return ReplayedEnvs(DoomWorlds(self), threads=self.env_threads)


def list_scenarios() -> list[str]:
    """Returns the ids of all scenarios that ViZDoom registers with Gymnasium, sorted."""
    import vizdoom.gymnasium_wrapper  # noqa: F401  (registers them)

    return sorted(
        env_id
        for env_id, spec in gymnasium.registry.items()
        if str(spec.entry_point).startswith("vizdoom.")
    )


def _make_game(config: DoomConfig) -> Any:
    """Returns ViZDoom's Gymnasium env, whose process starts at its first reset."""
    from vizdoom.gymnasium_wrapper.base_gymnasium_env import VizdoomEnv

    options: dict[str, Any] = {
        "frame_skip": config.frame_skip,
        "max_buttons_pressed": 1,  # so that actions are numbered, not combined
        "screen_resolution": f"RES_{config.screen.upper()}",
        "screen_format": "RGB24",
        "sound_enabled": False,
        "mode": "PLAYER",  # in others the game goes on while the agent thinks
    }
    if config.scenario.endswith(".cfg"):
        return VizdoomEnv(config.scenario, **options)
    return gymnasium.make(config.scenario, disable_env_checker=True, **options).unwrapped


class DoomWorlds(Worlds):
    """N ViZDoom games for `envs.replayed.ReplayedEnvs`.

    A frame is `[3, obs_height, obs_width]` RGB or `[1, ...]` gray, the screen averaged by area.
    """

    def __init__(self, config: DoomConfig) -> None:
        """No game's process starts before its `begin`."""
        n = config.num_envs
        self._games = [_make_game(config) for _ in range(n)]
        self._started = [False] * n
        self._reaper = _start_reaper()
        # Each game writes a file of settings when it ends; not into the working directory.
        self._settings = TemporaryDirectory(prefix="ludus-doom-")
        for i, game in enumerate(self._games):
            game.game.set_doom_config_path(f"{self._settings.name}/{i}.ini")
        buttons = [b.name.lower() for b in self._games[0].game.get_available_buttons()]
        channels = 1 if config.grayscale else 3
        self.spec = EnvSpec(
            name=f"doom/{Path(config.scenario).stem}",
            num_envs=n,
            obs_shape=(channels * config.stack, config.obs_height, config.obs_width),
            frame_channels=channels,
            action_names=tuple(
                "+".join(name for name, down in zip(buttons, pressed, strict=True) if down)
                or "noop"
                for pressed in self._games[0].button_map
            ),
            frames_per_step=config.frame_skip,
        )
        self._screens: list[npt.NDArray[np.uint8]] = [np.zeros(0, np.uint8)] * n
        self._frames = np.zeros((n, *self.spec.frame_shape), np.uint8)

    def begin(self, i: int, seed: int) -> None:
        """See `Worlds.begin`; raises ValueError if the scenario lacks a file that it names."""
        if not self._started[i]:
            self._start(i)
        # Once is not enough: what was pressed last in the episode before can show in this one.
        self._games[i].reset(seed=seed)
        obs, _ = self._games[i].reset(seed=seed)
        self._look(i, obs["screen"])

    def _start(self, i: int) -> None:
        """Starts the process of a game."""
        from vizdoom import FileDoesNotExistException

        # A terminal's Ctrl-C goes to all processes of its group, and games inherit what is blocked.
        ours = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            with ONE_AT_A_TIME:
                self._games[i].reset()
        except FileDoesNotExistException as error:
            raise ValueError(f"{self.spec.name} does not start: {error}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, ours)
        self._started[i] = True
        # Some may be told of twice.
        for child in psutil.Process().children():
            if child.name().startswith("vizdoom"):
                print(child.pid, file=self._reaper.stdin, flush=True)

    def step(self, i: int, action: int) -> Outcome:
        game = self._games[i]
        obs, reward, finished, timed_out, _ = game.step(action)
        if not finished:
            self._look(i, obs["screen"])
        # What was cut off by the timeout counts as finished too.
        terminated = finished and (not timed_out or game.game.is_player_dead())
        return reward, terminated, timed_out and not terminated

    def _look(self, i: int, screen: npt.NDArray[np.uint8]) -> None:
        self._screens[i] = screen
        channels, height, width = self.spec.frame_shape
        picture: Any = cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY) if channels == 1 else screen
        frame = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        self._frames[i] = frame.reshape(height, width, channels).transpose(2, 0, 1)

    def draw(self, rows: Sequence[int]) -> npt.NDArray[np.uint8]:
        return self._frames[rows]

    def render(self) -> npt.NDArray[np.uint8]:
        """See `Worlds.render`: the game's own screen."""
        return self._screens[0].copy()

    def close(self) -> None:
        """See `Worlds.close`: ends the games' processes."""
        self._reaper.kill()
        self._reaper.communicate()
        for game in self._games:
            game.close()
        self._settings.cleanup()


def _start_reaper() -> subprocess.Popen[str]:
    """Starts a process that reads the ids of others and, when nobody can tell it more, kills them.

    So no game is left behind by a process that was killed itself.
    """
    script = 'while read game; do games="$games $game"; done; kill -9 $games'
    return subprocess.Popen(
        ["sh", "-c", script],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
