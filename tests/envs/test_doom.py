"""ViZDoom's scenarios: how episodes end, what an action is, and what is refused."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vizdoom
from pydantic import ValidationError

from envs import make_envs
from envs.doom import DoomConfig, list_scenarios


def doom(scenario: str = "VizdoomBasic-v1", **settings: Any) -> DoomConfig:
    return DoomConfig(kind="doom", scenario=scenario, **({"num_envs": 1} | settings))


def test_the_timeout_of_basic_truncates() -> None:
    env = make_envs(doom())
    assert env.spec.action_names == ("noop", "attack", "move_right", "move_left")
    env.reset(0)
    steps = [env.recv()]
    for _ in range(75):  # 300 tics
        env.send(np.zeros(1, np.int64))
        steps.append(env.recv())
    env.close()
    assert [tick for tick, step in enumerate(steps) if step.last[0]] == [75]
    assert steps[75].discount[0] == 1
    assert steps[75].obs.any()
    assert np.array_equal(steps[75].obs, steps[74].obs)
    assert sum(step.reward[0] for step in steps) == -300


def test_a_kill_terminates() -> None:
    env = make_envs(doom())
    rng = np.random.default_rng(0)
    ends = []
    env.reset(1)
    while not ends:
        step = env.recv()
        ends += (
            [(step.discount[0], step.reward[0] > 50)] if step.last[0] and step.reward > 0 else []
        )
        env.send(rng.integers(4, size=1))
    env.close()
    assert ends == [(0, True)]


def test_a_scenario_file_of_ones_own_needs_no_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (Path(vizdoom.scenarios_path) / "basic.cfg").read_text()
    shutil.copy(Path(vizdoom.scenarios_path) / "basic.wad", tmp_path)
    (tmp_path / "mine.cfg").write_text(text.replace("MOVE_LEFT\n", ""))
    env = make_envs(doom("mine.cfg", grayscale=True, screen="320x240"))
    assert env.spec.name == "doom/mine"
    assert env.spec.action_names == ("noop", "attack", "move_right")
    env.reset(0)
    assert env.recv().obs.shape == (1, 1, 60, 80)
    assert env.render().shape == (240, 320, 3)
    env.close()
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.cfg", "basic.wad", "_vizdoom"}


def test_scenarios_are_refused_with_the_reason(tmp_path: Path) -> None:
    assert "VizdoomTakeCover-v1" in list_scenarios()
    with pytest.raises(ValidationError, match="did you mean 'VizdoomBasic-v1'"):
        doom("VizdoomBasik-v1")
    with pytest.raises(ValidationError, match="there is no scenario file"):
        doom("missing.cfg")
    with pytest.raises(ValidationError, match="not just pressed or not"):
        doom("VizdoomDeathmatch-v1")


def test_without_the_extra_the_config_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "vizdoom", None)
    with pytest.raises(ValidationError, match=r"pip install 'ludus\[doom\]'"):
        doom()
