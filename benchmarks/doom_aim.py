"""How much can be scored in ViZDoom's basic scenario: a marksman who is told where the monster is.

It moves sideways until the monster stands behind the middle of the screen, and shoots; where that
is comes from ViZDoom's labels, which no agent sees. So its score is about what an agent that sees
perfectly can reach with the same frame skip. Several widths of "the middle" are tried.

    python benchmarks/doom_aim.py [--episodes 200]

Takes about a minute.
"""

import argparse
from contextlib import closing
from tempfile import TemporaryDirectory
from typing import Any

import gymnasium
import numpy as np
import vizdoom.gymnasium_wrapper  # noqa: F401  (registers the scenarios)
from side_by_side import show

from workbench.evaluation.intervals import mean95

FRAME_SKIP = 4
# The monster's middle is at most this many of its widths from the screen's: then it is shot at.
AIMS = (0.2, 0.35, 0.5, 0.65)
NO_MONSTER = {"DoomPlayer", "BulletPuff", "Blood"}


def play(env: gymnasium.Env, aim: float, episodes: int) -> list[float]:
    """Returns the return of each episode."""
    unwrapped: Any = env.unwrapped
    game = unwrapped.game
    press = {
        button.name: next(
            action for action, pressed in enumerate(unwrapped.button_map) if pressed[i]
        )
        for i, button in enumerate(game.get_available_buttons())
    }
    returns = []
    for seed in range(episodes):
        env.reset(seed=2**30 + seed)
        episode_return, ended = 0.0, False
        while not ended:
            monsters = [x for x in game.get_state().labels if x.object_name not in NO_MONSTER]
            button = "ATTACK"
            if monsters:
                monster = monsters[0]
                right_of_middle = monster.x + monster.width / 2 - game.get_screen_width() / 2
                if abs(right_of_middle) > aim * monster.width:
                    button = "MOVE_RIGHT" if right_of_middle > 0 else "MOVE_LEFT"
            _, reward, terminated, truncated, _ = env.step(press[button])
            episode_return += float(reward)
            ended = terminated or truncated
        returns.append(episode_return)
    return returns


def row(aim: float, returns: list[float]) -> tuple[str, ...]:
    interval = mean95(returns)
    shown = "none" if interval is None else f"[{interval.low:.1f}, {interval.high:.1f}]"
    return f"{aim:g}", f"{np.mean(returns):.1f}", shown, f"{min(returns):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--episodes", type=int, default=200)
    args = parser.parse_args()
    env = gymnasium.make("VizdoomBasic-v1", frame_skip=FRAME_SKIP, max_buttons_pressed=1)
    unwrapped: Any = env.unwrapped
    unwrapped.game.set_labels_buffer_enabled(True)
    with TemporaryDirectory() as settings, closing(env):  # the game writes its settings at its end
        unwrapped.game.set_doom_config_path(f"{settings}/doom.ini")
        rows = [row(aim, play(env, aim, args.episodes)) for aim in AIMS]
    show(
        f"VizdoomBasic-v1, frame skip {FRAME_SKIP}: a marksman who is told where the monster is",
        ("shoots within, in widths of the monster", "mean return", "95% interval", "worst"),
        rows,
        (f"{args.episodes} episodes each",),
    )


if __name__ == "__main__":
    main()
