"""Every key that a config can have: as a JSON Schema for editors, and as rows for people."""

import json
import operator
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import reduce
from pkgutil import resolve_name
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, TypeAdapter, create_model

from agents import AGENTS
from envs import ENVS
from workbench.config import BOARDS, MAX_INTEGER, SelfPlayConfig, config_of_agent

WORLDS = {**ENVS, **BOARDS}
Schema = dict[str, Any]


class Row(NamedTuple):
    """One key of a config, in words.

    Attributes:
        key: dotted, as overrides have it.
        allowed: its type and limits.
        default: as YAML has it; None: the key must be set.
        meaning: what it does; empty where its model does not say.
    """

    key: str
    allowed: str
    default: str | None
    meaning: str


def schema(agents: Collection[str] = tuple(AGENTS), worlds: Collection[str] = tuple(WORLDS)) -> Any:
    """Returns the JSON Schema (draft 2020-12) of config files with one of these agents and worlds.

    What the two models of an agent and a world do not say is not in it either: that a game exists,
    or that two keys fit together.

    Args:
        agents: kinds of `AGENTS`.
        worlds: kinds of `WORLDS`; those that an agent cannot learn are left out.
    """
    models = [model for agent in agents if (model := _model(agent, worlds)) is not None]
    made: Schema = TypeAdapter(_one_of(models)).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def schema_for_editors(agents: Collection[str], worlds: Collection[str]) -> Any:
    """Returns `schema` for editors that read YAML 1.2, where `50_000` is no number but a text."""
    return _with_underscores(schema(agents, worlds))


def rows_of_agent(kind: str) -> list[Row]:
    """Returns the keys of a training with this agent; of its world, only that it is chosen."""
    told = [row for row in _rows_of(schema([kind])) if row.key.partition(".")[0] != "env"]
    worlds = BOARDS if issubclass(config_of_agent(kind), SelfPlayConfig) else ENVS
    allowed = " | ".join(worlds)
    env = Row("env.kind", allowed, None, "what it acts in; for its keys: ludus config KIND")
    at = next(i for i, row in enumerate(told) if row.key.startswith("agent."))
    return [*told[:at], env, *told[at:]]


def rows_of_world(kind: str) -> list[Row]:
    """Returns the keys of a kind of world, below `env`."""
    model = resolve_name(WORLDS[kind])
    return list(_rows_of(model.model_json_schema(), prefix="env."))


def rows_of_config(values: Mapping[str, Any]) -> list[Row]:
    """Returns the keys that a config has; `values` are all of its values, as JSON has them."""
    kinds = [values["agent"]["kind"]], [values["env"]["kind"]]
    return list(_rows_of(schema(*kinds), values))


