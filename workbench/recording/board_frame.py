"""One frame of a board game's video: the board, and the search's view of it alongside.

The panel shows the most visited moves, what the players can expect, and how that changed from ply
to ply. All stays readable where the picture is as narrow as a phone.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from envs.board.base import BoardGame, Position, reach
from envs.board.cells import TERMINAL_COLOUR, board_text, cells, family, hands, squares
from workbench.recording import frame as style
from workbench.recording.board_drawing import (
    BOARD_SIDE,
    HEAT,
    MARGIN,
    Board,
    Move,
    Side,
    dejavu,
    draw_board,
    sides_of,
)
from workbench.recording.board_names import move_name
from workbench.recording.frame import Font, Pixels, ScreenBox, shortened, text_font

# All sizes are in pixels of the video.
PANEL_WIDTH = 320
SHAPE = BOARD_SIDE, BOARD_SIDE + PANEL_WIDTH, 3
SCREEN = ScreenBox(0, 0, BOARD_SIDE, BOARD_SIDE, SHAPE[1], SHAPE[0])
LEFT, RIGHT = 8, PANEL_WIDTH - 18
ROWS_TOP, ROW_HEIGHT, MAX_ROWS = 124, 29, 6
BARS = LEFT + 104, RIGHT - 56
VALUE_TOP, VALUE_BOTTOM = 340, 358
CURVE = LEFT, 396, RIGHT, BOARD_SIDE - 16
SHORTEST_CURVE = 16  # plies that fill its width, at least
LARGEST_TEXT, SMALLEST_TEXT = 36, 6


class Frame(NamedTuple):
    """What a picture shows of a position, and of the search for a move from there."""

    title: str
    board: Board | None  # None: it is not known how to draw it, and `text` is shown
    text: str
    ply: int
    to_play: int
    result: float | None  # player 0's, once the game is over
    moves: Sequence[Move]  # as people call them, most visited first
    values: Sequence[float]  # player 0's, from -1 to 1: of each position so far, this one last


def frame_of(
    game: BoardGame,
    position: Position,
    *,
    title: str,
    visits: Mapping[int, int],
    values: Sequence[float],
) -> Frame:
    """Returns what to draw of a position.

    Args:
        game: the rules, of OpenSpiel.
        position: where the game stands.
        title: the first line.
        visits: how often the search tried each action from here; empty where there was none.
        values: player 0's, one for each position so far, this one last. May be empty. Where the
            game is over, its result is added to them.
    """
    history, name, board, size = game.history(position), family(position), None, None
    if (content := cells(position)) is not None:
        # Only the position before the last move can tell where it happened.
        last = squares(reach(game, history[:-1]), history[-1:])[0] if history else ()
        board, size = Board(name, content, hands(position), last), (len(content), len(content[0]))
    status = game.status([position])
    result = float(status.value[0]) if status.over[0] else None
    actions = sorted((action for action in visits if visits[action]), key=lambda a: -visits[a])
    return Frame(
        title=title,
        board=board,
        text=board_text(position),
        ply=len(history),
        to_play=int(status.to_play[0]),
        result=result,
        moves=[
            Move(move_name(name, game.action_name(position, a), where, size), visits[a], where)
            for a, where in zip(actions, squares(position, actions), strict=True)
        ],
        values=[*values] if result is None else [*values, result],
    )


def draw(frame: Frame) -> Pixels:
    """Returns `SHAPE`, uint8 RGB; its sides are even, as H.264 needs."""
    picture = Image.new("RGB", (SHAPE[1], SHAPE[0]), style.BACKGROUND)
    if frame.board is None:
        _draw_text(ImageDraw.Draw(picture), frame.text)
    else:
        picture.paste(draw_board(frame.board, frame.moves))
    picture.paste(_draw_panel(frame), (BOARD_SIDE, 0))
    return np.asarray(picture)


def _draw_text(draw: ImageDraw.ImageDraw, text: str) -> None:
    """Draws a board that only its text tells, as large as there is room for."""
    text = re.sub(TERMINAL_COLOUR, "", text).rstrip()
    columns = max(map(len, text.splitlines()), default=1)
    largest, room = dejavu("DejaVuSansMono", LARGEST_TEXT), BOARD_SIDE - 2 * MARGIN
    _, top, _, bottom = draw.multiline_textbbox((0, 0), text, largest)
    share = room / max(columns * largest.getlength("m"), bottom - top)
    font = dejavu("DejaVuSansMono", max(SMALLEST_TEXT, int(LARGEST_TEXT * min(1, share))))
    draw.multiline_text((BOARD_SIDE / 2, BOARD_SIDE / 2), text, style.TEXT, font, "mm")


def _draw_panel(frame: Frame) -> Image.Image:
    sides = sides_of("" if frame.board is None else frame.board.family)
    image = Image.new("RGB", (PANEL_WIDTH, BOARD_SIDE), style.BACKGROUND)
    draw = ImageDraw.Draw(image)
    font = text_font(18) if text_font(18).getlength(frame.title) <= RIGHT - LEFT else text_font(14)
    draw.text((LEFT, 34), shortened(frame.title, font, RIGHT - LEFT), style.TEXT, font, "ls")
    draw.text((RIGHT, 72), f"ply {frame.ply}", style.LABEL, text_font(18), "rs")
    if frame.result is None:
        words, side = "to move", sides[frame.to_play]
    else:
        side = sides[0] if frame.result > 0 else sides[1]
        words = "won" if frame.result else "Draw"
    if frame.result != 0:
        draw.ellipse((LEFT, 56, LEFT + 18, 74), side.colour, style.LABEL)
        words = f"{side.name} {words}"
    draw.text((LEFT + 26 * (frame.result != 0), 72), words, style.TEXT, text_font(20), "ls")
    _draw_moves(draw, frame.moves)
    if frame.values:
        _draw_value(draw, frame.values[-1], sides)
        _draw_curve(draw, frame.values, sides[0].name)
    return image


def _draw_moves(draw: ImageDraw.ImageDraw, moves: Sequence[Move]) -> None:
    """Draws a bar for each of the most visited moves: a full bar is all visits."""
    if not moves:
        return
    total, font = sum(move.visits for move in moves), text_font(18)
    draw.text((LEFT, ROWS_TOP - 10), "most visited", style.MUTED, text_font(16), "ls")
    draw.text((RIGHT, ROWS_TOP - 10), f"{total:,} visits", style.MUTED, text_font(16), "rs")
    left, right = BARS
    names = told_apart([move.name for move in moves[:MAX_ROWS]], font, left - LEFT - 6)
    for i, (move, name) in enumerate(zip(moves, names, strict=False)):
        share, middle = move.visits / total, ROWS_TOP + (i + 0.5) * ROW_HEIGHT
        colour = style.TEXT if i == 0 else style.LABEL
        draw.text((LEFT, middle), name, colour, font, "lm")
        draw.rectangle((left, middle - 7, right, middle + 7), style.TRACK)
        draw.rectangle((left, middle - 7, left + share * (right - left), middle + 7), HEAT)
        draw.text((RIGHT, middle), f"{100 * share:.0f} %", colour, font, "rm")


def told_apart(names: Sequence[str], font: Font, width: float) -> list[str]:
    """Returns names that are no wider than that, and still differ where there is room for it.

    Words with which all begin go first, then what is in the middle of a name.
    """
    if all(font.getlength(name) <= width for name in names):
        return list(names)
    split, alike = [name.split(" ") for name in names], 0
    if len(names) > 1:
        firsts = zip(*(words[:-1] for words in split), strict=False)
        alike = sum(1 for _ in takewhile(lambda words: len(set(words)) == 1, firsts))
    ends = [" ".join(words[alike:]) for words in split]
    return [shortened(f"…{end}" if alike else end, font, width) for end in ends]


def _draw_value(draw: ImageDraw.ImageDraw, value: float, sides: tuple[Side, Side]) -> None:
    """Draws what each side can expect: a win counts 1, a draw a half."""
    share = (1 + value) / 2
    border = LEFT + share * (RIGHT - LEFT)
    for (name, colour), part, x, anchor, box in (
        (sides[0], share, LEFT, "ls", (LEFT, VALUE_TOP, border, VALUE_BOTTOM)),
        (sides[1], 1 - share, RIGHT, "rs", (border, VALUE_TOP, RIGHT, VALUE_BOTTOM)),
    ):
        draw.text(
            (x, VALUE_TOP - 8), f"{name} {100 * part:.0f} %", style.LABEL, text_font(16), anchor
        )
        draw.rectangle(box, colour)
    draw.rectangle((LEFT, VALUE_TOP, RIGHT, VALUE_BOTTOM), None, style.MUTED)


def _draw_curve(draw: ImageDraw.ImageDraw, values: Sequence[float], name: str) -> None:
    left, top, right, bottom = CURVE
    draw.text((left, top - 8), f"{name}'s chances, ply by ply", style.MUTED, text_font(16), "ls")
    draw.rectangle(CURVE, style.TRACK)
    middle, reach = (top + bottom) / 2, (bottom - top) / 2 - 5
    draw.line((left, middle, right, middle), style.MUTED)
    step = (right - left - 10) / max(len(values) - 1, SHORTEST_CURVE)
    points = [(left + 5 + step * ply, middle - reach * value) for ply, value in enumerate(values)]
    draw.line(points, style.LINE, 3, "curve")
    x, y = points[-1]
    draw.ellipse((x - 4, y - 4, x + 4, y + 4), style.LINE)
