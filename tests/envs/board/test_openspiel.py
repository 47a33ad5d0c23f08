"""Our conventions over OpenSpiel's rules: whose view, whose value, symmetries, published counts."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.board.base import WHITE_PIXEL, Position, children, reach
from envs.board.cells import STONES, cells
from envs.board.openspiel import BoardConfig, OpenSpielGame

GAMES = [
    "tic_tac_toe",
    "connect_four",
    "othello",
    "hex(board_size=5)",
    "gomoku(size=7)",
    "breakthrough(rows=6,columns=6)",
    "go(board_size=5)",
    "go(board_size=9)",
    "chess",
    "shogi",
    "clobber",
    "mancala",
]
every_game = pytest.mark.parametrize("name", GAMES)


def load(name: str, **changes) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=name, **changes))


def random_game(game: OpenSpielGame, rng: np.random.Generator, max_plies: int = 200):
    """Yields the positions of a game of random moves, the last one too."""
    position = game.start()
    for _ in range(max_plies):
        yield position
        status = game.status([position])
        if status.over[0]:
            return
        (position,) = game.after([position], [int(rng.choice(status.legal))])
    yield position


@every_game
def test_what_the_batch_says_is_what_each_position_says(name):
    game, rng = load(name), np.random.default_rng(0)
    positions = [position for _ in range(3) for position in random_game(game, rng)]
    status = game.status(positions)
    ends = status.num_legal.cumsum()
    for i, position in enumerate(positions):
        legal = status.legal[ends[i] - status.num_legal[i] : ends[i]]
        assert bool(status.over[i]) == position.is_terminal()
        if position.is_terminal():
            assert len(legal) == 0
            assert status.value[i] == np.sign(position.player_return(0))
        else:
            assert legal.tolist() == position.legal_actions()
            assert status.to_play[i] == position.current_player()
            assert status.value[i] == 0
    live = [p for p, over in zip(positions, status.over, strict=True) if not over]
    obs = game.observe(live)
    assert obs.shape == (len(live), *game.spec.obs_shape)
    assert obs.dtype == np.uint8
    for i in range(0, len(live), 7):
        assert np.array_equal(game.observe([live[i]])[0], obs[i])
    to_play = np.array([position.current_player() for position in live])
    assert np.array_equal(obs[:, -1, 0, 0], to_play * WHITE_PIXEL)


def test_an_end_is_seen_from_both_sides():
    """Crosses, player 0, have won in the first row."""
    game = load("tic_tac_toe")
    end = reach(game, [0, 3, 1, 4, 2])
    crosses, noughts = game._seen_by([0, 1], [end, end]) // WHITE_PIXEL
    assert game.status([end]).over[0]
    row = np.eye(3, dtype=np.uint8)
    mine, theirs = game._planes[0][2], game._planes[0][1]
    first, second = np.outer(row[0], [1, 1, 1]), np.outer(row[1], [1, 1, 0])
    for seen, own, other in ((crosses, first, second), (noughts, second, first)):
        assert np.array_equal(seen[mine], own)
        assert np.array_equal(seen[theirs], other)
    assert not crosses[-1].any()
    assert noughts[-1].all()


@every_game
def test_rules_change_no_position(name):
    game, rng = load(name), np.random.default_rng(1)
    for position in random_game(game, rng, 30):
        before = str(position), game.history(position)
        status = game.status([position])
        if not status.over[0]:
            game.observe([position])
            game.after([position] * len(status.legal), status.legal.tolist())
        assert (str(position), game.history(position)) == before


@pytest.mark.parametrize(
    "name",
    [
        "tic_tac_toe",
        "connect_four",
        "hex(board_size=5)",
        "gomoku(size=7)",
        "othello",
        "go(board_size=5)",
        "clobber",
    ],
)
def test_a_network_finds_its_own_pieces_in_one_place(name):
    """There is one plane with as many pieces as the side to move has, whoever that is."""
    game, rng = load(name), np.random.default_rng(2)
    own = other = set(range(game.spec.obs_shape[0] - 1))
    for _ in range(3):
        for position in random_game(game, rng, 40):
            if game.status([position]).over[0]:
                break
            board = [cell for row in cells(position) for cell in row]
            mine, theirs = (board.count(STONES[position.current_player() ^ i]) for i in (0, 1))
            planes = game.observe([position])[0, :-1]
            counts = (planes == WHITE_PIXEL).sum((1, 2))
            own = own & set(np.flatnonzero(counts == mine))
            other = other & set(np.flatnonzero(counts == theirs))
    assert len(own) == len(other) == 1
    assert own != other


def perft(game: OpenSpielGame, positions: list[Position], depth: int) -> int:
    """How many sequences of so many moves there are; the last moves are counted, not made."""
    if depth == 1:
        return int(game.status(positions).num_legal.sum())
    below = children(game, positions)
    # In pieces, so that millions of positions are not all there at once.
    return sum(perft(game, below[i : i + 4096], depth - 1) for i in range(0, len(below), 4096))


PUBLISHED = {
    "chess": [20, 400, 8902, 197_281, 4_865_609],
    "shogi": [30, 900, 25_470, 719_731],
    "othello": [4, 12, 56, 244, 1396, 8200, 55_092, 390_216],
    "connect_four": [7, 49, 343, 2401, 16_807, 117_649, 823_536],
    "tic_tac_toe": [9, 72, 504, 3024, 15_120, 54_720, 148_176, 200_448, 127_872],
}
# The usual second position: castling, promotion, en passant and pins come up at once.
KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"
KIWIPETE_COUNTS = [48, 2039, 97_862, 4_085_603]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_numbers_of_move_sequences(name):
    game = load(name)
    for depth, count in enumerate(PUBLISHED[name], 1):
        if count < 30_000:
            assert perft(game, [game.start()], depth) == count


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_numbers_of_long_move_sequences(name):
    game = load(name)
    for depth, count in enumerate(PUBLISHED[name], 1):
        if count >= 30_000:
            assert perft(game, [game.start()], depth) == count


@pytest.mark.parametrize("depth", [1, 2, 3, pytest.param(4, marks=pytest.mark.slow)])
def test_the_published_numbers_of_a_middle_game_of_chess(depth):
    game = load("chess")
    start = game.rules.new_initial_state(KIWIPETE)
    assert perft(game, [start], depth) == KIWIPETE_COUNTS[depth - 1]


def layers(game: OpenSpielGame, depth: int) -> Iterator[list[Position]]:
    """Yields the distinct positions after 0, 1, 2, ... moves, those that are over too."""
    layer = [game.start()]
    for _ in range(depth + 1):
        yield layer
        layer = list({game.text(p): p for p in children(game, layer)}.values())


def test_the_published_numbers_of_positions():
    """Connect four: OEIS A212693; tic-tac-toe: 5,478 positions in all, of 958 finished games."""
    counts = [len(layer) for layer in layers(load("connect_four"), 6)]
    assert counts == [1, 7, 49, 238, 1120, 4263, 16_422]
    game = load("tic_tac_toe")
    positions = [position for layer in layers(game, 9) for position in layer]
    assert len(positions) == 5478
    assert game.status(positions).over.sum() == 958


@pytest.mark.parametrize(
    "name",
    ["tic_tac_toe", "connect_four", "othello", "hex(board_size=5)", "gomoku(size=7)"],
)
def test_what_looks_alike_has_the_same_moves(name):
    """Actions mean the same for whoever sees a board so."""
    game, rng = load(name), np.random.default_rng(4)
    moves: dict[bytes, list[int]] = {}
    alike = 0
    for _ in range(200):
        for position in random_game(game, rng, 8):
            status = game.status([position])
            if status.over[0]:
                break
            seen = game.observe([position])[0].tobytes()
            alike += seen in moves
            assert moves.setdefault(seen, status.legal.tolist()) == status.legal.tolist()
    assert alike > 100


@every_game
def test_the_edge_of_the_board_can_be_seen(name):
    """Outside the board all planes are 0 for a convolution; on it, in no position, a cell is."""
    game, rng = load(name), np.random.default_rng(5)
    if game.spec.obs_shape[1] == 1:
        pytest.skip("not drawn on a board")
    for _ in range(2):
        for position in random_game(game, rng, 60):
            if not game.status([position]).over[0]:
                assert game.observe([position])[0, :-1].any(0).all()


def test_games_that_last_too_long_are_draws():
    game = load("chess", max_plies=10)
    *_, last = random_game(game, np.random.default_rng(0))
    status = game.status([last])
    assert len(game.history(last)) == 10
    assert status.over[0]
    assert status.value[0] == 0
    assert status.num_legal[0] == 0


@pytest.mark.parametrize(
    "name", ["no_such_game", "backgammon", "kuhn_poker", "go(board_size=0)", "blackjack", ""]
)
def test_what_is_no_such_game_is_refused(name):
    with pytest.raises(ValueError, match=r"play|two-player"):
        load(name)


def test_a_game_that_is_misspelt_is_guessed():
    with pytest.raises(ValueError, match=r"did you mean .*connect_four"):
        load("conect_four")


def test_two_moves_in_a_row_in_othello():
    """A player who cannot move passes by an action of its own, so turns always alternate."""
    game, rng = load("othello"), np.random.default_rng(0)
    passes = 0
    for _ in range(20):
        for position in random_game(game, rng):
            status = game.status([position])
            passes += not status.over[0] and status.legal.tolist() == [64]
    assert passes > 0
