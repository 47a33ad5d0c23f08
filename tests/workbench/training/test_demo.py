"""The demo's table: how the score grew, part by part."""

import json
from pathlib import Path

from workbench.training.demo import score_by_part


def write(path: Path, rows: list[tuple[int, int, float]]) -> Path:
    lines = [
        {"env_steps": env_steps, "episodes": episodes}
        | ({"episode_return": score} if episodes else {})
        for env_steps, episodes, score in rows
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_each_part_is_the_mean_over_its_episodes(tmp_path: Path) -> None:
    rows = [(100, 1, 10.0), (200, 3, 30.0), (300, 0, 0.0), (400, 2, 50.0)]
    path = write(tmp_path / "metrics.jsonl", rows)
    assert score_by_part(path, 2) == [(200, 25.0), (400, 50.0)]


def test_a_part_without_an_episode_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "metrics.jsonl", [(100, 0, 0.0), (200, 1, 7.0)])
    assert score_by_part(path, 2) == [(200, 7.0)]
