"""What networks see: OpenSpiel's planes in order and without loss, and what those planes lack."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pytest

from envs.board.base import Position, reach
from envs.board.loading import playable_families, trust
from envs.board.openspiel import BoardConfig, OpenSpielGame
from envs.board.planes import Scale

# Every game that passes the filter, with what its parameters may change.
GAMES = [
    "amazons(board_size=6)",
    "antichess",
    "breakthrough(rows=6,columns=5)",
    "checkers",
    "checkers(egocentric=true)",
    "chess",
    "chinese_checkers",
    "clobber",
    "clobber(rows=3,columns=4)",
    "connect_four",
    "connect_four(rows=5,columns=8)",
    "connect_four(egocentric_obs_tensor=true)",
    "crazyhouse",
    "crazyhouse(insanity=3)",
    "crazyhouse(sticky_promotions=true)",
    "cursor_go(board_size=4)",
    "cursor_go(board_size=4,max_cursor_moves=700)",
    "dots_and_boxes",
    "dots_and_boxes(num_rows=2,num_cols=3)",
    "go(board_size=5)",
    "go(board_size=4,max_game_length=400)",
    "go(board_size=19,handicap=4)",
    "gomoku(size=7)",
    "gomoku(size=4,dims=3,connect=4)",
    "gomoku(size=5,dims=3)",
    "gomoku(size=6,wrap=true)",
    "havannah(board_size=4)",
    "havannah(board_size=3,swap=true)",
    "hex(board_size=5)",
    "hex(board_size=3,swap=true)",
    "hex(num_cols=4,num_rows=3)",
    "hex(num_cols=3,num_rows=5)",
    "hive",
    "hive(board_size=5,uses_pillbug=false)",
    "lines_of_action",
    "mancala",
    "mnk(m=4,n=3,k=3)",
    "nim",
    "nim(pile_sizes=3;4;5)",
    "nine_mens_morris",
    "othello",
    "oware",
    "oware(num_seeds_per_house=40)",
    "oware(num_houses_per_player=3,num_seeds_per_house=2)",
    "pentago",
    "quoridor",
    "quoridor(board_size=5,wall_count=3)",
    "shogi",
    "tic_tac_toe",
    "twixt",
    "ultimate_tic_tac_toe",
    "xiangqi",
    "y(board_size=6)",
]
# Whether a position comes again decides these, and no plane says which were there: docs.
HIDE_REPETITION = {
    "chess", "crazyhouse", "antichess", "go", "cursor_go", "lines_of_action", "oware", "shogi",
}  # fmt: skip
every_game = pytest.mark.parametrize("name", GAMES)


def load(name: str, **changes) -> OpenSpielGame:
    trust(name)  # what a trial shows is tested elsewhere
    return OpenSpielGame(BoardConfig(kind="board", game=name, **changes))


def family(name: str) -> str:
    return name.partition("(")[0]


def random_game(game: OpenSpielGame, rng: np.random.Generator, most: int) -> Iterator[Position]:
    """Yields positions up to the last one; half of the games move only by the first few actions."""
    position, few = game.start(), 3 if rng.random() < 0.5 else None
    for _ in range(most):
        yield position
        if game.status([position]).over[0]:
            return
        (position,) = game.after([position], [int(rng.choice(position.legal_actions()[:few]))])
    yield position


def test_the_names_here_are_of_all_games():
    assert set(playable_families()) == {family(name) for name in GAMES}


@every_game
def test_planes_are_shown_in_order_and_without_loss(name):
    game, rng = load(name), np.random.default_rng(0)
    positions: list[Position] = []
    for _ in range(20):
        if len(positions) < 300:
            positions += random_game(game, rng, 200)
    positions = positions[:300] + positions[-100:]
    for player in (0, 1):
        raw = game._raw([player] * len(positions), positions)[:, game._planes[player]]
        obs = game._seen_by([player] * len(positions), positions)
        obs = obs.reshape(len(positions), -1, raw.shape[2])
        source = game._scale._source
        assert obs.shape[1] == game.spec.obs_shape[0] > len(source) >= raw.shape[1]
        for plane in range(raw.shape[1]):
            values = raw[:, plane].reshape(-1)
            shown = obs[:, : len(source)][:, source == plane].transpose(0, 2, 1)
            shown = shown.reshape(len(values), -1).astype(int)
            order = np.argsort(values, kind="stable")
            differs = np.diff(values[order]) > 0
            steps = np.diff(shown[order], axis=0)
            assert (steps >= 0).all(), plane  # in order
            assert ((steps > 0).any(1) == differs).all(), plane  # what is unlike looks unlike


def test_seeds_of_mancala_are_shares_of_all_48():
    game = load("mancala")
    start, end = game.start(), None
    for position in random_game(game, np.random.default_rng(1), 1000):
        end = position
    assert game.observe([start])[0, :14, 0, 0].tolist() == 2 * ([0] + 6 * [21])  # 4 * 255 / 48
    stores = [int(line) for line in str(end).splitlines()[1].split("-") if line]
    left, right = game._seen_by([0], [end])[0, [7, 0], 0, 0]
    assert sorted((int(left), int(right))) == sorted(round(255 * n / 48) for n in stores)


def test_a_plane_of_many_levels_becomes_several():
    scale = Scale("oware", np.array([1.0], np.float32), np.array([480]))
    raw = np.array([0, 1, 255, 256, 300, 480], np.float32) / 480
    shown = scale(raw.reshape(-1, 1, 1))[:, :, 0]
    assert shown.tolist() == [[0, 0], [1, 0], [255, 0], [255, 1], [255, 45], [255, 225]]


@pytest.mark.parametrize("value", [-1.0, 49.0])
def test_what_a_plane_should_not_hold_is_an_error(value):
    scale = Scale("mancala", np.array([48.0], np.float32), np.array([48]))
    with pytest.raises(ValueError, match=r"plane 0 of mancala should hold 0 to 48, and holds"):
        scale(np.array([[[value]]], np.float32))


@every_game
def test_what_looks_alike_is_played_on_alike(name):
    """The same moves are legal, and whatever is played, it ends together and with one result."""
    game, rng = load(name), np.random.default_rng(1)
    known: dict[bytes, Position] = {}
    steps = 0
    while steps < 1_000:
        for position in random_game(game, rng, 60):
            steps += 1
            if position.is_terminal():
                break
            other = known.setdefault(game.observe([position])[0].tobytes(), position)
            if other is position or other.history() == position.history():
                continue
            assert other.legal_actions() == position.legal_actions()
            one, two = position.clone(), other.clone()
            for _ in range(20):
                if one.is_terminal() or family(name) in HIDE_REPETITION:
                    break
                move = int(rng.choice(one.legal_actions()))
                one.apply_action(move)
                two.apply_action(move)
                assert one.is_terminal() == two.is_terminal()
                assert one.legal_actions() == two.legal_actions()
                assert one.returns() == two.returns()


def plane(game: OpenSpielGame, position: Position, missing: int = 0) -> np.ndarray:
    """One of those that OpenSpiel lacks, as truths."""
    return game.observe([position])[0, game._scale.planes + missing] > 0


def test_go_shows_a_pass():
    """After one pass another ends the game; the board is the same."""
    game = load("go(board_size=5)")
    twice, once = reach(game, [12, 3, 25]), reach(game, [12, 3])
    assert plane(game, twice).all()
    assert not plane(game, once).any()
    assert game.status(game.after([twice], [25])).over[0]


def test_go_shows_a_ko():
    r"""White has just taken at c3, and Black may not take back at once:

    . . . . .        . . . . .
    . x o . .        . x o . .
    x o . o .   ->   x . x o .   ->  (white takes)
    . x o . .        . x o . .
    """
    game = load("go(board_size=5)")
    at = lambda column, row: 5 * row + column  # noqa: E731
    moves = [(1, 3), (2, 3), (0, 2), (1, 2), (1, 1), (2, 1), (4, 4), (3, 2), (2, 2)]
    position = reach(game, [at(*move) for move in moves])
    forbidden = plane(game, position, 1)
    assert np.argwhere(forbidden).tolist() == [[2, 1]]
    assert at(1, 2) not in position.legal_actions()
    later = reach(game, [*(at(*move) for move in moves), 25, 25])
    assert game.status([later]).over[0]
    assert not game._seen_by([0], [later])[0, game._scale.planes + 1].any()


def test_a_game_of_go_that_is_cut_is_scored_by_the_board():
    """Black has two stones, White one and half a point. A run of before this calls it a draw."""
    for planes, value in ((2, 1), (1, 0)):
        game = load("go(board_size=5,komi=0.5)", max_plies=3, planes=planes)
        status = game.status([reach(game, [12, 0, 13])])
        assert status.over[0]
        assert status.value[0] == value


def test_a_repeated_board_draws_go_whoever_leads():
    """As docs/observations.md says: such moves are legal, and no plane tells them."""
    game, rng, repeats = load("go(board_size=3,komi=0.5)"), np.random.default_rng(0), 0
    for _ in range(100):
        position, boards = game.start(), set()
        while not position.is_terminal():
            boards.add(str(position).split("\n", 1)[1])
            position = position.child(int(rng.choice(position.legal_actions()[:-1] or [9])))
        if position.history()[-1] != 9 and str(position).split("\n", 1)[1] in boards:
            assert position.returns() == [0, 0]
            repeats += 1
        elif position.move_number() == game.spec.max_plies:
            assert position.returns() != [0, 0]
    assert repeats > 2


def test_how_near_the_last_ply_is_can_be_seen():
    game = load("go(board_size=5,max_game_length=40)")
    position, near = game.start(), []
    while not position.is_terminal():
        near.append(int(game.observe([position])[0, -2, 0, 0]))
        position = position.child(position.legal_actions()[0])
    assert near == [0] * 31 + [255 * ply // 10 for ply in range(1, 10)]


def test_quoridor_shows_walls_as_its_text_does():
    game, rng = load("quoridor(board_size=5)"), np.random.default_rng(3)
    walls = 0
    for _ in range(5):
        for position in random_game(game, rng, 40):
            if position.is_terminal():
                break
            shown = plane(game, position)
            rows = str(position).splitlines()[2:-1]
            for i, row in enumerate(rows):
                body = row[3:-2].ljust(20)  # four letters a column: the square, then what follows
                for j in range(9):
                    letter = body[4 * (j // 2) + (1 if j % 2 == 0 else 3) - 1]
                    printed = letter in "|-+" if i % 2 or j % 2 else False
                    assert shown[i, j] == printed, (i, j, str(position))
                    walls += printed
    assert walls > 100


def test_chess_shows_who_may_be_taken_in_passing():
    game = load("chess")
    for square, cell in (("d6", (5, 3)), ("-", None)):
        fen = f"rnbqkbnr/1pp1pppp/p7/3pP3/8/8/PPPP1PPP/RNBQKBNR w KQkq {square} 0 3"
        shown = plane(game, game.rules.new_initial_state(fen))
        assert np.argwhere(shown).tolist() == ([list(cell)] if cell else [])


def test_hive_shows_each_bug_where_its_kind_is():
    game, rng = load("hive"), np.random.default_rng(4)
    kinds = np.repeat(np.arange(8), [1, 3, 3, 2, 2, 1, 1, 1])
    stacked = 0
    for _ in range(6):
        for position in random_game(game, rng, 120):
            if position.is_terminal():
                break
            me = position.current_player()
            obs = game.observe([position])[0] > 0
            bugs = obs[game._scale.planes :][:28].reshape(2, 14, 17, 17)
            for side in (0, 1):
                for kind in range(8):
                    own = obs[kind + (0 if side == me else 8)]
                    assert np.array_equal(bugs[side, kinds == kind].any(0), own)
            stacked += bugs.reshape(28, -1).sum(0).max() > 1
    assert stacked > 20


def test_men_in_hand_and_the_turn_are_seen_in_nine_mens_morris():
    game = load("nine_mens_morris")
    (start,) = game.observe([game.start()])[:, game._scale.planes :][:, :4, 0, 0].tolist()
    assert start == [255, 255, 0, 0]
    (next_one,) = game.observe([reach(game, [0])])[:, game._scale.planes :][:, :4, 0, 0].tolist()
    assert next_one == [255 * 8 // 9, 255, 0, 255 // 200]


def test_quiet_moves_are_counted_until_they_end_a_game_of_checkers():
    game, rng, draws = load("checkers"), np.random.default_rng(5), 0
    for _ in range(60):
        *_, end = random_game(game, rng, 1000)
        quiet = game._seen_by([0], [end])[0, game._scale.planes, 0, 0]
        assert (end.returns()[0] == 0) == (quiet == 255)
        draws += end.returns()[0] == 0
    assert draws > 2


def test_hex_of_unequal_sides_keeps_them():
    game = load("hex(num_cols=4,num_rows=3)")
    assert game.spec.obs_shape[1:] == (3, 4)
    first, second = reach(game, [3]), reach(game, [4])  # d1 and a2
    assert np.argwhere(game._seen_by([0], [first])[0, 0]).tolist() == [[0, 3]]
    assert np.argwhere(game._seen_by([0], [second])[0, 0]).tolist() == [[1, 0]]
    with pytest.raises(ValueError, match="train it again"):
        load("hex(num_cols=4,num_rows=3)", planes=1)


# Digests of what revision 3ce94e6 gave, before there was `BoardConfig.planes`.
BEFORE = {
    "connect_four": "0bdbc091440d50ef",
    "othello": "cb6183700337ce53",
    "go(board_size=5,komi=24.5)": "7ba10fe9b4242c0e",
    "chess": "556a25fffc53537d",
    "gomoku(size=4,dims=3,connect=4)": "d9098312a5aa90f3",
    "shogi": "4dc8f0d61d826e56",
}


@pytest.mark.parametrize("name", BEFORE)
def test_runs_of_before_see_what_they_saw(name):
    game, rng, digest = load(name, planes=1), np.random.default_rng(0), hashlib.sha256()
    digest.update(game.spec.symmetric_cells.tobytes())
    digest.update(game.spec.symmetric_actions.tobytes())
    for _ in range(3):
        position, plies = game.start(), 0
        while not game.status([position]).over[0] and plies < 100:
            digest.update(game.observe([position]).tobytes())
            digest.update(game._seen_by([0, 1], [position, position]).tobytes())
            position = position.child(int(rng.choice(position.legal_actions())))
            plies += 1
        digest.update(game._seen_by([0, 1], [position, position]).tobytes())
    assert digest.hexdigest()[:16] == BEFORE[name]


@pytest.mark.parametrize(
    "name", ["tic_tac_toe", "connect_four", "othello", "hex(board_size=5)", "gomoku(size=7)"]
)
def test_games_that_lacked_nothing_are_seen_as_before(name):
    old, new = load(name, planes=1), load(name)
    positions = list(random_game(new, np.random.default_rng(6), 80))
    for player in (0, 1):
        seen = [game._seen_by([player] * len(positions), positions) for game in (old, new)]
        assert np.array_equal(*seen)
    assert np.array_equal(old.spec.symmetric_cells, new.spec.symmetric_cells)
    assert np.array_equal(old.spec.symmetric_actions, new.spec.symmetric_actions)
