"""Experience replay. Every frame is stored once; batches are built at sampling time."""

from workbench.replay.positions import (
    Learnable,
    PositionReplay,
    position_replay_bytes,
)
from workbench.replay.replay import Replay, replay_bytes, ring_bytes
from workbench.replay.sequences import SequenceReplay, sequence_replay_bytes

__all__ = [
    "Learnable",
    "PositionReplay",
    "Replay",
    "SequenceReplay",
    "position_replay_bytes",
    "replay_bytes",
    "ring_bytes",
    "sequence_replay_bytes",
]
