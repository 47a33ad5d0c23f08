"""Lets a person play an episode with keys while an agent plays the same one alongside.

Both begin from the same seed under the same rules, and both screens advance a step at a time.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from agents.base import Decision
from envs import make_rendered_env
from envs.base import LEFT, RIGHT, EnvSpec, HumanPlay, RenderableEnv, Step
from workbench.errors import UsageError
from workbench.evaluation.episodes import EVAL_SEED_OFFSET, EvalActor
from workbench.evaluation.load import acts_by_numbers, load_env_agent
from workbench.recording.episode import FPS

MAX_SEED = 2**31 - 1
PNG = "png", (cv2.IMWRITE_PNG_COMPRESSION, 1)
JPEG = "jpeg", (cv2.IMWRITE_JPEG_QUALITY, 90)
PLACES = {
    **dict.fromkeys(("up", "forward", "move_up", "move_forward"), "up"),
    **dict.fromkeys(("down", "move_down", "move_backward"), "down"),
    **dict.fromkeys(("left", "turn_left", "move_left"), "left"),
    **dict.fromkeys(("right", "turn_right", "move_right"), "right"),
}
SPARE_KEYS = [*(f"Digit{n}" for n in "1234567890"), *(f"Key{letter}" for letter in "GHJKLVBNMUIOY")]
NOTHING = "noop"


class Button(NamedTuple):
    """A button that can be held down.

    Attributes:
        name: as messages name it.
        label: as people read it.
        keys: that hold it down, as `KeyboardEvent.code`; empty where keys have run out.
        place: in a cross of arrows; None: it lies beside.
    """

    name: str
    label: str
    keys: tuple[str, ...]
    place: str | None


class Controls:
    """How a person's buttons become the actions of a world.

    Attributes:
        buttons: all of them, those that move first.
    """

    def __init__(self, play: HumanPlay, spec: EnvSpec) -> None:
        """An action may be several buttons held down together."""
        self._actions = {
            _buttons_of(play.keys, name): i for i, name in enumerate(spec.action_names)
        }
        used = {name: None for parts in self._actions for name in sorted(parts)}
        known = [name for name in play.keys if name in used]
        names = [*known, *(name for name in used if name not in known)]
        places = {name: PLACES[name] for name in names if name in PLACES} | {**play.places}
        keys = dict(play.keys)
        if {"turn_left", "move_left"} <= used.keys():  # arrows turn, letters step aside
            places.pop("move_left")
            places.pop("move_right", None)
            keys |= {"turn_left": LEFT[:1], "turn_right": RIGHT[:1]}
            keys |= {"move_left": LEFT[1:], "move_right": RIGHT[1:]}
        spare = iter(SPARE_KEYS)
        self.buttons = [
            Button(
                name,
                play.labels.get(name) or name.replace("_", " ").capitalize(),
                keys.get(name) or tuple(islice(spare, 1)),
                places.get(name),
            )
            for name in names
        ]

    def action(self, held: Sequence[str]) -> int | None:
        """Returns the action of the buttons held down, the latest last; None: there is none.

        It is the one that takes most of them; of such the one with the button pressed last.
        """
        age = {name: i for i, name in enumerate(held)}
        possible = [parts for parts in self._actions if parts <= age.keys()]
        if not possible:
            return None
        best = max(
            possible,
            key=lambda parts: (len(parts), sorted((age[name] for name in parts), reverse=True)),
        )
        return self._actions[best]


def _buttons_of(buttons: Iterable[str], action_name: str) -> frozenset[str]:
    """Returns what is held down for an action, e.g. `up` and `fire` for `upfire`."""
    if action_name == NOTHING:
        return frozenset()
    known = "|".join(map(re.escape, buttons))
    if known and action_name not in buttons and re.fullmatch(f"({known})+", action_name):
        return frozenset(re.findall(known, action_name))
    return frozenset(action_name.split("+"))


def steps_per_second(play: HumanPlay) -> float | None:
    """Returns the game's own speed, at most that of videos; None: it waits for whoever plays."""
    return play.steps_per_second and min(FPS, play.steps_per_second)


