"""The page of a recorded episode, in a real browser."""

import json
import re
import shutil
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from urllib.request import urlopen

import av
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.workbench.studio.conftest import ZOO, Server, eventually, wait_until
from workbench.recording.frame import PANEL_WIDTH


def newest(run: str) -> str:
    return next((ZOO / run / "videos").glob("*.mp4")).stem


def run_id(studio: str, name: str) -> str:
    with urlopen(f"{studio}/api/runs/") as answer:
        runs = json.load(answer)["runs"]
    return str(next(run["id"] for run in runs if run["id"].split(":")[-1] == name))


def trace_of(name: str) -> dict:
    return json.loads((ZOO / name / "videos" / f"{newest(name)}.json").read_text())


def open_at(page: Page, studio: str, name: str, t: int | None = None) -> dict:
    """Opens the recording of a run of the zoo and waits until it stands at a frame."""
    query = "" if t is None else f"?t={t}"
    page.goto(f"{studio}/#/video/{run_id(studio, name)}/{newest(name)}{query}")
    stands_at(page, t or 0)
    return trace_of(name)


def stands_at(page: Page, t: int) -> None:
    """The browser has really put frame t on the screen."""
    expect(page.locator("video")).to_have_attribute("data-frame", str(t))


def loaded(page: Page, pictures: str, width: int) -> None:
    """The first of `pictures` is there and so wide."""
    expect(page.locator(pictures).first).to_have_js_property("naturalWidth", width)


def fixed(number: float, digits: int) -> str:
    """The number as the page tells it, which rounds halves away from zero."""
    rounded = Decimal(number).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return str(rounded).replace("-", "−")


def shows(page: Page, trace: dict, t: int) -> None:
    """The video, the timeline and the bars stand at frame t and say what the trace says."""
    stands_at(page, t)
    step = trace["steps"][t]
    slider = page.get_by_role("slider", name="Position in the episode")
    expect(slider).to_have_attribute("aria-valuenow", str(t))
    if step["action"] is not None:
        name = trace["action_names"][step["action"]].replace("_", " ")
        expect(page.locator(".ep-bars li.ep-chosen .ep-action-name")).to_have_text(f"{name}chosen")
        expect(slider).to_have_attribute("aria-valuetext", re.compile(f", {re.escape(name)}$"))
    value = step["values"][0] if "policy" in step else max(step["values"])
    expect(page.locator(".ep-readout")).to_contain_text(f"{value:.3f}")
    if "policy" in step:
        numbers = [f"{fixed(100 * share, 1)}%" for share in step["policy"]]
    else:
        numbers = [fixed(value, 3) for value in step["values"]]
    expect(page.locator(".ep-bars .ep-number")).to_have_text(numbers)


def test_frames_are_stepped_by_keys_and_all_follows(studio, page):
    trace = open_at(page, studio, "atari-pong")
    shows(page, trace, 0)
    for key, t in [(".", 1), ("ArrowRight", 2), ("Shift+ArrowRight", 17), (",", 16), ("End", 2996)]:
        page.keyboard.press(key)
        shows(page, trace, t)
    page.keyboard.press("Home")
    shows(page, trace, 0)
    slider = page.get_by_role("slider", name="Position in the episode")
    slider.focus()
    page.keyboard.press("ArrowRight")
    shows(page, trace, 1)


def test_it_plays_and_pauses(studio, page):
    trace = open_at(page, studio, "atari-pong", 100)
    page.get_by_label("Speed").select_option("4")
    page.get_by_role("button", name="Play", exact=True).click()
    wait_until(page, "document.querySelector('video').dataset.frame >= 130")
    page.locator("h1").click()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    slider = page.get_by_role("slider", name="Position in the episode")
    t = int(slider.get_attribute("aria-valuenow"))  # a pause has settled it
    shows(page, trace, t)
    expect(page).to_have_url(re.compile(rf"\?t={t}$"))


@pytest.mark.parametrize("t", [0, 1234, 2996])
def test_a_deep_link_opens_at_the_very_frame(studio, page, t):
    trace = open_at(page, studio, "atari-pong", t)
    shows(page, trace, t)
    path = ZOO / "atari-pong/videos" / f"{newest('atari-pong')}.mp4"
    near = lumas(path, range(max(0, t - 2), min(2996, t + 2) + 1))

    def is_the_nearest():
        shown = np.array(page.evaluate(PIXELS), np.uint8).astype(int)
        return min(near, key=lambda i: np.abs(near[i] - shown).mean()) == t

    eventually(is_the_nearest)


# The clock at the top of the video's own panel differs from frame to frame.
PIXELS = f"""() => {{
  const video = document.querySelector('video');
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [{PANEL_WIDTH}, 120];
  const context = canvas.getContext('2d');
  context.drawImage(video, {PANEL_WIDTH} - video.videoWidth, 0);
  const {{ data }} = context.getImageData(0, 0, canvas.width, canvas.height);
  return Array.from(data).filter((_, i) => i % 4 === 1);
}}"""


