"""The number that is shown of a run: what it is of, and which numbers stand beside each other."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.runs.scores import (
    BLOCK_BYTES,
    EVALUATIONS,
    Score,
    Window,
    evaluations_of,
    keep_evaluation,
    measured_in_training,
    recent_return,
    run_score,
)
from workbench.training.metrics import Meter
from workbench.training.progress import ProgressLine


def write_metrics(run: Path, lines: list[dict[str, Any]]) -> Path:
    run.mkdir(parents=True, exist_ok=True)
    path = run / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def report(**changes: Any) -> dict[str, Any]:
    return {
        "player": "runs/x",
        "game": "atari/boxing",
        "protocol": "machado",
        "mean_return": 43.0,
        "ci95": [36.0, 50.0],
        "episodes": 30,
        "seed": 0,
        "env_steps": 100,
        "returns": [43.0] * 30,
        "lengths": [1] * 30,
    } | changes


def saved(run: Path, step: int) -> None:
    """Makes the latest checkpoint."""
    (run / "checkpoints" / str(step)).mkdir(parents=True)
    (run / "checkpoints" / str(step) / "meta.json").write_text("{}")
    (run / "checkpoints" / "latest").write_text(f"{step}\n")


def test_the_mean_is_over_the_last_hundred_episodes(tmp_path: Path) -> None:
    """Not of the one episode that ended last, which scored 67."""
    lines = [{"episodes": 50, "episode_return": 100.0}]
    lines += [{"episodes": 3, "episode_return": 40.0}, {"episodes": 0, "loss": 1.0}] * 33
    lines += [{"episodes": 1, "episode_return": 67.0}]
    window = recent_return(write_metrics(tmp_path, lines))
    assert window == Window((67 + 99 * 40) / 100, 100)


def test_lines_are_taken_whole_and_fewer_are_said(tmp_path: Path) -> None:
    lines = [{"episodes": 60, "episode_return": 1.0}, {"episodes": 60, "episode_return": 2.0}]
    assert recent_return(write_metrics(tmp_path, lines)) == Window(1.5, 120)
    assert recent_return(write_metrics(tmp_path, lines[:1])) == Window(1.0, 60)
    assert recent_return(write_metrics(tmp_path, [{"loss": 1.0}])) is None
    assert recent_return(tmp_path / "none") is None


def test_as_much_of_a_long_file_is_read_as_it_takes(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [{"episodes": 100, "episode_return": 5.0}]
    lines += [{"episodes": 1, "episode_return": 1.0, "note": "x" * BLOCK_BYTES}] * 20
    path = write_metrics(tmp_path, lines)
    window = recent_return(path)
    assert window == Window((20 * 1 + 100 * 5) / 120, 120)
    with path.open("a") as file:
        file.write('{"episodes": 1, "episode_return": 1')  # still being written
    assert recent_return(path) == window


def test_an_evaluation_of_the_latest_checkpoint_counts_most(tmp_path: Path) -> None:
    write_metrics(tmp_path, [{"episodes": 1, "episode_return": 67.0}])

    def shown() -> Score:
        found = run_score(tmp_path, "atari", "atari/boxing", "machado", None)
        assert found is not None
        return found

    saved(tmp_path, 100)
    assert shown() == (
        *(67.0, None, "training, mean of the last 1 episode", "atari/boxing machado in training"),
        False,
    )
    keep_evaluation(tmp_path, report(episodes=1, mean_return=1.0, ci95=None))
    keep_evaluation(tmp_path, report(episodes=9, mean_return=1.0))
    keep_evaluation(tmp_path, report(protocol="classic", mean_return=2.0))
    keep_evaluation(tmp_path, report(env_steps=50, mean_return=3.0))
    assert shown().value == 67
    keep_evaluation(tmp_path, report())
    keep_evaluation(tmp_path, report(episodes=10, mean_return=4.0))
    best = shown()
    assert best.value == 43
    assert best.ci95 == (36, 50)
    assert best.kind == "evaluated, mean of 30 episodes"
    assert best.unit == "atari/boxing machado evaluated"


def test_of_very_many_evaluations_the_newest_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(9):
        keep_evaluation(tmp_path, report(seed=seed))
    size = (tmp_path / EVALUATIONS).stat().st_size
    monkeypatch.setattr("workbench.runs.scores.MAX_EVALUATIONS_BYTES", size // 2)
    assert [one["seed"] for one in evaluations_of(tmp_path)] == [5, 6, 7, 8]


def test_of_games_those_against_the_strongest_count(tmp_path: Path) -> None:
    saved(tmp_path, 100)
    measured = measured_in_training(tmp_path, "go", "score_mcts_100", 0.75)
    assert measured is not None
    assert measured.kind == "of the points against mcts:100, in training"
    assert run_score(tmp_path, "board", "go", None, measured) == measured
    for against, score in (("random", 1.0), ("mcts:1000", 0.6), ("mcts:200", 0.9)):
        games = report(game="go", against=against, score=score, score_ci95=[0.1, 1.0])
        keep_evaluation(tmp_path, games)
    best = run_score(tmp_path, "board", "go", None, measured)
    assert best is not None
    assert (best.value, best.is_share, best.unit) == (0.6, True, "go against mcts:1000")
    assert best.kind == "of the points against mcts:1000, 30 games"


def test_elo_of_two_runs_is_not_in_one_unit() -> None:
    one, other = (measured_in_training(Path(run), "go", "elo", 100.0) for run in ("a", "b"))
    assert one is not None
    assert other is not None
    assert one.unit != other.unit


def test_a_line_that_a_kill_cut_short_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / EVALUATIONS).write_text('{"mean_return": 1, "env_st')
    keep_evaluation(tmp_path, report())
    keep_evaluation(tmp_path, report(seed=1))
    kept = evaluations_of(tmp_path)
    assert [one["seed"] for one in kept] == [0, 1]
    assert len((tmp_path / EVALUATIONS).read_text().splitlines()) == 3


def test_the_progress_line_tells_a_mean_and_of_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    meter = Meter()
    with ProgressLine("x", 1_000, 0) as progress:
        for step, (episodes, mean) in enumerate([(99, 40.0), (1, 67.0)], 1):
            told = {"env_steps": step, "episodes": episodes, "episode_return": mean}
            progress.show(meter.read() | told)
    assert "return 40.27 (100 episodes)" in capsys.readouterr().err
