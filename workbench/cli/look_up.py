"""Commands that tell what can be set and named: `config` and `list`."""

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from workbench.cli.wording import say
from workbench.errors import UsageError

looking_up = typer.Typer()
LEAST_WIDTH = 30  # of a column of text that is wrapped
BELOW = 4  # the indent of text that has a line of its own


@looking_up.command(name="config")
def explain_config(
    what: Annotated[
        str | None,
        Argument(metavar="CONFIG|KIND", help="A config, or a kind of agent or world."),
    ] = None,
    overrides: Annotated[
        list[str] | None, Argument(help="Config overrides: key.path=value.")
    ] = None,
    as_schema: Annotated[
        bool, Option("--schema", help="Print a JSON Schema, with which editors check configs.")
    ] = False,
) -> None:
    """Explains every key of a config: its type, limits, default and meaning.

    Of a config it shows the values that hold, and which of them are defaults. Of a kind (`ludus
    list agents`, `ludus list worlds`) it shows what can be set. --schema without a kind is for all.

    Example: ludus config configs/atari/pong.yaml agent.n_step=1

    Example: ludus config dqn

    Example: ludus config --schema > ludus.schema.json
    """
    from agents import AGENTS
    from workbench.config_schema import WORLDS, rows_of_agent, rows_of_world, schema_for_editors

    is_kind = what in AGENTS or what in WORLDS
    if is_kind and overrides:
        raise UsageError(f"{what} is a kind, and only a config takes {overrides[0]}")
    if as_schema:
        if what is not None and not is_kind:
            if _is_config(what):
                known = ", ".join([*AGENTS, *WORLDS])
                raise UsageError(f"--schema takes a kind and not a config: choose from {known}")
            raise _no_kind(what, "kind")
        agents = [what] if what in AGENTS else [*AGENTS]
        worlds = [what] if what in WORLDS else [*WORLDS]
        made = schema_for_editors(agents, worlds)
        sys.stdout.write(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
    elif what is None:
        raise UsageError("give a config, e.g. atari/pong, or a kind, e.g. dqn")
    elif is_kind:
        rows = rows_of_agent(what) if what in AGENTS else rows_of_world(what)
        told = [(row.key, row.allowed, row.default or "(required)", row.meaning) for row in rows]
        _print_table(("key", "allowed", "default", "meaning"), told)
    else:
        _print_config(what, overrides or ())


@looking_up.command(name="list")
def list_names(
    what: Annotated[
        Literal["games", "worlds", "agents", "configs"], Argument(help="What to list.")
    ],
) -> None:
    """Lists what can be named: games (Atari and board games), worlds, agents or configs.

    The configs are those that come with Ludus: `ludus train atari/pong`. Games and worlds are
    printed as overrides of a config. A kind of world that is not installed is named on stderr, with
    the command that installs it.

    Example: ludus list games

    Example: ludus list worlds | grep DoorKey
    """
    from workbench.names_of_worlds import kinds, names

    if what == "configs":
        from workbench.config_file import shipped_configs

        _print_table(("config", "what it trains"), shipped_configs())
        return
    if what == "agents":
        from agents import AGENTS

        _print_table(("agent.kind", "what it is"), kinds(AGENTS))
        return
    if what == "worlds":
        from workbench.config_schema import WORLDS

        _print_table(("env.kind", "what it is"), kinds(WORLDS))
        sys.stdout.write("\n")
    for kind, key, found, missing in names(what):
        if missing:
            say(f"{kind}: {missing}")
        sys.stdout.writelines(f"{kind:<10} env.{key}={name}\n" for name in found)


def _print_config(what: str, overrides: Sequence[str]) -> None:
    """Prints every key of a config with its value, and whence that came."""
    from workbench.config import flatten, load_config
    from workbench.config_file import apply_override, config_path, read_yaml
    from workbench.config_schema import in_yaml, rows_of_config

    if not _is_config(what):
        raise _no_kind(what, "config or kind")
    path = config_path(Path(what))
    values = load_config(path, overrides, say).model_dump(mode="json")
    changes: dict[str, object] = {}
    for override in overrides:
        apply_override(changes, override)
    typed = {"file": flatten(read_yaml(path)), "override": flatten(changes)}
    told = []
    for row in rows_of_config(values):
        value: object = values
        for name in row.key.split("."):
            assert isinstance(value, dict)
            value = value[name]
        sources = [
            source
            for source, keys in typed.items()
            if any(key == row.key or key.startswith(f"{row.key}.") for key in keys)
        ]
        source = sources[-1] if sources else "default"
        told.append((row.key, in_yaml(value), source, row.allowed, row.meaning))
    _print_table(("key", "value", "from", "allowed", "meaning"), told)


def _is_config(typed: str) -> bool:
    from workbench.config_file import config_path

    return Path(typed).suffix in (".yaml", ".yml") or config_path(Path(typed)).is_file()


def _no_kind(typed: str, what: str) -> UsageError:
    from agents import AGENTS
    from workbench.config_schema import WORLDS
    from workbench.suggestions import choices

    return UsageError(f"there is no {what} {typed!r}{choices(typed, {}, [*AGENTS, *WORLDS])}")


def _print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints columns. On a terminal the last one is wrapped, below the others if need be."""
    table = [titles, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(titles) - 1)]
    indent = sum(widths) + 2 * len(widths)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    below = columns is not None and columns - indent < LEAST_WIDTH
    if below:
        indent = BELOW
    for row in table:
        begin = "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False))
        text = [row[-1]] if columns is None else textwrap.wrap(row[-1], max(1, columns - indent))
        lines = [begin, *(" " * indent + line for line in text)]
        if not below:
            lines[:2] = [begin + "".join(text[:1])]
        sys.stdout.writelines(f"{line.rstrip()}\n" for line in lines)
