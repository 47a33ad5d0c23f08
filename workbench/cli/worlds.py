"""The command that tries a world: `check`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.errors import UsageError

if TYPE_CHECKING:
    from envs.base import EnvConfig

worlds = typer.Typer()


@worlds.command()
def check(
    world: Annotated[
        str, typer.Argument(help="A config, or the id of a Gymnasium world, e.g. CartPole-v1.")
    ],
    module: Annotated[
        str | None, typer.Option(help="A Python file or module that registers or defines it.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Where the PNG goes. Default: the world's name.")
    ] = None,
) -> None:
    """Tries a world before you train in it: what an agent sees and does, and what is wrong.

    Runs Gymnasium's own checker, plays random steps twice to see whether the world repeats itself
    under a seed, and writes a picture of what the agent sees. Exit code 1 if something is wrong.

    Example: ludus check CartPole-v1

    Example: ludus check MyGame --module ./my_game.py

    Example: ludus check my_config.yaml
    """
    from workbench.evaluation.world_check import check_world

    config = _world(world, module)
    faults = 0
    try:
        name = config.title.replace("/", "-")
        for topic, text, is_fault in check_world(config, picture or Path(f"{name}.png")):
            faults += is_fault
            sys.stdout.write(f"{topic:<10} {text}\n")
            sys.stdout.flush()
    except ValueError as error:
        raise UsageError(str(error)) from None
    raise typer.Exit(1 if faults else 0)


def _world(named: str, module: str | None) -> "EnvConfig":
    """Returns what a config describes, or the world of that id; raises UsageError."""
    if Path(named).suffix in (".yaml", ".yml"):
        from workbench.config import SelfPlayConfig, load_config

        config = load_config(Path(named))
        if isinstance(config, SelfPlayConfig):
            raise UsageError(f"{named} is of a board game, which has rules of its own")
        return config.env
    from envs.gymnasium_worlds import GymnasiumConfig

    return GymnasiumConfig(kind="gymnasium", id=named, module=module)
