"""Games of go from SGF files, read by sgfmill."""

from pathlib import Path

from sgfmill import sgf

from envs.board.cells import EMPTY, STONES
from envs.board.openspiel import Planes
from workbench.engines.go_game import GoGame, has_breathless_chain, vertex_of

MAX_BYTES = 10_000_000
COLOURS = {"b": 0, "w": 1}


def load_sgf(path: Path, size: int, komi: float, planes: Planes, before_move: int | None) -> GoGame:
    """Returns the game of a file, along its first variation, with whose turn it then is.

    Args:
        path: of the file.
        size: the only board that will do.
        komi: if the file has none.
        planes: what the network sees, see `BoardConfig`.
        before_move: the moves from this one on are left out; None: all are played.

    Raises:
        ValueError: it cannot be read, has another size, or a move in it is illegal.
    """
    root, nodes, handicap, file_komi = _read(path, size)
    game = GoGame(size, komi if file_komi is None else file_komi, planes)
    number = 0
    for node in nodes:
        if node.has_setup_stones():
            black, white, none = node.get_setup_stones()
            board = [list(row) for row in game.board]
            for points, kind in ((none, EMPTY), (black, STONES[0]), (white, STONES[1])):
                for row, column in points:
                    board[size - 1 - row][column] = kind
            if has_breathless_chain(board):
                raise ValueError("stones without a liberty are put on the board")
            given = node is root and handicap > 1
            game.put(board, 1 if given else game.to_play, handicap if given else game.handicap)
        if node.has_property("PL"):
            game.to_play = COLOURS[node.get("PL")]
        colour, point = node.get_move()
        if colour is None:
            continue
        number += 1
        if before_move is not None and number >= before_move:
            game.to_play = COLOURS[colour]
            break
        vertex = "PASS" if point is None else vertex_of((size - 1 - point[0], point[1]), size)
        if not game.play(COLOURS[colour], vertex):
            raise ValueError(f"move {number}, {vertex}, is illegal")
    return game


def _read(path: Path, size: int) -> tuple[sgf.Tree_node, list[sgf.Tree_node], int, float | None]:
    """Returns the root, the nodes of the first variation, the handicap, and the komi."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES:,} bytes")
        record = sgf.Sgf_game.from_bytes(path.read_bytes())
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None
    except (UnicodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    root = record.get_root()
    kind = root.get("GM") if root.has_property("GM") else 1
    if kind != 1:
        raise ValueError(f"its game is number {kind}, not 1, go")
    if record.get_size() != size:
        raise ValueError(f"its board has size {record.get_size()}, this network knows {size} only")
    komi = record.get_komi() if root.has_property("KM") else None
    return root, record.get_main_sequence(), record.get_handicap() or 0, komi
