"""One short loop per data regime: the regimes are the architecture."""

from pathlib import Path

import torch

from envs.base import VectorEnv
from workbench.config import OffPolicyConfig, TrainConfig
from workbench.loops.base import Loop
from workbench.loops.off_policy import OffPolicyLoop
from workbench.loops.on_policy import OnPolicyLoop


def make_loop(
    config: TrainConfig, envs: VectorEnv, device: torch.device, directory: Path | None
) -> Loop:
    """Returns the loop in which the configured agent learns, with everything that it needs.

    Args:
        config: resolved.
        envs: in which the agent acts; reset or restored before the first turn.
        device: where the networks live.
        directory: where replay keeps its files; None: it is never saved.

    Raises:
        ValueError: the network does not fit the observations.
        OSError: replay does not fit on the disk.
    """
    if isinstance(config, OffPolicyConfig):
        return OffPolicyLoop(config, envs, device, directory)
    return OnPolicyLoop(config, envs, device)
