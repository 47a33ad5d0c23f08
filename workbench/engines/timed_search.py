"""A trained network's search for one move, which can be stopped at any time."""

from collections.abc import Callable, Sequence

from agents.search import Evaluate, GumbelConfig, Line, PUCTConfig, Search
from envs.board.base import BoardGame, Position
from envs.board.cells import engine_move, family

# Every node keeps its position, which remembers the whole game: measured with OpenSpiel 2.0.0, a
# little generously, with the node's share of the tree.
NODE_BYTES = {"chess": 2_500, "go": 9_500}
PLY_BYTES = 90


def without_halving(config: PUCTConfig | GumbelConfig) -> PUCTConfig:
    """Returns a search that a clock may end: PUCT.

    Sequential halving must know the number of simulations. If it ends early, some of its moves have
    more visits than others for no reason.
    """
    return config if isinstance(config, PUCTConfig) else PUCTConfig()


def most_simulations(position: Position, megabytes: int) -> int:
    """Returns the number of simulations that fit into memory, in a position of chess or go."""
    node = NODE_BYTES[family(position)] + PLY_BYTES * position.move_number()
    return max(1, int(megabytes * 2**20 // node))


def moves_of(game: BoardGame, search: Search, line: Line) -> list[str]:
    """Returns the moves of one line of a search of one position, as engines write them."""
    position, names = search.roots[0], []
    for action in line.actions:
        names.append(engine_move(position, action))
        (position,) = game.after([position], [action])
    return names


def warm_up(evaluate: Evaluate, config: PUCTConfig | GumbelConfig, game: BoardGame) -> None:
    """Makes a first search, which compiles, or loads what was compiled."""
    search = think(evaluate, config, game, game.start(), 2)
    search.lines(0)
    search.depth(0)


def think(
    evaluate: Evaluate,
    config: PUCTConfig | GumbelConfig,
    game: BoardGame,
    position: Position,
    simulations: int,
    go_on: Callable[[Search], bool] = lambda search: True,
    moves: Sequence[int] = (),
) -> Search:
    """Returns a finished search of one position, in which the game is not over.

    Args:
        evaluate: asks the network.
        config: of the search.
        game: the rules.
        position: the root.
        simulations: at most.
        go_on: see `Search.run`.
        moves: the legal moves to search; none: all of them.
    """
    search = Search(config, game, evaluate, 1)
    search.place(0, position)
    if moves:
        search.restrict(0, moves)
    search.run(simulations, go_on=go_on)
    return search
