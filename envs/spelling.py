"""Spelling suggestions: finds the name that a mistyped one was meant to be."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import NamedTuple

NEAR = 0.7  # share of equal letters; below, a suggestion would only mislead
MOST_LISTED = 12
# How names of worlds begin, by the kind of env that they are of.
WORLDS = {
    "minigrid": r"minigrid|babyai",
    "doom": r"vizdoom",
    "crafter": r"crafter",
    "board": r"connect_four|tic_tac_toe|chess|shogi|gomoku|hex|go\(",
}


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Returns the one of `choices` that is likeliest to be meant by `word`; None: none is near."""
    names = {plain(choice): choice for choice in choices}
    near = get_close_matches(plain(word), names, n=1, cutoff=NEAR)
    return names[near[0]] if near else None


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


def meant(typed: str, names: Collection[str], *prefixes: str) -> str | None:
    """Returns `typed` or the only one of `names` that is it, written otherwise; else None.

    Small or large letters, `-`, `_` and blanks do not matter, one of `prefixes` and a version at
    the end may be left out, and the module that registers a name with Gymnasium may stand before.
    """
    asked = plain(typed.rpartition(":")[2])
    found = [name for name in names if asked and asked in _spellings(name, prefixes)]
    return typed if typed in names else found[0] if len(found) == 1 else None


def _spellings(name: str, prefixes: Iterable[str]) -> set[str]:
    bare = re.sub(r"-v\d+$", "", name)
    return {plain(one.removeprefix(prefix)) for one in (name, bare) for prefix in ("", *prefixes)}


class AtariSpelling(NamedTuple):
    """What an Atari game is called elsewhere, and what that name says beside the game.

    Attributes:
        game: as ale-py calls it, one of the games that were given; None: none of them.
        protocol: the rules that the name stands for where it comes from; None: it does not say.
        pixels: whether the name stands for pictures, and not for the machine's memory.
    """

    game: str | None
    protocol: str | None
    pixels: bool


ATARI_ID = re.compile(
    r"(?P<ale>ALE/|atari[/_-])?(?P<game>.+?)(?P<ram>-ram)?"
    r"(?P<frames>Deterministic|NoFrameskip)?(?:-(?P<version>v[045]))?",
    re.IGNORECASE,
)


def atari_spelling(typed: str, games: Iterable[str]) -> AtariSpelling:
    """Reads `MsPacman`, `ALE/MsPacman-v5`, `PongNoFrameskip-v4`, `Pong-v5`, `ms pacman`, ...

    Versions are those of Gymnasium: v4 has no sticky actions, v0 and ALE's v5 have (`machado`);
    EnvPool's v5, which has no `ALE/` before it, has none.
    """
    found = ATARI_ID.fullmatch(typed.strip().rpartition(":")[2])
    if found is None:
        return AtariSpelling(None, None, True)
    version = (found["version"] or "").lower()
    sticky = version == "v0" or (version == "v5" and bool(found["ale"]))
    protocol = "machado" if sticky else "classic" if version in ("v4", "v5") else None
    # People write the possessive of "Montezuma's Revenge", ale-py does not; it does of Yars'.
    asked = {plain(found["game"]), plain(found["game"].replace("'s", ""))}
    game = next((name for name in games if plain(name) in asked), None)
    return AtariSpelling(game, protocol, not found["ram"])


def kind_of_world(typed: str) -> str | None:
    """Returns a remark where `typed` begins like a world of some kind; None: it does not."""
    for kind, beginnings in WORLDS.items():
        if re.match(beginnings, typed.rpartition(":")[2].lower()):
            return f"worlds of that name have env.kind {kind}"
    return None
