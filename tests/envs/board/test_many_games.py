"""Thousands of random games beside referees of our own, python-chess and sgfmill.

They share no code with the rules that are tested: a wrong sign, side, mask or result shows here.
"""

from collections.abc import Iterator

import chess
import numpy as np
import pytest
from sgfmill.boards import Board as GoBoard

from envs.board.base import Position
from envs.board.cells import uci
from envs.board.openspiel import BoardConfig, OpenSpielGame

DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


def few_or_many(few: int) -> pytest.MarkDecorator:
    """The fast tests play a few games of each family; `make test-all` ten thousand."""
    many = pytest.param(10_000, id="many", marks=pytest.mark.slow)
    return pytest.mark.parametrize("games", [pytest.param(few, id="few"), many])


def load(name: str, **changes) -> OpenSpielGame:
    return OpenSpielGame(BoardConfig(kind="board", game=name, **changes))


def random_moves(
    game: OpenSpielGame, games: int, at_once: int = 256
) -> Iterator[list[tuple[Position, list[int] | None, int, float, int]]]:
    """Plays `games` random games; yields each as a list of its positions, the last one too.

    Of each: the position, its legal actions (None: the game is over), who is to play, the result of
    player 0, and the action that was taken.
    """
    rng = np.random.default_rng(0)
    for begin in range(0, games, at_once):
        going = list(range(min(at_once, games - begin)))
        positions, records = [game.start() for _ in going], [[] for _ in going]
        while going:
            status = game.status(positions)
            ends = status.num_legal.cumsum()
            left, moved, actions = [], [], []
            for i, g in enumerate(going):
                if status.over[i]:
                    records[g].append((positions[i], None, 0, float(status.value[i]), -1))
                    continue
                legal = status.legal[ends[i] - status.num_legal[i] : ends[i]].tolist()
                action = legal[int(rng.integers(len(legal)))]
                records[g].append(
                    (positions[i], legal, int(status.to_play[i]), float(status.value[i]), action)
                )
                left.append(g)
                moved.append(positions[i])
                actions.append(action)
            going, positions = left, game.after(moved, actions) if left else []
        yield from records


def has_line(board: np.ndarray, row: int, column: int, length: int) -> bool:
    """Whether a row of stones like that of a cell, and through it, is so long."""
    height, width = board.shape
    for down, right in DIRECTIONS:
        count = 1
        for side in (1, -1):
            y, x = row + side * down, column + side * right
            while 0 <= y < height and 0 <= x < width and board[y, x] == board[row, column]:
                count, y, x = count + 1, y + side * down, x + side * right
        if count >= length:
            return True
    return False


@few_or_many(30)
@pytest.mark.parametrize(
    ("name", "shape", "length", "falls"),
    [
        ("tic_tac_toe", (3, 3), 3, False),
        ("connect_four", (6, 7), 4, True),
        ("gomoku(size=7)", (7, 7), 5, False),
    ],
)
def test_lines_win(name, shape, length, falls, games):
    for record in random_moves(load(name), games):
        board, winner = np.full(shape, -1), None
        for ply, (_, legal, to_play, value, action) in enumerate(record):
            free = board[0] == -1 if falls else board.reshape(-1) == -1
            if winner is not None or not free.any():
                assert legal is None
                assert value == (0 if winner is None else 1 - 2 * winner)
                break
            assert to_play == ply % 2
            assert legal == np.flatnonzero(free).tolist()
            if falls:
                row, column = int((board[:, action] == -1).sum()) - 1, action
            else:
                row, column = divmod(action, shape[1])
            board[row, column] = to_play
            if has_line(board, row, column, length):
                winner = to_play


def flips(board: np.ndarray, row: int, column: int, player: int) -> list[tuple[int, int]]:
    """The stones of the other side that a stone at a cell of Othello turns."""
    turned = []
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            run, y, x = [], row + down, column + right
            while 0 <= y < 8 and 0 <= x < 8 and board[y, x] == 1 - player:
                run.append((y, x))
                y, x = y + down, x + right
            if 0 <= y < 8 and 0 <= x < 8 and board[y, x] == player:
                turned += run
    return turned


