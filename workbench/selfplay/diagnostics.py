"""Metrics for the known failure modes of self-play."""

from collections.abc import Mapping

import numpy as np

from agents.alphazero import AlphaZero
from agents.search import value_of
from envs.board.base import GameSpec
from workbench.replay.positions import PositionReplay, turned

POSITIONS = 1_000
FEW_DISTINCT_POSITIONS, LEARNED_BY_HEART, MANY_REJECTIONS = 0.5, 0.5, 5


def diagnose(
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
        value_of(agent.evaluate(turned(spec, obs, np.full(len(obs), symmetry)))[1])
        for symmetry in range(len(spec.symmetric_cells))
    ]
    return {
        "distinct_positions": len(np.unique(obs.reshape(len(obs), -1), axis=0)) / len(obs),
        "window_loss": agent.loss(known),
        "held_out_loss": agent.loss(unknown),
        "symmetry_gap": float(np.ptp(values, axis=0).mean()),
    }


def alarms(facts: Mapping[str, float]) -> list[str]:
    """Returns a sentence for each failure that `facts` give away, with what to do about it."""
    said = []
    distinct = facts.get("distinct_positions", 1.0)
    if distinct < FEW_DISTINCT_POSITIONS:
        said.append(
            f"self-play repeats itself, only {distinct:.0%} of its positions are distinct: raise "
            "agent.random_plies or agent.temperature_plies"
        )
    gap = facts.get("held_out_loss", 0.0) - facts.get("window_loss", 0.0)
    if gap > LEARNED_BY_HEART:
        said.append(
            f"games are learned by heart, the loss of games held out is higher by {gap:.2f}: lower "
            "samples_per_position"
        )
    rejections = facts.get("gate_rejected_in_a_row", 0)
    if rejections >= MANY_REJECTIONS:
        said.append(
            f"the gate has rejected the network {rejections:.0f} times in a row: raise gate.games, "
            "or go without (gate=null)"
        )
    return said
