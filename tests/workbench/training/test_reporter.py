"""What a training tells, and what of it a checkpoint keeps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.base import Update
from envs.base import Step
from tests.end_to_end.configs import PROBE
from workbench.config import OffPolicyConfig
from workbench.errors import WorkError
from workbench.runs.run import Run, create_run
from workbench.training.loop import Progress
from workbench.training.progress import ProgressLine
from workbench.training.reporter import Reporter

CONFIG = OffPolicyConfig.model_validate(PROBE)


class Agent:
    updates = 0

    def schedules(self) -> dict[str, float]:
        return {"epsilon": 0.5}


def iteration(reward: float, loss: float = 1.0) -> Progress:
    """One tick of one env, whose episode ends at once, and one update."""
    one = np.ones(1, np.bool_)
    step = Step(
        np.zeros((1, 1, 1, 1), np.uint8), np.array([reward], np.float32), one * 1.0, one, one
    )
    update = Update({"loss": torch.tensor(loss)}, torch.zeros(0))
    return Progress(1, [update], [step])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(CONFIG, str(tmp_path / "a"))


def make(run: Run) -> Reporter:
    return Reporter(run, CONFIG, ProgressLine("a", 100, 0))


def lines(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.metrics_path.read_text().splitlines()]


def test_a_line_has_the_means_since_the_one_before(run: Run) -> None:
    reporter, agent = make(run), Agent()
    with reporter.opened(0, finished=False):
        for number, reward in enumerate([1.0, 3.0, 8.0], 1):
            reporter.add(iteration(reward, loss=reward / 2))
            agent.updates += 1
            if number > 1:
                reporter.tell(agent, number)
    first, second = lines(run)
    assert first | {"episode_return": 2.0, "episodes": 2, "loss": 1.0, "updates": 2} == first
    assert second | {"episode_return": 8.0, "loss": 4.0, "epsilon": 0.5} == second


def test_a_checkpoint_forgets_the_line_at_the_end_where_none_was_due(run: Run) -> None:
    """An extended run goes on as if it had never been written; what it told is told again."""
    reporter = make(run)
    with reporter.opened(0, finished=False):
        reporter.add(iteration(1.0))
        reporter.tell(Agent(), 1)
        reporter.add(iteration(5.0))
        reporter.tell_end(Agent(), 2)
        state = reporter.state_dict()
    assert [line["env_steps"] for line in lines(run)] == [1, 2]
    assert state["metrics_size"] == len(run.metrics_path.read_bytes().splitlines(True)[0])

    longer = make(run)
    longer.load_state_dict(state)
    with longer.opened(2, finished=False):
        longer.add(iteration(7.0))
        longer.tell(Agent(), 3)
    assert [line["env_steps"] for line in lines(run)] == [1, 3]
    assert lines(run)[-1]["episode_return"] == 6.0
    assert longer.wall_seconds >= round(state["wall_seconds"], 3)


def test_a_finished_run_keeps_its_last_line(run: Run) -> None:
    reporter = make(run)
    with reporter.opened(0, finished=False):
        reporter.add(iteration(1.0))
        reporter.tell_end(Agent(), 2)
        state = reporter.state_dict()
    again = make(run)
    again.load_state_dict(state)
    with again.opened(2, finished=True):
        pass
    assert [line["env_steps"] for line in lines(run)] == [2]


def test_a_loss_that_is_no_number_is_not_told(run: Run) -> None:
    reporter = make(run)
    with reporter.opened(0, finished=False):
        reporter.add(iteration(1.0, loss=float("nan")))
        with pytest.raises(WorkError, match="no longer a finite number"):
            reporter.tell(Agent(), 1)
    assert lines(run) == []
