"""What package indexes and type checkers need to know; what is told twice is told the same."""

import tomllib
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
