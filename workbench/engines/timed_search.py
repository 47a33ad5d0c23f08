"""A trained network's search for one move, which can be stopped at any time."""

from collections.abc import Callable, Sequence

from agents.search import Evaluate, GumbelConfig, PUCTConfig, Search
from envs.board.base import BoardGame, Position
from envs.board.cells import family

# Every node keeps its position, which remembers the whole game: measured with OpenSpiel 2.0.0, a
# little generously, with the node's share of the tree.
NODE_BYTES = {"chess": 2_500, "go": 9_500}
PLY_BYTES = 90


def without_halving(config: PUCTConfig | GumbelConfig) -> PUCTConfig:
    """Returns the search for a move that a clock may end.

    Sequential halving has to know how many simulations there will be: where it is cut short, some
    of the moves that it considers have been tried more often than others, for no reason.
    """
    return config if isinstance(config, PUCTConfig) else PUCTConfig()


def most_simulations(position: Position, megabytes: int) -> int:
    """Returns how many simulations from a position of chess or go fit in so much memory."""
    node = NODE_BYTES[family(position)] + PLY_BYTES * position.move_number()
    return max(1, int(megabytes * 2**20 // node))


def think(
    evaluate: Evaluate,
    config: PUCTConfig | GumbelConfig,
    game: BoardGame,
    position: Position,
    simulations: int,
    go_on: Callable[[Search], bool] = lambda search: True,
    moves: Sequence[int] = (),
) -> Search:
    """Searches for a move in a position that is not over, as `SearchPlayer` does.

    Args:
        evaluate: asks the network.
        config: which search.
        game: the rules.
        position: where.
        simulations: how many at most.
        go_on: see `Search.run`.
        moves: legal ones, to search no others; none: all are searched.

    Returns:
        The search; its `best` is known even if it was stopped at once.
    """
    search = Search(config, game, evaluate, 1)
    search.place(0, position)
    if moves:
        search.restrict(0, moves)
    search.run(simulations, go_on=go_on)
    return search
