"""The options that an engine announces, and whether a value is valid for one."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, nan

from envs.spelling import did_you_mean
from workbench.engines.process import EngineUnfit

KINDS_OF_XBOARD = {
    "slider": "spin", "file": "filename", "path": "filename", "save": "button", "reset": "button"
}  # fmt: skip
UCI_FIELDS = re.compile(r" (default|min|max|var)(?= |$)")


@dataclass(frozen=True)
class Option:
    """One of them.

    Attributes:
        name: as the engine spells it.
        kind: `spin`, `check`, `combo`, `button`, `string` or `filename`.
        default: its value before it is set; empty if it has none.
        low, high: the range of a `spin`.
        choices: of a `combo`.
    """

    name: str
    kind: str
    default: str = ""
    low: float = -inf
    high: float = inf
    choices: tuple[str, ...] = ()


def uci_option(line: str) -> Option | None:
    """Reads `option name NAME type KIND default VALUE min LOW max HIGH var CHOICE ...`."""
    found = re.fullmatch(r"option name (.+?) type (\w+)(.*)", line)
    if found is None:
        return None
    _, *fields = UCI_FIELDS.split(found[3])
    pairs = [(key, value.strip()) for key, value in zip(fields[::2], fields[1::2], strict=True)]
    last = dict(pairs)
    low, high = _number(last.get("min", ""), -inf), _number(last.get("max", ""), inf)
    choices = tuple(value for key, value in pairs if key == "var")
    return Option(found[1], found[2].lower(), last.get("default", ""), low, high, choices)


def xboard_option(text: str) -> Option | None:
    """Reads `NAME -KIND ...`, see http://hgm.nubati.net/CECP.html, `feature option`."""
    kinds = "button|save|reset|check|string|file|path|spin|slider|combo"
    found = re.fullmatch(rf"(.+?) -({kinds})\b(.*)", text)
    if found is None:
        return None
    name, kind, rest = found[1], KINDS_OF_XBOARD.get(found[2], found[2]), found[3].strip()
    if kind == "spin":
        default, low, high = (rest.split() + [""] * 3)[:3]
        return Option(name, kind, default, _number(low, -inf), _number(high, inf))
    if kind == "combo":
        choices = [choice.strip() for choice in rest.split("///")]
        marked = [choice[1:] for choice in choices if choice.startswith("*")]
        plain = tuple(choice.removeprefix("*") for choice in choices)
        return Option(name, kind, (marked or [""])[0], choices=plain)
    return Option(name, kind, rest)


def xboard_features(line: str) -> list[tuple[str, str]]:
    """Reads `feature NAME=VALUE NAME="VALUE" ...`, where `option` may come several times."""
    try:
        words = shlex.split(line)[1:]
    except ValueError:  # a quote that nothing closes
        words = line.split()[1:]
    pairs = [word.partition("=") for word in words]
    return [(name, value) for name, _, value in pairs]


def _number(text: str, otherwise: float) -> float:
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else otherwise


def checked(known: Mapping[str, Option], wanted: Mapping[str, str]) -> dict[str, str]:
    """Returns what to set to what, spelled as the engine does; buttons have no value.

    Args:
        known: all options, by name.
        wanted: names and values as a person wrote them; upper and lower case do not matter.

    Raises:
        EngineUnfit: there is no such option, or it cannot be set to this.
    """
    spelled = {name.lower(): option for name, option in known.items()}
    found: dict[str, str] = {}
    for name, value in wanted.items():
        option = spelled.get(name.lower())
        if option is None:
            near = did_you_mean(name, known, otherwise="")
            raise EngineUnfit(f"the engine has no option {name!r}{near}")
        if option.name in found:
            raise EngineUnfit(f"{option.name!r} is set twice")
        found[option.name] = _checked(option, name, value)
    return found


def _checked(option: Option, name: str, value: str) -> str:
    if option.kind == "button":
        if value:
            raise EngineUnfit(f"{name!r} is a button: it takes no value")
        return ""
    if not value:
        raise EngineUnfit(f"{name!r} needs a value, as in {name}={option.default or 'VALUE'}")
    if option.kind == "spin":
        low, high = option.low, option.high
        if not low <= _number(value, nan) <= high:
            low_high = f" from {low} to {high}" if -inf < low and high < inf else ""
            raise EngineUnfit(f"{name!r} must be a number{low_high}, not {value}")
    if option.kind == "check":
        if value.lower() not in ("true", "false"):
            raise EngineUnfit(f"{name!r} must be true or false, not {value}")
        return value.lower()
    if option.kind == "combo" and option.choices:
        spelled = {choice.lower(): choice for choice in option.choices}
        if value.lower() not in spelled:
            some = ", ".join(option.choices[:8]) + (", ..." if len(option.choices) > 8 else "")
            near = did_you_mean(value, option.choices, otherwise="")
            raise EngineUnfit(f"{name!r} must be one of {some}, not {value}{near}")
        return spelled[value.lower()]
    return value
