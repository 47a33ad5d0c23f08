"""Players of board games by name."""

from agents.base import Player
from agents.baselines import MinimaxPlayer, RandomPlayer, RolloutPlayer
from envs.board.openspiel import OpenSpielGame
from workbench.errors import UsageError

BASELINES = "random, greedy, minimax:DEPTH, mcts:SIMULATIONS"


def make_baseline(name: str, game: OpenSpielGame) -> Player:
    """Returns the player of this name; `greedy` is `minimax:2`.

    Raises:
        UsageError: there is none of this name.
    """
    kind, _, text = name.partition(":")
    if name == "random":
        return RandomPlayer(game)
    if name == "greedy":
        return MinimaxPlayer(game, 2)
    if kind in ("minimax", "mcts"):
        if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**9:
            raise UsageError(
                f"{name!r} needs a number, as in {kind}:{4 if kind == 'minimax' else 1000}"
            )
        if kind == "minimax":
            return MinimaxPlayer(game, int(text))
        return RolloutPlayer(game.rules, int(text))
    raise UsageError(f"there is no player {name!r}; choose from {BASELINES}")
