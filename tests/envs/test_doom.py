"""ViZDoom's scenarios: how episodes end, what an action is, and what is refused."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import vizdoom
from pydantic import ValidationError
from vizdoom.gymnasium_wrapper.base_gymnasium_env import VizdoomEnv

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
    text = (Path(vizdoom.scenarios_path) / "basic.cfg").read_text()
    (tmp_path / "typo.cfg").write_text(text.replace("ATTACK", "ATACK"))
    with pytest.raises(ValidationError, match="has no buttons; one wrong name"):
        doom(str(tmp_path / "typo.cfg"))


def test_a_scenario_whose_files_are_missing_does_not_start(tmp_path: Path) -> None:
    text = (Path(vizdoom.scenarios_path) / "basic.cfg").read_text()
    (tmp_path / "mine.cfg").write_text(text)  # without basic.wad beside it
    env = make_envs(doom(str(tmp_path / "mine.cfg")))
    env.reset(0)
    with pytest.raises(ValueError, match=r"doom/mine does not start: .*basic\.wad"):
        env.recv()
    env.close()


def test_a_scenario_file_is_found_from_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(Path(vizdoom.scenarios_path) / "basic.cfg", tmp_path / "mine.cfg")
    monkeypatch.chdir(tmp_path)
    assert doom("mine.cfg").scenario == str(tmp_path / "mine.cfg")


def test_a_game_waits_for_the_agent_whatever_its_file_says(tmp_path: Path) -> None:
    text = (Path(vizdoom.scenarios_path) / "basic.cfg").read_text()
    shutil.copy(Path(vizdoom.scenarios_path) / "basic.wad", tmp_path)
    (tmp_path / "mine.cfg").write_text(text.replace("mode = PLAYER", "mode = ASYNC_PLAYER"))
    played = []
    for pause_seconds in (0.0, 0.1):
        env = make_envs(doom(str(tmp_path / "mine.cfg")))
        env.reset(3)
        steps = [env.recv()]
        for action in (0, 2, 3, 1, 0, 2):
            time.sleep(pause_seconds)
            env.send(np.array([action]))
            steps.append(env.recv())
        env.close()
        played.append([(step.obs.tobytes(), step.reward.tobytes()) for step in steps])
    assert played[0] == played[1]


PLAY = """
import os, sys, time
import numpy as np, psutil
from envs import make_envs
from envs.doom import DoomConfig
env = make_envs(DoomConfig(kind="doom", scenario="VizdoomBasic-v1", num_envs=2))
env.reset(0)
env.recv()
print(*[p.pid for p in psutil.Process().children() if p.name().startswith("vizdoom")], flush=True)
sys.stdin.readline()
env.send(np.zeros(2, np.int64))
print(env.recv().obs.shape, flush=True)
time.sleep(60)
"""


def test_games_survive_ctrl_c_but_not_the_process_that_started_them() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(2, signal.SIG_IGN)\n" + PLAY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        games = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
        assert len(games) == 2
        os.killpg(process.pid, signal.SIGINT)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == "(2, 3, 60, 80)"
        process.kill()
    gone, alive = psutil.wait_procs(games, timeout=20)
    assert (len(gone), alive) == (2, [])


def test_games_start_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    starting, most = 0, 0

    def reset(_: Any, seed: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        nonlocal starting, most
        if seed is None:  # the first one, which starts the process
            starting += 1
            most = max(most, starting)
            time.sleep(0.05)  # long enough for others to come in
            starting -= 1
        return {"screen": np.zeros((120, 160, 3), np.uint8)}, {}

    monkeypatch.setattr(VizdoomEnv, "reset", reset)
    env = make_envs(doom(num_envs=4, env_threads=4))
    env.reset(0)
    env.recv()
    env.close()
    assert most == 1


def test_without_the_extra_the_config_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "vizdoom", None)
    with pytest.raises(ValidationError, match=r"pip install 'ludus\[doom\]'"):
        doom()
