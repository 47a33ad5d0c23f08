"""Tree search over many games in lock-step: each step calls the rules and the network once."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from agents.search.config import GumbelConfig, PUCTConfig
from agents.search.forest import NONE, UNPROVEN, Forest, plant, root_visits
from agents.search.kernels import expand
from agents.search.lines import Line, depth_of, ranked_lines
from agents.search.reroot import reroot
from agents.search.rules import make_rule
from envs.base import State
from envs.board.base import LOSS, WIN, BoardGame, Position, reach

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]
# From observations `[B, C, H, W]` uint8 to policy logits `[B, A]`, legal or not, and the side to
# move's chances `[B, 3]` of WIN, DRAW and LOSS.
Evaluate = Callable[[npt.NDArray[np.uint8]], tuple[Floats, Floats]]
Number = TypeVar("Number", np.int32, np.float32)
MIN_NODES, MIN_EDGES = 64, 512


def value_of(chances: Floats) -> Floats:
    """Returns `[B]` the values in -1..1 of chances `[B, 3]`, see `Evaluate`."""
    value: Floats = chances[:, WIN] - chances[:, LOSS]
    return value


class Search:
    """The trees of G games and the positions of their nodes.

    Attributes:
        roots: the position of each root.
        evaluations: positions that the network has seen.
        batches: calls of the network.
    """

    def __init__(
        self,
        config: PUCTConfig | GumbelConfig,
        game: BoardGame,
        evaluate: Evaluate,
        num_games: int,
    ) -> None:
        """All games are at their start; no tree has a node."""
        self._rule = make_rule(config)
        self._game = game
        self._evaluate = evaluate
        self._forest = plant(num_games, MIN_NODES, MIN_EDGES)
        self._positions: list[list[Position]] = [[] for _ in range(num_games)]
        self.roots: list[Position] = [game.start() for _ in range(num_games)]
        self.evaluations = 0
        self.batches = 0

    def place(self, game: int, position: Position) -> None:
        """Begins a new tree of one game at `position`."""
        self.roots[game] = position
        self._positions[game] = []
        self._forest.nodes[game] = self._forest.edges[game] = 0

    def restrict(self, game: int, actions: Sequence[int]) -> None:
        """Limits the root of one game to these legal moves; call it right after `place`."""
        if self._forest.nodes[game] == 0:
            self._add_roots(np.array([game]))
        forest, count = self._forest, int(self._forest.num_edges[game, 0])
        kept = np.flatnonzero(np.isin(forest.action[game, :count], list(actions)))
        for array in (forest.action, forest.prior):
            array[game, : len(kept)] = array[game, kept]
        prior = forest.prior[game, : len(kept)]
        # The network may give all of these moves a prior of 0; then they are equally likely.
        prior[:] = prior / prior.sum() if prior.any() else 1 / len(kept)
        forest.num_edges[game, 0] = forest.edges[game] = len(kept)

    def play(self, game: int, action: int) -> None:
        """Makes a move in one game; keeps the tree below it if the rule can use it."""
        forest = self._forest
        child = NONE
        if forest.nodes[game] and self._rule.keeps_subtree:
            edges = forest.action[game, : forest.num_edges[game, 0]]
            child = int(forest.child[game, np.flatnonzero(edges == action)[0]])
        if child == NONE:
            self.place(game, self._game.after([self.roots[game]], [action])[0])
            return
        kept = np.empty(forest.nodes[game], np.int32)
        count = reroot(forest, game, child, kept)
        positions = self._positions[game]
        self._positions[game] = [positions[old] for old in kept[:count]]
        self.roots[game] = self._positions[game][0]

    def run(
        self,
        simulations: int,
        *,
        noise: np.random.Generator | None = None,
        go_on: Callable[["Search"], bool] = lambda search: True,
    ) -> None:
        """Adds `simulations` to every tree; no game may be over.

        Args:
            simulations: of each game.
            noise: makes the root explore. PUCT mixes Dirichlet noise into the priors; Gumbel
                draws the moves that it considers.
            go_on: called before each batch of leaves; False ends the search. Roots are always
                added, so there is always a best move.
        """
        self._add_roots(np.flatnonzero(self._forest.nodes == 0))
        self._rule.begin(self._forest, simulations, noise)
        left = np.full(len(self.roots), simulations, np.int32)
        node, edge = np.empty_like(left), np.empty_like(left)
        while True:
            self._rule.descend(self._forest, left, node, edge)
            reached = np.flatnonzero(node != NONE).astype(np.int32)
            # A leaf that was reached but not added leaves its tree unchanged.
            if not len(reached) or not go_on(self):
                break
            node_of, edge_of = node[reached], edge[reached]
            parents = [
                self._positions[g][n]
                for g, n in zip(reached.tolist(), node_of.tolist(), strict=True)
            ]
            actions = self._forest.action[reached, edge_of].tolist()
            self._add(reached, node_of, edge_of, self._game.after(parents, actions))

    def _add_roots(self, games: npt.NDArray[np.int64]) -> None:
        if len(games):
            nowhere = np.full(len(games), NONE, np.int32)
            roots = [self.roots[g] for g in games.tolist()]
            self._add(games.astype(np.int32), nowhere, nowhere, roots)

    def _add(
        self, games: Indices, node: Indices, edge: Indices, positions: Sequence[Position]
    ) -> None:
        """Adds one position to each of `games`, see `kernels.expand`."""
        status = self._game.status(positions)
        self._make_room(games, status.num_legal)
        live = [positions[i] for i in np.flatnonzero(~status.over).tolist()]
        logits, value = np.zeros((1, 1), np.float32), np.zeros(1, np.float32)
        if live:
            logits, chances = self._evaluate(self._game.observe(live))
            value = value_of(chances)
            self.evaluations += len(live)
            self.batches += 1
        expand(self._forest, games, node, edge, status, logits, value)
        for g, position in zip(games.tolist(), positions, strict=True):
            self._positions[g].append(position)

    def _make_room(self, games: Indices, num_legal: Indices) -> None:
        forest = self._forest
        max_nodes, max_edges = forest.parent.shape[1], forest.action.shape[1]
        while max_nodes <= forest.nodes[games].max():
            max_nodes *= 2
        while max_edges < (forest.edges[games] + num_legal).max():
            max_edges *= 2
        if (max_nodes, max_edges) == (forest.parent.shape[1], forest.action.shape[1]):
            return
        self._forest = plant(len(self.roots), max_nodes, max_edges)
        for name, old in forest._asdict().items():
            getattr(self._forest, name)[tuple(slice(size) for size in old.shape)] = old

    def visits(self, game: int) -> Indices:
        """Returns `[A]` the visits of each move of the root."""
        return self._of_actions(game, root_visits(self._forest, game))

    def proven(self, game: int) -> int:
        """Returns player 0's result from the root under perfect play, or UNPROVEN."""
        return int(self._forest.proven[game, 0])

    def value(self, game: int) -> float:
        """Returns player 0's value of the root: its proven result, else the rule's estimate."""
        if self.proven(game) != UNPROVEN:
            return float(self.proven(game))
        return self._rule.value(self._forest, game)

    def lines(self, game: int) -> list[Line]:
        """Returns a line for each move of the root, the best first."""
        return ranked_lines(self._forest, game, self.best(game), self.value(game))

    def depth(self, game: int) -> int:
        """Returns the depth of the tree in plies."""
        return int(depth_of(self._forest, game))

    def policy(self, game: int) -> Floats:
        """Returns `[A]` the improved policy of the root, see `rules.Rule.policy`.

        Proven losses have 0. If the root is proven, all moves that do not keep its result have 0.
        """
        return self._of_actions(game, self._rule.policy(self._forest, game))

    def best(self, game: int) -> int:
        """Returns the move to play."""
        return int(self._forest.action[game, self._rule.best(self._forest, game)])

    def state_dict(self) -> dict[str, Any]:
        """Returns the trees, and the history of each root."""
        return {
            "forest": self._forest._asdict(),
            "roots": [self._game.history(root) for root in self.roots],
        }

    def load_state_dict(self, state: State) -> None:
        """Brings `state_dict` back; positions are rebuilt by playing their moves again."""
        forest = Forest(**{name: np.array(array) for name, array in state["forest"].items()})
        if len(forest.nodes) != len(self.roots):
            raise ValueError(f"{len(forest.nodes)} games were saved, not {len(self.roots)}")
        self._forest = forest
        for g, history in enumerate(state["roots"]):
            self.roots[g] = position = reach(self._game, history)
            self._positions[g] = nodes = [position] * int(forest.nodes[g])
            child = forest.child[g, : forest.edges[g]]
            for edge in np.flatnonzero(child != NONE).tolist():
                parent, action = forest.parent[g, child[edge]], int(forest.action[g, edge])
                (nodes[child[edge]],) = self._game.after([nodes[parent]], [action])

    def _of_actions(self, game: int, of_edges: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Returns `[A]` what the root's edges have, and 0 for other actions."""
        of_actions = np.zeros(self._game.spec.num_actions, of_edges.dtype)
        of_actions[self._forest.action[game, : len(of_edges)]] = of_edges
        return of_actions
