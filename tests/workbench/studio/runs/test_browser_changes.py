"""Notes, other names, the end of a run, commands, downloads and reviews, in a real browser."""

import json
import os
import re
import shutil

import pytest
from playwright.sync_api import expect

from tests.workbench.studio.conftest import ZOO, served
from tests.workbench.studio.made_runs import make_run
from tests.workbench.studio.runs.test_changes import locked
from workbench.studio.guard import LOOPBACK, Access
from workbench.studio.library import Library
from workbench.studio.server import make_app

TOKEN = "a-token"


@pytest.fixture
def folder(tmp_path):
    make_run(tmp_path / "runs", "mine", video=True)
    make_run(tmp_path / "runs", "other")
    return tmp_path / "runs"


@pytest.fixture
def site(folder):
    app = make_app(Library([folder]), Access(LOOPBACK, None, changes_token=TOKEN), folder)
    with served(app) as url:
        yield url


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_a_run_is_annotated_renamed_and_deleted(folder, site, page, accessible, shoot):
    page.goto(f"{site}/?token={TOKEN}#/run/mine")
    notes = page.get_by_label("Notes about this run")
    expect(notes).to_be_visible()
    expect(button(page, "Save notes")).to_be_disabled()
    text = "<b>bold</b> " + "a long line " * 300 + "\nlr ↓"
    notes.fill(text)
    button(page, "Save notes").click()
    expect(page.get_by_text("saved", exact=True)).to_be_visible()
    assert (folder / "mine/notes.md").read_text(encoding="utf-8") == text + "\n"
    page.reload()
    expect(notes).to_have_value(text + "\n")
    accessible(page)
    shoot(page, "run-notes")
    button(page, "Rename…").click()
    accessible(page)


def test_what_is_refused_is_told_in_the_dialog(site, browser):
    with browser.new_context() as context:  # whose console may tell of the answer 400
        page = context.new_page()
        page.goto(f"{site}/?token={TOKEN}#/run/mine")
        button(page, "Rename…").click()
        page.get_by_label("New name").fill("a/b")
        button(page, "Rename").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("cannot be named")
        page.get_by_label("New name").fill("other")
        button(page, "Rename").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("exists already")


def test_a_dialog_is_left_by_escape_and_enter_alone_deletes_nothing(folder, site, page, shoot):
    page.goto(f"{site}/?token={TOKEN}#/run/mine")
    button(page, "Rename…").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button(page, "Rename…")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("New name").fill("a+b.c-d")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site}/#/run/a%2Bb.c-d")
    expect(page.get_by_role("heading", level=1)).to_have_text("a+b.c-d")
    assert (folder / "a+b.c-d/config.yaml").is_file()
    button(page, "Delete…").click()
    expect(button(page, "Cancel")).to_be_focused()
    shoot(page, "run-delete")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert (folder / "a+b.c-d/config.yaml").is_file()
    button(page, "Delete…").click()
    button(page, "Delete").click()
    expect(page).to_have_url(f"{site}/#/")
    expect(page.locator(".card h2")).to_have_text(["other"])
    assert [path.name for path in folder.iterdir()] == ["other"]


def test_a_run_that_is_being_trained_is_left_alone(folder, site, page):
    info = json.loads((folder / "mine/run.json").read_text()) | {"status": "running"}
    (folder / "mine/run.json").write_text(json.dumps(info))
    with locked(folder / "mine"):
        page.goto(f"{site}/?token={TOKEN}#/run/mine")
        button(page, "Delete…").click()
        expect(page.get_by_role("alert")).to_contain_text("it is being trained now")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_who_looks_sees_that_a_run_was_deleted_or_noted_by_somebody_else(folder, site, browser):
    with browser.new_context() as one, browser.new_context() as two:
        looking, writing = one.new_page(), two.new_page()
        info = json.loads((folder / "mine/run.json").read_text()) | {"status": "created"}
        (folder / "mine/run.json").write_text(json.dumps(info))
        looking.goto(f"{site}/#/run/mine")
        expect(looking.get_by_role("heading", name="mine")).to_be_visible()
        expect(button(looking, "Delete…")).to_have_count(0)
        writing.goto(f"{site}/?token={TOKEN}#/run/mine")
        writing.get_by_label("Notes about this run").fill("by another")
        button(writing, "Save notes").click()
        expect(looking.get_by_role("region", name="What was noted")).to_contain_text("by another")
        button(writing, "Delete…").click()
        button(writing, "Delete").click()
        expect(writing).to_have_url(f"{site}/#/")
        expect(looking.get_by_role("alert")).to_contain_text("no longer there")
        looking.get_by_role("link", name="All runs").click()
        expect(looking.locator(".card h2")).to_have_text(["other"])
        looking.go_back()
        expect(looking.get_by_role("alert")).to_contain_text("there is no such run")


