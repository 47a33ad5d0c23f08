"""How a game ended, in its players' terms; `docs/endings.md` has the rules.

OpenSpiel says that a game is over and who won, but not why. Most families have one way to win and
one to draw, which the table of games names; the others are told from the last position, in the
order in which OpenSpiel's own rules ask (version 2.0.2).
"""

import re
from collections.abc import Sequence
from itertools import product

from envs.board.base import Position
from envs.board.cells import EMPTY, STONES, cells, family, in_a_row, points
from envs.board.games import PLY_LIMIT as PLY_LIMIT
from envs.board.games import facts_of
from envs.board.regions import STRAIGHT, STRAIGHT_AND_SLANTING, area, regions

MAX_PLIES = "max_plies"  # of a config: the rules would have gone on
RULES = "rules"  # of a game that is not known here
# What decided nothing in the game itself: tables count such games.
LIMITS = (MAX_PLIES, PLY_LIMIT)

NUMBERS = {3: "three", 4: "four", 5: "five", 6: "six"}
HILL = ((3, 3), (3, 4), (4, 3), (4, 4))
QUIET_PLIES = 100  # of the fifty-move rule, which OpenSpiel makes a draw without a claim
PENTAGO_CELLS = 36


def ending(position: Position) -> str:
    """Returns what ended the game in this position, where a player has the move or none has."""
    if not position.is_terminal():
        return PLY_LIMIT if _at_limit(position) else MAX_PLIES
    name, won = family(position), position.returns()[0] != 0
    match name:
        case "chess" | "crazyhouse" | "antichess":
            return _of_chess(position, won)
        case "shogi":
            return _of_shogi(position, won)
        case "go" | "cursor_go":
            return _of_go(position, won)
        case "lines_of_action":
            return _of_lines_of_action(position)
        case "othello":
            full = all(EMPTY not in row for row in cells(position) or ())
            return "board full" if full else "no moves left"
        case "breakthrough":  # player 0 goes down the board as it is printed
            board = cells(position) or []
            reached = STONES[0] in board[-1] if position.returns()[0] > 0 else STONES[1] in board[0]
            return "last row reached" if reached else "no pieces left"
        case "checkers" if won:
            loser = "+*" if position.returns()[0] > 0 else "o8"
            left = any(piece in loser for row in _rows(position) for piece in row[1:])
            return "no moves left" if left else "no pieces left"
        case "nine_mens_morris":
            ((first, second),) = re.findall(r"Num men: (\d+) (\d+)", str(position))
            few = min(int(first), int(second)) < 3
            return PLY_LIMIT if not won else "fewer than three men" if few else "no moves left"
        case "oware":
            return _of_oware(position)
        case "xiangqi":
            return _of_xiangqi(position, won)
        case "hive" if not won:
            return PLY_LIMIT if _at_limit(position) else "both queens surrounded"
        case "pentago" if not won:
            full = position.move_number() == PENTAGO_CELLS
            return "board full" if full else "five in a row of both"
    count, facts = in_a_row(position), facts_of(name)
    if won and count is not None:
        return f"{NUMBERS.get(count, count)} in a row"
    return (facts.won if won else facts.drawn) or RULES


def _at_limit(position: Position) -> bool:
    return int(position.move_number()) >= int(position.get_game().max_game_length())


def _of_chess(position: Position, won: bool) -> str:
    """OpenSpiel asks for material, repetition, moves and the clock, in this order."""
    placement, _, _, _, clock, _ = str(position).split()
    name, parameters = family(position), position.get_game().get_parameters()
    pieces = [letter for letter in placement.partition("[")[0] if letter.isalpha()]
    if name == "antichess":
        if won:
            left = {letter.isupper() for letter in pieces}
            return "no pieces left" if len(left) == 1 else "stalemate"
        return "fifty-move rule" if int(clock) >= QUIET_PLIES else "threefold repetition"
    if won:
        winner, board = "kK"[int(position.returns()[0] < 0)], cells(position) or []
        on_hill = any(board[row][column] == winner for row, column in HILL)
        return "king of the hill" if parameters.get("king_of_hill") and on_hill else "checkmate"
    if name == "chess" and _is_dead(cells(position) or []):
        return "insufficient material"
    if position.is_repetition_draw():
        return "threefold repetition"
    if not position.board().has_legal_moves():
        return "stalemate"
    return "fifty-move rule" if int(clock) >= QUIET_PLIES else "insufficient material"


def _is_dead(board: Sequence[Sequence[str]]) -> bool:
    """Returns whether no sequence of moves can mate: a minor piece, or bishops of one colour."""
    pieces = {
        at: cell.lower() for at, cell in points(board).items() if cell not in (EMPTY, "k", "K")
    }
    kinds, colours = set(pieces.values()), {sum(at) % 2 for at in pieces}
    one_minor = len(pieces) < 2 and kinds <= {"b", "n"}
    return one_minor or (kinds == {"b"} and len(colours) == 1)


def _of_shogi(position: Position, won: bool) -> str:
    if position.is_repetition_end():
        return "perpetual check" if won else "fourfold repetition"
    if not won:
        return "impasse"  # both kings are in the other's camp
    if position.board().has_legal_moves(False):
        return "entering king"
    return "checkmate" if position.in_check() else "no moves left"


