"""`ludus.train`, and the lines of README and docs as they stand there."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

import ludus
import workbench.training.launch
from envs.base import WorldFailure
from envs.gymnasium_worlds import GymnasiumWorlds
from tests.end_to_end.configs import BOARD, PPO_PROBE, PROBE
from tests.envs import own_world
from workbench.runs.run import Run

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
DOCUMENTS = [ROOT / "README.md", ROOT / "docs/python.md"]
WRITTEN = [block for document in DOCUMENTS for block in BLOCK.findall(document.read_text())]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("lines", WRITTEN)
def test_written_lines_run_as_they_stand(lines: str, here: Path):
    if "stable_baselines3" in lines:
        pytest.importorskip("stable_baselines3")
    (here / "configs").symlink_to(ROOT / "configs")
    zoo = here / "runs/zoo"
    for run in set(re.findall(r"runs/zoo/([\w-]+)", lines)):
        (zoo / run).mkdir(parents=True)
        for name in ("config.yaml", "run.json", "metrics.jsonl", "checkpoints"):
            (zoo / run / name).symlink_to(ROOT / "runs/zoo" / run / name)
    exec(compile(lines, "written", "exec"), {})


def test_readme_shows_six_lines():
    [block] = BLOCK.findall(DOCUMENTS[0].read_text())
    assert sum(map(bool, block.splitlines())) == 6
    for function in ludus.__all__:
        assert f"ludus.{function}(" in block


def test_a_run_comes_of_it(here: Path):
    run = ludus.train(PROBE, "mine", seed=9, agent={"batch_size": 4}, **{"env.num_envs": 2})
    assert run == Path("runs/mine")
    assert Run(run).status == "finished"
    saved = yaml.safe_load((run / "config.yaml").read_text())
    assert (saved["seed"], saved["agent"]["batch_size"], saved["env"]["num_envs"]) == (9, 4, 2)
    assert saved["agent"]["network"] == "flat"  # what was not changed
    report = ludus.evaluate(run, episodes=2)
    assert report["env_steps"] == 300
    assert (run / "evaluations.jsonl").is_file()
    assert ludus.load(Path("mine")).env_steps == 300
    with pytest.raises(ValueError, match="exists already; choose another"):
        ludus.train(PROBE, "mine")


def test_a_signal_saves_it(monkeypatch: pytest.MonkeyPatch):
    def stopped(run: Run, line: Any, stop: Any) -> bool:
        stop.requested = True  # as a signal does
        return bool(real(run, line, stop))

    real = workbench.training.launch.train
    monkeypatch.setattr(workbench.training.launch, "train", stopped)
    with pytest.raises(KeyboardInterrupt, match="ludus resume runs/mine"):
        ludus.train(PROBE, "mine")
    assert Run(Path("runs/mine")).status == "interrupted"
    assert ludus.load("mine").env_steps < 300


def test_a_thread_may_train():
    """Where Python hears no signals."""
    runs: list[Path] = []
    thread = threading.Thread(target=lambda: runs.append(ludus.train(PROBE, total_env_steps=80)))
    thread.start()
    thread.join(120)
    assert [Run(run).status for run in runs] == ["finished"]


def test_a_world_that_fails_is_named_and_the_run_is_kept(monkeypatch: pytest.MonkeyPatch):
    config = PPO_PROBE | {"env": {"kind": "gymnasium", "id": "Treasure", "num_envs": 4}}
    module = {"module": own_world.__file__}
    run = ludus.train(config, "mine", env=module, total_env_steps=40)
    with pytest.raises(RuntimeError, match=r"in reset: KeyError: 'a map'"):
        ludus.make(run, env=module | {"kwargs": {"fault": "reset"}})
    monkeypatch.setattr(GymnasiumWorlds, "_try", lambda worlds: None)
    broken = module | {"kwargs": {"fault": "step"}}
    with pytest.raises(RuntimeError, match=r"gymnasium/Treasure, in step.*treasury"):
        ludus.train(config, "other", env=broken)
    assert Run(Path("runs/other")).status == "failed"
    world = ludus.make(run, env=broken)
    world.reset(seed=0)
    with pytest.raises(WorldFailure, match="treasury"):
        world.step(0)


def test_wrong_configs_make_nothing(here: Path):
    with pytest.raises(ValueError, match=r"config: unknown key agent\.batchsize; did you mean"):
        ludus.train(PROBE, agent={"batchsize": 4})
    with pytest.raises(ValueError, match=r"cannot read the config none\.yaml"):
        ludus.train("none.yaml")
    with pytest.raises(ValueError, match=r"this config plays a board game.* ludus train, then"):
        ludus.make(BOARD)
    with pytest.raises(ValueError, match="config: seed: input should be a valid integer"):
        ludus.train(PROBE, seed=5.5)
    assert not (here / "runs").exists()
