"""The panel beside the screen of a video: what the agent thought, as a picture.

It shows the score, the Q-value of each action with the chosen one lit, and how the best Q-value
moved lately, with a mark wherever points came. A bar tells how far an action lies behind the best
one: the best is full, and an action is empty if it is as far behind as any action was in the last
`RECENT_STEPS` steps. Q-values differ little compared with their size, so bars from zero would all
look alike.
"""

from collections import deque
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from envs.base import EnvSpec

RECENT_STEPS = 100

# All sizes are in pixels of the video.
MIN_HEIGHT = 384  # of the video; the panel needs it for 18 actions
PANEL_WIDTH = 336
LEFT, RIGHT = 18, PANEL_WIDTH - 18
ROWS_TOP = 100
MAX_ROW_HEIGHT = 26
SPARKLINE_GAP = 28  # between the rows and it, for its label
SPARKLINE_HEIGHTS = (32, 110)  # at least, at most
NAME_WIDTH = 100

BACKGROUND = (18, 21, 27)
LIT = (29, 34, 43)  # behind the chosen action
TRACK = (38, 44, 55)
MUTED = (137, 146, 160)
LABEL = (176, 184, 196)
TEXT = (230, 233, 238)
BAR = (78, 102, 138)
CHOSEN = (240, 180, 76)
DEVIATING = (232, 108, 92)  # chosen though not the best: one of the protocol's random actions
LINE = (96, 188, 174)

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Panel:
    """The dark panel beside the screen; all that never changes is drawn once."""

    def __init__(self, height: int, title: str, spec: EnvSpec) -> None:
        """Lays out a panel of `PANEL_WIDTH` x `height` pixels."""
        least, most = SPARKLINE_HEIGHTS
        rows_space = height - ROWS_TOP - LEFT - SPARKLINE_GAP - least
        self._row = min(MAX_ROW_HEIGHT, rows_space // spec.num_actions)
        rows_bottom = ROWS_TOP + self._row * spec.num_actions
        bottom = min(height - LEFT, rows_bottom + SPARKLINE_GAP + most)
        self._line_box = (LEFT, rows_bottom + SPARKLINE_GAP, RIGHT, bottom)
        font = _font(min(13, self._row - 2))
        self._digits = _draw_digits(font, LABEL, BACKGROUND, self._row)
        self._lit_digits = _draw_digits(font, TEXT, LIT, self._row)
        names = [_fit(name.replace("_", " "), font, NAME_WIDTH) for name in spec.action_names]
        self._bar_left = LEFT + 34 + round(max(font.getlength(name) for name in names))
        self._bar_right = RIGHT - 12 - round(font.getlength("-00.000"))
        self._plain, self._lit = (
            self._draw_static(height, title, names, font, *colours)
            for colours in ((LABEL, BACKGROUND), (TEXT, LIT))
        )
        self._recent: deque[tuple[float, float, float]] = deque(maxlen=RECENT_STEPS)

    def _draw_static(
        self, height: int, title: str, names: list[str], font: Font, colour: Colour, behind: Colour
    ) -> Image.Image:
        """Returns the empty panel, with the rows of all actions in the given colours."""
        image = Image.new("RGB", (PANEL_WIDTH, height), BACKGROUND)
        draw = ImageDraw.Draw(image)
        title_font = _font(14) if _font(14).getlength(title) <= RIGHT - LEFT else _font(11)
        draw.text((LEFT, 28), _fit(title, title_font, RIGHT - LEFT), TEXT, title_font, anchor="ls")
        draw.text((LEFT, ROWS_TOP - 9), "Q-values", MUTED, _font(12), anchor="ls")
        line_label = (LEFT, self._line_box[1] - 8)
        draw.text(line_label, f"best Q, last {RECENT_STEPS} steps", MUTED, _font(12), anchor="ls")
        draw.rectangle(self._line_box, TRACK)
        for i, name in enumerate(names):
            left, top, right, bottom = self._row_box(i)
            draw.rectangle((left, top, right, bottom - 1), behind)
            middle = (top + bottom) / 2
            draw.text((LEFT + 14, middle), str(i), colour, font, anchor="rm")
            draw.text((LEFT + 22, middle), name, colour, font, anchor="lm")
            draw.rectangle(self._bar_box(i, 1.0), TRACK)
        return image

    def _row_box(self, i: int) -> Box:
        top = ROWS_TOP + i * self._row
        return LEFT - 8, top, RIGHT + 8, top + self._row

    def _bar_box(self, i: int, share: float) -> Box:
        _, top, _, bottom = self._row_box(i)
        inset = max(3, self._row // 4)
        right = self._bar_left + round(share * (self._bar_right - self._bar_left))
        return self._bar_left, top + inset, right, bottom - 1 - inset

    def draw(
        self, t: int, score: float, action: int | None, values: npt.NDArray[np.float32]
    ) -> Pixels:
        """Returns `[height, PANEL_WIDTH, 3]`; see `_open_video`."""
        best = float(values.max())
        self._recent.append((best, best - float(values.min()), score))
        spread = max(s for _, s, _ in self._recent)
        image = self._plain.copy()
        draw = ImageDraw.Draw(image)
        draw.text((LEFT - 1, 72), _score_text(score), TEXT, _font(34), anchor="ls")
        clock = f"step {t:,}" if action is not None else f"end, step {t:,}"
        draw.text((RIGHT, 72), clock, MUTED, _font(14), anchor="rs")
        scale = f"full bar {_number_text(spread)}"
        draw.text((RIGHT, ROWS_TOP - 9), scale, MUTED, _font(12), anchor="rs")
        for i, value in enumerate(values.tolist()):
            colour, digits = BAR, self._digits
            if i == action:
                colour, digits = CHOSEN if value == best else DEVIATING, self._lit_digits
                box = self._row_box(i)
                image.paste(self._lit.crop(box), box)
            share = 1 - (best - value) / spread if spread > 0 else 1.0
            draw.rectangle(self._bar_box(i, share), colour)
            right = RIGHT
            for digit in reversed(_number_text(value)):
                right -= digits[digit].width
                image.paste(digits[digit], (right, self._row_box(i)[1]))
        self._draw_line(draw)
        return np.asarray(image)

    def _draw_line(self, draw: ImageDraw.ImageDraw) -> None:
        """Draws the best Q-values of late, newest at the right, over ticks where points came."""
        left, top, right, bottom = self._line_box
        bests = [best for best, _, _ in self._recent]
        scores = [score for _, _, score in self._recent]
        low, high = min(bests), max(bests)
        limits = f"{_number_text(low)} to {_number_text(high)}"
        draw.text((right, top - 8), limits, MUTED, _font(12), anchor="rs")
        pitch = (right - left - 8) / (RECENT_STEPS - 1)
        points = []
        for i, best in enumerate(bests):
            x = right - 4 - pitch * (len(bests) - 1 - i)
            if i > 0 and scores[i] != scores[i - 1]:
                colour = CHOSEN if scores[i] > scores[i - 1] else DEVIATING
                draw.line((x, top, x, bottom), colour)
            height = (best - low) / (high - low) if high > low else 0.5
            points.append((x, bottom - 5 - height * (bottom - top - 10)))
        draw.line(points, LINE, width=2, joint="curve")
        x, y = points[-1]
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), LINE)


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size=size)


def _fit(text: str, font: Font, width: float) -> str:
    """Returns `text`, shortened with an ellipsis if it is wider than `width`."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _draw_digits(font: Font, colour: Colour, behind: Colour, height: int) -> dict[str, Image.Image]:
    """Returns the characters of numbers as pictures: pasting them is much faster than text."""
    digits = {}
    for character in "0123456789.-":
        digits[character] = Image.new("RGB", (round(font.getlength(character)), height), behind)
        draw = ImageDraw.Draw(digits[character])
        draw.text((0, height / 2), character, colour, font, anchor="lm")
    return digits


def _number_text(value: float) -> str:
    """Returns at most six characters or so, made of what `_draw_digits` draws."""
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.0f}"


def _score_text(score: float) -> str:
    return f"{score:,.0f}" if score == round(score) else f"{score:,.2f}"
