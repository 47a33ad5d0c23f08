"""Processes that run the command line, forked from one that has imported torch already.

Starting Python with torch takes seconds, forking takes milliseconds, and a forked `ludus` can be
killed and resumed just like any other. Run as a script, this file is that one process.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
# So that runs of a few hundred env_steps see reseedings and whole episodes, and videos are short.
RESEED_PERIOD_TICKS = 60
MAX_FRAMES_PER_EPISODE = 400
MAX_VIDEO_ENV_STEPS = 20
GAMES_AT_ONCE = 6  # of a tournament, so that it can be killed many times before it is over


@dataclass(frozen=True)
class Outcome:
    """How a command ended; `code` is negative where a signal ended it."""

    code: int
    out: str
    err: str


def own_environment() -> dict[str, str]:
    """What a process of its own gets: no W&B service of this one, which may end at any time."""
    return {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}


class Launcher:
    """Starts one `ludus` at a time, each in a process of its own."""

    def __init__(self) -> None:
        environment = own_environment() | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._directory = Path()

    def start(self, directory: Path, *arguments: str, kill_at_sync: int | None = None) -> int:
        """Starts `ludus ARGUMENTS` in `directory` and returns the process's id.

        With `kill_at_sync` the process kills itself just before it makes something durable for
        the n-th time, which is the moment at which the order of writes matters.
        """
        self._directory = directory
        order = {"directory": str(directory), "arguments": arguments, "kill_at_sync": kill_at_sync}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._read())

    def wait(self) -> Outcome:
        """Waits for the process last started."""
        code = int(self._read())
        return Outcome(
            code,
            (self._directory / "stdout").read_text(encoding="utf-8"),
            (self._directory / "stderr").read_text(encoding="utf-8"),
        )

    def run(self, directory: Path, *arguments: str, kill_at_sync: int | None = None) -> Outcome:
        """Starts and waits."""
        self.start(directory, *arguments, kill_at_sync=kill_at_sync)
        return self.wait()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        """Ends the process that forks the others."""
        self._process.communicate()


def _become_ludus(order: dict[str, Any]) -> NoReturn:
    import envs.atari
    import workbench.evaluation.load
    import workbench.tournament.play
    from workbench.cli.main import main

    envs.atari.RESEED_PERIOD_TICKS = RESEED_PERIOD_TICKS
    envs.atari.MAX_FRAMES_PER_EPISODE = MAX_FRAMES_PER_EPISODE
    workbench.evaluation.load.MAX_VIDEO_ENV_STEPS = MAX_VIDEO_ENV_STEPS
    workbench.tournament.play.AT_ONCE = GAMES_AT_ONCE
    os.chdir(order["directory"])
    for descriptor, name in enumerate([os.devnull, "stdout", "stderr"]):
        mode = os.O_RDWR if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, mode), descriptor)
    if order["kill_at_sync"] is not None:
        _kill_at_sync(order["kill_at_sync"])
    sys.argv = ["ludus", *order["arguments"]]
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(int(end.code or 0))
    os._exit(99)


def _kill_at_sync(number: int) -> None:
    syncs, sync = 0, os.fsync

    def count(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs == number:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    os.fsync = count


def _serve() -> None:
    # All that the forked processes would otherwise import, the optimizer's seconds included.
    import torch._dynamo  # noqa: F401

    import workbench.cli.main
    import workbench.tournament.command
    import workbench.training.doctor
    import workbench.training.launch
    import workbench.training.train  # noqa: F401
    from agents import AGENTS
    from envs import ENVS

    for named in (*AGENTS.values(), *(ENVS[kind] for kind in ("atari", "minigrid", "probe"))):
        resolve_name(named)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become_ludus(json.loads(line))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
