"""Why games end: beside python-chess, and in positions whose end people know."""

import random

import chess
import chess.variant
import pyspiel
import pytest

from envs.board.cells import cells
from envs.board.endings import LIMITS, MAX_PLIES, PLY_LIMIT, RULES, ending, margin
from envs.board.loading import playable_families, trust
from envs.board.openspiel import BoardConfig, OpenSpielGame


def load(name, **changes):
    return OpenSpielGame(BoardConfig(kind="board", game=name, **changes))


def random_end(name, seed, start=None):
    rng, rules = random.Random(seed), pyspiel.load_game(name)
    state = rules.new_initial_state() if start is None else rules.new_initial_state(start)
    while not state.is_terminal():
        state.apply_action(rng.choice(state.legal_actions()))
    return state


def driven(name, moves, start=None):
    """Returns the state after moves, as OpenSpiel names them."""
    rules = pyspiel.load_game(name)
    state = rules.new_initial_state() if start is None else rules.new_initial_state(start)
    for move in moves.split():
        named = {state.action_to_string(action): action for action in state.legal_actions()}
        state.apply_action(named[move])
    return state


# What the games of each family may end by.
REASONS = {
    "amazons": {"no moves left"},
    "antichess": {"no pieces left", "stalemate", "fifty-move rule", "threefold repetition"},
    "breakthrough": {"last row reached", "no pieces left"},
    "checkers": {"no pieces left", "no moves left", "40 moves without a capture"},
    "chess": {
        "checkmate",
        "stalemate",
        "insufficient material",
        "fifty-move rule",
        "threefold repetition",
    },
    "chinese_checkers": {"home filled", PLY_LIMIT},
    "clobber": {"no moves left"},
    "connect_four": {"four in a row", "board full"},
    "crazyhouse": {"checkmate", "stalemate", "threefold repetition", "fifty-move rule"},
    "cursor_go": {"two passes", "superko"},
    "dots_and_boxes": {"all boxes taken"},
    "go": {"two passes", "superko", PLY_LIMIT},
    "gomoku": {"five in a row", "board full"},
    "havannah": {"ring, bridge or fork", "board full"},
    "hex": {"connected"},
    "hive": {"queen surrounded", "both queens surrounded", PLY_LIMIT},
    "lines_of_action": {"connected", "twofold repetition", "no moves left", PLY_LIMIT},
    "mancala": {"one side empty"},
    "mnk": {"five in a row", "board full"},
    "nim": {"no objects left"},
    "nine_mens_morris": {"fewer than three men", "no moves left", PLY_LIMIT},
    "othello": {"board full", "no moves left"},
    "oware": {"most seeds captured", "no moves left", "repetition"},
    "pentago": {"five in a row", "board full", "five in a row of both"},
    "quoridor": {"goal reached", PLY_LIMIT},
    "shogi": {
        "checkmate",
        "no moves left",
        "impasse",
        "entering king",
        "fourfold repetition",
        "perpetual check",
    },
    "tic_tac_toe": {"three in a row", "board full"},
    "twixt": {"connected", "no moves left"},
    "ultimate_tic_tac_toe": {"three in a row", "board full"},
    "xiangqi": {"checkmate", "stalemate", PLY_LIMIT},
    "y": {"connected"},
}


def test_there_is_a_reason_for_every_family_that_can_be_played():
    assert set(playable_families()) == set(REASONS)


@pytest.mark.parametrize("name", REASONS)
def test_every_family_says_what_ended_its_games(name):
    for seed in range(1 if name in ("chinese_checkers", "cursor_go", "go") else 6):
        state = random_end(name, seed)
        reason = ending(state)
        assert reason in REASONS[name], (seed, str(state))
        assert reason != RULES
        if reason in LIMITS and name != "go":  # which is scored then
            assert state.returns() == [0, 0]
        assert state.move_number() <= pyspiel.load_game(name).max_game_length()


@pytest.mark.parametrize(
    "name",
    [
        "dots_and_boxes(num_rows=2,num_cols=1)",
        "dots_and_boxes(num_rows=5,num_cols=2)",  # 27 lines, and OpenSpiel says 24 plies at most
        "dots_and_boxes(num_rows=1,num_cols=3)",
        "clobber(rows=3,columns=4)",
        "breakthrough(rows=6,columns=2)",
        "connect_four(rows=3,columns=6)",
        "mnk(m=5,n=4,k=4)",
        "hex(num_cols=2,num_rows=7)",
        "havannah(board_size=3,swap=true)",
        "nim(pile_sizes=1;2;3)",
        "twixt(board_size=8)",
        "y(board_size=5)",
    ],
)
def test_boards_of_odd_sizes_are_played_to_their_end(name):
    """By our own limit of plies, not until OpenSpiel says so."""
    trust(name)  # what a trial shows is tested elsewhere
    game = load(name)
    for seed in range(5):
        rng, position = random.Random(seed), game.start()
        while not (status := game.status([position])).over[0]:
            (position,) = game.after([position], [rng.choice(status.legal.tolist())])
        assert position.is_terminal()
        assert len(game.history(position)) <= game.spec.max_plies
        assert ending(position) not in LIMITS


