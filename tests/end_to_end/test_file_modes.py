"""Every file that a training, a recording and a tournament leave has the mode of its umask."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.configs import BOARD, PROBE, write_config
from tests.end_to_end.conftest import Ludus
from tests.end_to_end.launcher import own_environment


def test_every_file_has_the_mode_that_the_umask_asks_for(ludus: Ludus, here: Path) -> None:
    umask = 0o027  # neither the usual one, nor one that asks for what temporary files have
    probe = write_config(here / "p.yaml", PROBE, total_env_steps=140, wandb__mode="offline")
    board = write_config(here / "b.yaml", BOARD, total_env_steps=150)
    before = os.umask(umask)
    try:
        # In a process of its own, for W&B's service would outlive this test.
        code = "from workbench.cli.main import main; main()"
        arguments = [sys.executable, "-c", code, "train", probe, "--run", "p"]
        subprocess.run(arguments, check=True, capture_output=True, env=own_environment())
        assert ludus("train", board, "--run", "b").code == 0
        assert ludus("record", "p", "--seed", "3").code == 0
        assert ludus("record", "b", "--seed", "3").code == 0
        games = ["tournament", "b@all", "random", "--games", "2", "--simulations", "2"]
        assert ludus(*games, "--out", "t").code == 0
        assert ludus("tournament", "p@all", "--episodes", "2", "--out", "r").code == 0
    finally:
        os.umask(before)
    files = [path for name in ("runs", "t", "r") for path in (here / name).rglob("*")]
    files = [path for path in files if not path.is_symlink()]
    endings = {path.suffix for path in files}
    assert {".safetensors", ".mp4", ".json", ".jsonl", ".bin", ".wandb", ".yaml"} <= endings
    wrong = {
        str(path.relative_to(here)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in files
        if stat.S_IMODE(path.stat().st_mode) != (0o777 if path.is_dir() else 0o666) & ~umask
    }
    assert wrong == {}
