"""Parses and checks the query of an address; an invalid one is answered with 400."""

import re
from collections.abc import Sequence
from typing import TypeVar

from starlette.datastructures import QueryParams

from workbench.errors import UsageError

MOST = 10**18  # so that it fits wherever numbers go
T = TypeVar("T", bound=str)


def whole_number(query: QueryParams, name: str, *, least: int = 0, most: int = MOST) -> int | None:
    """Returns a number, None where it is left out; raises UsageError if it is none or outside."""
    text = query.get(name, "")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text) or not least <= int(text) <= most:
        raise UsageError(f"{name} is a whole number from {least} to {most:,}, not {text[:40]!r}")
    return int(text)


def one_of(query: QueryParams, name: str, choices: Sequence[T]) -> T:
    """Returns what was chosen, the first of `choices` where it is left out; raises UsageError."""
    asked = query.get(name, choices[0])
    for choice in choices:
        if asked == choice:
            return choice
    raise UsageError(f"{name}: choose from {', '.join(choices)}")