def in_yaml(value: Any) -> str:
    """Returns a value as one would type it in a config."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        short = re.sub(r"e([+-])0*", lambda found: "e" + found[1].strip("+"), f"{value:g}")
        return short if float(short) == value else repr(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _model(agent: str, worlds: Collection[str]) -> type[BaseModel] | None:
    """Returns the model of whole configs with this agent, in which nothing is chosen later."""
    base = config_of_agent(agent)
    fitting = BOARDS if issubclass(base, SelfPlayConfig) else ENVS
    envs = [resolve_name(fitting[kind]) for kind in worlds if kind in fitting]
    if not envs:
        return None
    chosen = Annotated[_one_of(envs), Field(discriminator="kind")] if len(envs) > 1 else envs[0]
    said = {name: base.model_fields[name].description for name in ("env", "agent")}
    fields: dict[str, Any] = {
        "env": (chosen, Field(description=said["env"])),
        "agent": (resolve_name(AGENTS[agent]), Field(description=said["agent"])),
    }
    return create_model(f"Config of {agent}", __base__=base, **fields)


def _one_of(models: Iterable[Any]) -> Any:
    """Returns the union of models, as a type."""
    return reduce(operator.or_, models)


def _rows_of(whole: Schema, values: Any = None, prefix: str = "") -> Iterator[Row]:
    yield from _rows(whole, whole.get("$defs", {}), values, prefix)


def _rows(node: Schema, parts: Schema, values: Any, prefix: str) -> Iterator[Row]:
    """Yields the rows below a node; where `values` are given, only those of the kinds chosen."""
    for name, field in node["properties"].items():
        key, value = prefix + name, values[name] if values is not None else None
        options = [
            _resolved(one, parts) for one in field.get("anyOf") or field.get("oneOf", [field])
        ]
        groups = [one for one in options if "properties" in one]
        default = None if name in node.get("required", ()) else in_yaml(field.get("default"))
        meaning = field.get("description", "")
        if len(groups) < len(options):  # a value, or a group that may be null
            allowed = " or ".join(_allowed(one) for one in options)
            yield Row(key, allowed, default, meaning)
        elif len(groups) > 1:
            yield _choice(key, groups, field.get("default"), meaning)
        for group in groups:
            kind = group["properties"].get("kind", {}).get("const")
            if values is not None and (value is None or value.get("kind", kind) != kind):
                continue
            only = f"; where {key}.kind is {kind}" if len(groups) > 1 and values is None else ""
            for row in _rows(group, parts, value, f"{key}."):
                if len(groups) == 1 or row.key != f"{key}.kind":
                    yield row._replace(meaning=row.meaning + only)


def _choice(key: str, groups: list[Schema], default: Any, meaning: str) -> Row:
    """Returns the row of the `kind` that chooses between groups of keys."""
    kinds = [one["properties"]["kind"] for one in groups]
    said = "; ".join(f"{one['const']}: {one.get('description', '')}" for one in kinds)
    allowed = " | ".join(one["const"] for one in kinds)
    chosen = default["kind"] if isinstance(default, dict) else None
    return Row(f"{key}.kind", allowed, chosen, f"{meaning}; {said}")


def _resolved(field: Schema, parts: Schema) -> Schema:
    """Returns a field, or the part of the schema that it refers to."""
    reference = field.get("$ref")
    return parts[reference.rpartition("/")[2]] if reference else field


def _allowed(field: Schema) -> str:
    """Returns a field's type and limits, in words."""
    if "const" in field:
        return in_yaml(field["const"])
    if "enum" in field:
        return " | ".join(map(in_yaml, field["enum"]))
    if "properties" in field:
        return "keys"
    kind = field.get("type")
    if kind == "array":
        return f"list of {_allowed(field['items'])}"
    words = {"string": "text", "object": "keys and values", "boolean": "true | false"}
    if kind not in ("integer", "number"):
        return words.get(str(kind), str(kind))
    step = field.get("multipleOf")
    name = f"multiple of {step}" if step else str(kind)
    return ", ".join([name, *_limits(field)])


def _limits(field: Schema) -> list[str]:
    low, high = field.get("minimum"), field.get("maximum")
    above, below = field.get("exclusiveMinimum"), field.get("exclusiveMaximum")
    if field["type"] == "integer":
        low, above = (low if above is None else above + 1), None
        high, below = (high if below is None else below - 1), None
    if high is not None and high >= MAX_INTEGER:
        high = None  # as large as whole numbers can be
    least = in_yaml(low) if above is None else f"above {in_yaml(above)}"
    most = in_yaml(high) if below is None else f"below {in_yaml(below)}"
    if "null" in (least, most):
        known = f"at least {least}" if most == "null" else f"at most {most}"
        return [] if least == most else [known]
    return [f"{least} to {most}"]


def _with_underscores(node: Any) -> Any:
    """Lets every whole number be a text of digits and underscores, too."""
    if isinstance(node, list):
        return [_with_underscores(one) for one in node]
    if not isinstance(node, dict):
        return node
    changed = {name: _with_underscores(one) for name, one in node.items()}
    if node.get("type") == "integer":
        said = "This is not a whole number."  # by editors that know the key, as YAML's server does
        pattern = {"pattern": "^[0-9]+(_[0-9]+)+$", "patternErrorMessage": said}
        changed |= {"type": ["integer", "string"], **pattern}
    return changed
