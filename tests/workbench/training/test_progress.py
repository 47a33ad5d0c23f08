import io
import re

import pytest
from rich.console import Console

import workbench.training.progress
from workbench.training.progress import QUIET_SECONDS, ProgressLine, compose, duration, elide


class Clock:
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(workbench.training.progress, "time", made)
    return made


def test_without_a_terminal_each_line_of_metrics_is_printed(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressLine("pong-1", 100_000, 0) as progress:
        clock.seconds = 30.0  # of which nobody knows how long it loaded and compiled
        progress.show({"env_steps": 5_000, "epsilon": 0.5})
        clock.seconds = 40.0
        progress.show({"env_steps": 10_000, "epsilon": 0.1, "loss": 0.25, "episode_return": -20.5})
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = (re.sub(" +", " ", line) for line in captured.err.splitlines())
    assert first == "env_steps 5,000/100,000 epsilon 0.50"
    assert second == (
        "env_steps 10,000/100,000 steps/s 500 epsilon 0.10 return -20.50 (1 episode) "
        "loss 0.2500 ETA 3 min"
    )


def test_the_rate_is_that_of_the_last_seconds(clock: Clock) -> None:
    progress = ProgressLine("a", 1_000_000, 0)
    env_steps = 0
    for second in range(1, 61):
        clock.seconds = float(second)
        env_steps += 100 if second <= 30 else 1_000
        progress.advance(env_steps)
    assert progress.steps_per_second == pytest.approx(1_000)


def test_what_was_done_before_a_resume_does_not_count_as_fast(clock: Clock) -> None:
    progress = ProgressLine("a", 1_000, 900)
    clock.seconds = 1.0
    progress.advance(910)
    assert progress.steps_per_second is None
    clock.seconds = 2.0
    progress.advance(920)
    assert progress.steps_per_second == pytest.approx(10)


def test_the_first_iteration_of_a_phase_compiles_and_counts_in_nothing(clock: Clock) -> None:
    progress = ProgressLine("a", 1_000, 900)
    progress.enter("loading checkpoint 900")
    clock.seconds = 100.0
    progress.enter(None)
    clock.seconds = 160.0  # a minute for what takes 0.1 s from now on
    progress.show({"env_steps": 901})
    progress.advance(901)
    assert progress.steps_per_second is progress.seconds_left is None
    clock.seconds = 161.0
    progress.show({"env_steps": 911})
    assert progress.steps_per_second == pytest.approx(10)
    assert progress.seconds_left == pytest.approx(8.9)


def test_pauses_are_in_the_time_left_and_not_in_the_rate(clock: Clock) -> None:
    progress = ProgressLine("a", 1_050, 0)
    progress.advance(10)
    env_steps = 10
    for second in range(1, 31):
        clock.seconds += 1.0
        if env_steps == 100:
            clock.seconds += 30.0
            progress.paused("anchors", 30.0, 100)
            clock.seconds += 7.0
            progress.paused("recording", 7.0, 1_000, at_end=True)
        if env_steps == 200:
            clock.seconds += 20.0
            progress.paused("anchors", 20.0, 100)
        env_steps += 10
        progress.advance(env_steps)
        assert progress.steps_per_second == pytest.approx(10), second
    # 740 steps; anchors at 400, ... 1,000; recordings at 1,000 and the end.
    assert env_steps == 310
    assert progress.seconds_left == pytest.approx(74 + 7 * 20 + 2 * 7)


def test_the_time_left_is_never_negative(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLine("a", 100, 0) as progress:
        progress.advance(1)
        clock.seconds = 0.001
        progress.show({"env_steps": 4_000, "epsilon": 0.0})
    assert "ETA 0 min" in capsys.readouterr().err


def test_self_play_shows_how_strong_it_is_and_what_goes_wrong(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressLine("a", 1_000, 0) as progress:
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


FACTS = ["steps/s 1,234", "return -20.50", "epsilon 0.52", "loss 0.0123"]
LONG_NAME = "atari-montezuma_revenge-quantile-prioritized-seed-17"


@pytest.mark.parametrize("width", [50, 60, 80, 120, 200])
@pytest.mark.parametrize("name", ["a", "pong-2", LONG_NAME, "x" * 100])
@pytest.mark.parametrize(("done", "total"), [(0, 300), (812_345, 1_000_000), (10**7, 2 * 10**8)])
def test_name_steps_and_time_left_have_their_place_at_any_width(
    width: int, name: str, done: int, total: int
) -> None:
    line = compose(width, name, done, total, "2 h 05 min left", FACTS)
    assert len(line) <= width
    assert f"{done:,}/{total:,}" in line
    assert line.endswith("2 h 05 min left")
    shown = line.split("  ")[0]
    assert shown == name or ("…" in shown and name.startswith(shown.split("…")[0]))
    assert shown == name or name.endswith(shown.split("…")[1])
    assert len(shown) >= 1
    if width >= 80:
        assert len(shown) >= min(len(name), 8)


def test_what_there_is_room_for_is_shown_from_the_first() -> None:
    assert compose(200, "a", 5, 10, "3 s left", FACTS) == (
        "a  ━━━━━━━━────────  5/10 env_steps  steps/s 1,234  return -20.50  epsilon 0.52  "
        "loss 0.0123  3 s left"
    )
    assert compose(60, "a", 5, 10, "3 s left", FACTS) == (
        "a  ━━━━━━━━────────  5/10 env_steps  steps/s 1,234  3 s left"
    )
    assert compose(60, "a", 0, 10, "", []) == "a  ────────────────  0/10 env_steps"
    assert elide("abcdefgh", 5) == "ab…gh"


def test_durations_are_said_as_people_do() -> None:
    spans = [0.4, 59.4, 60, 3599, 7500, 90_000]
    said = ["0 s", "59 s", "1 min", "1 h 00 min", "2 h 05 min", "25 h 00 min"]
    assert [duration(seconds) for seconds in spans] == said


def test_no_time_left_is_told_before_it_learns(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressLine("a", 10_000, 0) as progress:
        progress.enter("loading")
        progress.enter("collecting, not learning yet")
        clock.seconds = 1.0
        progress.advance(1_000)
        clock.seconds = 2.0
        progress.show({"env_steps": 2_000})
        with progress.within("recording the untrained agent"):
            clock.seconds = 9.0
        progress.advance(2_000)
        progress.show({"env_steps": 2_000})
        clock.seconds = 18.0  # the first update takes longer than those to come
        progress.enter(None)
        progress.advance(2_010)
        clock.seconds = 28.0
        progress.advance(3_010)
        progress.show({"env_steps": 3_010})
    lines = [re.sub(" +", " ", line) for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "a: loading",
        "a: collecting, not learning yet",
        "env_steps 2,000/10,000 steps/s 1,000 collecting, not learning yet",
        "a: recording the untrained agent",
        "a: collecting, not learning yet",
        "env_steps 2,000/10,000 collecting, not learning yet",
        # 100 a second since it learns, whatever was before.
        "env_steps 3,010/10,000 steps/s 100 ETA 1 min",
    ]


def test_without_a_terminal_a_line_comes_now_and_then(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressLine("a", 1_000, 0) as progress:
        for second in range(1, 100):
            clock.seconds = float(second)
            progress.advance(second)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == int(99 / QUIET_SECONDS)
    assert all("env_steps" in line and "ETA" in line for line in lines)


@pytest.mark.parametrize("width", [60, 80])
def test_a_terminal_shows_one_line(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        workbench.training.progress,
        "Console",
        lambda stderr: Console(file=screen, force_terminal=True, width=width),
    )
    with ProgressLine(LONG_NAME, 100_000, 0) as progress:
        progress.enter("collecting, not learning yet")
        clock.seconds = 1.0
        progress.advance(1_000)
        progress.enter(None)
        clock.seconds = 5.0
        progress.advance(1_000)
        clock.seconds = 15.0
        progress.advance(2_000)
        progress.show({"env_steps": 2_000, "episode_return": 1.5, "loss": 0.25})
    shown = [line for line in re.split(r"[\r\n]|\x1b\[[0-9;?]*[a-zA-Z]", screen.getvalue()) if line]
    assert "collecting, not learning yet" in shown[0] or shown[0].startswith("atari")
    assert shown[-1].startswith("atari-m") or shown[-1].startswith("atari")
    assert "2,000/100,000 env_steps" in shown[-1]
    assert shown[-1].rstrip().endswith("16 min left")
    assert all(len(line) <= width for line in shown)
