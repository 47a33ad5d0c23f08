"""The board symmetries of a game: proven for that very game, or not claimed."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Turn = npt.NDArray[np.int64]
# A false turn is found by its first game that differs: in legal moves or planes after any move, or
# in when it ends and who wins. Most differ at the start, or where the first piece falls. The others
# see other lines or sides, and so end games differently; with a quarter of all games ending so, one
# false turn in a hundred would outlive 16 games. Long games are fewer, for each has many moves.
GAMES, PLIES = 16, 1_000


# What runs from before there were proofs were taught, whatever the game's parameters. In all of
# these games action i is a move to cell i, whatever further actions (pass, ...) they have.
SYMMETRIES = {
    "tic_tac_toe": "all",
    "mnk": "all",
    "gomoku": "all",
    "go": "all",
    "othello": "diagonal",  # a quarter turn of the first position is not a position of Othello
    "hex": "half",
    "connect_four": "mirror",
}


class Symmetries(NamedTuple):
    """K symmetries, the first of which changes nothing; see `GameSpec`."""

    cells: Turn  # [K, H * W]
    actions: Turn  # [K, A]


def claimed(family: str, board: tuple[int, int], num_actions: int) -> Symmetries:
    """Returns the symmetries that a game's name, `family`, promised before there were proofs."""
    height, width = board
    kind = SYMMETRIES.get(family)
    grid = np.arange(height * width).reshape(board)
    turned = {
        None: [grid],
        "mirror": [grid, grid[:, ::-1]],
        "half": [grid, grid[::-1, ::-1]],
        "diagonal": [grid, grid[::-1, ::-1], grid.T, grid[::-1, ::-1].T],
        "all": [np.rot90(side, quarter) for side in (grid, grid.T) for quarter in range(4)],
    }[kind if height == width or kind in (None, "mirror", "half") else "half"]
    cells = np.stack([side.reshape(-1) for side in turned])
    actions = np.tile(np.arange(num_actions), (len(cells), 1))
    if kind == "mirror":
        actions[1] = actions[1, ::-1]
    elif kind is not None:
        actions[:, : cells.shape[1]] = cells
    return Symmetries(cells, actions)


def proven(
    start: Callable[[], Any],
    observe: Callable[[Any], npt.NDArray[np.uint8]],
    board: tuple[int, int],
    num_actions: int,
) -> Symmetries:
    """Returns those of the eight turns of a rectangle under which a game was played the same.

    Args:
        start: returns a fresh `pyspiel.State` that is ours to change.
        observe: returns `[C, H * W]`, what a position shows to its side to move or, at the end, to
            player 0.
        board: `(H, W)`.
        num_actions: A. Where turns are found, action i places a piece in cell i, or in column i.
    """
    candidates = {turn[0].tobytes(): turn for turn in _candidates(board, num_actions)}
    first = next(iter(candidates))
    held = {first: candidates[first]}
    for key, (cells, actions) in candidates.items():
        if key not in held and _holds(start, observe, cells, actions):
            held[key] = cells, actions
            _close(held)
    kept_cells, kept_actions = zip(*(held[key] for key in candidates if key in held), strict=True)
    return Symmetries(np.stack(kept_cells), np.stack(kept_actions))


def _candidates(board: tuple[int, int], num_actions: int) -> Iterator[tuple[Turn, Turn]]:
    """Yields turns of the cells, each with what they may do to actions; first no change at all."""
    height, width = board
    grid = np.arange(height * width).reshape(board)
    for side in (grid, grid.T):
        for quarter in range(4):
            turned = np.rot90(side, quarter)
            if turned.shape != board:  # its sides would change places
                continue
            if num_actions >= grid.size:
                actions = np.arange(num_actions)
                actions[: grid.size] = turned.reshape(-1)
                yield turned.reshape(-1), actions
            elif num_actions == width:
                yield turned.reshape(-1), turned[0] % width
            elif (turned == grid).all():
                yield turned.reshape(-1), np.arange(num_actions)


def _close(held: dict[bytes, tuple[Turn, Turn]]) -> None:
    """Adds what two symmetries do one after the other, which needs no proof."""
    while True:
        both = [
            (one[0][other[0]], one[1][other[1]]) for one in held.values() for other in held.values()
        ]
        new = {cells.tobytes(): (cells, actions) for cells, actions in both}
        if new.keys() <= held.keys():
            return
        held |= {key: turn for key, turn in new.items() if key not in held}


def _holds(
    start: Callable[[], Any],
    observe: Callable[[Any], npt.NDArray[np.uint8]],
    cells: Turn,
    actions: Turn,
) -> bool:
    """Returns whether random games, turned move by move, are the same games."""
    rng, inverse, plies = np.random.default_rng(0), np.argsort(actions), 0

    def alike(one: Any, other: Any) -> bool:
        legal = np.array(one.legal_actions(), np.int64)
        return bool(
            one.is_terminal() == other.is_terminal()
            and (not one.is_terminal() or one.returns() == other.returns())
            and np.sort(inverse[legal]).tolist() == other.legal_actions()
            and one.current_player() == other.current_player()
            and np.array_equal(observe(one)[:, cells], observe(other))
        )

    for _ in range(GAMES):
        position, turned = start(), start()
        while alike(position, turned) and not position.is_terminal():
            legal = position.legal_actions()
            move = legal[int(rng.integers(len(legal)))]
            position.apply_action(move)
            turned.apply_action(int(inverse[move]))
            plies += 1
        if not position.is_terminal() or not alike(position, turned):
            return False
        if plies >= PLIES:
            break
    return True
