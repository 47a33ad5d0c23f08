"""Runs to be served, and servers in this process."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from agents.alphazero import AlphaZero
from envs.board.loading import trust
from envs.board.openspiel import OpenSpielGame
from tests.end_to_end.configs import BOARD, write_config
from tests.end_to_end.launcher import ROOT
from workbench.config import load_config
from workbench.engines.gtp_engine import GTPEngine
from workbench.engines.lines import LineReader
from workbench.engines.serve_gtp import GTPServer
from workbench.engines.serve_uci import UCIServer
from workbench.engines.uci_search import UCIEngine
from workbench.evaluation.load import BoardAgent, load_board_agent
from workbench.runs import checkpoint
from workbench.runs.run import create_run


def make_player(directory: Path, name: str, game: str) -> BoardAgent:
    """Makes `runs/NAME` in a directory, whose network has learned nothing in 7 env_steps."""
    torch.manual_seed(0)
    trust(game)  # a trial of each board of go takes seconds
    changes = {"env__game": game, "env__max_plies": 60, "agent__simulations": 30}
    config = load_config(Path(write_config(directory / "c.yaml", BOARD, **changes)))
    run = create_run(config, str(directory / "runs" / name))
    agent = AlphaZero(config.agent, OpenSpielGame(config.env).spec, torch.device("cpu"))
    checkpoint.save(run.checkpoints, 7, model=agent.network_state(), resume={}, facts={})
    return load_board_agent(str(run.path))


def command(runs: Path, protocol: str, name: str) -> list[str]:
    """Returns what serves a run in a process of its own."""
    code = (
        f"import os, sys; os.chdir({str(runs)!r}); sys.path.insert(0, {str(ROOT)!r}); "
        f"from workbench.engines.serve_{protocol} import serve_{protocol} as serve; "
        f"serve('runs/{name}')"
    )
    return [sys.executable, "-c", code]


def gtp_server(
    player: BoardAgent,
    name: str,
    lines: LineReader,
    say: Callable[[str], object],
    note: Callable[[str], object],
    simulations: int | None = None,
) -> GTPServer:
    """Returns a server of a network that has been loaded."""
    return GTPServer(
        name, lambda heard: GTPEngine(player, heard, say, note, simulations), lines, say
    )


class Session:
    """A server in this process and what it has said."""

    def __init__(self, make: Callable[..., UCIServer | GTPServer]) -> None:
        self._out, self._in = os.pipe()
        self.said: list[str] = []
        self.notes: list[str] = []
        self.script: list[tuple[str, str]] = []  # when it says the one, the other comes
        self.server = make(LineReader(self._out), self._say, self.notes.append)

    def _say(self, text: str) -> None:
        self.said.append(text)
        if self.script and text.startswith(self.script[0][0]):
            self.write(self.script.pop(0)[1])

    @property
    def engine(self) -> UCIEngine | GTPEngine:
        return self.server.loading().result()

    def write(self, text: str) -> None:
        if text:
            os.write(self._in, text.encode("latin-1"))

    def __call__(self, *lines: str) -> list[str]:
        """Returns what is said to these lines."""
        self.said.clear()
        for line in lines:
            self.server.obey(line)
        return list(self.said)

    def run(self, text: str) -> list[str]:
        """Returns what is said until `quit`."""
        self.said.clear()
        self.write(text)
        self.server.run()
        return list(self.said)

    def end_input(self) -> None:
        os.close(self._in)
        self._in = -1

    def close(self) -> None:
        if self._in >= 0:
            os.close(self._in)
        os.close(self._out)
