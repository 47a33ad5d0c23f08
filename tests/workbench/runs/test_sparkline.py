"""A run at a glance: its newest score and a sparkline."""

import os

import pytest

from tests.workbench.studio.made_runs import lines_of, write_metrics
from workbench.runs.sparkline import POINTS, SPARSE_BYTES, TOP, WHOLE_BYTES, read_spark


def test_a_sparkline_has_few_points_in_the_order_of_the_file(tmp_path):
    write_metrics(tmp_path / "m", lines_of(range(1000)))
    spark = read_spark(tmp_path / "m")
    assert len(spark.points) == POINTS
    assert list(spark.points) == sorted(spark.points)
    assert (spark.points[0], spark.points[-1]) == (0, TOP)
    assert (spark.newest, spark.env_steps, spark.wall_seconds) == (999, 10_000, 500)


def test_of_a_large_file_only_samples_are_read(tmp_path, monkeypatch):
    write_metrics(tmp_path / "m", lines_of(range(200_000)))
    size = (tmp_path / "m").stat().st_size
    assert size > SPARSE_BYTES > WHOLE_BYTES
    read, pread = [], os.pread
    monkeypatch.setattr(os, "pread", lambda *given: read.append(given[1]) or pread(*given))
    spark = read_spark(tmp_path / "m")
    assert sum(read) < size / 20
    assert list(spark.points) == sorted(spark.points)
    assert len(spark.points) == POINTS
    assert spark.newest == 199_999


def test_a_metric_too_rare_for_samples_is_still_found(tmp_path):
    lines = [{"env_steps": i, "wall_seconds": i, "loss": 0.123456789} for i in range(20_000)]
    for i in range(0, 20_000, 400):
        lines[i]["score_mcts_100"] = i / 20_000
    write_metrics(tmp_path / "m", lines)
    assert WHOLE_BYTES < (tmp_path / "m").stat().st_size < SPARSE_BYTES
    spark = read_spark(tmp_path / "m")
    assert (spark.name, spark.newest) == ("score_mcts_100", 19_600 / 20_000)
    assert len(spark.points) == POINTS


def test_the_strongest_opponent_counts_and_a_rating_more(tmp_path):
    line = {"env_steps": 1, "score_random": 1.0, "score_mcts_100": 0.5, "score_mcts_1000": 0.25}
    write_metrics(tmp_path / "m", [line])
    assert read_spark(tmp_path / "m").name == "score_mcts_1000"
    write_metrics(tmp_path / "m", [line | {"elo": 1200.0}])
    assert read_spark(tmp_path / "m").newest == 1200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"nonsense\n",
        b'{"episode_return": 12',
        b'{"episode_return": --e}\n',
        b"\0" * 999,
    ],
)
def test_there_is_no_spark_in_what_is_no_metric(tmp_path, content):
    (tmp_path / "m").write_bytes(content)
    assert read_spark(tmp_path / "m").newest is None


def test_a_half_written_last_line_does_not_count(tmp_path):
    (tmp_path / "m").write_bytes(b'{"env_steps": 1, "episode_return": 5.0}\n{"episode_return": 6')
    assert read_spark(tmp_path / "m").newest == 5
