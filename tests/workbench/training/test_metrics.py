import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.base import Update
from envs.base import Step
from workbench.errors import WorkError
from workbench.training.metrics import Meter, MetricsFile, rates


def tick(reward: list[float], first: list[int], last: list[int]) -> Step:
    n = len(reward)
    return Step(
        np.zeros((n, 1, 8, 8), np.uint8),
        reward=np.array(reward, np.float32),
        discount=np.ones(n, np.float32),
        first=np.array(first, np.bool_),
        last=np.array(last, np.bool_),
    )


def update(loss: float, value: float = 0.0) -> Update:
    return Update({"loss": torch.tensor(loss), "value": torch.tensor(value)}, torch.zeros(2))


EPISODES = [
    tick([0, 0], [1, 1], [0, 0]),
    tick([1, 5], [0, 0], [0, 0]),
    tick([1, 5], [0, 0], [1, 0]),  # env 0 scored 2 in 2 steps
    tick([0, 5], [1, 0], [0, 1]),  # env 1 scored 15 in 3 steps
    tick([7, 0], [0, 1], [1, 0]),  # env 0 scored 7 in 1 step
]


def test_the_meter_reports_the_means_of_the_episodes_that_ended() -> None:
    meter = Meter()
    for step in EPISODES[:2]:
        meter.add_step(step)
    assert meter.read() == {"episodes": 0}
    for step in EPISODES[2:]:
        meter.add_step(step)
    # An episode counts whole, even if a line was written while it went on.
    assert meter.read() == {"episodes": 3, "episode_return": 8.0, "episode_length": 2.0}
    assert meter.read() == {"episodes": 0}


def test_the_meter_reports_the_means_of_the_updates() -> None:
    meter = Meter()
    for loss, value in ((1.0, 10.0), (2.0, 20.0), (6.0, 60.0)):
        meter.add_update(update(loss, value))
    assert meter.read() == {"episodes": 0, "loss": 3.0, "value": 30.0}
    assert meter.read() == {"episodes": 0}


@pytest.mark.parametrize("number", range(len(EPISODES) + 1))
def test_a_restored_meter_goes_on_as_the_first(number: int) -> None:
    meter, restored = Meter(), Meter()
    for step in EPISODES[:number]:
        meter.add_step(step)
        meter.add_update(update(step.reward[0].item()))
    restored.load_state_dict(meter.state_dict())
    for each in (meter, restored):
        for step in EPISODES[number:]:
            each.add_step(step)
            each.add_update(update(step.reward[0].item()))
    assert restored.read() == meter.read()
    assert restored.state_dict().keys() == meter.state_dict().keys()


def test_a_meter_brought_back_goes_on_where_learning_does() -> None:
    """Checkpoints hold CPU tensors; what a learner tells next lies on its device."""
    saved, restored = Meter(), Meter()
    saved.add_update(update(1.0))
    restored.load_state_dict(saved.state_dict())
    elsewhere = {"loss": torch.zeros((), device="meta"), "value": torch.zeros((), device="meta")}
    restored.add_update(Update(elsewhere, torch.zeros(2)))
    learned = restored.state_dict()["learned"]
    assert [(x.shape, x.device.type) for x in learned.values()] == [((2,), "meta")] * 2


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_or_a_weight_that_is_not_finite_is_found(bad: float) -> None:
    meter = Meter()
    meter.check_finite()
    meter.add_update(update(1.0))
    meter.check_finite([torch.ones(3)])
    with pytest.raises(WorkError, match=r"Lower agent\.learning_rate"):
        meter.check_finite([torch.ones(3), torch.tensor([1.0, bad])])
    meter.add_update(update(bad))
    meter.add_update(update(1.0))
    with pytest.raises(WorkError, match="no longer a finite number"):
        meter.check_finite()


def test_metrics_are_one_object_a_line(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "m.jsonl", 0)
    file.write({"env_steps": 1, "loss": 0.5, "value": math.nan, "x": math.inf})
    size = file.sync()
    file.write({"env_steps": 2})
    file.close()
    lines = (tmp_path / "m.jsonl").read_bytes().splitlines(keepends=True)
    assert [json.loads(line) for line in lines] == [{"env_steps": 1, "loss": 0.5}, {"env_steps": 2}]
    assert size == len(lines[0])


def test_lines_after_the_checkpoint_are_cut_and_come_again(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    file = MetricsFile(path, 0)
    file.write({"env_steps": 1})
    size = file.sync()
    file.write({"env_steps": 2, "wall_seconds": 10.25})
    file.close()
    path.write_bytes(path.read_bytes()[:-4])  # killed while it wrote
    file = MetricsFile(path, size)
    file.write({"env_steps": 2, "wall_seconds": 9.5})
    assert file.sync() == path.stat().st_size
    file.close()
    assert [json.loads(line)["env_steps"] for line in path.read_text().splitlines()] == [1, 2]


def test_a_file_shorter_than_the_checkpoint_says_is_not_padded(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"env_steps": 1}\n')
    file = MetricsFile(path, 1_000)
    file.write({"env_steps": 2})
    file.close()
    assert path.read_text() == '{"env_steps": 1}\n{"env_steps": 2}\n'


def test_rates_are_of_what_was_done_since_the_last_line():
    assert rates({"episodes": 3}, 200, 4.0) == {"env_steps_per_second": 50}
    board = {"evaluations_per_move": 60.0, "games": 8}
    assert rates(board, 200, 4.0) == {
        "env_steps_per_second": 50,
        "evaluations_per_second": 3_000,
        "games_per_second": 2,
    }
    assert rates(board, 200, 0.0) == {}
