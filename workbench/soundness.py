"""What gives away, in numbers, how self-play is known to fail."""

import numpy as np

from agents.alphazero import AlphaZero
from envs.board.base import GameSpec
from workbench.replay.positions import PositionReplay, turned

POSITIONS = 1_000


def soundness(
    agent: AlphaZero, spec: GameSpec, replay: PositionReplay, held_out: PositionReplay
) -> dict[str, float]:
    """Returns numbers of the latest positions, or nothing as long as there are none.

    - `distinct_positions`: the share of different ones; low where one line is played for ever;
    - `window_loss`, `held_out_loss`: of what is learned from, and of games that never are; far
      apart where the network learns by heart;
    - `symmetry_gap`: between the highest and the lowest value of a position however it is turned,
      on average; high where positions are not turned while learning.
    """
    if not replay.added or not held_out.added:
        return {}
    # Equally old: a network knows less of the latest games than of those it has long learned from.
    span = round(POSITIONS * replay.added / held_out.added)
    known, unknown = replay.spread(POSITIONS, span), held_out.spread(POSITIONS, POSITIONS)
    obs = known.obs.numpy()
    values = [
        agent.evaluate(turned(spec, obs, np.full(len(obs), turn)))[1]
        for turn in range(len(spec.symmetric_cells))
    ]
    return {
        "distinct_positions": len(np.unique(obs.reshape(len(obs), -1), axis=0)) / len(obs),
        "window_loss": agent.loss(known),
        "held_out_loss": agent.loss(unknown),
        "symmetry_gap": float(np.ptp(values, axis=0).mean()),
    }
