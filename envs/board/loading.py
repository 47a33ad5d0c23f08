"""A name that somebody typed, made into the rules of OpenSpiel's game."""

from difflib import get_close_matches
from typing import Any

import pyspiel

# Without these, what a cell shows depends on more than the cell, and no board could be turned.
PARAMETERS = {"hex": {"plain_obs_tensor": True}}


def load_rules(name: str) -> Any:
    """Returns the `pyspiel.Game` of this name.

    Raises:
        ValueError: OpenSpiel has no such game, or it is none for two players with perfect
            information and without chance.
    """
    asked = name.partition("(")[0]
    if asked not in pyspiel.registered_names():  # else OpenSpiel itself prints a hundred names
        close = get_close_matches(asked, pyspiel.registered_names(), 3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(f"OpenSpiel cannot play {name!r}, it has no such game{hint}")
    try:
        game = pyspiel.load_game(name)
        family, parameters = game.get_type().short_name, game.get_parameters()
        game = pyspiel.load_game(family, {**parameters, **PARAMETERS.get(family, {})})
        game.new_initial_state()
    except (pyspiel.SpielError, IndexError) as error:
        raise ValueError(f"OpenSpiel cannot play {name!r}: {error}") from None
    kind, types = game.get_type(), pyspiel.GameType
    if (
        game.num_players() != 2
        or kind.dynamics != types.Dynamics.SEQUENTIAL
        or kind.chance_mode != types.ChanceMode.DETERMINISTIC
        or kind.information != types.Information.PERFECT_INFORMATION
        or kind.utility != types.Utility.ZERO_SUM
        or not kind.provides_observation_tensor
    ):
        raise ValueError(f"{name!r} is not a two-player game with perfect information, or has luck")
    return game