def lumas(path: Path, wanted: range) -> dict[int, np.ndarray]:
    found = {}
    with av.open(str(path)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            if i in wanted:
                green = frame.to_ndarray(format="rgb24")[:120, -PANEL_WIDTH:, 1]
                found[i] = green.astype(int).ravel()
            if i >= wanted[-1]:
                break
    return found


def test_one_jumps_from_event_to_event(studio, page):
    trace = open_at(page, studio, "atari-pong")
    points = [s["t"] + 1 for s in trace["steps"] if s["reward"]]
    button = page.locator(".ep-event.ep-reward").nth(3)
    button.click()
    shows(page, trace, points[3])
    expect(button).to_have_attribute("aria-current", "true")
    page.keyboard.press("End")
    page.get_by_role("button", name="Previous event").click()
    page.get_by_role("button", name="Next event").click()
    shows(page, trace, 2996)


def test_the_timeline_is_clicked_and_dragged(studio, page):
    trace = open_at(page, studio, "atari-pong")
    slider = page.get_by_role("slider", name="Position in the episode")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()

    def point(t):
        return box["x"] + (t + 0.5) / 2997 * box["width"], box["y"] + 20

    page.mouse.move(*point(500))
    page.mouse.down()
    for t in range(600, 1600, 100):
        page.mouse.move(*point(t))
    page.mouse.up()
    expect(slider).to_have_attribute("aria-valuenow", re.compile("^(149[7-9]|150[0-3])$"))
    t = int(slider.get_attribute("aria-valuenow"))
    shows(page, trace, t)
    cursor = page.locator(".ep-cursor").bounding_box()
    assert abs(cursor["x"] + cursor["width"] / 2 - point(t)[0]) < 1


def test_the_overlay_lies_over_the_game(studio, page, shoot, accessible):
    trace = open_at(page, studio, "atari-pong", 1500)
    page.keyboard.press("o")
    image = page.get_by_alt_text("What the agent looks at")
    expect(image).to_be_visible()
    loaded(page, "img.ep-saliency", 84)
    expect(image).to_have_attribute("data-frame", "1500")
    stage, shown = page.locator(".ep-stage").bounding_box(), image.bounding_box()
    assert all(abs(stage[side] - shown[side]) < 1.5 for side in stage)
    page.keyboard.press(".")
    expect(image).to_have_attribute("data-frame", "1501")
    shows(page, trace, 1501)
    page.locator("summary", has_text="Inside the network").click()
    expect(page.locator(".ep-figures img")).to_have_count(3)
    loaded(page, ".ep-figures img >> nth=0", 84)
    loaded(page, ".ep-figures img >> nth=1", 8 * 20 + 7)
    loaded(page, ".ep-figures img >> nth=2", 16 * 8 + 15)
    accessible(page)
    shoot(page, "player")
    page.keyboard.press("o")
    expect(image).to_be_hidden()


def test_an_agent_with_a_memory_shows_it(studio, page, shoot, accessible):
    trace = open_at(page, studio, "grid-memory", 5)
    shows(page, trace, 5)
    loaded(page, ".ep-memory-holder img", 11)
    page.get_by_role("button", name="What it looks at").click()
    expect(page.get_by_alt_text("What the agent looks at")).to_be_visible()
    expect(page.get_by_alt_text("What the agent sees")).to_be_visible()
    accessible(page)
    shoot(page, "player-memory")


def test_a_link_is_copied(studio, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_at(page, studio, "grid-memory", 3)
    button = page.get_by_role("button", name="Copy link")
    # What it says for a moment may come and go between two looks at it.
    page.locator(".ep-copy").evaluate(
        """button => {
            button.dataset.said = "";
            const note = () => { button.dataset.said += button.textContent; };
            new MutationObserver(note).observe(button, { childList: true });
        }"""
    )
    button.click()
    expect(button).to_have_attribute("data-said", "CopiedCopy link")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(studio)
    assert link.endswith("?t=3")


@pytest.fixture
def copied(tmp_path):
    """A run with two recordings, the second of which cannot be played."""
    shutil.copytree(ZOO / "grid-memory", tmp_path / "run")
    videos = tmp_path / "run/videos"
    shutil.copy(videos / "1500880_0.json", videos / "1500880_1.json")
    (videos / "1500880_1.mp4").write_bytes(b"not a video")
    model = tmp_path / "run/checkpoints/1500880/model.safetensors"
    model.write_bytes(model.read_bytes()[:-1])
    with Server(tmp_path) as server:
        yield server.url


def test_one_switches_recordings_and_is_told_what_is_broken(copied, browser):
    with browser.new_context() as context:  # whose console tells of what is broken
        page = context.new_page()
        page.goto(f"{copied}/#/video/run/1500880_0?t=2")
        stands_at(page, 2)
        expect(page.locator(".ep-memory-holder")).to_contain_text("damaged")
        page.keyboard.press("o")
        expect(page.locator(".ep-look-status")).to_contain_text("cannot be shown")
        page.keyboard.press(".")  # the recording itself still works
        stands_at(page, 3)
        page.get_by_role("combobox", name="Recording").select_option("1500880_1")
        expect(page).to_have_url(re.compile("1500880_1"))
        expect(page.get_by_role("alert")).to_contain_text("cannot be played")


def test_a_board_game_is_told_as_such(studio, browser):
    name = next(ZOO.glob("connect-four/videos/*.mp4")).stem
    with browser.new_context() as context:  # whose console may tell of the answer 400
        page = context.new_page()
        page.goto(f"{studio}/#/video/{run_id(studio, 'connect-four')}/{name}")
        expect(page.get_by_role("alert")).to_contain_text("board game")
