"""Config errors in one line: the file, the key, what was meant and what is allowed."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from agents import AGENTS
from envs import ENVS
from workbench.config import BOARDS, MAX_INTEGER, TrainConfig, config_of_agent
from workbench.errors import UsageError
from workbench.suggestions import choices, elsewhere, key_meant, siblings


def unknown_agent(path: Path, kind: Any) -> str:
    """Returns a line on an `agent.kind` that there is not."""
    known = choices(str(kind), elsewhere("agents"), AGENTS)
    return f"{path}: agent.kind: unknown agent {kind!r}{known}"


def explain(
    path: Path, error: ErrorDetails, data: Mapping[str, Any], model: type[TrainConfig]
) -> str:
    """Turns pydantic's first error into one line with the file, the key and the way out."""
    return f"{path}: {_reason(error, data, model)}"


def _reason(error: ErrorDetails, data: Mapping[str, Any], model: type[TrainConfig]) -> str:
    location = [str(part) for part in error["loc"]]
    key = ".".join(location)
    if error["type"] == "extra_forbidden":
        having = [kind for kind in AGENTS if location[0] in config_of_agent(kind).model_fields]
        if having and location[0] not in model.model_fields:
            return f"unknown key {key}: only the agents {', '.join(having)} have it"
        keys = list(valid_keys(model, data))
        near = key_meant(location, keys)
        if near is not None:
            return f"unknown key {key}; did you mean {near}?"
        has = f"{'.'.join(location[:-1]) or 'a config of this agent'} has "
        return f"unknown key {key}; {has}{', '.join(siblings(location[:-1], keys))}"
    if error["type"] == "kind_unknown":
        given, known = str(error["input"].get("kind")), error["ctx"]["known"]
        words = elsewhere("envs") if key == "env" else {}
        also = "; board needs agent.kind alphazero" if given == "board" else ""
        near = choices(given, words, known)
        return f"{key}.kind: unknown kind {given!r}{near}{also}"
    if error["type"] == "kind_missing":
        return f"the key {key}.kind is missing"
    if error["type"] == "missing":
        return f"the key {key} is missing"
    if error["type"] == "literal_error":
        known = [one.strip("'") for one in re.split(", | or ", error["ctx"]["expected"])]
        near = choices(str(error["input"]), elsewhere("values").get(key, {}), known)
        return f"{key}: there is no {_as_typed(error['input'])} here{near}"
    if error["type"] in ("model_type", "model_attributes_type"):
        under = siblings(location, valid_keys(model, data)) or ["kind"]
        return f"{key} is a group of keys, e.g. {key}.{under[0]}; it has {', '.join(under)}"
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"{key}: {message}" if key else message


def _as_typed(value: Any) -> str:
    """Returns a value as YAML has it, or as Python has what YAML may also make: dates, sets, ..."""
    plain = value is None or isinstance(value, str | bool | int | float)
    return json.dumps(value) if plain else repr(value)


def valid_keys(model: type[BaseModel], data: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yields every dotted key of `model`, where `data` chooses between kinds."""
    for name, field in model.model_fields.items():
        yield prefix + name
        given = data.get(name)
        inner = given if isinstance(given, dict) else {}
        for part in _models_of(field.annotation, inner.get("kind")):
            kind = part.model_fields.get("kind")
            if kind is None or inner.get("kind", kind.default) in get_args(kind.annotation):
                yield from valid_keys(part, inner, f"{prefix}{name}.")


def _models_of(annotation: Any, kind: Any) -> list[type[BaseModel]]:
    """Returns the models that a key's value may be of, the one of `kind` where it tells which."""
    parts = get_args(annotation) or (annotation,)
    models = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
    named = {**ENVS, **BOARDS, **AGENTS}.get(kind) if isinstance(kind, str) else None
    if named is not None and any(issubclass(resolve_name(named), one) for one in models):
        return [resolve_name(named)]
    return models


def check_numbers(path: Path, prefix: str, data: Mapping[str, Any], model: BaseModel) -> None:
    """Refuses what pydantic takes for a number: `true`, NaN, infinities, absurdly large ones."""
    for name, given in data.items():
        value, key = getattr(model, name), f"{prefix}{name}"
        if isinstance(value, BaseModel):
            check_numbers(path, f"{key}.", given, value)
        elif isinstance(value, int | float) and isinstance(given, bool) != isinstance(value, bool):
            kind = "true or false" if isinstance(value, bool) else "a number"
            raise UsageError(f"{path}: {key}: {given!r} is not {kind}")
        elif isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{path}: {key}: {value} is not a finite number")
        elif isinstance(value, int) and value > MAX_INTEGER:
            raise UsageError(f"{path}: {key}: this number is too large")
