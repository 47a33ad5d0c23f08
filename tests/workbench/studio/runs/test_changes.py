"""Notes, other names, and the end of runs: who may change what, and what is left alone."""

import fcntl
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.workbench.studio.conftest import served
from tests.workbench.studio.made_runs import ask, make_run
from workbench.errors import UsageError
from workbench.runs.notes import MAX_NOTES, read_notes, rename_run, write_notes
from workbench.runs.removal import delete_run
from workbench.runs.run import Run
from workbench.studio.guard import LOOPBACK, Access
from workbench.studio.library import Library
from workbench.studio.server import make_app

TOKEN = "a-token"


@pytest.fixture
def folder(tmp_path):
    """A folder of runs, and one beside it that is shown, too."""
    make_run(tmp_path / "runs", "mine", video=True)
    make_run(tmp_path / "runs", "other")
    make_run(tmp_path / "elsewhere", "far")
    return tmp_path / "runs"


@pytest.fixture
def site(folder):
    library = Library([folder, folder.parent / "elsewhere"])
    app = make_app(library, Access(LOOPBACK, None, changes_token=TOKEN), folder)
    with served(app) as url:
        yield url


def post(url, path, told, **headers):
    """Asks as a page does that knows the token; headers that are None are left out."""
    port = url.rsplit(":", 1)[1]
    sent = {
        "Origin": url,
        "Content-Type": "application/json",
        "Cookie": f"ludus-token-{port}={TOKEN}",
        "Sec-Fetch-Site": "same-origin",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(
        f"{url}/api/changes/{path}",
        content=told if isinstance(told, str | bytes) else json.dumps(told),
        headers={name: value for name, value in sent.items() if value is not None},
        timeout=60,
    )


def locked(run: Path):
    """As a training holds it."""
    file = (run / ".lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def test_a_note_is_kept_in_the_folder_of_the_run(folder, site):
    assert ask(site, "/api/runs/mine").json["notes"] == ""
    text = "learning rate <b>too high</b>\n\nε = 0.1, see other-run 🎲"
    answer = post(site, "mine/notes", {"text": text + "\n\n", "was": ""})
    assert (answer.status_code, answer.json()) == (200, {"notes": text + "\n"})
    assert (folder / "mine/notes.md").read_text(encoding="utf-8") == text + "\n"
    assert ask(site, "/api/runs/mine").json["notes"] == text + "\n"
    stale = post(site, "mine/notes", {"text": "another", "was": ""})
    assert (stale.status_code, "meanwhile" in stale.json()["error"]) == (409, True)
    assert post(site, "mine/notes", {"text": "", "was": text + "\n"}).json() == {"notes": ""}
    assert not (folder / "mine/notes.md").exists()


def test_a_note_may_be_long_but_not_endless(folder, site):
    longest = "é" * (MAX_NOTES - 1)
    assert post(site, "mine/notes", {"text": longest, "was": ""}).status_code == 200
    answer = post(site, "mine/notes", {"text": "é" * (MAX_NOTES + 1), "was": longest + "\n"})
    assert (answer.status_code, "at most 20,000" in answer.json()["error"]) == (400, True)
    assert post(site, "mine/notes", "x" * 600_000).status_code == 413
    assert read_notes(Run(folder / "mine")) == longest + "\n"


def test_notes_that_are_no_text_or_lead_elsewhere_are_not_told_nor_followed(folder, site):
    (folder / "mine/notes.md").write_bytes(b"caf\xe9")
    assert ask(site, "/api/runs/mine").json["notes"] == "caf\ufffd"
    secret = folder.parent / "secret"
    secret.write_text("secret")
    (folder / "other/notes.md").symlink_to(secret)
    assert ask(site, "/api/runs/other").json["notes"] == ""
    assert post(site, "other/notes", {"text": "x", "was": ""}).status_code == 400
    assert secret.read_text() == "secret"


@pytest.mark.parametrize("there", ["é" * (MAX_NOTES + 2), b"caf\xe9", "a\n" * MAX_NOTES])
def test_notes_that_the_page_cannot_show_whole_are_not_overwritten(folder, site, there):
    there = there if isinstance(there, bytes) else there.encode()
    (folder / "mine/notes.md").write_bytes(there)
    was = ask(site, "/api/runs/mine").json["notes"]
    for text in ("another", ""):
        answer = post(site, "mine/notes", {"text": text, "was": was})
        assert (answer.status_code, "in an editor" in answer.json()["error"]) == (400, True)
    assert (folder / "mine/notes.md").read_bytes() == there


@pytest.mark.parametrize("name", ["a+b.c-d_9", "0", "Ünïcode", "x" * 100])
def test_a_run_gets_another_name(folder, site, name):
    answer = post(site, "mine/rename", {"name": name})
    assert (answer.status_code, answer.json()) == (200, {"id": name})
    assert (folder / name / "config.yaml").is_file()
    assert ask(site, f"/api/runs/{httpx.URL('/' + name).raw_path.decode()[1:]}").status == 200
    assert ask(site, "/api/runs/mine").status == 404


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a b", "a@1", "-a", ".a", "x" * 101, "other", "a\0", 3]
)
def test_a_name_that_is_none_or_taken_is_refused(folder, site, name):
    answer = post(site, "mine/rename", {"name": name})
    assert answer.status_code == 400
    assert sorted(path.name for path in folder.iterdir()) == ["mine", "other"]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["elsewhere", "runs"]


def test_a_run_is_deleted_whole_and_no_other(folder, site):
    assert post(site, "mine/delete", {"name": "other"}).status_code == 400
    assert post(site, "mine/delete", {}).status_code == 400
    assert post(site, "mine/delete", {"name": "mine"}).json() == {"deleted": "mine"}
    assert [path.name for path in folder.iterdir()] == ["other"]
    assert post(site, "mine/delete", {"name": "mine"}).status_code == 404
    for path in ("/api/runs/mine", "/api/runs/mine/curves", "/api/runs/mine/videos/400_0.mp4"):
        assert ask(site, path).status == 404


def test_a_run_that_is_being_trained_is_neither_deleted_nor_renamed_but_annotated(folder, site):
    with locked(folder / "mine"):
        for what, told in (("delete", {"name": "mine"}), ("rename", {"name": "new"})):
            answer = post(site, f"mine/{what}", told)
            assert answer.status_code == 400
            assert "being trained by another process" in answer.json()["error"]
        assert post(site, "mine/notes", {"text": "so far so good", "was": ""}).status_code == 200
    assert (folder / "mine/config.yaml").is_file()
    with locked(folder / "other"), pytest.raises(UsageError, match="being trained"):
        delete_run(Run(folder / "other"))


def test_nothing_outside_runs_is_changed(folder, site):
    far = folder.parent / "elsewhere/far"
    before = sorted(far.rglob("*"))
    (folder / "link").symlink_to(far)
    for run in ("far", "link"):
        for what, told in (
            ("delete", {"name": run}),
            ("rename", {"name": "new"}),
            ("notes", {"text": "x", "was": ""}),
        ):
            answer = post(site, f"{run}/{what}", told)
            assert answer.status_code in (400, 404), answer.text
    for run in ("..", "%2e%2e", "..%2felsewhere%2ffar", "mine%2f..%2fother"):
        assert post(site, f"{run}/delete", {"name": "far"}).status_code in (404, 405)
    assert sorted(far.rglob("*")) == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Cookie": None}, 403),
        ({"Cookie": "ludus-token-1=a-token"}, 403),
        ({"Origin": None}, 403),
        # A browser that says nothing of the site; one that does never says same-origin of these.
        ({"Origin": "http://evil.example", "Sec_Fetch_Site": None}, 403),
        ({"Origin": "http://evil.example", "Sec_Fetch_Site": "cross-site"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": None}, 415),
    ],
)
def test_only_the_studios_own_pages_change_anything(folder, site, headers, status):
    for path, told in (
        ("mine/delete", {"name": "mine"}),
        ("mine/rename", {"name": "new"}),
        ("mine/notes", {"text": "x", "was": ""}),
    ):
        assert post(site, path, told, **headers).status_code == status
    assert sorted(path.name for path in folder.iterdir()) == ["mine", "other"]
    assert not (folder / "mine/notes.md").exists()


@pytest.mark.parametrize("told", ["", "{", "[]", "null", "[" * 900, b"\xff", '{"name": ["mine"]}'])
def test_what_no_page_tells_changes_nothing(folder, site, told):
    for what in ("delete", "rename", "notes"):
        assert post(site, f"mine/{what}", told).status_code == 400
    assert ask(site, "/api/changes/mine/delete").status == 405  # by GET
    assert post(site, "../runs/mine", {}).status_code == 405
    assert (folder / "mine/config.yaml").is_file()


def test_where_changes_are_off_the_page_says_why_and_nothing_is_changed(folder):
    library = Library([folder])
    with served(make_app(library, Access(LOOPBACK, None))) as url:
        assert ask(url, "/api/changes/").json["why"].endswith("without --changes")
        assert post(url, "mine/delete", {"name": "mine"}).status_code == 403
    app = make_app(library, Access(None, TOKEN, changes_token=TOKEN), folder)
    with served(app) as url:
        assert post(url, "mine/delete", {"name": "mine"}, Cookie=None).status_code == 401
        cookie = {"Cookie": f"ludus-token-{url.rsplit(':', 1)[1]}={TOKEN}"}
        assert ask(url, "/api/changes/", cookie).json == {"on": True, "why": None}
    assert (folder / "mine/config.yaml").is_file()


def test_many_who_write_at_once_leave_one_whole_note(folder, site):
    texts = [f"{i} " * 2_000 for i in range(8)]
    with ThreadPoolExecutor(8) as writers:
        found = writers.map(lambda t: post(site, "mine/notes", {"text": t, "was": ""}), texts)
        codes = [answer.status_code for answer in found]
    assert sorted(codes) == [200] + 7 * [409]
    assert read_notes(Run(folder / "mine")).rstrip() in [text.rstrip() for text in texts]
    assert not [path for path in (folder / "mine").iterdir() if ".tmp" in path.name]


def test_a_name_is_changed_by_hand_too(folder):
    run = rename_run(Run(folder / "mine"), "better")
    assert (run.name, run.info["status"]) == ("better", "finished")
    write_notes(run, "x")
    assert read_notes(run) == "x\n"
