"""Experience replay: frames stored once, transitions built when sampled."""

from workbench.replay.replay import Replay, ReplayConfig, replay_bytes
from workbench.replay.sequences import SequenceReplay, sequence_replay_bytes

__all__ = ["Replay", "ReplayConfig", "SequenceReplay", "replay_bytes", "sequence_replay_bytes"]
