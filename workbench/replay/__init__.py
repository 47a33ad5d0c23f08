"""Experience replay: every frame stored once, everything else built when sampled."""

from workbench.replay.positions import Learnable, PositionReplay, PositionReplayConfig
from workbench.replay.replay import Replay, ReplayConfig, replay_bytes
from workbench.replay.sequences import SequenceReplay, sequence_replay_bytes

__all__ = [
    "Learnable",
    "PositionReplay",
    "PositionReplayConfig",
    "Replay",
    "ReplayConfig",
    "SequenceReplay",
    "replay_bytes",
    "sequence_replay_bytes",
]
