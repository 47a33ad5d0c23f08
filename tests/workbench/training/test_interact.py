"""However playing ends, the env is closed, and never while it works on a tick."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import workbench.evaluation.episodes
import workbench.evaluation.load
from agents.base import Decision, Memory
from envs.base import Step
from envs.probes import ProbeConfig, ProbeEnvs
from workbench.errors import WorkError

COUNTER = ProbeConfig(kind="probe", probe="counter", num_envs=1)


class WatchedEnvs(ProbeEnvs):
    closed = False

    def close(self) -> None:
        assert self._actions is None, "a tick is in flight"
        self.closed = True


class Actor:
    """Does nothing of note until it raises at tick `fails_at`; its values are all `value`."""

    def __init__(self, fails_at: int | None = None, value: float = 0.0) -> None:
        self.fails_at = fails_at
        self.value = value
        self.ticks = 0

    def initial_memory(self, num_envs: int) -> Memory:
        return ()

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        if self.ticks == self.fails_at:
            raise RuntimeError("the actor broke")
        self.ticks += 1
        n = len(step.obs)
        return Decision(np.zeros(n, np.int64), np.full((n, 2), self.value, np.float32)), memory


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[WatchedEnvs]:
    made: list[WatchedEnvs] = []

    def make(config: ProbeConfig) -> WatchedEnvs:
        made.append(WatchedEnvs(config))
        return made[-1]

    monkeypatch.setattr(workbench.evaluation.episodes, "make_envs", make)
    monkeypatch.setattr(workbench.evaluation.load, "make_rendered_env", make)
    return made


def evaluate(actor: Actor, directory: Path) -> None:
    workbench.evaluation.episodes.evaluate(actor, COUNTER, episodes=3, seed=0)


def record(actor: Actor, directory: Path) -> None:
    workbench.evaluation.load.record_player(actor, COUNTER, directory, 100, seed=0)


@pytest.mark.parametrize("play", [evaluate, record])
def test_when_all_goes_well(
    made: list[WatchedEnvs], tmp_path: Path, play: Callable[[Actor, Path], None]
) -> None:
    play(Actor(), tmp_path)
    assert [env.closed for env in made] == [True]


@pytest.mark.parametrize("play", [evaluate, record])
@pytest.mark.parametrize("fails_at", [0, 5])
def test_when_the_actor_raises(
    made: list[WatchedEnvs], tmp_path: Path, play: Callable[[Actor, Path], None], fails_at: int
) -> None:
    with pytest.raises(RuntimeError, match="the actor broke"):
        play(Actor(fails_at), tmp_path)
    assert [env.closed for env in made] == [True]


def test_when_an_evaluation_is_interrupted_between_ticks(made: list[WatchedEnvs]) -> None:
    def interrupt(episode_return: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workbench.evaluation.episodes.evaluate(
            Actor(), COUNTER, episodes=3, seed=0, on_episode=interrupt
        )
    assert [env.closed for env in made] == [True]


def test_when_a_recording_is_given_up(made: list[WatchedEnvs], tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="not finite"):
        record(Actor(value=np.nan), tmp_path)
    assert [env.closed for env in made] == [True]