ENDED = {
    chess.Termination.CHECKMATE: "checkmate",
    chess.Termination.STALEMATE: "stalemate",
    chess.Termination.INSUFFICIENT_MATERIAL: "insufficient material",
    chess.Termination.FIFTY_MOVES: "fifty-move rule",
    chess.Termination.THREEFOLD_REPETITION: "threefold repetition",
}


@pytest.mark.parametrize("seed", range(20))
def test_python_chess_gives_the_same_reasons(seed):
    """The first end that either knows: of games, and of endgames, where ends are of all kinds."""
    starts = (None, "8/8/4k3/8/8/3QK3/8/8 w - - 80 90", "8/4k3/8/8/2B5/4K3/6N1/8 w - - 60 70")
    for start in starts:
        rng, rules = random.Random(seed), pyspiel.load_game("chess")
        state = rules.new_initial_state() if start is None else rules.new_initial_state(start)
        board = chess.Board() if start is None else chess.Board(start)
        while not state.is_terminal():
            action = rng.choice(state.legal_actions())
            move = pyspiel.chess.action_to_move(action, state.board()).to_lan()
            state.apply_action(action)
            board.push_uci(move)
        outcome = board.outcome(claim_draw=True)
        if outcome is None:  # it may be claimed only where somebody may move
            assert board.halfmove_clock >= 100
        else:
            said = "draw" if outcome.winner is None else outcome.winner
            assert said == ("draw" if state.returns()[0] == 0 else state.returns()[1] > 0)
            assert ending(state) == ENDED[outcome.termination]


KNOWN = [  # game, moves, start, player 0's result, reason
    ("chess", "f3 e5 g4 Qh4#", None, 1, "checkmate"),
    ("chess", "Nf3 Nf6 Ng1 Ng8 " * 2, None, 0, "threefold repetition"),
    ("chess", "Kd2", "8/5k2/8/8/2R5/4K3/8/8 w - - 99 90", 0, "fifty-move rule"),
    ("chess", "Kd2", "8/5k2/8/8/2R5/4K3/8/8 w - - 98 90", None, MAX_PLIES),
    ("chess", "Kxd2", "8/5k2/8/8/8/4K3/3r4/8 w - - 0 90", 0, "insufficient material"),
    ("chess", "Qf7", "7k/8/6K1/8/8/8/5Q2/8 w - - 0 90", 0, "stalemate"),
    ("chess", "Qf8#", "7k/8/6K1/8/8/8/5Q2/8 w - - 99 90", -1, "checkmate"),  # before the clock
    ("antichess", "Rxa2", "8/8/8/8/8/8/p7/R7 w - - 0 1", 1, "no pieces left"),
    ("crazyhouse", "f3 e5 g4 Qh4#", None, 1, "checkmate"),
    (
        "crazyhouse(king_of_hill=true)",
        "Kd4",
        "7k/8/8/8/8/3K4/8/8 w - - 0 1",
        -1,
        "king of the hill",
    ),
    # 28 points win for whoever enters: rook and bishop are 5, all others 1.
    ("shogi", "5d5c", "8k/9/9/4K4/9/9/9/9/9 b 2R2B8P 1", 1, "entering king"),
    ("shogi", "5d5c", "8k/9/9/4K4/9/9/9/9/9 b 2R2B7P 1", None, MAX_PLIES),
    ("shogi", "5d5c", "9/9/9/4K4/9/9/4k4/9/9 b P 1", 0, "impasse"),
    ("shogi", "5f5g", "9/9/4K4/9/9/4k4/9/9/9 w 2r2b8p 1", -1, "entering king"),
    ("shogi", "4i4h 4a4b 4h4i 4b4a " * 3, None, 0, "fourfold repetition"),
    (
        "shogi",
        "9i9a" + " 5a5b 9a9b 5b5a 9b9a" * 3,
        "4k4/9/9/9/9/9/9/9/R3K4 b - 1",
        -1,
        "perpetual check",
    ),
    ("shogi", "G*5b", "4k4/9/4G4/9/9/9/9/9/4K4 b G 1", 1, "checkmate"),
    ("shogi", "G*2c", "8k/6G2/9/9/9/9/9/9/4K4 b G 1", 1, "no moves left"),
    ("tic_tac_toe", "x(0,0) o(1,0) x(0,1) o(1,1) x(0,2)", None, 1, "three in a row"),
    ("connect_four(x_in_row=3)", "x0 o1 x0 o1 x0", None, 1, "three in a row"),
    (
        "mnk(m=4,n=4,k=4)",
        "x(0,0) o(1,0) x(0,1) o(1,1) x(0,2) o(2,2) x(0,3)",
        None,
        1,
        "four in a row",
    ),
    ("lines_of_action", "b1-b3 a2-c2 b3-b1 c2-a2", None, 0, "twofold repetition"),
]


