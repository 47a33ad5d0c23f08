"""README names every file of the tree, one a line: `python -m tests.test_readme_tree` writes it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
BEGIN, END = "<!-- tree -->\n```\n", "```\n<!-- end of tree -->\n"
# Folders of which one line tells enough, where each file tells of itself or the files are alike.
WHOLE = {
    "configs/": "Each file begins with what it trains, its expected score, wall time and paper.",
    "runs/": "Outputs, ignored by git, except runs/zoo/.",
    "tests/": "Mirrors the tree, plus contracts/, learning/ and end_to_end/.",
    "benchmarks/": "Scripts; each prints one table.",
    "docs/": "Design, configs, worlds, Python, SB3, export, tournaments, studio, benchmarks, ...",
    "findings/": "Scripts that reproduce, without Ludus, surprises in other software.",
}


def first_line(path: Path) -> str:
    """What a file says of itself: its docstring's or its comment's first line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    first = text.partition("\n")[0]
    return first.removeprefix("//").removeprefix("/*").removesuffix("*/").strip()


def entry(name: str, text: str) -> str:
    return f"{name:<27} {text}"


def lines(folder: Path, indent: str) -> Iterator[str]:
    """A folder's line, then those of its files and of the folders in it."""
    yield entry(indent + folder.name + "/", first_line(folder / "__init__.py"))
    inside = indent + "  "
    for path in sorted(folder.iterdir()):
        if path.suffix in (".py", ".js") and path.name != "__init__.py":
            yield entry(inside + path.name, first_line(path))
    for path in sorted(folder.iterdir()):
        if (path / "__init__.py").exists():
            yield from lines(path, inside)


def tree() -> str:
    """The whole tree as it stands in README."""
    packages = ("envs", "agents", "workbench", "ludus")
    told = [line for name in packages for line in lines(ROOT / name, "")]
    told += [entry(name, text) for name, text in WHOLE.items()]
    return "".join(line.rstrip() + "\n" for line in told)


def test_readme_names_every_file_with_what_it_says_of_itself():
    _, _, after = README.read_text(encoding="utf-8").partition(BEGIN)
    written, end, _ = after.partition(END)
    assert end
    assert written == tree(), "write it anew: .venv/bin/python -m tests.test_readme_tree"


def test_every_file_says_what_it_holds():
    assert all(len(line.split()) > 1 for line in tree().splitlines())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_files_that_there_are(path: Path):
    folders = ("envs", "agents", "workbench", "ludus", "tests", "benchmarks")
    names = {found.name for folder in folders for found in (ROOT / folder).rglob("*.*")}
    for named in re.findall(r"`([\w/.]+\.(?:py|js))`", path.read_text(encoding="utf-8")):
        assert (ROOT / named).exists() if "/" in named else named in names, named


if __name__ == "__main__":
    before, begin, after = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, rest = after.partition(END)
    README.write_text(before + begin + tree() + end + rest, encoding="utf-8")
