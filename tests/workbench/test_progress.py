import re

import pytest

import workbench.progress
from workbench.progress import Progress


class Clock:
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(workbench.progress, "time", made)
    return made


def test_without_a_terminal_each_line_of_metrics_is_printed(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("pong-1", 100_000, 0) as progress:
        clock.seconds = 10.0
        progress.show({"env_steps": 5_000, "epsilon": 0.5})
        clock.seconds = 20.0
        progress.show({"env_steps": 10_000, "epsilon": 0.1, "loss": 0.25, "episode_return": -20.5})
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = (re.sub(" +", " ", line) for line in captured.err.splitlines())
    assert first == "env_steps 5,000/100,000 steps/s 500 epsilon 0.50 ETA 3 min"
    assert second == (
        "env_steps 10,000/100,000 steps/s 500 epsilon 0.10 return -20.50 (1 episode) "
        "loss 0.2500 ETA 3 min"
    )


def test_the_rate_is_that_of_the_last_seconds(clock: Clock) -> None:
    progress = Progress("a", 1_000_000, 0)
    env_steps = 0
    for second in range(1, 61):
        clock.seconds = float(second)
        env_steps += 100 if second <= 30 else 1_000
        progress.advance(env_steps)
    assert progress.steps_per_second == pytest.approx(1_000)


def test_what_was_done_before_a_resume_does_not_count_as_fast(clock: Clock) -> None:
    progress = Progress("a", 1_000, 900)
    clock.seconds = 1.0
    progress.advance(910)
    assert progress.steps_per_second == pytest.approx(10)


def test_the_time_left_is_never_negative(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("a", 100, 0) as progress:
        clock.seconds = 0.001
        progress.show({"env_steps": 4_000, "epsilon": 0.0})
    assert "ETA 0 min" in capsys.readouterr().err


def test_self_play_shows_how_strong_it_is_and_what_goes_wrong(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("a", 1_000, 0) as progress:
        clock.seconds = 1.0
        progress.show(
            {
                "env_steps": 100,
                "games": 30,
                "game_plies": 35.6,
                "score_random": 1.0,
                "score_mcts_1000": 0.85,
                "distinct_positions": 0.12,
            }
        )
        progress.show({"env_steps": 200, "games": 31, "game_plies": 36.0})
    note, first, second = (re.sub(" +", " ", line) for line in capsys.readouterr().err.splitlines())
    assert "only 12%" in note
    assert "agent.random_plies" in note
    assert "games 30 plies/game 36 against mcts:1000 85%" in first
    assert "against mcts:1000 85%" in second  # until it is measured again
