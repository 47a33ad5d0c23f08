"""The gallery and the page of a run, in a real browser."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.configs import BOARD, write_config
from tests.end_to_end.launcher import ROOT
from tests.workbench.studio.conftest import Server, eventually, wait_until
from tests.workbench.studio.made_runs import add_video, lines_of, make_run, write_metrics

LUDUS = "from workbench.cli.main import main; main()"
TRAINING = 180_000  # milliseconds in which one begins, makes some steps, or ends
ATARI = ["atari-boxing", "atari-pong", "boxing-2", "boxing-3", "pong-2"]  # of the zoo


def box(page: Page, name: str) -> Locator:
    return page.get_by_role("combobox", name=name, exact=True)


def names(page: Page) -> Locator:
    return page.locator(".card h2")


def newest_told(page: Page, curve: str = "") -> Locator:
    """The newest value in the table under the chart."""
    return page.locator(".curves-chart tbody tr", has_text=curve).first.locator("td").first


def says(text: str) -> re.Pattern[str]:
    """An address that says so of what is shown."""
    return re.compile(re.escape(text))


def open_gallery(page: Page, url: str, search: str = "") -> None:
    page.goto(f"{url}/#/{search}")
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()


def test_the_zoo_is_there_with_pictures(studio, page, accessible, shoot):
    open_gallery(page, studio)
    expect(page.locator(".card")).to_have_count(14)
    first = "[...document.querySelectorAll('.card img')].slice(0, 4)"
    wait_until(page, f"{first}.every(i => i.complete && i.naturalWidth > 100)")
    card = page.locator(".card", has_text="Connect four")
    expect(card).to_contain_text("finished")
    expect(card).to_contain_text("of the points against mcts:1000, 200 games (95%: 90.6% to 98.7%)")
    expect(card).to_contain_text("640k steps")
    expect(card.locator("polyline")).to_have_count(1)
    accessible(page)
    shoot(page, "gallery")


def test_search_filter_and_sort_stay_in_the_address(studio, page):
    open_gallery(page, studio)
    page.get_by_label("Search").fill("grid")
    expect(page.get_by_role("status")).to_have_text("4 of 14 runs")
    page.get_by_label("Search").fill("grid r2d2")
    expect(names(page)).to_have_text(["grid-memory-r2d2"])
    page.get_by_label("Search").fill("")
    page.get_by_label("World").select_option("Atari")
    expect(names(page)).to_have_count(len(ATARI))
    page.get_by_label("Sort by").select_option("Name")
    expect(names(page)).to_have_text(ATARI)
    page.reload()
    expect(page.get_by_label("World")).to_have_value("atari")
    expect(names(page)).to_have_text(ATARI)
    page.get_by_label("Search").fill("no run is called this")
    expect(page.get_by_text("No run is like this.")).to_be_visible()
    expect(page).to_have_url(says("no+run+is"))


def test_by_score_the_best_of_each_world_comes_first(studio, page):
    open_gallery(page, studio, "?world=minigrid&sort=score")
    cards = page.locator(".card")
    expect(cards).to_have_count(4)
    memory = cards.filter(has_text="Memory").locator("strong")
    expect(memory).to_have_count(3)
    told = [float(text) for text in memory.all_text_contents()]
    assert told == sorted(told, reverse=True)
    assert told[0] > told[-1]
    # The one run of another world does not stand between them.
    games = ["Memory" in text for text in cards.all_text_contents()]
    assert games in ([True] * 3 + [False], [False] + [True] * 3)


def test_the_keyboard_alone_leads_to_a_run_and_its_curves(studio, page):
    open_gallery(page, studio)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "search":
            break
    page.keyboard.type("doom")
    expect(page.locator(".card")).to_have_count(1)
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="doom-basic")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="doom-basic")).to_be_visible()
    expect(page.locator(".chart canvas")).to_be_visible()
    box(page, "Metric").focus()
    page.keyboard.press("End")
    expect(page.locator(".values tbody tr").last).to_have_class("current")


def test_the_page_of_a_run(studio, page, accessible, shoot):
    page.goto(f"{studio}/#/run/connect-four?smooth=0.5")
    expect(page.get_by_role("heading", name="connect-four")).to_be_visible()
    expect(page.get_by_role("link", name="Play against it")).to_have_attribute(
        "href", "#/play/connect-four"
    )
    expect(box(page, "Metric")).to_have_value("score_mcts_1000")
    expect(newest_told(page)).to_have_text("85%")
    is_drawn = """canvas => {
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        let count = 0;  // pixels in the blue of the first curve
        for (let i = 0; i < data.length; i += 4)
            count += data[i + 3] > 200 && data[i + 2] > 180 && data[i] < 80;
        return count;
    }"""
    eventually(lambda: page.locator(".chart canvas").evaluate(is_drawn) > 300)
    video = page.locator(".videos a").last
    expect(video).to_have_attribute("href", "#/game/runs/connect-four/640000_0")
    expect(video).to_contain_text("step 640,000")
    steps = [
        int(text.split()[1].replace(",", ""))
        for text in page.locator(".videos a span:first-of-type").all_text_contents()
    ]
    assert steps == sorted(steps)
    page.get_by_role("button", name="value loss").click()
    expect(box(page, "Metric")).to_have_value("value_loss")
    page.get_by_label("Over").select_option("wall time")
    expect(page.locator(".curves-chart tbody tr").first).to_contain_text("54 min 41 s")
    expect(page).to_have_url(says("metric=value_loss"))
    expect(page).to_have_url(says("smooth=0.5"))
    accessible(page)
    page.goto(f"{studio}/#/run/connect-four?smooth=0.5&with=othello&against=othello")
    expect(page.locator(".curves-chart tbody tr")).to_have_count(2)
    expect(page.locator("tr.differs").first).to_be_visible()
    accessible(page)
    shoot(page, "run")


def test_other_worlds_lead_to_their_own_player(studio, page):
    page.goto(f"{studio}/#/run/crafter")
    expect(page.get_by_role("link", name="Play this game")).to_have_attribute(
        "href", "#/play/crafter"
    )
    video = page.locator(".videos a")
    expect(video).to_have_attribute("href", "#/video/crafter/301344_0")
    expect(video).to_contain_text("return 5.1")
    video.focus()
    wait_until(page, "document.querySelector('.videos video').currentTime > 0")
    video.blur()
    expect(page.locator(".videos video")).to_have_js_property("paused", True)


def test_smoothing_and_zooming_leave_the_numbers(studio, page):
    page.goto(f"{studio}/#/run/atari-pong")
    expect(box(page, "Metric")).to_have_value("episode_return")
    before = newest_told(page).text_content()
    page.get_by_label("Smoothing").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(page.locator("output")).to_have_text("0.20")
    expect(newest_told(page)).to_have_text(before)
    chart, readout = page.locator(".chart .u-over"), page.locator(".readout")
    box_of = chart.bounding_box()

    def at(share: float) -> tuple[float, float]:
        return box_of["x"] + share * box_of["width"], box_of["y"] + 80

    page.mouse.move(*at(0.2))
    page.mouse.down()
    page.mouse.move(*at(0.4), steps=5)
    page.mouse.up()
    page.mouse.move(*at(0.99))
    expect(readout).to_contain_text("atari-pong")
    expect(readout).to_have_text(re.compile(r"^3\d\dk"))  # of 800k
    page.get_by_label("Smoothing").focus()
    page.keyboard.press("ArrowRight")  # draws anew, as a live curve does
    expect(page.locator("output")).to_have_text("0.22")
    expect(readout).to_have_text(re.compile(r"^3\d\dk"))
    page.mouse.dblclick(*at(0.5))
    page.mouse.move(*at(0.99))
    expect(readout).to_have_text(re.compile(r"^(78\d|79\d|800)k"))


def test_runs_are_compared(studio, page):
    page.goto(f"{studio}/#/run/atari-pong")
    adding = page.get_by_label("Compare with a run")
    adding.fill("no such run")
    adding.press("Enter")
    expect(page.get_by_text("there is no such run")).to_be_visible()
    adding.fill("seeds:pong-2")
    adding.press("Enter")
    expect(page.locator(".curves-chart tbody tr")).to_have_count(2)
    expect(newest_told(page, "pong-2")).not_to_have_text("–")
    expect(page).to_have_url(says("with=seeds%3Apong-2"))
    page.reload()
    expect(page.locator(".curves-chart tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Remove pong-2").click()
    expect(page.locator(".curves-chart tbody tr")).to_have_count(1)
    page.get_by_label("Group seeds").check()
    expect(page.locator(".curves-chart tbody tr")).to_contain_text("mean of 2 seeds")


def test_configs_are_compared(studio, page):
    page.goto(f"{studio}/#/run/grid-memory")
    select = box(page, "Compare with")
    select.select_option("grid-memory-feedforward")
    core = page.locator(".config tr", has_text="agent.core")
    expect(core.first).to_have_class("differs")
    expect(core.first).to_contain_text("lstm")
    expect(page.locator(".config tr", has_text="seed").first).not_to_have_class("differs")
    page.get_by_label("Differences only").check()
    expect(page.locator(".config tbody tr:not(.differs)")).to_have_count(0)
    expect(page).to_have_url(says("against=grid-memory-feedforward"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def here(folder: Path) -> Iterator[str]:
    with Server(folder) as server:
        yield server.url


def test_an_address_that_is_no_address_says_so(here, page):
    page.goto(f"{here}/#/%E0%A4%A")
    expect(page.get_by_role("alert")).to_contain_text("there is no page")


def test_without_runs_it_says_what_to_do_and_a_new_one_appears(folder, here, page, accessible):
    open_gallery(page, here)
    expect(page.get_by_text("No runs yet")).to_be_visible()
    expect(page.locator(".empty code").first).to_contain_text("ludus train")
    accessible(page)
    make_run(folder, "first")
    expect(page.get_by_role("link", name="first")).to_be_visible()
    expect(page.get_by_text("No runs yet")).to_be_hidden()


# Asked at every frame: whether what has the focus was at the same place in the 30 before.
STANDS = """{
    const { y } = document.activeElement.getBoundingClientRect();
    window.stood = y === window.place ? window.stood + 1 : 0;
    window.place = y;
    return window.stood === 30;
}"""


def test_the_gallery_renews_itself_and_leaves_the_reader_where_he_is(folder, here, page):
    for i in range(40):
        make_run(folder, f"run-{i:02}", values=[1, 2])
    page.set_viewport_size({"width": 900, "height": 500})
    open_gallery(page, here, "?sort=name")
    link = page.get_by_role("link", name="run-21")
    link.focus()
    wait_until(page, STANDS)  # the cards above have no guessed height any more
    wait_until(page, "scrollY > 0")
    place = link.bounding_box()["y"]
    write_metrics(folder / "run-20/metrics.jsonl", lines_of([1, 2, 77]))
    write_metrics(folder / "run-21/metrics.jsonl", lines_of([1, 2, 99]))
    expect(page.locator(".card", has_text="run-21")).to_contain_text("34.0")  # the mean of three
    expect(page.locator(".card", has_text="run-20")).to_contain_text("26.7")
    expect(link).to_be_focused()
    eventually(lambda: abs(link.bounding_box()["y"] - place) <= 1)


def test_broken_runs_are_shown_as_such(folder, here, page, accessible, shoot):
    make_run(folder, "whole", video=True)
    (make_run(folder, "no-config") / "config.yaml").unlink()
    (make_run(folder, "garbled", video=True) / "run.json").write_text("{")
    cut = make_run(folder, "cut-video", video=True) / "videos/400_0.mp4"
    cut.write_bytes(cut.read_bytes()[:900])
    odd = "<img src=x onerror=alert(1)>"
    make_run(folder, odd)
    open_gallery(page, here)
    expect(page.locator(".card")).to_have_count(5)
    expect(page.locator(".card", has_text="no-config")).to_contain_text("config.yaml is missing")
    expect(page.locator(".card", has_text="garbled")).to_contain_text("run.json is damaged")
    expect(page.locator(".card img[onerror]")).to_have_count(0)
    accessible(page)
    shoot(page, "gallery-broken")
    page.get_by_role("link", name=odd).click()
    expect(page.get_by_role("heading", name=odd)).to_be_visible()
    for name in ("no-config", "garbled"):
        page.goto(f"{here}/#/run/{name}")
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text("This run is damaged")
        expect(page.locator(".curves-chart tbody tr")).to_contain_text("30")
    accessible(page)
    shoot(page, "run-broken")
    page.goto(f"{here}/#/run/cut-video")
    expect(page.get_by_role("heading", name="cut-video")).to_be_visible()
    page.locator(".videos a").focus()
    expect(page.locator(".videos a")).to_contain_text("step 400")


def test_a_run_shows_a_new_video_as_soon_as_it_is_there(folder, here, page):
    path = make_run(folder, "x", info={"status": "running"}, video=True)
    (path / ".lock").touch()
    page.goto(f"{here}/#/run/x")
    expect(page.get_by_text("interrupted")).to_be_visible()
    (path / "run.json").write_text(
        json.dumps(json.loads((path / "run.json").read_text()) | {"status": "created"})
    )
    page.reload()
    expect(page.locator(".videos a")).to_have_count(1)
    add_video(path, "300_1")
    expect(page.locator(".videos a")).to_have_count(2)
    expect(page.locator(".videos a").first).to_contain_text("step 300")


def test_a_live_curve_grows_while_a_real_training_runs(tmp_path, folder, here, page):
    config = write_config(
        tmp_path / "c.yaml", BOARD, total_env_steps=1_000_000, anchors=[], ladder_games=0,
        checkpoint_period_env_steps=1_000_000, record_period_env_steps=1_000_000,
    )  # fmt: skip
    training = subprocess.Popen(
        [sys.executable, "-c", LUDUS, "train", config, "--run", str(folder / "live")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        open_gallery(page, here)
        expect(page.locator(".card .badge")).to_have_text("training now", timeout=TRAINING)
        page.get_by_role("link", name="live").click()
        expect(page.locator(".title .badge")).to_have_text("training now")
        row = page.locator(".curves-chart tbody tr").first.locator("td").last
        seen = ["–"]
        for _ in range(3):
            expect(row).not_to_have_text(seen[-1], timeout=TRAINING)
            seen.append(row.text_content())
        reached = [float(text.replace(",", "").replace("k", "e3")) for text in seen[1:]]
        assert reached == sorted(reached)
        training.send_signal(signal.SIGINT)
        training.wait(TRAINING / 1000)
        expect(page.locator(".title .badge")).to_have_text("interrupted")
    finally:
        training.kill()
        training.wait()
