"""Where the screen is in a video is told by its trace; older traces do not tell."""

import json
import shutil

import numpy as np
import pytest

from tests.workbench.studio.conftest import ZOO
from workbench.errors import UsageError
from workbench.recording.frame import BACKGROUND, ScreenBox, screen_box
from workbench.runs.run import Run
from workbench.studio.videos import enactment
from workbench.studio.videos.api import episode_facts
from workbench.studio.videos.screen import cut_out, older_crop, parse_screen, screen_in
from workbench.studio.videos.traces import read_episode

BOX = ScreenBox(left=2, top=6, width=30, height=20, frame_width=400, frame_height=60)


@pytest.fixture
def trace(tmp_path):
    """A run of the zoo whose trace is told where the screen is."""
    shutil.copytree(ZOO / "grid-memory", tmp_path / "run")
    (path,) = (tmp_path / "run/videos").glob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"screen": BOX._asdict()}))
    return path


def test_nobody_guesses_what_the_trace_tells(trace, monkeypatch):
    run = Run(trace.parents[1])
    assert episode_facts(run, trace)["screen"] == BOX._asdict()
    monkeypatch.setattr(enactment, "older_screen", None)
    step = enactment.recorded_at(trace.stem)
    assert enactment.enact(run, step, read_episode(trace)).screen == BOX


def test_an_older_trace_has_its_screen_found_out():
    run = Run(ZOO / "grid-memory")
    (trace,) = run.videos.glob("*.json")
    told = episode_facts(run, trace)["screen"]
    assert told == screen_box((288, 288), 256)._asdict()


def test_a_screen_is_cut_out_of_a_frame():
    pixels = np.full((60, 400, 3), BACKGROUND, np.uint8)
    pixels[6:26, 2:32] = 200
    head = b'{"fps":15,"screen": ' + json.dumps(BOX._asdict()).encode() + b',"steps":['
    assert screen_in(head) == BOX
    assert (cut_out(pixels, head, is_board=False) == 200).all()
    assert cut_out(pixels, head, is_board=False).shape == (20, 30, 3)
    assert cut_out(pixels, b"", is_board=False).shape == (20, 30, 3)  # by what is not dark
    assert cut_out(pixels[:50], head, is_board=True).shape == (50, 80, 3)  # of another video


def test_what_is_no_video_of_ours_is_shown_whole():
    assert older_crop((100, 50), 0) == ScreenBox(0, 0, 50, 100, 50, 100)
    assert older_crop((552, 624), 152) == ScreenBox(0, 0, 288, 400, 624, 552)


@pytest.mark.parametrize(
    "change",
    [{"left": -1}, {"top": 41}, {"width": 399}, {"height": 0}, {"left": 1.5}, {"top": True},
     {"frame_width": 10**9}, {"more": 1}],
)  # fmt: skip
def test_a_screen_that_cannot_be_is_damage(trace, change):
    told = BOX._asdict() | change
    with pytest.raises(ValueError, match="screen"):
        parse_screen(told)
    trace.write_text(json.dumps(json.loads(trace.read_text()) | {"screen": told}))
    with pytest.raises(UsageError, match="is damaged"):
        read_episode(trace)
