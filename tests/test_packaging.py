"""What package indexes and type checkers need to know; what is told twice is told the same."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = SETTINGS["project"]


def test_the_citation_is_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()  # all that CFF requires
    assert cited["version"] == PROJECT["version"]
    assert cited["license"] == PROJECT["license"]
    assert cited["authors"] == PROJECT["authors"]


def test_the_changelog_begins_with_this_version() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    newest = next(line for line in lines if line.startswith("## "))
    assert newest.split()[1] == PROJECT["version"]


def test_licences_are_there() -> None:
    for pattern in PROJECT["license-files"]:
        assert [*ROOT.glob(pattern)], pattern
    assert (
        (ROOT / "LICENSE").read_text(encoding="utf-8").startswith(f"{PROJECT['license']} License")
    )


def test_every_package_says_that_it_is_typed() -> None:
    data = SETTINGS["tool"]["setuptools"]["package-data"]
    for package in SETTINGS["tool"]["mypy"]["packages"]:
        assert (ROOT / package / "py.typed").exists()
        assert "py.typed" in data[package]


def test_a_wheel_holds_all_that_an_install_needs(tmp_path: Path) -> None:
    """Built from a copy, as building writes into the tree."""
    tree, packages = tmp_path / "tree", SETTINGS["tool"]["mypy"]["packages"]
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in (*packages, "configs"):
        shutil.copytree(ROOT / folder, tree / folder, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    build = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    command = (sys.executable, "-W", "ignore", "-c", build)
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        inside = set(wheel.namelist())
        (metadata,) = (name for name in inside if name.endswith("dist-info/METADATA"))
        facts = Parser().parsestr(wheel.read(metadata).decode())
    assert (facts["License-Expression"], facts["Author"]) == ("MIT", "Ludus developers")
    needed = {f"{package}/py.typed" for package in packages}
    needed |= {f"workbench/{path.relative_to(ROOT)}" for path in ROOT.glob("configs/*/*.yaml")}
    code = (".py", ".js", ".css", ".html", ".svg", ".yaml")
    needed |= {
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*")
        if path.suffix in code
    }
    assert needed - inside == set()
    assert not any(name.startswith(("tests/", "runs/", "benchmarks/")) for name in inside)
