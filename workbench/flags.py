"""Flags that do not apply are refused: what was typed and then ignored would mislead."""

from collections.abc import Mapping

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
