"""A guest in somebody else's checkout, who can write nowhere, can use Ludus."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli.caches import writable_caches

ROOT = Path(__file__).parents[3]


def test_commands_that_compile_work_where_nothing_can_be_kept(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("envs", "agents", "workbench"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    # Files where folders are needed: nobody can write below them, not even root.
    for folder in ("envs/board", "agents/search"):
        (tmp_path / folder / "__pycache__").touch()
    nowhere = {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "PYTHONPATH": str(tmp_path)}
    program = "import sys; sys.argv[1:] = ['doctor']; from workbench.cli.main import main; main()"
    answer = subprocess.run(
        (sys.executable, "-c", program),
        cwd=tmp_path,
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "cpu_cores" in answer.stdout


def test_the_users_own_cache_is_used_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    before = dict(os.environ)
    with writable_caches():
        assert dict(os.environ) == before


@pytest.mark.parametrize("own", [os.devnull + "/cache", "not/absolute"])
def test_a_cache_that_cannot_be_written_is_replaced_while_the_command_runs(
    own: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", own)
    before = dict(os.environ)
    with writable_caches():
        folder = Path(os.environ["XDG_CACHE_HOME"])
        (folder / "kept").touch()
        assert folder.stat().st_mode & 0o077 == 0  # what is compiled there is run
    assert not folder.exists()
    assert dict(os.environ) == before
    assert not list(tmp_path.iterdir())
