"""The shape of the tree, as docs/architecture.md states it, read from the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import agents
from tests.mirrors import HELD_BY
from workbench.config import load_config

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("envs", "agents", "workbench", "ludus")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PAGES = sorted(p for p in (ROOT / "workbench/studio").glob("*/*.*") if p.suffix in (".js", ".css"))
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
MAX_LINES = 400
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# Each of these third parties is let in at one place, which can be replaced as a whole.
DOORS = {
    "wandb": {"workbench/training/metrics.py"},
    "av": {"workbench/recording/episode.py", "workbench/studio/videos/facts.py"},
    "ale_py": {"envs/atari.py"},
    "minigrid": {"envs/grid.py"},
    "crafter": {"envs/crafter.py"},
    "vizdoom": {"envs/doom.py"},
    "open_spiel": {"envs/board/openspiel.py"},
    "pyspiel": {
        "envs/board/loading.py",
        "envs/board/openspiel.py",
        "envs/board/cells.py",
        "agents/baselines.py",
    },
    "chess": {
        "envs/board/cells.py",
        "workbench/recording/game_files.py",
        "workbench/engines/uci_search.py",
        "workbench/engines/xboard.py",
    },
    "sgfmill": {"workbench/engines/go_sgf.py"},
    "uvicorn": {"workbench/studio/watch.py"},
    "starlette": {name(path) for path in MODULES if "studio" in path.parts},
}


every_module = pytest.mark.parametrize("path", MODULES, ids=name)


def imports(source: str) -> set[str]:
    """Dotted names that a module imports, at its top or within a function.

    `from a.b import c` counts as `a.b`, and as `a.b.c` too: c may be a module.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = str(node.module)
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def packages(source: str) -> set[str]:
    return {imported.partition(".")[0] for imported in imports(source)}


def public_definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The module, its public functions and classes, and the public methods of those classes."""
    yield "the module", tree
    for node in tree.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node
            for child in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(child, FUNCTIONS) and not child.name.startswith("_"):
                    yield f"{node.name}.{child.name}", child


CLASSES = {
    node.name: node
    for path in MODULES
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.ClassDef)
}


def inherits_docstring(method: str, owner: ast.ClassDef) -> bool:
    """Whether a class that `owner` is made of, as far as it is ours, says what `method` does."""
    for name in (ast.unparse(base).partition("[")[0] for base in owner.bases):
        base = CLASSES.get(name)
        if base is None:
            continue
        own = [node for node in base.body if isinstance(node, FUNCTIONS) and node.name == method]
        if any(map(ast.get_docstring, own)) or inherits_docstring(method, base):
            return True
    return False


def undocumented(tree: ast.Module) -> list[str]:
    owners = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return [
        what
        for what, node in public_definitions(tree)
        if not ast.get_docstring(node)
        and not (
            "." in what
            and inherits_docstring(what.partition(".")[2], owners[what.partition(".")[0]])
        )
    ]


def test_the_reader_of_imports_sees_every_kind():
    source = (
        "import a.b as c\nfrom d import e\ndef f():\n  import g\n  importlib.import_module('h.i')"
    )
    assert imports(source) == {"a.b", "d", "d.e", "g", "h.i"}
    assert packages(source) == {"a", "d", "g", "h"}


def test_the_packages_are_those_of_this_tree():
    # `tests/agents` must never be taken for `agents`.
    assert agents.__file__ is not None
    assert Path(agents.__file__).parent == ROOT / "agents"
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(PACKAGES)


@every_module
def test_imports_go_one_way(path: Path):
    package, source = path.relative_to(ROOT).parts[0], path.read_text()
    if package != "ludus":
        assert "ludus" not in packages(source)
    if package == "envs":
        assert not packages(source) & {"torch", "agents", "workbench"}
    if package == "agents":
        assert "workbench" not in packages(source)
        from_envs = {imported for imported in imports(source) if imported.startswith("envs")}
        assert all(imported.startswith(("envs.base", "envs.board")) for imported in from_envs)
        assert all("base" in imported.split(".") for imported in from_envs - {"envs.board"})


@every_module
def test_third_parties_come_in_by_one_door(path: Path):
    for package in packages(path.read_text()) & DOORS.keys():
        assert name(path) in DOORS[package]


@every_module
def test_nothing_is_pickled(path: Path):
    source = path.read_text()
    assert not packages(source) & {"pickle", "cloudpickle", "dill", "joblib", "shelve"}
    used = {
        ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)
    }
    assert not used & {"torch.load", "torch.save"}
    assert not imports(source) & {"torch.load", "torch.save"}


@pytest.mark.parametrize("path", [*MODULES, *PAGES], ids=name)
def test_a_file_fits_in_one_sitting(path: Path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


@every_module
def test_a_file_is_named_for_what_it_holds(path: Path):
    assert path.stem not in {"utils", "util", "common", "helpers", "misc"}


@every_module
def test_public_names_have_docstrings(path: Path):
    assert undocumented(ast.parse(path.read_text())) == []


def test_a_docstring_is_inherited_and_not_repeated():
    source = '"""M."""\nclass DQN(Agent):\n  """C."""\n  def act(self): {}\n  def other(self): {}'
    assert undocumented(ast.parse(source.format("...", "..."))) == ["DQN.other"]
    alone = source.replace("(Agent)", "").format("...", "...")
    assert undocumented(ast.parse(alone)) == ["DQN.act", "DQN.other"]


@pytest.mark.parametrize(
    "path", [m for m in MODULES if name(m).partition("/")[0] != "workbench"], ids=name
)
def test_no_docstring_only_points_elsewhere(path: Path):
    tree = ast.parse(path.read_text())
    said = [ast.get_docstring(node) for _, node in public_definitions(tree)]
    assert [text for text in said if text and re.fullmatch(r"See `[\w.]+`\.", text)] == []


@pytest.mark.parametrize("path", CONFIGS, ids=name)
def test_a_config_loads(path: Path):
    load_config(path)


@pytest.mark.parametrize("path", CONFIGS, ids=name)
def test_a_config_opens_with_what_it_trains(path: Path):
    assert path.read_text().startswith("# ")


def does_something(tree: ast.Module) -> bool:
    """Whether any function has more than a docstring; protocols and plain fields do nothing."""
    functions = (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS))
    return any(node.body[ast.get_docstring(node) is not None :] for node in functions)


def mirrors(path: Path) -> list[Path]:
    """The files `tests/<same folder>/test_<name>.py` and `test_<name>_<part>.py`."""
    folder = ROOT / "tests" / path.relative_to(ROOT).parent
    return [*folder.glob(f"test_{path.stem}.py"), *folder.glob(f"test_{path.stem}_*.py")]


def test_what_does_something_is_told_from_what_does_not():
    assert not does_something(ast.parse('class A:\n  x = 1\n  def f(self):\n    "Doc."'))
    assert does_something(ast.parse('class A:\n  def f(self):\n    "Doc."\n    return 1'))


@every_module
def test_a_module_has_its_tests(path: Path):
    """Under its name in the same folder, or `tests/mirrors.py` names them."""
    if does_something(ast.parse(path.read_text())) and not mirrors(path):
        assert name(path) in HELD_BY, (
            f"write tests/{path.parent.relative_to(ROOT)}/test_{path.name}"
        )
        assert (ROOT / "tests" / HELD_BY[name(path)]).is_file()
    else:
        assert name(path) not in HELD_BY, "needs no entry"


def test_only_modules_of_this_tree_are_said_to_be_tested_elsewhere():
    assert HELD_BY.keys() <= {name(path) for path in MODULES}
