import numpy as np
import pytest

from envs.base import EnvSpec
from workbench.recording.frame import (
    BACKGROUND,
    BAR,
    CHOSEN,
    DEVIATING,
    MIN_HEIGHT,
    NEGATIVE,
    PANEL_WIDTH,
    POSITIVE,
    RECENT_STEPS,
    STRIP_LABEL_HEIGHT,
    STRIP_UNITS,
    TRACK,
    Gauge,
    MemoryStrip,
    Panel,
    Picture,
    Thought,
    activity_colours,
    shortened,
    text_font,
)

SPEC = EnvSpec("x", 1, (1, 8, 8), 1, ("left", "right", "up"))


def q_values(*values: float) -> Thought:
    return Thought(np.array(values, np.float32))


def probabilities(*policy: float, value: float = 0.5) -> Thought:
    return Thought(np.array([value], np.float32), np.array(policy, np.float32))


def gauge_for(thought: Thought) -> Gauge:
    return Gauge(of_policy=thought.policy is not None)


def bar_lengths(picture: np.ndarray) -> list[dict[tuple[int, ...], int]]:
    """How many pixels of each bar colour and of the empty track there are in each action's row."""
    lengths = []
    for row in range(3):
        pixels = picture[100 + 26 * row + 13]  # through the middle of the row
        counts = {c: int((pixels == c).all(1).sum()) for c in (BAR, CHOSEN, DEVIATING, TRACK)}
        lengths.append({colour: count for colour, count in counts.items() if count})
    return lengths


@pytest.mark.parametrize("num_actions", [1, 2, 3, 9, 17, 18])
@pytest.mark.parametrize("of_policy", [False, True])
def test_the_panel_has_room_for_all_actions(num_actions, of_policy):
    names = tuple(f"quite_a_long_name_of_action_{i}" for i in range(num_actions))
    spec = EnvSpec("x", 1, (1, 8, 8), 1, names)
    panel = Panel(MIN_HEIGHT, "a title " * 9, spec, Gauge(of_policy=of_policy))
    rng = np.random.default_rng(0)
    for t in range(120):
        action = None if t == 119 else int(rng.integers(num_actions))
        values = rng.normal(scale=10.0 ** (t % 5), size=num_actions).astype(np.float32)
        policy = rng.dirichlet(np.ones(num_actions)).astype(np.float32)
        picture = panel.draw(t, -1.5 * t, action, Thought(values, policy if of_policy else None))
        assert picture.shape == (MIN_HEIGHT, PANEL_WIDTH, 3)
    # The margin around everything stays empty.
    background = picture[0, 0]
    assert (picture[-8:] == background).all()
    assert (picture[:, -6:] == background).all()


@pytest.mark.parametrize(
    "thought",
    [q_values(0.5, 0.25, 0), probabilities(0.5, 0.25, 0.25)],
)
def test_the_panel_lights_the_chosen_action_and_no_other(thought):
    panels = [Panel(MIN_HEIGHT, "title", SPEC, gauge_for(thought)) for _ in range(4)]
    drawn = zip(panels, (None, 0, 1, 2), strict=True)
    pictures = [panel.draw(0, 0.0, action, thought).astype(int) for panel, action in drawn]
    changed = [np.abs(picture - pictures[0]).sum((1, 2)).nonzero()[0] for picture in pictures[1:]]
    for i in range(3):
        below_header = {int(y) for y in changed[i] if y >= 100}
        assert below_header
        assert below_header <= set(range(100 + 26 * i, 126 + 26 * i))


def test_bars_of_q_values_tell_how_far_actions_lie_behind_the_best():
    panel = Panel(MIN_HEIGHT, "title", SPEC, Gauge(of_policy=False))
    best, half, worst = bar_lengths(panel.draw(0, 0.0, 0, q_values(7, 6, 5)))
    full = best.pop(CHOSEN)
    assert best == {}
    assert half[BAR] == pytest.approx(full / 2, abs=1)
    assert half[BAR] + half[TRACK] == full
    assert worst == {BAR: 1, TRACK: full - 1}
    # What was full a step ago still measures what comes now: 1 behind is half of the way.
    near = bar_lengths(panel.draw(1, 0.0, 0, q_values(7, 7, 6)))[2]
    assert near[BAR] == pytest.approx(full / 2, abs=1)


def test_bars_of_a_policy_go_from_0_to_1():
    panel = Panel(MIN_HEIGHT, "title", SPEC, Gauge(of_policy=True))
    full = bar_lengths(panel.draw(0, 0.0, None, probabilities(1, 0, 0)))[0][BAR]
    likeliest, other, never = bar_lengths(panel.draw(1, 0.0, 0, probabilities(0.75, 0.25, 0)))
    assert likeliest[CHOSEN] == pytest.approx(0.75 * full, abs=1)
    assert other[BAR] == pytest.approx(0.25 * full, abs=1)
    assert never == {BAR: 1, TRACK: full - 1}


@pytest.mark.parametrize(
    "thought",
    [q_values(0.5, 0.25, 0), probabilities(0.5, 0.25, 0.25)],
)
def test_an_action_that_is_not_the_best_has_a_colour_of_its_own(thought):
    panel = Panel(MIN_HEIGHT, "title", SPEC, gauge_for(thought))
    assert CHOSEN in bar_lengths(panel.draw(0, 0.0, 0, thought))[0]
    lengths = bar_lengths(panel.draw(1, 0.0, 1, thought))
    assert DEVIATING in lengths[1]
    assert BAR in lengths[0]


