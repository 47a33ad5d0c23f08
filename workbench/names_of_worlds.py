"""The names that the keys of a config can have: kinds, games and worlds."""

from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from typing import NamedTuple

# By kind of world: the key that names one, and what lists those names.
GAMES = {
    "atari": ("game", "envs.atari:list_games"),
    "board": ("game", "envs.board.loading:playable_families"),
}
WORLDS = {
    "minigrid": ("env_id", "envs.grid:list_grid_worlds"),
    "doom": ("scenario", "envs.doom:list_scenarios"),
    "probe": ("probe", "envs.probes:PROBES"),
}


class Names(NamedTuple):
    """The names that one kind of world has.

    Attributes:
        kind: `env.kind`.
        key: of `env`, which takes one of the names.
        found: the names.
        missing: what to install, where the simulator is not there; None: it is.
    """

    kind: str
    key: str
    found: list[str]
    missing: str | None


def kinds(models: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields each kind of agent or world, and what it is; `models` is `AGENTS` or `WORLDS`."""
    for kind, model in models.items():
        yield kind, resolve_name(model).model_fields["kind"].description or ""


def names(what: str) -> Iterator[Names]:
    """Yields the names of all `games` or of all `worlds`, kind by kind."""
    for kind, (key, listing) in (GAMES if what == "games" else WORLDS).items():
        try:
            there = resolve_name(listing)
            yield Names(kind, key, list(there() if callable(there) else there), None)
        except ImportError:
            missing = f"not installed; get it with: pip install 'ludus[{kind}]'"
            yield Names(kind, key, [], missing)
