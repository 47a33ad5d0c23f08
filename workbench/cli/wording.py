"""Help texts and options that several commands share, and `say`, which writes to the user."""

import sys
from typing import Annotated

from typer import Argument, Option

RUN_HELP = "The run: its name under runs/, or a path (anything with a / in it)."
PLAYER_HELP = "The agent: a run (its latest checkpoint) or RUN@STEP, e.g. my-pong@400000."


def complete_run(incomplete: str) -> list[str]:
    """Returns what a shell offers after `incomplete`: each run that begins so, by one name."""
    from workbench.runs.names import RUNS, run_paths

    runs = ((str(path.relative_to(RUNS)), path.name, str(path)) for path in run_paths())
    begins_so = ([name for name in names if name.startswith(incomplete)] for names in runs)
    return [names[0] for names in begins_so if names]


CONFIG_HELP = "A YAML file, or a config that comes with Ludus: ludus list configs."
Player = Annotated[str, Argument(help=PLAYER_HELP, autocompletion=complete_run)]
AsJson = Annotated[bool, Option("--json", help="Print the result as one JSON object.")]


def say(message: str) -> None:
    """Writes a line to stderr; stdout is for results."""
    sys.stderr.write(message + "\n")
