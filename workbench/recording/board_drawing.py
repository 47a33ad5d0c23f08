"""Draws a board as a picture: pieces, the last move, and where the search went.

The last move is marked yellow, or ringed where stones hide the cell. The violet of a cell is the
fuller, the more of the search's visits went to placing a piece there; moves from cell to cell are
arrows.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from math import cos, hypot, pi, sin, sqrt
from pathlib import Path
from typing import NamedTuple

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from envs.board.cells import EMPTY, STONES, Square
from envs.board.games import STARS, contrast, facts_of, rgb
from workbench.recording.board_names import coordinates
from workbench.recording.frame import BACKGROUND, MUTED, TEXT, TRACK, Colour, text_font

# All sizes are in pixels of the video.
BOARD_SIDE = 480
SMOOTH = 2  # the board is drawn this much larger, then shrunk: Pillow's circles are jagged
MARGIN = 30  # around the board, for the names of rows and columns
HAND_HEIGHT = 26
WORDY_PITCH = 34  # cells of this size have room for their share of the visits
MAX_ARROWS = 8

HEAT = (170, 84, 244)
LAST, INK, LIGHT, DARK = map(rgb, ("last", "ink", "light", "dark"))
BLACK, WHITE = map(rgb, ("black", "white"))

Box = tuple[float, float, float, float]
Point = tuple[float, float]


class Side(NamedTuple):
    """How a player is called and what colour its pieces have."""

    name: str
    colour: Colour


CHESSMEN = dict(zip("kqrbnp", "♚♛♜♝♞♟", strict=True))


class Move(NamedTuple):
    """A move that the search looked at."""

    name: str
    visits: int
    squares: tuple[Square, ...]  # see `envs.board.cells.squares`


class Board(NamedTuple):
    """What stands on a board."""

    family: str  # OpenSpiel's name of the game without parameters
    cells: list[list[str]]  # see `envs.board.cells.cells`
    hands: tuple[str, str]  # what each player holds beside the board
    last: tuple[Square, ...] = ()  # where the last move happened


def sides_of(family: str) -> tuple[Side, Side]:
    """Returns player 0 and player 1 of a game."""
    sides, colours = facts_of(family).sides, facts_of(family).colours
    return Side(sides[0], rgb(colours[0])), Side(sides[1], rgb(colours[1]))


def draw_board(board: Board, moves: Sequence[Move]) -> Image.Image:
    """Returns a picture of `BOARD_SIDE` x `BOARD_SIDE` pixels; `moves`: most visited first."""
    return _Drawing(board, moves).image.reduce(SMOOTH)


class _Drawing:
    """Draws a board, `SMOOTH` times as large, into `image`."""

    def __init__(self, board: Board, moves: Sequence[Move]) -> None:
        self._board, self._facts = board, (facts := facts_of(board.family))
        self._moves, self._total = moves, sum(move.visits for move in moves)
        self._colours = [rgb(colour) for colour in facts.colours]
        self._height, self._width = height, width = len(board.cells), len(board.cells[0])
        self._all = [(row, column) for row in range(height) for column in range(width)]
        self._in_hex, self._on_points = facts.cells == "hexagons", facts.cells == "points"
        # In units of the pitch. A hexagon stands on a corner, and each row starts half further.
        size = (float(width), float(height))
        if self._in_hex:
            size = width + (height - 1) / 2, (3 * height + 1) / sqrt(12)
        side = SMOOTH * BOARD_SIDE
        margin = SMOOTH * (MARGIN + (HAND_HEIGHT if facts.hands else 0))
        self._pitch = (side - 2 * margin) / max(size)
        self._left, self._top = ((side - self._pitch * length) / 2 for length in size)
        self.image = Image.new("RGB", (side, side), BACKGROUND)
        self._draw = ImageDraw.Draw(self.image, "RGBA")

        self._draw_ground()
        self._draw_labels()
        self._draw_hands()
        if facts.cells == "squares":
            for square in board.last:
                self._draw.polygon(self._corners(*square), (*LAST, 130))
        self._draw_heat()
        for square in self._all:
            self._draw_piece(square)
        self._draw_arrows()

    def _middle(self, row: int, column: int) -> Point:
        x, y = column + 0.5, row + 0.5
        if self._in_hex:
            x, y = column + 0.5 + row / 2, (3 * row + 2) / sqrt(12)
        return self._left + self._pitch * x, self._top + self._pitch * y

    def _corners(self, row: int, column: int) -> list[Point]:
        """Returns the corners of a cell clockwise; a hexagon's begin at the top."""
        count, reach, turn = (6, 1 / sqrt(3), -pi / 2) if self._in_hex else (4, sqrt(0.5), -pi / 4)
        x, y = self._middle(row, column)
        angles = [turn + 2 * pi * corner / count for corner in range(count)]
        reach *= self._pitch
        return [(x + reach * cos(angle), y + reach * sin(angle)) for angle in angles]

    def _disc(self, square: Square, share: float) -> Box:
        """Returns the box around a circle whose diameter is this share of a cell's side."""
        (x, y), radius = self._middle(*square), self._pitch * share / 2
        return x - radius, y - radius, x + radius, y + radius

    def _draw_ground(self) -> None:
        ground = self._facts.ground
        is_ruled = self._in_hex or (self._facts.cells == "squares" and ground is not None)
        for row, column in self._all:
            chequered = DARK if (row + column) % 2 else LIGHT
            colour = chequered if ground is None else TRACK if ground == "plain" else rgb(ground)
            edge = BACKGROUND if is_ruled else colour
            self._draw.polygon(self._corners(row, column), colour, edge)
            if self._facts.cells == "holes":
                self._draw.ellipse(self._disc((row, column), 0.82), BACKGROUND)
        if self._on_points:
            bottom, right = self._height - 1, self._width - 1
            ends = [((row, 0), (row, right)) for row in range(self._height)]
            ends += [((0, column), (bottom, column)) for column in range(self._width)]
            for start, end in ends:
                self._draw.line((*self._middle(*start), *self._middle(*end)), INK, SMOOTH)
            stars = STARS.get(self._height, ()) if self._facts.stars else ()
            for row in stars:
                for column in stars:
                    self._draw.ellipse(self._disc((row, column), 0.16), INK)
        if self._in_hex:
            self._draw_goals()

    def _draw_goals(self) -> None:
        """Draws which edges each side joins: player 0 top and bottom, player 1 left and right."""
        for row, column in self._all:
            corners = self._corners(row, column)
            top, upper_right, lower_right, bottom, lower_left, upper_left = corners
            edges: list[tuple[bool, int, list[Point]]] = [
                (column == 0, 1, [upper_left, lower_left] + [bottom] * (row < self._height - 1)),
                (column == self._width - 1, 1, [top] * (row > 0) + [upper_right, lower_right]),
                (row == 0, 0, [upper_left, top, upper_right]),
                (row == self._height - 1, 0, [lower_left, bottom, lower_right]),
            ]
            for on_edge, player, points in edges:
                if on_edge:
                    self._draw.line(points, self._colours[player], 5 * SMOOTH, joint="curve")

    def _draw_labels(self) -> None:
        columns, rows = coordinates(self._board.family, self._height, self._width)
        font, gap = text_font(15 * SMOOTH), SMOOTH * MARGIN / 2
        for column, label in enumerate(columns):
            x, _ = self._middle(0, column)
            self._draw.text((x, self._top - gap), label, MUTED, font, anchor="mm")
        for row, label in enumerate(rows):
            x, y = self._middle(row, 0)
            self._draw.text((x - self._pitch / 2 - gap, y), label, MUTED, font, anchor="mm")

    def _draw_hands(self) -> None:
        """Draws a player's hand at the edge that it plays from."""
        gap = SMOOTH * MARGIN / 2
        edges = (gap, self.image.height - gap)[:: 1 if self._facts.below == 1 else -1]
        for hand, y in zip(self._board.hands, edges, strict=True):
            words = f"in hand: {hand}" if hand else ""
            self._draw.text((self._left, y), words, TEXT, text_font(18 * SMOOTH), anchor="lm")

    def _draw_heat(self) -> None:
        """Fills the squares where pieces may be placed, by how often that was tried."""
        visits: Counter[Square] = Counter()  # in shogi many kinds may be placed on one square
        for move in self._moves:
            if len(move.squares) == 1:
                visits[move.squares[0]] += move.visits
        for square, count in visits.items():
            share = count / self._total
            colour = (*HEAT, _opacity(share))
            if self._facts.cells in ("points", "holes"):
                self._draw.ellipse(self._disc(square, 0.82), colour)
            else:
                self._draw.polygon(self._corners(*square), colour)
            if share >= 0.01 and self._pitch >= SMOOTH * WORDY_PITCH:
                font = text_font(round(min(self._pitch * 0.38, SMOOTH * 24)))
                words, middle = f"{100 * share:.0f}", self._middle(*square)
                self._draw.text(middle, words, WHITE, font, "mm", stroke_width=4, stroke_fill=BLACK)

    def _draw_piece(self, square: Square) -> None:
        content, pieces = self._board.cells[square[0]][square[1]], self._facts.pieces
        if content in STONES:
            draw = self._draw_mark if pieces == "marks" else self._draw_stone
            draw(square, STONES.index(content))
        elif content != EMPTY:
            (self._draw_tile if pieces == "shogi" else self._draw_chessman)(square, content)

    def _draw_stone(self, square: Square, player: int) -> None:
        self._draw.ellipse(self._disc(square, 0.82), self._colours[player], BLACK, SMOOTH)
        if square in self._board.last:
            ring = rgb(contrast(self._facts.colours[player]))
            self._draw.ellipse(self._disc(square, 0.42), None, ring, round(self._pitch / 24))

    def _draw_mark(self, square: Square, player: int) -> None:
        left, top, right, bottom = self._disc(square, 0.6)
        width, colour = round(self._pitch / 9), self._colours[player]
        if player == 1:
            self._draw.ellipse((left, top, right, bottom), None, colour, width)
        else:
            self._draw.line((left, top, right, bottom), colour, width)
            self._draw.line((left, bottom, right, top), colour, width)

    def _draw_chessman(self, square: Square, letter: str) -> None:
        colour, edge = (WHITE, BLACK) if letter.isupper() else (BLACK, WHITE)
        font, figure = dejavu("DejaVuSans", round(self._pitch * 0.8)), CHESSMEN[letter.lower()]
        middle = self._middle(*square)
        self._draw.text(middle, figure, colour, font, "mm", stroke_width=SMOOTH, stroke_fill=edge)

    def _draw_tile(self, square: Square, letter: str) -> None:
        """Draws a piece of shogi: it points away from its owner."""
        mine = letter.isupper()
        colour, ink = (BLACK, WHITE) if mine else (WHITE, BLACK)
        x, y = self._middle(*square)
        reach = 0.44 * self._pitch * (1 if mine else -1)
        outline = [(0, -1), (0.7, -0.65), (0.85, 1), (-0.85, 1), (-0.7, -0.65)]
        points = [(x + reach * across, y + reach * along) for across, along in outline]
        self._draw.polygon(points, colour, INK, SMOOTH)
        font = text_font(round(self._pitch * (0.52 if len(letter) == 1 else 0.46)))
        middle = x, y + 0.12 * reach
        if len(letter) > 1:
            ink = rgb("promoted-on-black" if mine else "promoted-on-white")
        self._draw.text(middle, letter.upper(), ink, font, "mm")

    def _draw_arrows(self) -> None:
        """Draws the moves of pieces that were tried most, the best one on top."""
        moved = [move for move in self._moves if len(move.squares) == 2][:MAX_ARROWS]
        for move in reversed(moved):
            share = move.visits / self._total
            start, end = (self._middle(*square) for square in move.squares)
            half = self._pitch * (0.04 + 0.08 * share)
            self._draw.polygon(_arrow(start, end, half), (*HEAT, _opacity(share)))


def _opacity(share: float) -> int:
    """Rises steeply at first: among hundreds of moves a tenth of the visits is much."""
    return round(50 + 190 * sqrt(share))


def _arrow(start: Point, end: Point, half: float) -> list[Point]:
    """Returns the outline of an arrow whose shaft is `2 * half` wide."""
    (x, y), length = start, hypot(end[0] - start[0], end[1] - start[1])
    along = (end[0] - x) / length, (end[1] - y) / length
    neck = length - 4 * half
    outline = [(0, half), (neck, half), (neck, 3 * half), (length, 0)]
    outline += [(far, -side) for far, side in reversed(outline[:3])]
    return [
        (x + far * along[0] - side * along[1], y + far * along[1] + side * along[0])
        for far, side in outline
    ]


@cache
def dejavu(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Returns a font that matplotlib brings along; Pillow's own has no chessmen."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    return ImageFont.truetype(path, size)
