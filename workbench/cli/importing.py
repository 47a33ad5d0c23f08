"""The command that brings in what other libraries saved: `import`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.errors import UsageError

importing = typer.Typer()


@importing.command(name="import")
def import_model(
    model: Annotated[Path, typer.Argument(help="A zip that SB3's model.save wrote.")],
    algorithm: Annotated[str, typer.Option(help="The class that saved it: DQN, PPO, SAC, ...")],
    env: Annotated[str, typer.Option(help="The id of its Gymnasium world, e.g. CartPole-v1.")],
    module: Annotated[
        str | None, typer.Option(help="A Python file or module that registers or defines it.")
    ] = None,
    wrapper: Annotated[
        list[str] | None,
        typer.Option(help="package.module:Class around the world; may be given several times."),
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Name of the new run under runs/, or a path, e.g. ./NAME.")
    ] = None,
    trust_pickle: Annotated[
        bool,
        typer.Option(
            "--trust-pickle",
            help="Read the pickles in the zip, which can run any program on this machine.",
        ),
    ] = False,
) -> None:
    """Makes a run of a model that Stable-Baselines3 saved; it plays, and can learn on.

    Such a zip holds pickles, so it is read only with --trust-pickle. The run holds none.

    Example: ludus import model.zip --algorithm DQN --env CartPole-v1 --run mine --trust-pickle
    """
    from envs.plain_worlds import PlainConfig
    from workbench.training.import_sb3 import import_model, refuse_untrusted

    refuse_untrusted(model, algorithm, trusted=trust_pickle)
    try:
        world = PlainConfig(kind="gymnasium", id=env, module=module, wrappers=tuple(wrapper or ()))
    except ValueError as error:
        raise UsageError(f"--env: {error}") from None
    made = import_model(model, algorithm, world, run)
    sys.stdout.write(f"{made.path}\n")