def test_commands_are_copied_and_videos_downloaded(folder, site, browser):
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(f"{site}/#/run/mine")
        page.get_by_text("Commands", exact=True).click()
        page.get_by_role("button", name="Copy: Train another one, of the next seed").click()
        copied = page.evaluate("() => navigator.clipboard.readText()")
        assert copied == f"ludus train {folder}/mine/config.yaml seed=4"
        with page.expect_download() as found:
            page.get_by_role("button", name="Download the video of step 400").click()
        assert found.value.suggested_filename == "mine-step-400-seed-0.mp4"
        video = (folder / "mine/videos/400_0.mp4").read_bytes()
        assert found.value.path().read_bytes() == video


def test_a_player_has_the_command_of_its_video(studio, page, accessible, shoot):
    page.goto(f"{studio}/#/video/atari-pong/800000_0")
    expect(page.get_by_role("link", name="Download the video")).to_be_visible()
    page.get_by_text("Commands", exact=True).click()
    path = os.path.relpath(ZOO / "atari-pong")
    command = page.locator(".commands code")
    expect(command).to_have_text(re.compile(rf"^ludus record \S*{path}@800000 --seed 0$"))
    accessible(page)
    shoot(page, "player-commands")


@pytest.fixture(scope="module")
def without_videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("posters")
    for name in ("connect-four", "bare"):
        shutil.copytree(ZOO / "connect-four", folder / name)
    shutil.rmtree(folder / "bare/videos")
    config = folder / "bare/config.yaml"
    text = config.read_text().replace("seed: 1\n", "seed: 2\n")
    other = "float32" if "precision: bfloat16" in text else "bfloat16"
    config.write_text(re.sub(r"precision: \w+", f"precision: {other}", text))
    with served(make_app(Library([folder]), Access(LOOPBACK, None))) as url:
        yield url


def test_a_run_without_videos_shows_no_other_runs_picture(without_videos, page):
    page.goto(f"{without_videos}/")
    sources = [
        page.locator(".card", has=page.get_by_role("link", name=name, exact=True)).locator("img")
        for name in ("connect-four", "bare")
    ]
    expect(sources[0]).to_have_attribute("src", re.compile("^api/runs/connect-four/poster"))
    expect(sources[1]).to_have_attribute("src", "api/runs/bare/poster")


def test_seeds_are_grouped_where_the_machine_chose_another_precision(without_videos, page):
    page.goto(f"{without_videos}/#/run/bare")
    page.get_by_label("Group seeds").check()
    expect(page.locator(".curves-chart tbody tr")).to_contain_text("mean of 2 seeds")


def test_a_game_just_played_is_reviewed(studio, page, accessible, shoot):
    moves = "2,0,3,0,4,1,5"
    page.goto(f"{studio}/#/play/connect-four?side=first&level=0&seed=5&moves={moves}")
    expect(page.get_by_role("status")).to_have_text("You win!")
    page.get_by_role("link", name="Review this game").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Connect four: your game against connect-four"
    )
    values = page.locator(".moves .told")
    expect(values).to_have_text([re.compile(r"^[+−]?\d\.\d\d$")] * 7)
    expect(page.locator(".moves li").nth(3)).to_contain_text("?")  # the agent let it happen
    expect(page.locator(".slip").first).to_be_attached()
    page.keyboard.press("End")
    expect(page.get_by_role("status")).to_have_text("Move 7 of 7: You (Red) win")
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("Move 7 of 7")
    accessible(page)
    shoot(page, "review")
    page.get_by_role("link", name="back to the game").click()
    expect(page.get_by_role("status")).to_have_text("You win!")


def test_a_review_of_no_game_says_so(studio, browser):
    with browser.new_context() as context:
        page = context.new_page()
        for asked in ("connect-four", "connect-four?moves=x", "connect-four?moves=9,9"):
            page.goto("about:blank")
            page.goto(f"{studio}/#/game/played/{asked}")
            expect(page.get_by_role("alert")).to_be_visible()


def test_videos_of_boards_say_who_won_by_the_names_of_the_game(studio, page):
    page.goto(f"{studio}/#/run/connect-four")
    expect(page.locator(".videos a").last).to_contain_text("Red won")