@pytest.mark.parametrize(("name", "moves", "start", "result", "reason"), KNOWN)
def test_ends_that_people_know(name, moves, start, result, reason):
    state = driven(name, moves, start)
    assert state.is_terminal() == (result is not None)
    if result is not None:
        assert state.returns()[0] == result
    assert ending(state) == reason


def test_a_repeated_board_draws_in_go_whoever_leads():
    drawn = 0
    for seed in range(300):
        state = random_end("go(board_size=3,max_game_length=200)", seed)
        if ending(state) == "superko":
            rules = pyspiel.load_game("go(board_size=3,max_game_length=200)")
            before, boards = rules.new_initial_state(), []
            for action in state.history():
                boards.append(cells(before))
                before.apply_action(action)
            assert cells(state) in boards
            assert state.returns() == [0, 0]
            drawn += abs(margin(state)) > 1
        else:
            assert ending(state) == "two passes"
    assert drawn > 3


@pytest.mark.parametrize(
    ("moves", "same_side"),
    [("b3 b2 a2 b1 a1 a3 a2", False), ("c2 a2 a3 c1 b2 c3 PASS b3 a3", True)],
)
def test_a_stone_that_repeats_a_board_is_legal_in_go_and_draws_whoever_is_to_move(moves, same_side):
    """Positional superko; `docs/endings.md` says what follows from it."""
    state, seen = pyspiel.load_game("go(board_size=3,komi=0.5)").new_initial_state(), []
    for move in moves.split():
        assert not state.is_terminal()
        seen.append((cells(state), state.current_player()))
        names = {state.action_to_string(a).split()[1]: a for a in state.legal_actions()}
        state.apply_action(names[move])
    mover = len(seen) % 2
    assert [player == mover for board, player in seen if board == cells(state)] == [same_side]
    assert (state.is_terminal(), state.returns(), ending(state)) == (True, [0, 0], "superko")
    assert abs(margin(state)) > 0


def test_go_is_scored_at_the_limit_of_its_rules_and_after_two_passes():
    rules = pyspiel.load_game("go(board_size=5,komi=0.5,max_game_length=3)")
    state = rules.new_initial_state()
    for action in (12, 25, 13):
        state.apply_action(action)
    assert (ending(state), state.returns()[0], margin(state)) == (PLY_LIMIT, 1, 24.5)
    state = rules.new_initial_state()
    for action in (25, 25):
        state.apply_action(action)
    assert (ending(state), state.returns()[0], margin(state)) == ("two passes", -1, -0.5)


def test_a_game_that_was_cut_says_so():
    state = pyspiel.load_game("othello").new_initial_state()
    assert ending(state) == MAX_PLIES
    assert ending(random_end("othello", 0)) == "board full"
    checkers = pyspiel.load_game("checkers").new_initial_state()
    assert checkers.get_game().max_game_length() == 1000
    assert ending(checkers) == MAX_PLIES


def test_oware_ends_by_captures_by_repetition_or_with_nothing_to_sow():
    reasons = {seed: ending(random_end("oware", seed)) for seed in range(30)}
    assert set(reasons.values()) == {"most seeds captured", "no moves left", "repetition"}


@pytest.mark.parametrize(
    ("reason", "seeds"), [("checkmate", (1, 7, 8, 11, 19)), ("stalemate", (2, 5, 9, 18, 24))]
)
def test_whoever_cannot_move_loses_in_xiangqi_in_check_or_not(reason, seeds):
    """Fairy-Stockfish (pyffish 0.0.90) says of the same last positions who is in check."""
    for seed in seeds:
        state = random_end("xiangqi", seed)
        assert ending(state) == reason
        assert state.returns()[0] != 0


@pytest.mark.parametrize(("name", "winner"), [("gomoku", 1), ("gomoku(anti=true)", -1)])
def test_five_in_a_row_win_gomoku_or_lose_it(name, winner):
    state = pyspiel.load_game(name).new_initial_state()
    for action in (0, 15, 1, 16, 2, 17, 4, 18, 5, 30, 3):  # six, which count, too
        state.apply_action(action)
    assert (state.returns()[0], ending(state)) == (winner, "five in a row")


def test_capturing_in_passing_is_no_duty_in_antichess():
    """It is elsewhere: python-chess allows the capture alone."""
    state = driven("antichess", "e4 Nh6 e5 d5")
    names = [state.action_to_string(action) for action in state.legal_actions()]
    board = chess.variant.AntichessBoard()
    for move in ("e4", "Nh6", "e5", "d5"):
        board.push_san(move)
    assert [board.san(move) for move in board.legal_moves] == ["exd6"]
    assert "exd6" in names
    assert len(names) > 1
