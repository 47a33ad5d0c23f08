"""Raw config files, before validation: YAML and dotted overrides."""

import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from workbench.errors import UsageError


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads `1e-4` as a string; this reads it as the number that it is."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A few lines of nested aliases can stand for more than any memory; no config needs one.
        if self.check_event(yaml.AliasEvent):
            message = "aliases (*name) are not allowed"
            raise yaml.composer.ComposerError(None, None, message, self.get_mark())
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    key: list(resolvers) for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


# The configs that come with Ludus; in a clone this is a link to the folder beside workbench/.
SHIPPED = Path(__file__).with_name("configs")


def config_path(typed: Path) -> Path:
    """Returns the config that was meant: a file here, else one that comes with Ludus, if any.

    The latter are called `atari/pong`, or `configs/atari/pong.yaml` as in a clone.
    """
    names = typed.parts[1:] if typed.parts[:1] == ("configs",) else typed.parts
    shipped = SHIPPED.joinpath(*names).with_suffix(".yaml") if names else SHIPPED
    is_name = not typed.is_absolute() and ".." not in names and typed.suffix in ("", ".yaml")
    return shipped if is_name and not typed.exists() and shipped.is_file() else typed


def shipped_configs() -> list[tuple[str, str]]:
    """Returns the name of each config that comes with Ludus, and the first sentence in it."""
    found = sorted(SHIPPED.glob("*/*.yaml"))
    names = [path.relative_to(SHIPPED).with_suffix("").as_posix() for path in found]
    return [(name, _first_sentence(path)) for name, path in zip(names, found, strict=True)]


def _first_sentence(path: Path) -> str:
    lines = takewhile(lambda line: line[:1] == "#", path.read_text(encoding="utf-8").splitlines())
    text = " ".join(" ".join(line.lstrip("#").split()) for line in lines)
    return re.split(r"\. |\.$", text.removeprefix("What it trains: "))[0]


def read_yaml(path: Path) -> dict[str, Any]:
    """Returns what a config file says, unchecked; raises UsageError if it is no mapping in YAML."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise UsageError(f"cannot read the config {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the config {path} is not a text file") from None
    except Exception as error:  # PyYAML lets through whatever its constructors stumble over
        reason = " ".join(str(error).split())
        raise UsageError(f"{path} is not valid YAML: {reason}") from None
    if not isinstance(data, dict):
        raise UsageError(f"{path} must be a mapping of keys to values")
    return data


def apply_override(data: dict[str, Any], override: str) -> None:
    """Sets the key of `key.path=value` in `data`; raises UsageError if it cannot be set."""
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise UsageError(f"the override {override!r} is not of the form key.path=value")
    try:
        value = yaml.load(text, _Loader)
    except Exception:
        raise UsageError(f"the override {override!r} has a value that is not YAML") from None
    *parents, leaf = key.split(".")
    node = data
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise UsageError(f"the override {override!r}: {parent} holds no keys")
        node = child
    node[leaf] = value
