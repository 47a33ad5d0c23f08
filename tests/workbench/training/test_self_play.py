"""Games that ended leave nothing behind: not in the trees, nor in the replay, nor in the rules."""

import gc

import psutil
import pytest
import torch

from tests.end_to_end.configs import BOARD
from workbench.config import SelfPlayConfig
from workbench.training.self_play import SelfPlayLoop

MIB = 2**20
KEPT_BYTES = 1_000  # per game, at most: a twentieth of what a game has
SETTLED_GAMES = 300  # by then pools, buffers and the replay are as large as they will be
CONFIG = BOARD | {
    "env": {"kind": "board", "game": "connect_four(rows=4,columns=5)", "num_games": 64},
    "agent": BOARD["agent"] | {"batch_size": 32, "resignation": {}},
    "replay": {"capacity_positions": 2_000},
    "learning_starts_positions": 100,
    "samples_per_position": 0.5,
    "total_env_steps": 10**9,
    "anchors": [],
    "ladder_games": 0,
}


@pytest.mark.parametrize(
    "games",
    [pytest.param(600, id="few"), pytest.param(10_000, marks=pytest.mark.slow, id="many")],
)
def test_memory_stays_flat(games):
    loop = SelfPlayLoop(SelfPlayConfig.model_validate(CONFIG), torch.device("cpu"))
    process, before, ended = psutil.Process(), 0, 0
    for progress in loop.iterations():
        ended += len(progress.games)
        if not before and ended >= SETTLED_GAMES:
            gc.collect()
            before = process.memory_info().rss
        if ended >= SETTLED_GAMES + games:
            break
    loop.close()
    gc.collect()
    # The allocator's own steps are 3 MiB, and 8 in 20,000 games. A game that stayed would be the
    # positions of its trees: about 16 plies of 12 nodes of 100 bytes.
    grown = process.memory_info().rss - before
    assert grown < 4 * MIB + games * KEPT_BYTES, f"{grown / MIB:.1f} MiB more"