def test_the_line_of_a_policy_is_the_value_of_the_state():
    gauge = Gauge(of_policy=True)
    assert gauge.read(probabilities(0.5, 0.25, 0.25, value=-3.5)).value == -3.5
    assert Gauge(of_policy=False).read(q_values(1, 4, 2)).value == 4


def test_a_spread_is_forgotten_with_the_steps_that_the_line_shows():
    gauge = Gauge(of_policy=False)
    assert gauge.read(q_values(0, 9, 0)).full_bar == 9
    later = [gauge.read(q_values(0, 2, 0)).full_bar for _ in range(RECENT_STEPS)]
    assert later == [9] * (RECENT_STEPS - 1) + [2]


def test_activity_is_blue_below_zero_dark_at_zero_and_amber_above():
    activity = np.array([0, 1, -1, 5, -5, 0.25, -0.25], np.float32)
    zero, above, below, far_above, far_below, *quarters = activity_colours(activity).tolist()
    assert zero == list(BACKGROUND)
    assert above == far_above == list(POSITIVE)
    assert below == far_below == list(NEGATIVE)
    # The root of 0.25 is half of the way.
    for quarter, full in zip(quarters, (POSITIVE, NEGATIVE), strict=True):
        assert quarter == pytest.approx((np.array(BACKGROUND) + full) / 2, abs=0.5)


def test_the_strip_has_a_column_per_step_with_the_newest_at_the_right():
    strip = MemoryStrip(42, 2)  # ten columns of four pixels, two rows of 64

    def shown(*memory: float) -> list[list[list[int]]]:
        """The colours of the cells, each of one colour throughout: [2][10][3]."""
        picture = strip.draw(np.array(memory, np.float32))
        assert picture.shape == (strip.height, 42, 3) == (STRIP_LABEL_HEIGHT + 128, 42, 3)
        rows = picture[STRIP_LABEL_HEIGHT:]
        assert (rows[:, :2] == BACKGROUND).all()
        cells = rows[:, 2:].reshape(2, 64, 10, 4, 3)
        assert (cells == cells[:, :1, :, :1]).all()
        return cells[:, 0, :, 0].tolist()

    empty, positive, negative = list(TRACK), list(POSITIVE), list(NEGATIVE)
    zero = list(BACKGROUND)
    assert shown(1, -1) == [[empty] * 9 + [positive], [empty] * 9 + [negative]]
    assert shown(0, 1) == [[empty] * 8 + [positive, zero], [empty] * 8 + [negative, positive]]
    for _ in range(8):
        cells = shown(0, 1)
    assert cells == [[positive] + [zero] * 9, [negative] + [positive] * 9]
    assert shown(-1, 1) == [[zero] * 9 + [negative], [positive] * 10]


def test_a_large_memory_shows_its_first_units():
    strip = MemoryStrip(40, 256)
    memory = np.where(np.arange(256) % 2, 1, -1).astype(np.float32)
    newest = strip.draw(memory)[STRIP_LABEL_HEIGHT:, -1]
    pixels = len(newest) // STRIP_UNITS
    assert pixels == 4
    assert newest[::pixels].tolist() == [list(NEGATIVE), list(POSITIVE)] * (STRIP_UNITS // 2)


@pytest.mark.parametrize(
    ("screen", "num_units", "expected"),
    [
        ((288, 288), None, (384, 288)),
        ((288, 288), 256, (288 + 152, 288)),
        ((128, 128), None, (384, 384)),
        ((210, 160), None, (420, 320)),
        ((210, 160), 256, (420 + 152, 320)),
        ((375, 375), 256, (376 + 152, 376)),  # both sides made even
        ((100, 50), 1, (400 + 152, 200)),
    ],
)
def test_only_a_memory_makes_the_picture_higher(screen, num_units, expected):
    memory = None if num_units is None else np.ones(num_units, np.float32)
    thought = q_values(1, 2, 3)._replace(memory=memory)
    picture = Picture((*screen, 3), "title", SPEC, thought)
    height, width = expected
    assert picture.shape == (height, width + PANEL_WIDTH, 3)
    drawn = picture.draw(np.full((*screen, 3), 200, np.uint8), 0, 0.0, 1, thought)
    assert drawn.shape == picture.shape
    top = 48 if expected == (384, 288) else 0
    shown = round(400 / screen[0]) * np.array(screen)
    assert (drawn[top : top + shown[0], : shown[1]] == 200).all()
    newest = drawn[-1, shown[1] - 1].tolist()
    if memory is not None:
        assert newest == list(POSITIVE)
    else:
        assert newest == ([200] * 3 if top == 0 else list(BACKGROUND))


def test_names_of_actions_that_begin_alike_are_told_apart():
    """Crafter's, of which six are make_wood_pickaxe, make_wood_sword and so on."""
    names = [
        f"make {what} {tool}" for what in ("wood", "stone", "iron") for tool in ("pickaxe", "sword")
    ]
    font = text_font(13)
    shown = [shortened(name, font, 100) for name in names]
    assert len(set(shown)) == 6
    assert max(font.getlength(name) for name in shown) <= 100
    assert shortened("go(board_size=9,komi=7.5)  step 640,000", font, 150).endswith("640,000")
