"""A world of one's own, from trying it to a video, and what is said when it fails."""

import json
from pathlib import Path

import cv2
import pytest

from tests.end_to_end.configs import write_config
from tests.end_to_end.conftest import Ludus
from tests.envs import own_world
from workbench.errors import UsageError
from workbench.runs.run import Run
from workbench.studio.videos.enactment import enact
from workbench.studio.videos.traces import read_episode

FILE = own_world.__file__
OWN = {
    "env": {"kind": "gymnasium", "id": "Treasure", "module": FILE, "num_envs": 4},
    "total_env_steps": 400,
    "log_period_env_steps": 100,
    "checkpoint_period_env_steps": 200,
    "wandb": {"mode": "disabled"},
}
AGENTS = {
    "dqn": {
        "agent": {"kind": "dqn", "network": "flat", "batch_size": 8},
        "learning_starts_env_steps": 100,
        "samples_per_env_step": 1,
        "replay": {"capacity_env_steps": 400},
    },
    "r2d2": {
        "agent": {
            "kind": "r2d2",
            "network": "flat",
            "core_size": 8,
            "batch_size": 2,
            "burn_in_ticks": 2,
            "sequence_ticks": 4,
        },
        "learning_starts_env_steps": 100,
        "samples_per_env_step": 1,
        "replay": {"capacity_env_steps": 400},
    },
    "ppo": {
        "agent": {
            "kind": "ppo",
            "network": "flat",
            "core": "none",
            "rollout_ticks": 8,
            "sequence_ticks": 8,
            "minibatches": 2,
        }
    },
    "lstm": {
        "agent": {
            "kind": "ppo",
            "network": "flat",
            "core_size": 8,
            "rollout_ticks": 8,
            "sequence_ticks": 4,
            "minibatches": 2,
        }
    },
}


@pytest.mark.parametrize("agent", AGENTS)
def test_every_agent_trains_in_it(ludus: Ludus, here: Path, agent: str) -> None:
    write_config(here / "c.yaml", OWN | AGENTS[agent])
    trained = ludus("train", "c.yaml", "--run", "a")
    assert trained.code == 0, trained.err
    assert [*(here / "runs/a/videos").glob("*.mp4")]
    trace = max((here / "runs/a/videos").glob("*.json"), key=lambda path: int(path.stem[:-2]))
    with pytest.raises(UsageError, match="numbers or a text, not just one picture"):
        enact(Run(here / "runs/a"), int(trace.stem[:-2]), read_episode(trace))
    measured = ludus("eval", "a", "--episodes", "3", "--json")
    assert measured.code == 0, measured.err
    assert len(json.loads(measured.out)["returns"]) == 3
    resumed = ludus("resume", "a", "total_env_steps=500")
    assert resumed.code == 0, resumed.err


def test_a_world_that_fails_is_named_and_the_run_goes_on(ludus: Ludus, here: Path) -> None:
    text = Path(FILE).read_text()
    (here / "mine.py").write_text(
        text.replace("self.t += 1", "self.t += 1\n        Treasure.steps += 1").replace(
            'if self.fault == "step":', "if Treasure.steps > 1500:"
        )
        + "\n\nTreasure.steps = 0\n"
    )
    config = OWN | AGENTS["ppo"] | {"env": OWN["env"] | {"module": str(here / "mine.py")}}
    write_config(here / "c.yaml", config | {"total_env_steps": 3000})
    failed = ludus("train", "c.yaml", "--run", "a")
    assert failed.code == 1
    assert failed.err.splitlines()[-1].startswith("ludus: gymnasium/Treasure, in step("), failed.err
    assert "ZeroDivisionError: in the treasury; what was saved is kept" in failed.err
    info = json.loads((here / "runs/a/run.json").read_text())
    assert info["status"] == "failed"
    assert info["env_steps"] >= 200


def test_what_fails_at_once_leaves_no_run_behind(ludus: Ludus, here: Path) -> None:
    env = OWN["env"] | {"kwargs": {"fault": "nan"}}
    write_config(here / "c.yaml", OWN | AGENTS["ppo"] | {"env": env})
    failed = ludus("train", "c.yaml", "--run", "a")
    assert failed.code == 2
    assert "the reward is nan" in failed.err
    assert not (here / "runs").exists()


def test_a_good_world_is_checked(ludus: Ludus, here: Path) -> None:
    checked = ludus("check", "Treasure", "--module", FILE)
    assert checked.code == 0, checked.out
    assert "order: a text of up to 24 words; time: a vector of 1 numbers" in checked.out
    assert "acts       4 actions: 0,0, 0,1, 1,0, 1,1" in checked.out
    assert "repeats    yes" in checked.out
    picture = cv2.imread(str(here / "Treasure.png"))
    assert picture is not None
    assert picture.std() > 0


def test_faults_of_a_world_are_found(ludus: Ludus, here: Path) -> None:
    env = OWN["env"] | {"kwargs": {"forgets_seed": True}}
    write_config(here / "c.yaml", OWN | AGENTS["ppo"] | {"env": env})
    checked = ludus("check", "c.yaml")
    assert checked.code == 1
    assert "repeats    no" in checked.out
    assert "rule       AssertionError" in checked.out  # Gymnasium's checker finds it, too


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["CartPoel-v1"], "did you mean 'CartPole-v1'"),
        (["Treasure", "--module", "nowhere.py"], "there is no file"),
        (["nowhere.yaml"], "nowhere.yaml"),
        (["Pendulum-v1"], "its actions are continuous"),
    ],
)
def test_what_cannot_be_checked_is_refused(
    ludus: Ludus, here: Path, arguments: list[str], reason: str
) -> None:
    checked = ludus("check", *arguments)
    assert checked.code == 2
    assert reason in checked.err
    assert len(checked.err.strip().splitlines()) == 1
    assert not list(here.iterdir())
