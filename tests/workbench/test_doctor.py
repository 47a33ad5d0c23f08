"""What can be trained and is hardly meant."""

import pytest

from workbench.config import SelfPlayConfig
from workbench.doctor import warnings


@pytest.mark.parametrize(
    ("game", "max_plies", "warned"),
    [
        ("othello", 40, True),
        ("mancala", 100, True),
        ("mancala", None, False),
        ("go(board_size=9)", 160, False),  # then 160 is go's own limit, where the board is scored
        ("chess", 300, False),
    ],
)
def test_a_cap_on_a_game_that_is_counted(game: str, max_plies: int | None, warned: bool) -> None:
    env = {"kind": "board", "game": game, "max_plies": max_plies}
    config = SelfPlayConfig.model_validate(
        {"env": env, "agent": {"kind": "alphazero"}, "total_env_steps": 1}
    )
    said = warnings(config)
    assert len(said) == warned
    assert all(f"env.max_plies={max_plies} makes draws" in one for one in said)
