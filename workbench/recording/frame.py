"""One frame of a video: the screen, the memory's activity below, and a panel beside it.

The panel shows the score, a row per action with the chosen one lit, and a line of how the value
moved lately, with a mark wherever points came. What the rows and the line mean is said by a gauge:
Q-values, or a policy and the value of the state.

The memory strip has a column per step, the newest at the right, and a row per unit, blue below
zero, dark at zero and amber above. A large memory shows its first `STRIP_UNITS` units: the units of
a recurrent layer come in no order, so these are a fair sample, each row is one and the same unit
all along, and nothing jumps as a choice or a mean of units would. The scale never changes, so
videos can be compared: the square root of the activity, full at ±1, which an LSTM's never exceeds.
"""

from collections import deque
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from agents.base import Array
from envs.base import EnvSpec

RECENT_STEPS = 100

# All sizes are in pixels of the video.
SCREEN_HEIGHT = 400  # the screen is enlarged by the integer that brings it nearest to this
MIN_HEIGHT = 384  # of the video; the panel needs it for 18 actions
PANEL_WIDTH = 336
LEFT, RIGHT = 18, PANEL_WIDTH - 18
ROWS_TOP = 100
MAX_ROW_HEIGHT = 26
SPARKLINE_GAP = 28  # between the rows and it, for its label
SPARKLINE_HEIGHTS = (32, 110)  # at least, at most
NAME_WIDTH = 100
STRIP_LABEL_HEIGHT = 24
STRIP_ROWS_HEIGHT = 128  # of all rows
STRIP_UNITS = 32  # rows of four pixels: of two, colour at half resolution blurs them
STRIP_COLUMN = 4
STRIP_MARGIN = 6  # around the words

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
POSITIVE, NEGATIVE = CHOSEN, (84, 150, 246)  # told apart by the colour-blind too

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Thought(NamedTuple):
    """What an actor thought at one step of one env."""

    values: Array  # [A] Q-value of each action, or [1] the value of the state
    policy: Array | None = None  # [A] probability of each action; None: `values` are Q-values
    memory: Array | None = None  # [H] activity of each unit; None: the actor remembers nothing


class Reading(NamedTuple):
    """What the panel shows of a thought."""

    numbers: Array  # [A] beside the bars; the largest is the best action's
    shares: Array  # [A] how full the bars are, from 0 to 1
    full_bar: float  # what a full bar stands for
    value: float  # the next point of the line


class Gauge:
    """Says what the rows of actions and the line show.

    With a policy they are its probabilities, in bars from 0 to 1, and the value of the state.
    Q-values differ little compared with their size: bars from zero would look alike. So a bar tells
    how far an action lies behind the best one: the best is full, and an action is empty if it is as
    far behind as any action was in the last `RECENT_STEPS` steps.
    """

    def __init__(self, *, of_policy: bool) -> None:
        """Has read nothing yet."""
        self.rows_label, self.line_label = (
            ("Policy", "value") if of_policy else ("Q-values", "best Q")
        )
        self._spreads: deque[float] = deque(maxlen=RECENT_STEPS)

    def read(self, thought: Thought) -> Reading:
        """Is called once a step, in order."""
        if thought.policy is not None:
            return Reading(thought.policy, thought.policy, 1.0, float(thought.values[0]))
        values, best = thought.values, float(thought.values.max())
        self._spreads.append(best - float(values.min()))
        full_bar = max(self._spreads)
        shares = 1 - (best - values) / full_bar if full_bar > 0 else np.ones_like(values)
        return Reading(values, shares, full_bar, best)


class ScreenBox(NamedTuple):
    """Where the screen of the game is in a video's frame, and the frame's size, in pixels."""

    left: int
    top: int
    width: int
    height: int
    frame_width: int
    frame_height: int


def screen_box(screen: tuple[int, int], memory_units: int | None) -> ScreenBox:
    """Returns where a screen `(H, W)` is; `memory_units` None: the actor remembers nothing."""
    factor = max(1, round(SCREEN_HEIGHT / screen[0]))
    height, width = factor * screen[0], factor * screen[1]
    content = height + (0 if memory_units is None else strip_height(memory_units))
    frame_height = max(MIN_HEIGHT, _even(content))
    top = (frame_height - content) // 2
    return ScreenBox(0, top, width, height, _even(width) + PANEL_WIDTH, frame_height)


