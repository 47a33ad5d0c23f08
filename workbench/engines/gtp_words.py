"""Parsing of GTP arguments that several commands share."""

import re
from collections.abc import Sequence

COLOURS = {"b": 0, "black": 0, "w": 1, "white": 1}


class Refused(Exception):
    """What a command cannot be done for; its text is the answer."""


def player_of(words: Sequence[str]) -> int:
    """Returns which player the first word names; raises Refused if it is no colour."""
    if not words or words[0].lower() not in COLOURS:
        raise Refused("syntax error")
    return COLOURS[words[0].lower()]


def integers(words: Sequence[str], count: int) -> list[int]:
    """Returns so many of the first words as numbers; raises Refused if they are none."""
    return [int(value) for value in decimals(words, count, r"[0-9]{1,9}")]


def decimals(
    words: Sequence[str], count: int, pattern: str = r"[0-9]{1,9}(\.[0-9]{0,9})?"
) -> list[float]:
    """Returns so many of the first words as numbers; raises Refused if they are none."""
    if len(words) < count or not all(re.fullmatch(pattern, word) for word in words[:count]):
        raise Refused("syntax error")
    return [float(word) for word in words[:count]]
