"""One short loop per data regime: the regimes are the architecture."""

from pathlib import Path

import torch

from workbench.config import OffPolicyConfig, OnPolicyConfig, TrainConfig
from workbench.loops.base import Loop
from workbench.loops.off_policy import OffPolicyLoop
from workbench.loops.on_policy import OnPolicyLoop
from workbench.loops.self_play import SelfPlayLoop


def make_loop(config: TrainConfig, device: torch.device, directory: Path | None) -> Loop:
    """Returns the loop in which the configured agent learns, with everything that it needs.

    Args:
        config: resolved.
        device: where the networks live.
        directory: where replay keeps its files; None: it is never saved.

    Raises:
        ValueError: the network does not fit the observations.
        OSError: replay does not fit on the disk.
    """
    match config:
        case OffPolicyConfig():
            return OffPolicyLoop(config, device, directory)
        case OnPolicyConfig():
            return OnPolicyLoop(config, device)
        case _:
            return SelfPlayLoop(config, device)
