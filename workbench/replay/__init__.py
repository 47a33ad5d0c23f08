"""Experience replay. Every frame is stored once; batches are built when they are sampled."""

from workbench.replay.positions import (
    Learnable,
    PositionReplay,
    PositionReplayConfig,
    position_replay_bytes,
)
from workbench.replay.replay import Replay, ReplayConfig, replay_bytes, ring_bytes
from workbench.replay.sequences import SequenceReplay, sequence_replay_bytes

__all__ = [
    "Learnable",
    "PositionReplay",
    "PositionReplayConfig",
    "Replay",
    "ReplayConfig",
    "SequenceReplay",
    "position_replay_bytes",
    "replay_bytes",
    "ring_bytes",
    "sequence_replay_bytes",
]