class Picture:
    """The frame of a video; its layout follows from the screen and the first thought.

    `shape` is `(H, W, 3)` with even sides; `screen` tells where the screen is.
    """

    def __init__(
        self, screen_shape: tuple[int, ...], title: str, spec: EnvSpec, thought: Thought
    ) -> None:
        """`screen_shape` is `(H, W, 3)`."""
        units = None if thought.memory is None else len(thought.memory)
        self.screen = screen_box((screen_shape[0], screen_shape[1]), units)
        self._strip = None if units is None else MemoryStrip(self.screen.width, units)
        self.shape = self.screen.frame_height, self.screen.frame_width, 3
        self._canvas = np.full(self.shape, BACKGROUND, np.uint8)
        gauge = Gauge(of_policy=thought.policy is not None)
        self._panel = Panel(self.screen.frame_height, title, spec, gauge)

    def draw(
        self, screen: Pixels, t: int, score: float, action: int | None, thought: Thought
    ) -> Pixels:
        """Returns an array of `shape`; the next call draws over it.

        Args:
            screen: `[H, W, 3]` RGB.
            t: env_steps so far.
            score: the raw score so far.
            action: what is done now; None: nothing, as it has ended.
            thought: of the actor, now.
        """
        _, top, width, height, *_ = self.screen
        bottom = top + height
        enlarged = Image.fromarray(screen).resize((width, height), Image.Resampling.NEAREST)
        self._canvas[top:bottom, :width] = np.asarray(enlarged)
        if self._strip is not None and thought.memory is not None:
            below = _even(bottom)
            end = below + self._strip.height
            self._canvas[below:end, :width] = self._strip.draw(thought.memory)
        self._canvas[:, -PANEL_WIDTH:] = self._panel.draw(t, score, action, thought)
        return self._canvas


def _even(length: int) -> int:
    """H.264 with 4:2:0 colour needs even sides."""
    return length + length % 2


def strip_height(num_units: int) -> int:
    """Returns how high the strip of a memory of `num_units` is, in pixels."""
    shown = min(num_units, STRIP_UNITS)
    return STRIP_LABEL_HEIGHT + STRIP_ROWS_HEIGHT // (2 * shown) * 2 * shown


class MemoryStrip:
    """What the memory did lately, under the screen."""

    def __init__(self, width: int, num_units: int) -> None:
        """Lays out a strip of `width` pixels for a memory of `num_units`."""
        self._shown, self.height = min(num_units, STRIP_UNITS), strip_height(num_units)
        self._row = (self.height - STRIP_LABEL_HEIGHT) // self._shown
        num_steps = width // STRIP_COLUMN
        self._cells = np.full((self._shown, num_steps, 3), TRACK, np.uint8)
        self._picture = np.full((self.height, width, 3), BACKGROUND, np.uint8)
        self._picture[:STRIP_LABEL_HEIGHT] = self._draw_label(width, num_steps)

    def _draw_label(self, width: int, num_steps: int) -> Pixels:
        """Returns `[STRIP_LABEL_HEIGHT, width, 3]`: words on the left, a key on the right."""
        image = Image.new("RGB", (width, STRIP_LABEL_HEIGHT), BACKGROUND)
        draw, font, y = ImageDraw.Draw(image), text_font(12), STRIP_LABEL_HEIGHT - 8
        draw.text((STRIP_MARGIN, y), f"memory, last {num_steps} steps", MUTED, font, anchor="ls")
        key = activity_colours(np.linspace(-1, 1, 32, dtype=np.float32))
        right = width - STRIP_MARGIN
        left = right - round(font.getlength("1")) - 4 - len(key)
        draw.text((right, y), "1", MUTED, font, anchor="rs")
        draw.text((left - 4, y), "-1", MUTED, font, anchor="rs")
        for i, colour in enumerate(key.tolist()):
            draw.line((left + i, y - 8, left + i, y - 1), tuple(colour))
        return np.asarray(image)

    def draw(self, memory: Array) -> Pixels:
        """Returns `[height, width, 3]`; the next call draws over it. `memory` is `[H]`."""
        self._cells[:, :-1] = self._cells[:, 1:]
        self._cells[:, -1] = activity_colours(memory[: self._shown])
        rows = self._cells.repeat(self._row, axis=0).repeat(STRIP_COLUMN, axis=1)
        self._picture[STRIP_LABEL_HEIGHT:, -rows.shape[1] :] = rows
        return self._picture


def activity_colours(activity: Array) -> Pixels:
    """Returns `[H, 3]`, the colours of activities `[H]`: `BACKGROUND` at 0, full from ±1 on."""
    strength = np.sqrt(np.abs(activity).clip(max=1))[:, None]
    full = np.where(activity[:, None] > 0, POSITIVE, NEGATIVE)
    colours: Pixels = np.rint(BACKGROUND + strength * (full - BACKGROUND)).astype(np.uint8)
    return colours


