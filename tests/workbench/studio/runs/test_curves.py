"""Learning curves: read as they grow, and thinned without losing what one would see."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workbench.studio.made_runs import lines_of, write_metrics
from workbench.studio.runs.curves import (
    BAND_CELLS,
    MAX_NAMES,
    Curve,
    MetricsReader,
    band,
    thin,
)

numbers = st.floats(-1e9, 1e9)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def returns(reader: MetricsReader) -> list[float]:
    reader.update()
    return reader.curve("episode_return", "env_steps").y.tolist()


def test_a_curve_over_steps_and_over_time(path):
    write_metrics(path, lines_of([3, 1, 2]))
    reader = MetricsReader(path)
    reader.update()
    assert reader.curve("episode_return", "env_steps").x.tolist() == [10, 20, 30]
    over_time = reader.curve("episode_return", "wall_seconds")
    assert (over_time.x.tolist(), over_time.y.tolist()) == ([0.5, 1, 1.5], [3, 1, 2])
    assert reader.names == ["episode_return"]
    assert reader.newest()["episode_return"] == 2
    assert not len(reader.curve("nothing", "env_steps").x)


def test_only_what_was_added_is_read(path, monkeypatch):
    write_metrics(path, lines_of([1, 2]))
    reader = MetricsReader(path)
    assert returns(reader) == [1, 2]
    parsed, loads = [], json.loads
    monkeypatch.setattr(json, "loads", lambda line: parsed.append(line) or loads(line))
    with path.open("a") as file:
        file.write(json.dumps({"env_steps": 30, "episode_return": 3}) + "\n")
    assert returns(reader) == [1, 2, 3]
    assert len(parsed) == 1
    assert returns(reader) == [1, 2, 3]
    assert len(parsed) == 1


def test_a_half_written_line_waits_for_its_end(path):
    write_metrics(path, lines_of([1]))
    reader = MetricsReader(path)
    whole = json.dumps({"env_steps": 20, "episode_return": 2})
    with path.open("a") as file:
        file.write(whole[:25])
        file.flush()
        assert returns(reader) == [1]
        file.write(whole[25:] + "\n")
    assert returns(reader) == [1, 2]


def test_a_file_that_was_cut_is_read_anew(path):
    write_metrics(path, lines_of([1, 2, 3]))
    reader = MetricsReader(path)
    assert returns(reader) == [1, 2, 3]
    write_metrics(path, lines_of([1]))
    assert returns(reader) == [1]


def test_a_file_that_was_cut_and_grew_beyond_is_read_anew(path):
    """A resumed training cuts the file and writes other lines in the place of those."""
    write_metrics(path, lines_of([1, 2, 3]))
    reader = MetricsReader(path)
    assert returns(reader) == [1, 2, 3]
    with path.open("r+") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines_of([1, 7, 8, 9])))
    assert returns(reader) == [1, 7, 8, 9]


def test_a_file_that_was_replaced_by_a_longer_one_is_read_anew(path):
    write_metrics(path, lines_of([1]))
    reader = MetricsReader(path)
    assert returns(reader) == [1]
    other = path.with_name("other")
    write_metrics(other, lines_of([1, 5]))
    other.replace(path)
    assert returns(reader) == [1, 5]


def test_lines_that_are_no_metrics_are_passed_over(path):
    path.write_text(
        'nonsense\n[1]\n"x"\n{"env_steps": 1, "a": NaN, "b": Infinity, "c": true, "d": "x"}\n'
        '{"env_steps": 2, "a": 1e999, "b": 5}\n{"b": 6}\n' + "[" * 5000 + "\n"
        '{"env_steps": 3, "b": 1' + "0" * 400 + "}\n\n"
    )
    reader = MetricsReader(path)
    reader.update()
    assert reader.names == ["b"]
    assert reader.curve("b", "env_steps").y.tolist() == [5]


def test_the_number_of_metrics_has_an_end(path):
    write_metrics(path, [{f"m{i}_{j}": 1.0 for j in range(50)} for i in range(20)])
    reader = MetricsReader(path)
    reader.update()
    assert len(reader.names) == MAX_NAMES


def test_points_come_in_the_order_of_x_whatever_the_file_says(path):
    write_metrics(path, [{"env_steps": x, "y": x} for x in (3, 1, 2)])
    reader = MetricsReader(path)
    reader.update()
    assert reader.curve("y", "env_steps").x.tolist() == [1, 2, 3]


def test_a_chunk_may_end_anywhere(path, monkeypatch):
    monkeypatch.setattr("workbench.studio.runs.curves.CHUNK_BYTES", 100)
    values = list(range(200))
    write_metrics(path, lines_of(values))
    assert returns(MetricsReader(path)) == values


def test_a_line_without_end_is_given_up(path, monkeypatch):
    monkeypatch.setattr("workbench.studio.runs.curves.CHUNK_BYTES", 100)
    write_metrics(path, lines_of([1]))
    with path.open("a") as file:
        file.write("x" * 350 + "\n" + json.dumps({"env_steps": 20, "episode_return": 2}) + "\n")
    assert returns(MetricsReader(path)) == [1, 2]


def test_a_file_that_would_fill_the_memory_is_not_read(tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(OSError, match="too large"):
        MetricsReader(tmp_path / "huge").update()


@given(st.lists(numbers, min_size=1, max_size=400), st.integers(4, 60))
def test_thinning_keeps_ends_and_extremes(values, points):
    curve = Curve(np.arange(len(values), dtype=float), np.array(values))
    thinned = thin(curve, points)
    assert len(thinned.x) <= points
    assert (np.diff(thinned.x) > 0).all()
    assert (thinned.x[0], thinned.x[-1]) == (0, len(values) - 1)
    assert (thinned.y.min(), thinned.y.max()) == (min(values), max(values))
    assert thinned.y.tolist() == [values[int(x)] for x in thinned.x]


def test_one_spike_among_a_million_points_is_seen():
    values = np.zeros(1_000_000)
    values[123_456] = 7
    thinned = thin(Curve(np.arange(1e6), values), 600)
    assert len(thinned.x) <= 600
    assert (123_456.0, 7.0) in zip(thinned.x.tolist(), thinned.y.tolist(), strict=True)


def test_a_band_holds_every_seed():
    x = np.linspace(0, 100, 50)
    told = band([Curve(x, np.full(50, level)) for level in (1.0, 2.0, 6.0)])
    assert told["mean"] == pytest.approx([3] * len(told["x"]))
    assert set(told["min"]) == {1}
    assert set(told["max"]) == {6}
    assert set(told["count"]) == {3}


def test_where_a_seed_has_not_got_to_the_others_count_alone():
    long, short = np.linspace(0, 100, 101), np.linspace(0, 50, 51)
    told = band([Curve(long, np.full(101, 4.0)), Curve(short, np.full(51, 2.0))])
    by_x = dict(zip(told["x"], zip(told["mean"], told["count"], strict=True), strict=True))
    assert {told for x, told in by_x.items() if x < 49} == {(3.0, 2)}
    assert {told for x, told in by_x.items() if x > 52} == {(4.0, 1)}


@given(st.lists(st.lists(st.tuples(numbers, numbers), max_size=30), max_size=4))
def test_a_band_is_finite_and_in_order(seeds):
    curves = [
        Curve(np.array([x for x, _ in sorted(points)]), np.array([y for _, y in sorted(points)]))
        for points in seeds
    ]
    told = band(curves)
    assert len(told["x"]) <= BAND_CELLS
    assert all(math.isfinite(value) for values in told.values() for value in values)
    for low, mean, high in zip(told["min"], told["mean"], told["max"], strict=True):
        slack = 1e-9 * max(1.0, abs(low), abs(high))
        assert low - slack <= mean <= high + slack
