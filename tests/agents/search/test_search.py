"""Search over games whose truth is known, with a network that knows nothing."""

from functools import cache

import numpy as np
import pytest

from agents.search import GumbelConfig, PUCTConfig, Search
from agents.search.forest import UNPROVEN
from agents.search.rules import halving_schedule
from envs.board.openspiel import BoardConfig, OpenSpielGame

CONFIGS = {"puct": PUCTConfig(), "gumbel": GumbelConfig(kind="gumbel")}
every_search = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def load(name: str, **changes) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=name, **changes))


def worth(value):
    """Returns chances `[B, 3]` of a win, a draw and a loss that are worth `value` `[B]`."""
    return np.stack([value.clip(0), 1 - abs(value), (-value).clip(0)], 1).astype(np.float32)


def ignorant(game: OpenSpielGame):
    """Every move alike, every position a draw."""

    def evaluate(obs):
        return np.zeros((len(obs), game.spec.num_actions), np.float32), worth(np.zeros(len(obs)))

    return evaluate


def opinionated(game: OpenSpielGame, seed: int = 0):
    """Arbitrary opinions, the same for the same observation."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(game.spec.obs_shape))
    weights = rng.normal(size=(size, game.spec.num_actions + 1)).astype(np.float32) / 255

    def evaluate(obs):
        out = obs.reshape(len(obs), -1).astype(np.float32) @ weights
        return out[:, 1:], worth(np.tanh(out[:, 0]))

    return evaluate


def reach(game: OpenSpielGame, actions):
    position = game.start()
    for action in actions:
        (position,) = game.after([position], [action])
    return position


LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]


@cache
def tic_tac_toe_value(crosses: frozenset[int], noughts: frozenset[int]) -> int:
    """The result for crosses, who begin, under perfect play, by the definition."""
    for line in LINES:
        if crosses.issuperset(line) or noughts.issuperset(line):
            return 1 if crosses.issuperset(line) else -1
    free = set(range(9)) - crosses - noughts
    if not free:
        return 0
    if len(crosses) == len(noughts):
        return max(tic_tac_toe_value(crosses | {cell}, noughts) for cell in free)
    return min(tic_tac_toe_value(crosses, noughts | {cell}) for cell in free)


def truth(history) -> int:
    return tic_tac_toe_value(frozenset(history[::2]), frozenset(history[1::2]))


@every_search
def test_tic_tac_toe_is_solved_from_everywhere(config):
    """Every position after two moves and a sample of later ones."""
    game = load("tic_tac_toe")
    rng = np.random.default_rng(0)
    histories = [(a, b) for a in range(9) for b in range(9) if a != b]
    while len(histories) < 200:
        position = game.start()
        for _ in range(rng.integers(3, 8)):
            status = game.status([position])
            if not status.over[0]:
                (position,) = game.after([position], [rng.choice(status.legal)])
        if not game.status([position]).over[0]:
            histories.append(tuple(game.history(position)))
    search = Search(config, game, ignorant(game), len(histories))
    for g, history in enumerate(histories):
        search.place(g, reach(game, history))
    search.run(2000)
    for g, history in enumerate(histories):
        value = truth(history)
        # A draw is proven only once nothing is left to try, and search tries what is best first.
        assert search.proven(g) in (value, UNPROVEN), history
        assert value == 0 or search.proven(g) == value, history
        assert abs(search.value(g) - value) < 0.25, history
        assert truth((*history, search.best(g))) == value


# Columns so far; then the only move that wins, or that does not lose, for either player.
WINS = [([0, 6, 0, 6, 0, 5], 0), ([3, 0, 3, 0, 6, 0, 6], 0), ([1, 0, 2, 0, 3], None)]
BLOCKS = [([0, 6, 0, 6, 0], 0), ([3, 6, 3, 5, 3], 3), ([6, 3, 5, 3, 6, 3], 3)]


@every_search
@pytest.mark.parametrize(("history", "move"), [w for w in WINS if w[1] is not None])
def test_a_win_in_one_is_found_and_proven(config, history, move):
    game = load("connect_four")
    search = Search(config, game, ignorant(game), 1)
    search.place(0, reach(game, history))
    search.run(50)
    mover = len(history) % 2
    assert search.best(0) == move
    assert search.policy(0)[move] > 0.9
    assert search.value(0) == (1 if mover == 0 else -1)


@every_search
@pytest.mark.parametrize(("history", "move"), BLOCKS)
def test_the_only_defence_is_found(config, history, move):
    game = load("connect_four")
    search = Search(config, game, ignorant(game), 1)
    search.place(0, reach(game, history))
    search.run(400)
    assert search.best(0) == move
    assert search.policy(0)[move] > 0.9


def test_without_proofs_visits_add_up():
    game = load("othello")
    search = Search(PUCTConfig(), game, opinionated(game), 3)
    search.run(200)
    for g in range(3):
        assert search.visits(g).sum() == 200
        assert search.proven(g) == UNPROVEN
        assert search.policy(g).sum() == pytest.approx(1)
    assert search.evaluations == 3 * 201
    assert search.batches == 201


@every_search
def test_games_do_not_disturb_each_other(config):
    """The tree of a game is the same whatever is searched beside it."""
    game = load("connect_four")
    histories = [[], [3, 3], [0, 1, 2], [3, 2, 3, 3, 4, 4]]
    together = Search(config, game, opinionated(game), 4)
    for g, history in enumerate(histories):
        together.place(g, reach(game, history))
    together.run(150)
    for g, history in enumerate(histories):
        alone = Search(config, game, opinionated(game), 1)
        alone.place(0, reach(game, history))
        alone.run(150)
        assert np.array_equal(alone.visits(0), together.visits(g))
        assert alone.value(0) == pytest.approx(together.value(g), abs=1e-5)


def test_what_was_searched_is_kept_when_a_move_is_made():
    game = load("connect_four")
    search = Search(PUCTConfig(), game, opinionated(game), 2)
    search.run(300)
    visits = search.visits(0)
    move = search.best(0)
    before = search.evaluations
    search.play(0, move)
    # All visits but the one in which the node itself was looked at.
    assert search.visits(0).sum() == visits[move] - 1
    assert game.history(search.roots[0]) == [move]
    assert search.visits(1).sum() == 300
    search.run(100)
    assert search.visits(0).sum() == visits[move] - 1 + 100
    assert 100 < search.evaluations - before <= 200  # ends of games need no network
    assert search.visits(1).sum() == 400


# With one move considered, halving has nothing to plan: its schedule begins alike however long.
@pytest.mark.parametrize("config", [PUCTConfig(), GumbelConfig(kind="gumbel", max_considered=1)])
def test_a_search_that_is_told_to_end_has_done_whole_simulations(config):
    """Its trees are those of a search that was asked for so many only."""
    game = load("connect_four")
    asked = []

    def go_on(search):
        asked.append(int(search.visits(0).sum()))
        return len(asked) < 8

    search, short = (Search(config, game, opinionated(game), 2) for _ in range(2))
    search.run(100, go_on=go_on)
    assert asked == list(range(8))
    short.run(7)
    for g in range(2):
        assert search.visits(g).tolist() == short.visits(g).tolist()
        assert search.value(g) == short.value(g)
        assert search.best(g) == short.best(g)
    never = Search(config, game, opinionated(game), 1)
    never.run(100, go_on=lambda search: False)
    assert never.evaluations == 1
    assert never.best(0) in range(7)


def test_a_kept_tree_is_the_tree_that_was_searched():
    """Statistics and positions of every node below the move are what they were."""
    game = load("connect_four")
    search = Search(PUCTConfig(), game, opinionated(game), 1)
    search.run(300)

    def below(search, root_history):
        found = {}
        forest = search._forest
        for node, position in enumerate(search._positions[0]):
            history = tuple(game.history(position))
            if history[: len(root_history)] == tuple(root_history):
                found[history] = (
                    int(forest.visits[0, node]),
                    float(forest.value_sum[0, node]),
                    int(forest.proven[0, node]),
                    int(forest.num_edges[0, node]),
                )
        return found

    move = search.best(0)
    before = below(search, [move])
    search.play(0, move)
    assert below(search, [move]) == before
    assert len(before) == len(search._positions[0])


@every_search
def test_a_saved_search_goes_on_as_if_nothing_had_happened(config):
    game = load("connect_four")
    search = Search(config, game, opinionated(game), 2)
    search.run(100)
    for g in range(2):
        search.play(g, 3)
    again = Search(config, game, opinionated(game), 2)
    again.load_state_dict(search.state_dict())
    for one in (search, again):
        one.run(100, noise=np.random.default_rng(5))
    for g in range(2):
        assert np.array_equal(search.visits(g), again.visits(g))
        assert search.value(g) == again.value(g)
        assert search.best(g) == again.best(g)


@pytest.mark.parametrize(
    ("considered", "simulations", "shares"),
    [
        (16, 200, [(16, 3), (8, 6), (4, 12), (2, 28)]),
        (4, 16, [(4, 2), (2, 4)]),
    ],
)
def test_sequential_halving_gives_each_phase_its_share(considered, simulations, shares):
    expected, visits = [], 0
    for edges, each in shares:
        for _ in range(each):
            expected += [visits] * edges
            visits += 1
    schedule = halving_schedule(considered, simulations).tolist()
    assert schedule[: len(expected)] == expected[:simulations]
    assert len(schedule) == simulations


def test_with_one_simulation_the_gumbel_policy_is_the_prior():
    """No edge has been visited, so all of them complete alike."""
    game = load("connect_four")
    search = Search(CONFIGS["gumbel"], game, opinionated(game), 1)
    search.run(0)
    logits, _ = opinionated(game)(game.observe([game.start()]))
    expected = np.exp(logits[0]) / np.exp(logits[0]).sum()
    np.testing.assert_allclose(search.policy(0), expected, rtol=1e-4)


def test_noise_changes_what_is_tried_and_its_absence_does_not():
    game = load("connect_four")

    def visits(noise):
        search = Search(PUCTConfig(), game, opinionated(game), 1)
        search.run(100, noise=noise)
        return search.visits(0).tolist()

    assert visits(None) == visits(None)
    drawn = {tuple(visits(np.random.default_rng(seed))) for seed in range(5)}
    assert len(drawn) == 5


def test_a_gumbel_search_begins_anew_after_a_move():
    """Else moves tried before the last one would count as tried in this halving."""
    game = load("connect_four")
    search = Search(CONFIGS["gumbel"], game, opinionated(game), 1)
    search.run(200)
    search.play(0, search.best(0))
    search.run(16, noise=np.random.default_rng(0))
    assert search.visits(0).sum() == 16
    best = search.best(0)
    assert search.visits(0)[best] == search.visits(0).max()


def test_the_value_of_a_gumbel_search_is_what_its_improved_policy_is_worth():
    """By hand, with what Danihelka et al. 2022 call completed Q (eq. 10, appendix D)."""
    game = load("connect_four")
    logits = np.array([0.0, 1.0, 0.5, -1.0, 0.2, -0.3, 0.0], np.float32)

    def evaluate(obs):
        """The root is worth 0.1, and a move to column c is worth 0.6 - c / 10."""
        value = np.full(len(obs), 0.1, np.float32)
        for b, theirs in enumerate(obs[:, 1]):
            if theirs.any():  # the side to move looks at the stone of the one that has just moved
                value[b] = -(0.6 - theirs.any(0).argmax() / 10)
        return np.tile(logits, (len(obs), 1)), worth(value)

    search = Search(GumbelConfig(kind="gumbel", max_considered=2, c_scale=0.1), game, evaluate, 1)
    search.run(2)
    assert search.visits(0).tolist() == [0, 1, 1, 0, 0, 0, 0]
    prior = np.exp(logits) / np.exp(logits).sum()
    tried = (prior[1] * 0.5 + prior[2] * 0.4) / (prior[1] + prior[2])
    values = np.array([(0.1 + 2 * tried) / 3] * 7)
    values[1:3] = 0.5, 0.4
    improved = prior * np.exp((50 + 1) * 0.1 * values / 2)
    improved /= improved.sum()
    np.testing.assert_allclose(search.policy(0), improved, rtol=1e-4)
    assert search.value(0) == pytest.approx(improved @ values, abs=1e-5)


def test_bad_moves_that_were_looked_at_do_not_lower_the_value_of_a_gumbel_search():
    """Sequential halving tries every column once before it leaves the bad ones."""
    game = load("connect_four")

    def evaluate(obs):
        """A move to the centre is worth 0.5, any other -1; the root 0."""
        value = np.zeros(len(obs), np.float32)
        for b, theirs in enumerate(obs[:, 1]):
            if theirs.any():
                value[b] = -0.5 if theirs.any(0).argmax() == 3 else 1
        return np.zeros((len(obs), 7), np.float32), worth(value)

    search = Search(GumbelConfig(kind="gumbel", max_considered=7), game, evaluate, 1)
    search.run(7)
    assert search.visits(0).tolist() == [1] * 7
    assert search.value(0) == pytest.approx(0.5, abs=1e-3)
