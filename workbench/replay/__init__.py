"""Experience replay. Every frame is stored once; batches are built at sampling time."""

from workbench.replay.positions import Learnable, PositionReplay, position_replay_bytes
from workbench.replay.replay import Replay
from workbench.replay.ring import Ring, RingSize, ring_size
from workbench.replay.sequences import SequenceReplay, replay_bytes

__all__ = [
    "Learnable",
    "PositionReplay",
    "Replay",
    "Ring",
    "RingSize",
    "SequenceReplay",
    "position_replay_bytes",
    "replay_bytes",
    "ring_size",
]