class Panel:
    """The dark panel beside the screen; all that never changes is drawn once."""

    def __init__(self, height: int, title: str, spec: EnvSpec, gauge: Gauge) -> None:
        """Lays out a panel of `PANEL_WIDTH` x `height` pixels."""
        self._gauge = gauge
        least, most = SPARKLINE_HEIGHTS
        rows_space = height - ROWS_TOP - LEFT - SPARKLINE_GAP - least
        self._row = min(MAX_ROW_HEIGHT, rows_space // spec.num_actions)
        rows_bottom = ROWS_TOP + self._row * spec.num_actions
        bottom = min(height - LEFT, rows_bottom + SPARKLINE_GAP + most)
        self._line_box = (LEFT, rows_bottom + SPARKLINE_GAP, RIGHT, bottom)
        font = text_font(min(13, self._row - 2))
        looks = (LABEL, BACKGROUND), (TEXT, LIT)  # of a row, and of that of the chosen action
        self._digits, self._lit_digits = (_draw_digits(font, *look, self._row) for look in looks)
        names = [shortened(name.replace("_", " "), font, NAME_WIDTH) for name in spec.action_names]
        self._bar_left = LEFT + 34 + round(max(font.getlength(name) for name in names))
        self._bar_right = RIGHT - 12 - round(font.getlength("-00.000"))
        empty = (self._draw_static(height, title, names, font, *look) for look in looks)
        self._plain, self._lit = empty
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT_STEPS)

    def _draw_static(
        self, height: int, title: str, names: list[str], font: Font, colour: Colour, behind: Colour
    ) -> Image.Image:
        """Returns the empty panel, with the rows of all actions in the given colours."""
        image = Image.new("RGB", (PANEL_WIDTH, height), BACKGROUND)
        draw = ImageDraw.Draw(image)
        heading = text_font(14) if text_font(14).getlength(title) <= RIGHT - LEFT else text_font(11)
        draw.text((LEFT, 28), shortened(title, heading, RIGHT - LEFT), TEXT, heading, anchor="ls")
        draw.text((LEFT, ROWS_TOP - 9), self._gauge.rows_label, MUTED, text_font(12), anchor="ls")
        line_label = (LEFT, self._line_box[1] - 8)
        words = f"{self._gauge.line_label}, last {RECENT_STEPS} steps"
        draw.text(line_label, words, MUTED, text_font(12), anchor="ls")
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

    def draw(self, t: int, score: float, action: int | None, thought: Thought) -> Pixels:
        """Returns `[height, PANEL_WIDTH, 3]`; see `Picture.draw`."""
        numbers, shares, full_bar, value = self._gauge.read(thought)
        self._recent.append((value, score))
        image = self._plain.copy()
        draw = ImageDraw.Draw(image)
        draw.text((LEFT - 1, 72), _score_text(score), TEXT, text_font(34), anchor="ls")
        clock = f"step {t:,}" if action is not None else f"end, step {t:,}"
        draw.text((RIGHT, 72), clock, MUTED, text_font(14), anchor="rs")
        scale = f"full bar {_number_text(full_bar)}"
        draw.text((RIGHT, ROWS_TOP - 9), scale, MUTED, text_font(12), anchor="rs")
        for i, number in enumerate(numbers.tolist()):
            colour, digits = BAR, self._digits
            if i == action:
                colour = CHOSEN if number == numbers.max() else DEVIATING
                digits = self._lit_digits
                box = self._row_box(i)
                image.paste(self._lit.crop(box), box)
            draw.rectangle(self._bar_box(i, float(shares[i])), colour)
            right = RIGHT
            for digit in reversed(_number_text(number)):
                right -= digits[digit].width
                image.paste(digits[digit], (right, self._row_box(i)[1]))
        self._draw_line(draw)
        return np.asarray(image)

    def _draw_line(self, draw: ImageDraw.ImageDraw) -> None:
        """Draws the values of late, newest at the right, over ticks where points came."""
        left, top, right, bottom = self._line_box
        values, scores = zip(*self._recent, strict=True)
        low, high = min(values), max(values)
        limits = f"{_number_text(low)} to {_number_text(high)}"
        draw.text((right, top - 8), limits, MUTED, text_font(12), anchor="rs")
        pitch = (right - left - 8) / (RECENT_STEPS - 1)
        points = []
        for i, value in enumerate(values):
            x = right - 4 - pitch * (len(values) - 1 - i)
            if i > 0 and scores[i] != scores[i - 1]:
                colour = CHOSEN if scores[i] > scores[i - 1] else DEVIATING
                draw.line((x, top, x, bottom), colour)
            height = (value - low) / (high - low) if high > low else 0.5
            points.append((x, bottom - 5 - height * (bottom - top - 10)))
        draw.line(points, LINE, width=2, joint="curve")
        x, y = points[-1]
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), LINE)


@cache
def text_font(size: int) -> Font:
    """Returns the font of all labels, `size` pixels high."""
    return ImageFont.load_default(size=size)


def shortened(text: str, font: Font, width: float) -> str:
    """Returns `text` without so much of its middle that it is no wider than `width`.

    Names that begin alike, and titles with a step at their end, are told apart by their ends.
    """
    kept, short = len(text), text
    while kept and font.getlength(short) > width:
        kept -= 1
        short = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return short


def _draw_digits(font: Font, colour: Colour, behind: Colour, height: int) -> dict[str, Image.Image]:
    """Returns the characters of numbers as pictures: pasting them is much faster than text."""
    digits = {}
    for character in "0123456789.-":
        size = round(font.getlength(character)), height
        digits[character] = image = Image.new("RGB", size, behind)
        ImageDraw.Draw(image).text((0, height / 2), character, colour, font, anchor="lm")
    return digits


def _number_text(value: float) -> str:
    """Returns at most six characters or so, made of what `_draw_digits` draws."""
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.0f}"


def _score_text(score: float) -> str:
    return f"{score:,.0f}" if score == round(score) else f"{score:,.2f}"