def _of_go(position: Position, won: bool) -> str:
    """Two passes or a limit have the board scored; a board that was there before draws."""
    if family(position) == "cursor_go":  # where a repeated board draws once both have passed
        return "two passes" if won else "superko"
    passed = position.get_game().get_parameters()["board_size"] ** 2
    if position.history()[-2:] == [passed, passed]:
        return "two passes"
    if won or not _at_limit(position):
        return PLY_LIMIT if won else "superko"
    # A draw: the board was there before, or it is scored as one where the rules stop.
    before, boards = position.get_game().new_initial_state(), []
    for action in position.history():
        boards.append(cells(before))
        before.apply_action(action)
    return "superko" if cells(position) in boards else PLY_LIMIT


def _of_lines_of_action(position: Position) -> str:
    result = position.returns()[0]
    if not result:
        return PLY_LIMIT if _at_limit(position) else "twofold repetition"
    winner, board = STONES[int(result < 0)], cells(position) or []
    groups = [group for group in regions(board, STRAIGHT_AND_SLANTING) if group.kind == winner]
    return "connected" if len(groups) == 1 else "no moves left"


def _of_oware(position: Position) -> str:
    """OpenSpiel gives each side what is in its houses at every end, so the last move tells."""
    *before, _ = boards = _oware_boards(position)
    houses, scores, player = boards[-2]
    total, half = sum(houses) + sum(scores), len(houses) // 2
    row = range((1 - player) * half, (2 - player) * half)  # the opponent's houses
    at = house = position.history()[-1] + player * half
    sown, seeds = [*houses], houses[house]
    sown[house] = 0
    while seeds:
        at = (at + 1) % len(sown)
        if at != house:  # which stays empty
            sown[at] += 1
            seeds -= 1
    captured = []
    while at in row and sown[at] in (2, 3):
        captured.append(at)
        at -= 1
    scores = [*scores]
    if sum(sown[i] for i in row) > sum(sown[i] for i in captured):  # no grand slam
        scores[player] += sum(sown[i] for i in captured)
    if 2 * max(scores) > total or 2 * min(scores) == total:
        return "most seeds captured"
    return "repetition" if (sown, scores, 1 - player) in before else "no moves left"


def _oware_boards(position: Position) -> list[tuple[list[int], list[int], int]]:
    """Returns the houses in the order of sowing, the scores and who is to move, of each ply."""
    at, boards = position.get_game().new_initial_state(), []
    for action in [*position.history(), None]:
        lines = str(at).splitlines()
        upper, lower = (
            [int(seeds) for seeds in line.split()]
            for line in lines
            if re.fullmatch(r"[\d ]+", line)
        )
        scores = [int(score) for score in re.findall(r"score = (\d+)", str(at))][::-1]
        boards.append((lower + upper[::-1], scores, at.current_player()))
        if action is not None:
            at.apply_action(action)
    return boards


def _rows(position: Position) -> list[str]:
    return [line for line in str(position).splitlines() if re.match(r"\d", line)]


def margin(position: Position) -> float:
    """Returns by how many points Black leads in go, as OpenSpiel scores it.

    White is given the komi, and beside it a point for each of Black's handicap stones.
    """
    parameters = position.get_game().get_parameters()
    stones = int(parameters["handicap"])
    return area(cells(position) or []) - float(parameters["komi"]) - stones * (stones > 1)


def _of_xiangqi(position: Position, won: bool) -> str:
    """Whoever cannot move has lost, also where its general is not attacked."""
    if not won:
        return PLY_LIMIT
    board = [line.ljust(9, ".")[:9] for line in str(position).splitlines()[:10]]
    loser_is_red = position.returns()[0] < 0
    return "checkmate" if _attacked(board, red=loser_is_red) else "stalemate"


def _attacked(board: Sequence[str], *, red: bool) -> bool:
    """Returns whether a general of xiangqi is in check; upper case is Red, below."""
    theirs = str.lower if red else str.upper
    grid = points(board)
    ((row, column),) = [square for square, cell in grid.items() if cell == "gG"[red]]

    def at(y: int, x: int) -> str:
        return grid.get((row + y, column + x), "#")

    for dy, dx in STRAIGHT:
        line = [at(far * dy, far * dx) for far in range(1, len(board))]
        first, second = [cell for cell in [*line, "#", "#"] if cell != "."][:2]
        if first == theirs("R") or second == theirs("C") or (dx == 0 and first == theirs("G")):
            return True
    forward = -1 if red else 1  # where the other side's soldiers come from
    if theirs("S") in (at(forward, 0), at(0, 1), at(0, -1)):
        return True
    # A horse goes one step straight and one slanting: what stands beside it in the way blocks it.
    jumps = [jump for jump in product((-2, -1, 1, 2), repeat=2) if sum(map(abs, jump)) == 3]
    return any(
        at(dy, dx) == theirs("H") and at(dy - int(dy / 2), dx - int(dx / 2)) == "."
        for dy, dx in jumps
    )
