"""Which program played: a folder of games knows it again, and refuses another."""

import hashlib
import json
import shlex
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.workbench.engines.engines import load
from workbench.engines.identity import difference
from workbench.engines.players import make_engine
from workbench.errors import UsageError
from workbench.tournament.run import Options, run_tournament

pytestmark = pytest.mark.usefixtures("no_process_is_left")

ENGINE = """
import sys
VERSION = "1"
for line in sys.stdin:
    words = line.split()
    if words == ["uci"]:
        print("id name Fake", VERSION, flush=True)
        print("option name EvalFile type string default net.bin", flush=True)
        print("option name Debug Log File type string default", flush=True)
        print("uciok", flush=True)
    elif words == ["isready"]:
        print("readyok", flush=True)
    elif words[0] == "go":
        print("bestmove a2a3", flush=True)
"""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An engine that a script starts, and that reads a network from where it runs."""
    monkeypatch.chdir(tmp_path)
    Path("net.bin").write_bytes(b"a network")
    Path("fake.py").write_text(ENGINE)
    start = tmp_path / "start"
    start.write_text(f'#!/bin/sh\n{shlex.quote(sys.executable)} -IS fake.py "$@"\n')
    start.chmod(0o755)
    return f"uci:{start}"


def identity(spec: str):
    with closing(make_engine(spec, load("chess"), 20)) as player:
        return player.identity


def test_an_engine_is_its_name_limits_and_files(spec, tmp_path):
    found = identity(spec)
    assert (found["name"], found["limits"]) == ("Fake 1", "nodes=1000")
    here = {p: digest for p, digest in found["files"].items() if p.startswith(str(tmp_path))}
    assert here == {
        str(tmp_path / name): sha256(tmp_path / name) for name in ("start", "fake.py", "net.bin")
    }
    assert str(Path(sys.executable).resolve()) in found["files"]
    assert not any(Path(path).name in ("sh", "dash", "bash") for path in found["files"])
    other = tmp_path / "other.bin"
    other.write_bytes(b"another")
    found = identity(f"{spec}?EvalFile=other.bin&Debug Log File=net.bin")["files"]
    assert str(other) in found
    assert str(tmp_path / "net.bin") not in found  # which it writes


@pytest.mark.parametrize(
    ("file", "change", "why"),
    [
        ("fake.py", ('VERSION = "1"', 'VERSION = "2"'), "Fake 2, not Fake 1"),
        ("fake.py", ("a2a3", "h2h3"), "fake.py is not what it was"),
        ("net.bin", ("a network", "better"), "net.bin is not what it was"),
        ("start", ("#!/bin/sh\n", "#!/bin/sh\nexport X=1\n"), "start is not what it was"),
    ],
)
def test_an_engine_that_was_replaced_does_not_go_on_with_games(spec, tmp_path, file, change, why):
    before = identity(spec)
    assert difference(before, identity(spec)) == ""
    path = tmp_path / file
    path.write_text(path.read_text().replace(*change))
    assert difference(before, identity(spec)).endswith(f"{why})")


def test_the_same_files_elsewhere_are_the_same_and_other_limits_are_not():
    one = {"name": "A", "limits": "nodes=1000", "files": {"/usr/games/a": "12"}}
    assert difference(one, one | {"files": {"/opt/a": "12"}}) == ""
    slow = one | {"limits": "movetime=100"}
    assert difference(one, slow) == "another program (movetime=100, not nodes=1000)"
    assert difference(one, one | {"files": {}}) == "another program (it reads fewer files)"
    assert difference("", one) == ""
    assert difference("12", "13") == "another network"


def test_a_tournament_notes_its_engines_and_refuses_another_under_the_name(spec, tmp_path):
    """A folder from before that was noted gains it."""
    told: list[str] = []
    options = Options(game="chess", games=2, out=tmp_path / "t", opening_plies=2)

    def play() -> None:
        run_tournament(
            [spec, "random"], options, tell=told.append, on_game=lambda played, most: None
        )

    play()
    assert told[0] == f"{spec} is Fake 1, nodes 1000"
    conditions = tmp_path / "t" / "conditions.json"
    noted = json.loads(conditions.read_text())
    assert noted["players"][spec]["name"] == "Fake 1"
    conditions.write_text(json.dumps(noted | {"players": {spec: "", "random": ""}}))
    play()
    assert json.loads(conditions.read_text()) == noted
    script = tmp_path / "fake.py"
    script.write_text(script.read_text() + "\n")
    with pytest.raises(UsageError, match=r"is another program \(.*fake.py is not what it was\)"):
        play()
