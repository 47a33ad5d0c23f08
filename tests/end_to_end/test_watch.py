"""`ludus watch` and `ludus play` as people start and end them."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.end_to_end.configs import BOARD, write_config
from tests.end_to_end.launcher import ROOT
from workbench.cli.main import run_command
from workbench.config import load_config
from workbench.runs.run import create_run
from workbench.studio import watch

CODE = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from workbench.cli.main import main; main()"
LUDUS = [sys.executable, "-c", CODE]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config(Path(write_config(tmp_path / "c.yaml", BOARD)))
    return create_run(config, "mine")


@pytest.fixture
def start(tmp_path):
    """Starts a studio and returns the process and what it says in its first two lines."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [*LUDUS, *arguments, "--no-browser", "--port", "0"],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, process.stderr.readline() + process.stderr.readline()

    yield start
    for process in started:
        process.kill()
        process.stderr.close()
        process.wait()


@pytest.fixture
def says(tmp_path, monkeypatch, capsys):
    """Returns what a command says, in this process, where the studio would be served."""

    class Ended(BaseException):
        """Ends the process."""

    def end(code):
        assert code == 0
        raise Ended

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watch.uvicorn.Server, "run", lambda server, sockets: sockets[0].close())
    monkeypatch.setattr(watch.os, "_exit", end)

    def says(*arguments):
        with pytest.raises(Ended):
            run_command([*arguments, "--no-browser", "--port", "0"])
        return capsys.readouterr().err

    return says


def fetch(url):
    with urllib.request.urlopen(url, timeout=120) as response:
        return response.read()


def test_watch_shows_the_run_until_ctrl_c(run, start):
    process, said = start("watch", "mine")
    (address,) = re.findall(r"http://\S+", said)
    assert address.endswith("/#/run/mine")
    site = address.partition("#")[0]
    assert b"Ludus" in fetch(site)
    (card,) = json.loads(fetch(f"{site}api/runs/"))["runs"]
    assert (card["id"], card["status"], card["game"]) == ("mine", "created", "tic_tac_toe")
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 0


def test_ctrl_c_waits_for_no_thought(start):
    process, said = start("watch", str(ROOT / "runs/zoo"))
    site = re.findall(r"http://\S+?/", said)[0]
    asked = [
        f"{site}api/boards/othello/think?simulations=2000&moves={move}" for move in (19, 26, 37)
    ]
    asked += [f"{site}api/insight/atari-pong/800000_0/saliency?t={t}" for t in range(20)]
    with ThreadPoolExecutor(len(asked)) as viewers:
        answers = [viewers.submit(fetch, url) for url in asked]
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        assert process.wait(8) == 0
    assert any(answer.exception() for answer in answers)


def test_play_opens_the_game(run, says):
    assert "/#/play/mine\n" in says("play", "runs/mine")


def test_a_run_elsewhere_is_shown_alone_beside_runs(tmp_path, monkeypatch, start):
    monkeypatch.chdir(tmp_path)
    config = load_config(Path(write_config(tmp_path / "c.yaml", BOARD)))
    create_run(config, str(tmp_path / "far" / "away"))
    create_run(config, str(tmp_path / "far" / "other"))
    _, said = start("watch", "far/away")
    (address,) = re.findall(r"http://\S+", said)
    assert address.endswith("/#/run/away")
    cards = json.loads(fetch(f"{address.partition('#')[0]}api/runs/"))["runs"]
    assert [card["id"] for card in cards] == ["away"]


def test_who_has_the_token_that_is_printed_may_change_runs(run, start):
    process, said = start("watch", "mine")
    changing = process.stderr.readline()
    assert changing.startswith("to rename, annotate and delete runs there: http://127.0.0.1:")
    assert "?token=" in changing
    assert changing.endswith("#/run/mine\n")
    site = re.search(r"http://\S+?/", said)[0]
    assert not json.loads(fetch(f"{site}api/changes/"))["on"]
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.open(changing.split()[-1].partition("#")[0], timeout=120).close()
    with opener.open(f"{site}api/changes/", timeout=120) as answer:
        assert json.load(answer) == {"on": True, "why": None}
    told = json.dumps({"text": "a note", "was": ""}).encode()
    headers = {"Content-Type": "application/json", "Origin": site.rstrip("/")}
    asked = urllib.request.Request(f"{site}api/changes/mine/notes", told, headers)
    opener.open(asked, timeout=120).close()
    assert (run.path / "notes.md").read_text() == "a note\n"


def test_served_to_others_runs_are_changed_where_asked_for(run, start):
    _, said = start("watch", "--host", "0.0.0.0", "--changes")
    address = re.search(r"http://\S+", said)[0]
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.open(address, timeout=120).close()
    with opener.open(f"{address.partition('?')[0]}api/changes/", timeout=120) as answer:
        assert json.load(answer)["on"] is True


def test_a_public_address_is_what_is_told(run, says):
    told = says("watch", "mine", "--public-url", "https://hub.example.org/me/proxy/1")
    first, _, warning, other = told.splitlines()[:4]
    assert re.fullmatch(
        r"the studio is at https://hub\.example\.org/me/proxy/1/\?token=[\w-]+#/run/mine", first
    )
    assert "can use the studio" in warning
    assert other.startswith("or at http://127.0.0.1:")


def test_others_than_this_machine_need_the_token(run, start):
    process, said = start("watch", "--host", "0.0.0.0")
    assert "0.0.0.0" not in said
    assert process.stderr.readline() == (
        "anyone in the network who has this address, with its token, can use the studio; "
        "the connection is not encrypted\n"
    )
    (address,) = re.findall(r"http://\S+", said)
    token = re.search(r"\?token=([\w-]{20,})", address)[1]
    port = re.search(r":(\d+)/", address)[1]
    site = f"http://127.0.0.1:{port}/"
    for url in (site, f"{site}api/runs/", f"{site}?token={token[:-1]}"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            fetch(url)
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(f"{site}?token={token}", timeout=120) as page:
        assert b"Ludus" in page.read()
        assert "token" not in page.url
    with opener.open(f"{site}api/runs/", timeout=120) as answer:
        assert answer.status == 200
    with opener.open(f"{site}api/changes/", timeout=120) as answer:
        assert json.load(answer)["on"] is False  # unless it is asked for


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["watch", "mime"], "did you mean 'mine'?"),
        (["play", "nothing"], "there is no run 'nothing'"),
        (["watch", "--host", "203.0.113.1"], "the studio cannot listen at 203.0.113.1"),
        (["watch", "--host", "no host"], "the studio cannot listen at no host"),
        (["watch", "--public-url", "hub/me"], "--public-url is an address such as https://"),
    ],
)
def test_mistakes_are_told_in_a_line(run, ludus, arguments, problem):
    done = ludus(*arguments, "--no-browser")
    assert done.code == 2
    assert problem in done.err
    assert done.err.count("\n") == 1


def test_a_mistake_ends_the_process(tmp_path):
    done = subprocess.run(
        [*LUDUS, "watch", "mime", "--no-browser"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "there is no run 'mime'" in done.stderr
