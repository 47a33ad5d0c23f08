"""Refuses flags that do not apply, since silently ignoring them would mislead."""

import re
from collections.abc import Collection, Mapping, Sequence

import typer

from workbench.errors import UsageError

# Options of `ludus eval`, by the kind of run that they are not for.
EVAL_OF_BOARD_GAMES = {"protocol": "for Atari, and {run} plays a board game"}
EVAL_OF_EPISODES = {
    "against": "for board games, and {run} has no opponents",
    "simulations": "for board games, and {run} does not search",
}
# Options of `ludus tournament`.
RETURNS = "for board games, and these are runs without opponents"
TOURNAMENT_OF_RETURNS = {
    name: RETURNS
    for name in (
        *("game", "games", "mode", "simulations", "opening_plies", "anchor", "anchor_elo"),
        *("width", "elo0", "elo1", "move_seconds", "wandb"),
    )
}
TOURNAMENT_OF_GAMES = {
    "episodes": "for worlds without opponents, and board games have --games",
    "protocol": "for Atari, and these play a board game",
}
TAKING_KEYS = ("train", "resume", "doctor")  # whose arguments are key.path=value
OF_ONE_MODE = {"width": "active", "elo0": "sprt", "elo1": "sprt"}


def refuse_flags(context: typer.Context, unfit: Mapping[str, str], **facts: str) -> None:
    """Raises UsageError if an option of `unfit` was typed, even with its usual value.

    Args:
        context: of the command.
        unfit: by the option's parameter, what it is for; may have names of `facts` in braces.
        facts: see `unfit`.
    """
    for name, reason in unfit.items():
        if was_typed(context, name):
            raise UsageError(f"{flag(name)} is {reason.format(**facts)}")


def refuse_flags_of_other_modes(context: typer.Context, mode: str) -> None:
    """Raises UsageError if an option was typed that only another mode of a tournament has."""
    others = {
        name: f"for --mode {one}, and this is {mode}"
        for name, one in OF_ONE_MODE.items()
        if one != mode
    }
    refuse_flags(context, others)


def was_typed(context: typer.Context, name: str) -> bool:
    """Returns whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def flag(name: str) -> str:
    """Returns a parameter as people type it."""
    return f"--{name.replace('_', '-')}"


def what_was_wrong(arguments: Sequence[str], commands: Collection[str], message: str) -> str:
    """Returns what is wrong with a command line that could not be read, and what was meant.

    Args:
        arguments: all that was typed after `ludus`.
        commands: that there are.
        message: the parser's.
    """
    command = arguments[0]
    if command not in commands and not command.startswith("-"):
        from workbench.suggestions import choices, elsewhere

        return f"there is no command {command!r}{choices(command, elsewhere('commands'), commands)}"
    # As with tools whose hyperparameters are options: --seed 1, --agent.gamma=0.9, --total-steps 9
    option = re.search(r"no such option: --([\w.-]+)", message, re.IGNORECASE)
    if option is not None and command in TAKING_KEYS:
        key = option[1].replace("-", "_")
        return f"{message.rstrip('.')}; a config's keys have no dashes before them: {key}=VALUE"
    return message
