"""A game of go under a GTP controller, which decides who moves and when the game ends."""

from collections.abc import Collection, Sequence
from itertools import chain, zip_longest

from envs.board.base import Position, reach
from envs.board.cells import EMPTY, GTP_COLUMNS, STONES, Square, action_of, cells, squares
from envs.board.loading import trust
from envs.board.openspiel import BoardConfig, OpenSpielGame, Planes
from envs.board.regions import area, regions

Points = Sequence[Sequence[str]]  # as `cells` has them


class GoGame:
    """What has been put on a board and played.

    Attributes:
        rules: OpenSpiel's, with the komi that counts.
        komi: as the controller has set it.
        handicap: how many stones Black was given. From two on White has as many points more, as in
            Chinese rules, OpenSpiel's and GNU Go's.
        positions: after each move; the first is before all.
        moves: who played what.
        to_play: whose turn it is, if nobody says otherwise.
    """

    def __init__(self, size: int, komi: float, planes: Planes) -> None:
        """An empty board; `planes` is what the network sees, see `BoardConfig`."""
        self.size = size
        self._planes: Planes = planes
        self.komi = komi
        self.put(None, 0)

    @property
    def board(self) -> Points:
        """The stones as they stand."""
        return cells(self.positions[-1]) or []

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been put or played."""
        return not self.moves and not any(any(row) for row in self.board)

    def set_komi(self, komi: float) -> None:
        """Plays on with another komi; what was played stays."""
        self.komi = komi
        self._replay()

    def put(self, board: Points | None, to_play: int, handicap: int = 0) -> None:
        """Goes on from a board, None: an empty one, with all that was played before forgotten."""
        self._put = board, to_play
        self.to_play = to_play
        self.handicap = handicap
        self.moves: list[tuple[int, int]] = []
        self._replay()

    def put_handicap(self, where: Collection[Square]) -> None:
        """Gives Black stones; White is to move."""
        board = [[EMPTY] * self.size for _ in range(self.size)]
        for row, column in where:
            board[row][column] = STONES[0]
        self.put(board, 1, len(where))

    def _replay(self) -> None:
        whole_board = self.size**2 + 1.0  # more makes no difference to who wins
        points = self.komi + (self.handicap if self.handicap > 1 else 0)
        rounded = round(min(max(points, -whole_board), whole_board), 3)
        # Without an end where both have not passed.
        name = f"go(board_size={self.size},komi={rounded},max_game_length=1000000)"
        trust(name)  # boards of this size were learned, and a trial of each komi takes seconds
        self.rules = OpenSpielGame(BoardConfig(kind="board", game=name, planes=self._planes))
        board, to_play = self._put
        start = self.rules.start() if board is None else set_up(self.rules, board, to_play)
        self.positions = [start]
        for player, action in self.moves:
            self.positions += self.rules.after([self.turn_of(player)], [action])

    def turn_of(self, player: int) -> Position:
        """Returns the latest position with this player to move.

        Where the rules say something else, the same stones are put on a board without a history.
        """
        position = self.positions[-1]
        status = self.rules.status([position])
        if not status.over[0] and status.to_play[0] == player:
            return position
        return set_up(self.rules, self.board, player)

    def play(self, player: int, vertex: str) -> bool:
        """Plays at a vertex, e.g. `D4` or `PASS`; returns whether that is legal."""
        position = self.turn_of(player)
        action = action_of(self.rules, position, vertex)
        if action is not None:
            self.make(player, position, action)
        return action is not None

    def make(self, player: int, position: Position, action: int) -> None:
        """Plays a legal move in what `turn_of` has returned."""
        self.moves.append((player, action))
        self.to_play = 1 - player
        self.positions += self.rules.after([position], [action])

    def undo(self) -> bool:
        """Takes back a move; returns whether there is one."""
        if not self.moves:
            return False
        self.to_play, _ = self.moves.pop()
        self.positions.pop()
        return True

    def margin(self) -> float:
        """Returns by how many points Black is ahead, every stone on the board being alive."""
        return area(self.board) - self.komi - (self.handicap if self.handicap > 1 else 0)


def vertex_of(square: Square, size: int) -> str:
    """Returns what GTP calls a square, e.g. `D4`."""
    row, column = square
    return f"{GTP_COLUMNS[column].upper()}{size - row}"


def square_of(vertex: str, size: int) -> Square | None:
    """Returns where a vertex is, or None if it is not on the board."""
    column, row = GTP_COLUMNS.find(vertex[:1].lower()), vertex[1:]
    if not (0 <= column < size and row.isascii() and row.isdecimal() and 1 <= int(row) <= size):
        return None
    return size - int(row), column


def fixed_handicap(size: int, stones: int) -> list[Square]:
    """Returns where GTP 2 puts a handicap (section 4.1.1); none where it has no place for it."""
    most = 0 if size < 7 else 4 if size % 2 == 0 or size == 7 else 9
    if not 2 <= stones <= most:
        return []
    edge = 2 if size < 12 else 3  # as GNU Go, the reference of GTP
    low, middle, high = size - 1 - edge, size // 2, edge  # rows, counted from the top
    left, right = edge, size - 1 - edge
    corners = [(low, left), (high, right), (high, left), (low, right)]
    sides = [(middle, left), (middle, right), (high, middle), (low, middle)]
    outer = stones if stones < 5 else stones - stones % 2
    return [*corners, *sides][:outer] + [(middle, middle)] * (stones - outer)


def set_up(game: OpenSpielGame, board: Points, to_play: int) -> Position:
    """Returns a position of go with the stones of `board`, as `cells` has them, and no history.

    No stone is captured on the way: each chain of the finished board has a liberty, and as long as
    stones are missing there are only more. Nor are there two passes in a row, and the last move is
    no pass, which an answer with a pass would make the end: but for an opponent without stones.
    """
    legal = game.status([game.start()]).legal.tolist()
    where = dict(zip(squares(game.start(), legal), legal, strict=True))  # a pass is nowhere
    points = [((y, x), cell) for y, row in enumerate(board) for x, cell in enumerate(row)]
    stones = [[where[(point,)] for point, cell in points if cell == stone] for stone in STONES]
    last = 1 - to_play
    extra = int(last == 0)  # who begins and ends has one turn more
    turns = max(len(stones[last]), len(stones[to_play]) + extra)
    black, white = (
        [where[()]] * (count - len(own)) + own
        for own, count in zip(stones, (turns, turns - extra), strict=True)
    )
    both = chain.from_iterable(zip_longest(black, white))
    return reach(game, [action for action in both if action is not None])


def chains(board: Points) -> list[set[Square]]:
    """Returns all chains of stones."""
    return [region.squares for region in regions(board) if region.kind != EMPTY]


def has_breathless_chain(board: Points) -> bool:
    """Returns whether some chain has no liberty, so that no game could have led there."""
    return any(
        region.kind != EMPTY and EMPTY not in region.border.values() for region in regions(board)
    )
