"""Experience replay: frames stored once, transitions built when sampled."""

from workbench.replay.replay import Replay, ReplayConfig, replay_bytes

__all__ = ["Replay", "ReplayConfig", "replay_bytes"]
