"""Names used by other libraries, and suggestions for words that Ludus does not know."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from envs.spelling import nearest, plain


@cache
def elsewhere(group: str) -> dict[str, Any]:
    """Returns the words of other libraries for our `keys`, `agents`, `envs` or `commands`.

    Those for `values` are by the key whose values they are.
    """
    text = Path(__file__).with_name("elsewhere.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)[group])


def key_meant(location: Sequence[str], keys: Iterable[str]) -> str | None:
    """Returns the valid key that was meant by the unknown one at `location`; None: none is near.

    Args:
        location: parts of the dotted key that was typed.
        keys: all dotted keys that the config can have.
    """
    *parents, leaf = location
    valid = list(keys)
    # Forgetting that learning_rate is the agent's is likelier than any typing error.
    for key in valid:
        if key.rpartition(".")[2] == leaf:
            return key
    for row, words in elsewhere("keys").items():
        if plain(leaf) in map(plain, words.split()):
            return next((key for key in row.split() if key in valid), None)
    near = nearest(leaf, siblings(parents, valid))
    return ".".join([*parents, near]) if near else None


def siblings(parents: Sequence[str], keys: Iterable[str]) -> list[str]:
    """Returns the names of the keys of one level."""
    return [key.split(".")[-1] for key in keys if key.split(".")[:-1] == list(parents)]


def word_meant(typed: str, words_of: dict[str, str], names: Iterable[str]) -> str | None:
    """Returns the one of `names` that is called `typed` elsewhere, or is spelled nearly so."""
    for name, words in words_of.items():
        if plain(typed) in map(plain, words.split()):
            return name
    return nearest(typed, names)


def choices(typed: str, words_of: dict[str, str], names: Iterable[str]) -> str:
    """Returns how a sentence about the unknown `typed` ends: what is near, and what there is."""
    known = list(names)
    near = word_meant(typed, words_of, known)
    asked = f"; did you mean {near!r}?" if near else ";"
    return f"{asked} choose from {', '.join(known)}"
