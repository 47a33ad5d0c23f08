import numpy as np
import pytest

from envs.base import EnvSpec
from workbench.panel import MIN_HEIGHT, PANEL_WIDTH, Panel


@pytest.mark.parametrize("num_actions", [1, 2, 9, 17, 18])
def test_the_panel_has_room_for_all_actions(num_actions):
    names = tuple(f"quite_a_long_name_of_action_{i}" for i in range(num_actions))
    panel = Panel(MIN_HEIGHT, "a title " * 9, EnvSpec("x", 1, (1, 8, 8), 1, names))
    rng = np.random.default_rng(0)
    for t in range(120):
        action = None if t == 119 else int(rng.integers(num_actions))
        values = rng.normal(scale=10.0 ** (t % 5), size=num_actions).astype(np.float32)
        picture = panel.draw(t, -1.5 * t, action, values)
        assert picture.shape == (MIN_HEIGHT, PANEL_WIDTH, 3)
    # The margin around everything stays empty.
    background = picture[0, 0]
    assert (picture[-8:] == background).all()
    assert (picture[:, -6:] == background).all()


def test_the_panel_lights_the_chosen_action_and_no_other():
    spec = EnvSpec("x", 1, (1, 8, 8), 1, ("left", "right"))
    values = np.array([0.5, 0.25], np.float32)
    panels = [Panel(MIN_HEIGHT, "title", spec) for _ in range(3)]
    drawn = zip(panels, (None, 0, 1), strict=True)
    pictures = [panel.draw(0, 0.0, action, values).astype(int) for panel, action in drawn]
    changed = [np.abs(picture - pictures[0]).sum((1, 2)).nonzero()[0] for picture in pictures[1:]]
    rows = [set(range(100, 126)), set(range(126, 152))]
    for i in range(2):
        below_header = {int(y) for y in changed[i] if y >= 100}
        assert below_header
        assert below_header <= rows[i]