class Side:
    """One env and the state of its episode.

    Attributes:
        env: of one row.
        step: the latest that was received.
        score: raw, so far.
        steps: that were taken.
        over: whether the episode has ended; then nothing more may be done in it.
        action: the latest; None at the start.
        lives: how many are left; None: the world does not count them.
    """

    step: Step
    over: bool

    def __init__(self, env: RenderableEnv, seed: int) -> None:
        """Starts the episode of this seed."""
        self.env = env
        self.score, self.steps = 0.0, 0
        self.action: int | None = None
        self.lives: int | None = None
        env.reset(EVAL_SEED_OFFSET + seed)
        self._receive()

    def advance(self, action: int) -> None:
        """Takes one step."""
        self.env.send(np.array([action], np.int64))
        self.steps, self.action = self.steps + 1, action
        self._receive()

    def _receive(self) -> None:
        self.step = self.env.recv()
        self.score += float(self.step.reward[0])
        self.over = bool(self.step.last[0])
        counted = getattr(self.env, "lives", None)
        lives = 0 if counted is None else int(counted[0])
        if lives or self.lives is not None:  # games that have none say 0 from the start
            self.lives = lives

    def screen(self) -> npt.NDArray[np.uint8]:
        """Returns `[H, W, 3]` RGB of the latest step."""
        return self.env.render()


class Duel:
    """Two sides of one episode: a person's and an agent's.

    Attributes:
        env_config: the world.
        env_steps: how long the agent had trained.
        play: how a person plays it.
        controls: the person's.
        person: the person's side.
        agent: the agent's side.
        decision: what the agent thinks of what it sees now; None: its episode is over.
    """

    def __init__(self, player: str, seed: int) -> None:
        """Loads the agent that `player` names and begins the episode of `seed`.

        Raises:
            UsageError: there is no such player, or its world does not start.
        """
        trained = load_env_agent(player)
        if acts_by_numbers(trained):
            raise UsageError(
                f"{player} acts by numbers, which no key stands for; see it play with: "
                f"ludus record {player}"
            )
        self._actor, self.env_config, self.env_steps = trained.agent, trained.env, trained.env_steps
        with ExitStack() as opened:
            made = (make_rendered_env(self.env_config) for _ in range(2))
            self._envs = [opened.enter_context(closing(env)) for env in made]
            self.spec = self._envs[0].spec
            self.play = self.env_config.human_play
            self.controls = Controls(self.play, self.spec)
            self.begin(seed)
            self._opened = opened.pop_all()

    def begin(self, seed: int) -> None:
        """Starts both episodes anew; raises UsageError if the world does not start."""
        self.seed = seed
        self._acting = EvalActor(self._actor, self.spec, seed)
        self._memory = self._acting.initial_memory(1)
        try:
            self.person, self.agent = (Side(env, seed) for env in self._envs)
        except ValueError as error:
            raise UsageError(str(error)) from None
        self._think()

    @property
    def over(self) -> bool:
        """Whether both episodes have ended."""
        return self.person.over and self.agent.over

    def advance(self, action: int) -> None:
        """Takes a step on both sides whose episode has not ended."""
        if not self.person.over:
            self.person.advance(action)
        if self.decision is not None:
            self.agent.advance(int(self.decision.action[0]))
            self._think()

    def _think(self) -> None:
        self.decision: Decision | None = None
        if not self.agent.over:
            self.decision, self._memory = self._acting.act(
                self.agent.step, self._memory, explore=False
            )

    def close(self) -> None:
        """Frees both envs."""
        self._opened.close()


def encoded(play: HumanPlay, screen: npt.NDArray[np.uint8]) -> bytes:
    """Returns `[H, W, 3]` RGB as a file of the type that suits the world."""
    kind, options = PNG if play.flat_colours else JPEG
    done, file = cv2.imencode(f".{kind}", np.ascontiguousarray(screen[..., ::-1]), options)
    assert done
    return bytes(file)


def media_type(play: HumanPlay) -> str:
    """Returns what `encoded` makes."""
    return f"image/{(PNG if play.flat_colours else JPEG)[0]}"
