"""`config.yaml` as a flat table, read fast: a gallery of hundreds of runs cannot parse YAML."""

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.config import flatten, load_saved_config
from workbench.errors import UsageError

Flat = dict[str, Any]
MAX_BYTES = 1_000_000
NO_PLAIN_VALUE = frozenset("&*!|>{[#%@`")  # as the first letter: YAML that is not read here
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?([eE][-+]?\d+)?|\.\d+)")
WORDS = {"null": None, "true": True, "false": False}
# Runs that differ in these alone are the same experiment: what the machine decides (some of it is
# resolved when a run is made), how results are kept, and the seed.
NOT_THE_EXPERIMENT = re.compile(
    r"seed|device|torch_threads|agent\.precision|env\.env_threads|replay\.storage|wandb\..*"
    r"|\w+_period_env_steps"
)


def read_flat(path: Path) -> Flat:
    """Returns the values of a config by dotted key, e.g. `env.kind`.

    Lines as `dump_config` writes them are read as they stand; any other file is parsed and checked.

    Raises:
        UsageError: the config is missing or wrong.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is too large")
        flat = _read_lines(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        flat = None  # for `load_saved_config` to say why
    if flat is None or not _is_enough(flat):
        flat = flatten(load_saved_config(path).model_dump(mode="json"))
    return flat


def game_of(flat: Flat) -> str:
    """Returns the name of what is played."""
    keys = ("game", "env_id", "scenario", "probe", "kind")
    name = str(next(flat[f"env.{key}"] for key in keys if flat.get(f"env.{key}")))
    return Path(name).stem if name.endswith(".cfg") else name


def family_of(flat: Flat) -> str:
    """Returns what runs have in common that differ in the seed alone."""
    kept = sorted(item for item in flat.items() if _is_of_the_experiment(item[0]))
    return hashlib.sha256(repr(kept).encode()).hexdigest()[:12]


@lru_cache(1_000)
def _is_of_the_experiment(key: str) -> bool:
    return not NOT_THE_EXPERIMENT.fullmatch(key)


def _is_enough(flat: Flat) -> bool:
    steps = flat.get("total_env_steps")
    return (
        isinstance(steps, int)
        and not isinstance(steps, bool)
        and all(flat.get(key) and isinstance(flat[key], str) for key in ("env.kind", "agent.kind"))
    )


def _read_lines(text: str) -> Flat | None:
    """Returns the values, or None where a line is of no kind that `dump_config` writes."""
    flat: Flat = {}
    open_keys: list[tuple[int, str]] = []  # indents and dotted keys of the mappings we are in
    for line in text.splitlines():
        told = line.lstrip(" ")
        if told.startswith("- "):
            items = flat.setdefault(open_keys[-1][1], []) if open_keys else None
            plain = told[2:].strip() and told[2] not in NO_PLAIN_VALUE
            if not isinstance(items, list) or not plain:
                return None
            items.append(_scalar(told[2:]))
            continue
        name, colon, value = told.partition(":")
        if not (colon and name.isidentifier()) or (value and value[0] != " "):
            return None
        indent = len(line) - len(told)
        while open_keys and open_keys[-1][0] >= indent:
            open_keys.pop()
        key = f"{open_keys[-1][1]}.{name}" if open_keys else name
        open_keys.append((indent, key))
        if value:
            if value[1:2] in NO_PLAIN_VALUE or not value[1:].strip():
                return None
            flat[key] = _scalar(value[1:])
    return flat


def _scalar(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if text[0] in "+-.0123456789" and NUMBER.fullmatch(text):
        return float(text) if set(".eE") & set(text) else int(text)
    return text[1:-1] if text[0] == text[-1] in "'\"" and len(text) > 1 else text
