"""Names as people type them: what was meant by one that is not quite right."""

from collections.abc import Iterable
from difflib import SequenceMatcher

NEAR = 0.7  # share of equal letters; below, a suggestion would only mislead
MOST_LISTED = 12


def nearest(word: str, choices: Iterable[str], *, near: float = NEAR) -> str | None:
    """Returns the one of `choices` that is likeliest to be meant by `word`; None: none is near."""
    typed = plain(word)
    best, best_ratio = None, near
    for choice in choices:
        ratio = SequenceMatcher(None, typed, plain(choice)).ratio() if typed else 0.0
        if ratio > best_ratio or (ratio == best_ratio and best is None):
            best, best_ratio = choice, ratio
    return best


def did_you_mean(word: str, choices: Iterable[str], *, otherwise: str | None = None) -> str:
    """Returns how a sentence about the unknown `word` ends.

    Args:
        word: that somebody typed.
        choices: what it could have been.
        otherwise: said where nothing is near, e.g. which command lists all; None: all, if few.
    """
    known = list(choices)
    near = nearest(word, known)
    if near is not None:
        return f"; did you mean {near!r}?"
    if otherwise is not None:
        return f"; {otherwise}" if otherwise else ""
    more = ", ..." if len(known) > MOST_LISTED else ""
    return f"; choose from {', '.join(known[:MOST_LISTED])}{more}"


def plain(name: str) -> str:
    """Returns only the letters and digits of a name, small."""
    return "".join(character for character in name.lower() if character.isalnum())
