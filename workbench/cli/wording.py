"""Help texts that several commands share, and `say`, which writes a line to the user."""

import sys

RUN_HELP = "The run: its name under runs/, or a path (anything with a / in it)."
PLAYER_HELP = "The agent: a run (its latest checkpoint) or RUN@STEP, e.g. my-pong@400000."
JSON_HELP = "Print the result as one JSON object."


def say(message: str) -> None:
    """Writes a line to stderr; stdout is for results."""
    sys.stderr.write(message + "\n")
