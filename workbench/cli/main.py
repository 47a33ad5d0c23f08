"""The command line: parse, dispatch, and turn every failure into one line and an exit code."""

import os
import sys
from typing import Annotated

import typer

from workbench.cli.caches import writable_caches
from workbench.cli.export import exporting
from workbench.cli.flags import what_was_wrong
from workbench.cli.importing import importing
from workbench.cli.look_up import looking_up
from workbench.cli.measure import measuring
from workbench.cli.remove import removal
from workbench.cli.serve import serving
from workbench.cli.train import training
from workbench.cli.wording import say
from workbench.cli.worlds import worlds
from workbench.errors import UsageError, WorkError, is_failure_of_world, is_lack_of_memory
from workbench.training.stopping import lasting_stderr

NAME = "ludus"
COMPLETING = "_LUDUS_COMPLETE"  # what a shell sets that asks what could be typed next
app = typer.Typer(
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for commands in (
    training,
    worlds,
    importing,
    measuring,
    exporting,
    serving,
    looking_up,
    removal,
):
    app.add_typer(commands)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            sys.stdout.write(f"{NAME} {version(NAME)}\n")
        except PackageNotFoundError:
            raise WorkError(f"{NAME} is not installed here, so its version is unknown") from None
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Train agents from pixels, watch them play, and measure how good they are."""


def main() -> None:
    """Runs the command line and exits with 0, 1 (the work failed) or 2 (wrong usage)."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    with lasting_stderr(), writable_caches():
        sys.exit(run_command(arguments, debug=debug))


def run_command(arguments: list[str], *, debug: bool = False) -> int:
    """Runs one command and returns its exit code; `debug` lets exceptions through."""
    if not arguments and COMPLETING not in os.environ:
        app(["--help"], prog_name=NAME, standalone_mode=False)
        return 2
    try:
        code = app(arguments, prog_name=NAME, standalone_mode=False)
    except typer.TyperException as error:
        commands = typer.main.get_group(app).commands
        return _fail(what_was_wrong(arguments, commands, error.format_message()), 2)
    except Exception as error:
        if debug:
            raise
        match error:
            case UsageError():
                return _fail(str(error), 2)
            case WorkError():
                return _fail(str(error), 1)
            case _ if is_failure_of_world(error):
                return _fail(f"{error}; what was saved is kept", 1)
            case _ if is_lack_of_memory(error):
                return _fail(f"there is not enough memory: {error}; what was saved is kept", 1)
            case OSError():
                where = f" ({error.filename})" if error.filename else ""
                return _fail(f"{error.strerror or error}{where}; what was saved is kept", 1)
        name = type(error).__name__
        return _fail(f"unexpected {name}: {error}; --debug shows where", 1)
    return int(code or 0)


def _fail(message: str, code: int) -> int:
    say("ludus: " + " ".join(message.split()))
    return code
