"""What the server answers about runs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workbench.studio.conftest import Server
from tests.workbench.studio.made_runs import (
    ZOO,
    add_video,
    ask,
    lines_of,
    make_run,
    write_metrics,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    with Server(folder) as server:
        yield server.url


def test_every_run_of_the_zoo_is_there_and_whole(studio):
    runs = {run["id"]: run for run in ask(studio, "/api/runs/").json["runs"]}
    assert set(runs) == {
        ":".join(path.parent.relative_to(ZOO).parts) for path in ZOO.glob("**/config.yaml")
    }
    assert not [run["problem"] for run in runs.values() if run["problem"]]
    assert runs["connect-four"]["newest_name"] == "score_mcts_1000"
    assert runs["atari-pong"]["newest_name"] == "episode_return"
    for run in runs:
        details = ask(studio, f"/api/runs/{run}").json
        assert details["flat"]["env.kind"] == runs[run]["world"]
        names = ask(studio, f"/api/runs/{run}/curves").json["names"]
        assert runs[run]["newest_name"] in names


def test_no_runs_is_no_failure(url):
    assert ask(url, "/api/runs/").json == {"runs": []}


def test_a_curve_has_as_many_points_as_asked_for(folder, url):
    make_run(folder, "x", values=[*range(5000), -3])
    told = ask(url, "/api/runs/x/curves?names=episode_return,nothing&points=100").json
    curve = told["curves"]["episode_return"]
    assert 50 < len(curve["x"]) <= 100
    assert (min(curve["y"]), max(curve["y"])) == (-3, 4999)
    assert told["curves"]["nothing"] == {"x": [], "y": []}
    assert told["newest"]["episode_return"] == -3
    over_time = ask(url, "/api/runs/x/curves?names=episode_return&x=wall_seconds").json
    assert over_time["curves"]["episode_return"]["x"][-1] == 2500.5
    assert len(over_time["curves"]["episode_return"]["x"]) <= 600


def test_a_curve_grows_with_its_file(folder, url):
    path = make_run(folder, "x", values=[1, 2])
    ask(url, "/api/runs/x/curves?names=episode_return")
    with (path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(lines_of([1, 2, 3])[-1]) + '\n{"env_st')
    told = ask(url, "/api/runs/x/curves?names=episode_return").json
    assert told["curves"]["episode_return"] == {"x": [10, 20, 30], "y": [1, 2, 3]}


@pytest.mark.parametrize(
    "query",
    ["x=loss", "points=3", "points=601", "points=-5", "points=%D9%A3%D9%A0", "names=" + "a," * 30],
)
def test_a_curve_that_cannot_be_is_refused_in_words(folder, url, query):
    make_run(folder, "x")
    answer = ask(url, f"/api/runs/x/curves?{query}")
    assert answer.status == 400
    assert answer.json["error"]


def test_seeds_are_drawn_as_one_band(folder, url):
    for seed, level in ((1, 1.0), (2, 3.0)):
        make_run(folder, f"s{seed}", seed=seed, values=[level] * 40)
    make_run(folder, "other", agent__epochs=3, values=[99.0] * 40)
    told = ask(url, "/api/runs/s1/seeds?name=episode_return").json
    assert told["runs"] == ["s1", "s2"]
    assert (set(told["mean"]), set(told["min"]), set(told["max"])) == ({2.0}, {1.0}, {3.0})


def test_of_a_broken_run_the_page_shows_what_there_is(folder, url):
    path = make_run(folder, "x", video=True)
    (path / "run.json").write_text("{")
    (path / "config.yaml").unlink()
    told = ask(url, "/api/runs/x").json
    assert told["status"] == "damaged"
    assert "config.yaml is missing" in told["problem"]
    assert "run.json is damaged" in told["problem"]
    assert told["videos"] == ["400_0"]
    assert ask(url, "/api/runs/x/curves").json["names"] == ["episode_return"]


def test_a_video_is_given_in_parts(studio):
    whole = ask(studio, "/api/runs/crafter/videos/301344_0.mp4")
    size = (ZOO / "crafter/videos/301344_0.mp4").stat().st_size
    assert (whole.status, len(whole.body)) == (200, size)
    assert whole.headers["accept-ranges"] == "bytes"
    part = ask(
        studio,
        "/api/runs/crafter/videos/301344_0.mp4",
        {"Range": f"bytes={size // 2}-{size // 2 + 999}"},
    )
    assert part.status == 206
    assert part.headers["content-range"] == f"bytes {size // 2}-{size // 2 + 999}/{size}"
    assert part.body == whole.body[size // 2 :][:1000]
    outside = ask(studio, "/api/runs/crafter/videos/301344_0.mp4", {"Range": f"bytes={size + 1}-"})
    assert outside.status == 416


def test_videos_are_never_compressed(studio):
    asked = {"Accept-Encoding": "gzip", "Range": "bytes=0-999"}
    answer = ask(studio, "/api/runs/crafter/videos/301344_0.mp4", asked)
    assert (answer.status, len(answer.body)) == (206, 1000)
    assert "content-encoding" not in answer.headers
    assert ask(studio, "/api/runs/", asked).headers["content-encoding"] == "gzip"


def test_a_trace_is_the_one_that_was_recorded(studio):
    told = ask(studio, "/api/runs/crafter/videos/301344_0/trace").json
    assert told == json.loads((ZOO / "crafter/videos/301344_0.json").read_bytes())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_damaged_trace_is_told_as_such(folder, url, content):
    path = make_run(folder, "x", video=True)
    (path / "videos/400_0.json").write_bytes(content)
    answer = ask(url, "/api/runs/x/videos/400_0/trace")
    assert answer.status == 404
    assert "damaged" in answer.json["error"] or "no such" in answer.json["error"]


def test_a_trace_holds_no_nan(folder, url):
    path = make_run(folder, "x", video=True)
    (path / "videos/400_0.json").write_text('{"steps": [{"values": [NaN, -Infinity, 1e999, 2]}]}')
    assert ask(url, "/api/runs/x/videos/400_0/trace").json == {
        "steps": [{"values": [None, None, None, 2]}]
    }


def test_a_poster_is_made_of_the_newest_video_again_when_it_changes(folder, url):
    path = make_run(folder, "x", video=True)
    before = ask(url, "/api/runs/").json["runs"][0]["poster"]
    first = ask(url, f"/api/runs/x/poster?v={before}")
    assert first.headers["content-type"] == "image/jpeg"
    assert first.body.startswith(b"\xff\xd8")
    assert "immutable" in first.headers["cache-control"]
    add_video(path, "900_0")
    (path / "videos/900_0.mp4").write_bytes((ZOO / "doom-basic/videos/150280_6.mp4").read_bytes())
    assert ask(url, "/api/runs/").json["runs"][0]["poster"] != before
    assert ask(url, "/api/runs/x/poster").body != first.body
    assert ask(url, "/api/runs/x/videos/900_0/poster").body.startswith(b"\xff\xd8")


@pytest.mark.parametrize("damage", ["none", "truncated", "empty", "text", "folder", "dangling"])
def test_without_a_readable_video_there_is_a_drawn_picture(folder, url, damage):
    path = make_run(folder, "x", video=damage != "none")
    video = path / "videos/400_0.mp4"
    if damage == "truncated":
        video.write_bytes(video.read_bytes()[:900])
    elif damage in ("empty", "text"):
        video.write_bytes(b"no video" if damage == "text" else b"")
    elif damage != "none":
        video.unlink()
        video.mkdir() if damage == "folder" else video.symlink_to(path / "nowhere")
    answer = ask(url, "/api/runs/x/poster")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert ask(url, "/api/runs/").json["runs"][0]["status"] == "finished"
    if damage in ("folder", "dangling"):
        assert ask(url, "/api/runs/x/videos/400_0.mp4").status == 404


@pytest.mark.parametrize("through", ["file", "folder"])
def test_no_video_is_given_out_that_a_link_leads_out_to(folder, url, through):
    elsewhere = make_run(folder.parent, "elsewhere", video=True)
    path = make_run(folder, "x", video=through == "file")
    if through == "file":
        for name in ("400_0.mp4", "400_0.json"):
            (path / "videos" / name).unlink()
            (path / "videos" / name).symlink_to(elsewhere / "videos" / name)
    else:
        (path / "videos").symlink_to(elsewhere / "videos")
    assert ask(url, "/api/runs/x/videos/400_0.mp4").status == 404
    assert ask(url, "/api/runs/x/videos/400_0/trace").status == 404
    assert ask(url, "/api/runs/x/poster").headers["content-type"] == "image/svg+xml"
    assert ask(url, "/api/runs/elsewhere").status == 404


@pytest.mark.parametrize(
    "name", ["401_0", "400_0.mp4", "..%2f400_0", "400_0%00", "%E2%82%AC", "a" * 300, "*", "4*"]
)
def test_only_videos_that_there_are_can_be_asked_for(folder, url, name):
    make_run(folder, "x", video=True)
    for ending in (".mp4", "/trace", "/poster"):
        answer = ask(url, f"/api/runs/x/videos/{name}{ending}")
        assert answer.status in (400, 404)
        assert answer.json["error"]


def test_metrics_that_shrank_are_told_as_they_are_now(folder, url):
    path = make_run(folder, "x", values=[1, 2, 3])
    assert (
        len(
            ask(url, "/api/runs/x/curves?names=episode_return").json["curves"]["episode_return"][
                "x"
            ]
        )
        == 3
    )
    write_metrics(path / "metrics.jsonl", lines_of([5]))
    assert ask(url, "/api/runs/x/curves?names=episode_return").json["curves"]["episode_return"][
        "y"
    ] == [5]
