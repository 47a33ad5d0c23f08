"""Help texts and options that several commands share, and `say`, which writes to the user."""

import sys
from typing import Annotated

from typer import Argument, Option

RUN_HELP = "The run: its name under runs/, or a path (anything with a / in it)."
PLAYER_HELP = "The agent: a run (its latest checkpoint) or RUN@STEP, e.g. my-pong@400000."
Player = Annotated[str, Argument(help=PLAYER_HELP)]
AsJson = Annotated[bool, Option("--json", help="Print the result as one JSON object.")]


def say(message: str) -> None:
    """Writes a line to stderr; stdout is for results."""
    sys.stderr.write(message + "\n")