@few_or_many(5)
def test_othello_turns_stones(games):
    for record in random_moves(load("othello"), games):
        board = np.full((8, 8), -1)
        board[3, 4] = board[4, 3] = 0
        board[3, 3] = board[4, 4] = 1
        for ply, (_, legal, to_play, value, action) in enumerate(record):
            moves = [
                {8 * y + x: flips(board, y, x, player) for y, x in np.argwhere(board == -1)}
                for player in (0, 1)
            ]
            possible = [[cell for cell, turned in one.items() if turned] for one in moves]
            if not possible[0] and not possible[1]:
                assert legal is None
                assert value == np.sign((board == 0).sum() - (board == 1).sum())
                break
            assert to_play == ply % 2
            assert legal == (possible[to_play] or [64])
            if action != 64:
                board[divmod(action, 8)] = to_play
                for cell in moves[to_play][action]:
                    board[cell] = to_play


@few_or_many(30)
def test_hex_connects_sides(games):
    """Player 0 from top to bottom, player 1 from left to right; there is no draw."""
    size = 5
    for record in random_moves(load(f"hex(board_size={size})"), games):
        board = np.full((size, size), -1)
        for ply, (_, legal, to_play, value, action) in enumerate(record):
            winner = next((p for p in (0, 1) if hex_connected(board, p)), None)
            if winner is not None:
                assert legal is None
                assert value == 1 - 2 * winner
                break
            assert to_play == ply % 2
            assert legal == np.flatnonzero(board.reshape(-1) == -1).tolist()
            board[divmod(action, size)] = to_play


def hex_connected(board: np.ndarray, player: int) -> bool:
    mine = (board if player == 0 else board.T) == player
    size = len(mine)
    todo = [(0, x) for x in range(size) if mine[0, x]]
    seen = set(todo)
    while todo:
        y, x = todo.pop()
        if y == size - 1:
            return True
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, -1), (-1, 1)):
            cell = (y + down, x + right)
            if 0 <= cell[0] < size and 0 <= cell[1] < size and mine[cell] and cell not in seen:
                seen.add(cell)
                todo.append(cell)
    return False


@few_or_many(5)
def test_go_captures_and_counts(games):
    """Stones and area are sgfmill's; suicide is no move, nor is taking back at once (ko).

    Any other board that comes again ends the game, drawn.
    """
    size, komi = 5, 0.5
    game = load(f"go(board_size={size},komi={komi})")
    for record in random_moves(game, games):
        board, seen, passes, again = GoBoard(size), [frozenset()], 0, False
        for ply, (_, legal, to_play, value, action) in enumerate(record):
            if legal is None:
                # After two passes, or after OpenSpiel's limit of twice the board's cells.
                assert again or passes == 2 or ply == game.spec.max_plies == 2 * size * size
                # Black is player 0; sgfmill counts the area of Black less that of White.
                assert value == (0 if again else np.sign(board.area_score() - komi))
                break
            assert to_play == ply % 2
            colour = "bw"[to_play]
            for cell in range(size * size):
                row, column = divmod(cell, size)
                if board.get(row, column) is not None:
                    assert cell not in legal
                    continue
                if ply % 7:  # trying all is slow
                    continue
                tried = board.copy()
                tried.play(row, column, colour)
                alive = tried.get(row, column) == colour
                ko = seen[-2:-1] == [frozenset(tried.list_occupied_points())]
                assert (cell in legal) == (alive and not ko)
            passes = passes + 1 if action == size * size else 0
            if not passes:
                board.play(*divmod(action, size), colour)
                seen.append(frozenset(board.list_occupied_points()))
                again = seen[-1] in seen[:-1]
            else:
                seen.append(seen[-1])


@few_or_many(5)
def test_chess_is_that_of_python_chess(games):
    most = 80
    mates = 0
    for record in random_moves(load("chess", max_plies=most), games):
        board = chess.Board()
        for ply, (position, legal, to_play, value, action) in enumerate(record):
            if legal is None:
                outcome = board.outcome(claim_draw=True)
                if outcome is not None and outcome.winner is not None:
                    mates += 1
                    assert value == (1 if outcome.winner == chess.BLACK else -1)
                else:
                    assert value == 0
                    assert outcome is not None or ply == most
                break
            # Player 0 has the black pieces and moves second.
            assert to_play == (0 if board.turn == chess.BLACK else 1)
            named = sorted(uci(position, one) for one in legal)
            assert named == sorted(move.uci() for move in board.legal_moves)
            board.push_uci(uci(position, action))
    assert mates > 0 or games < 1000
