"""What several commands say alike: the help of their options, and a line to the person."""

import sys

RUN_HELP = "A name under runs/, or a path, which has a / in it."
PLAYER_HELP = "runs/NAME (its latest checkpoint), runs/NAME@STEP, or just NAME or NAME@STEP."
JSON_HELP = "Print one JSON object on stdout."


def say(message: str) -> None:
    """Writes a line to stderr; stdout is for results."""
    sys.stderr.write(message + "\n")
