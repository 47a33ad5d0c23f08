"""Speed of self-play: of raw network evaluations, how much is left once games are played with them.

Connect four with the network of its config. For each number of games, one process alternates slices
of: `raw`, the network alone on batches of that size; `self-play`, moves of the very loop of `ludus
train` without learning, counted in network evaluations and in simulations (those that end at a
proven position need no network). Where the time of self-play goes is told by clocks around its
parts: select (down the trees), rules (moves and what is legal), encode (observations), network,
back up (expanding and backing up), and the rest (choosing and making moves, recording positions).

Beside it, OpenSpiel's own Python MCTS, `open_spiel.python.algorithms.mcts`, with the same network
one leaf at a time on one position, with as many simulations per move.

    python benchmarks/search_speed.py [--games 1 4 16 64 128 256 1024] [--rounds 3] [--json PATH]

Takes about 3 minutes.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from open_spiel.python.algorithms import mcts
from side_by_side import calls_per_second, show, write_json

import agents.search.search
from agents.alphazero import AlphaZero
from agents.search import Search, value_of
from envs.board.base import Position
from envs.board.openspiel import OpenSpielGame
from workbench.config import SelfPlayConfig, load_config
from workbench.selfplay.games import SelfPlay
from workbench.training.devices import prepare_torch, resolve

CONFIG = Path(__file__).parents[1] / "configs/board/connect_four.yaml"
PARTS = ("select", "rules", "encode", "network", "back up")


class Clocks:
    """Seconds spent in each part."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)

    def around(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Returns `call`, whose time will count as that part's."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            result = call(*args, **kwargs)
            self.seconds[part] += time.perf_counter() - begin
            return result

        return timed


def measure(
    config: SelfPlayConfig, num_games: int, rounds: int, seconds: float
) -> dict[str, float]:
    """Medians over slices, with one thread each for trees and network."""
    game = OpenSpielGame(config.env)
    agent = AlphaZero(config.agent, game.spec, torch.device("cpu"))
    obs = np.zeros((num_games, *game.spec.obs_shape), np.uint8)
    clocks = Clocks()
    search_module: Any = agents.search.search
    expand = search_module.expand
    search_module.expand = clocks.around("back up", expand)
    rules: Any = game
    rules.after = clocks.around("rules", game.after)
    rules.status = clocks.around("rules", game.status)
    rules.observe = clocks.around("encode", game.observe)
    evaluated = 0

    def evaluate(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nonlocal evaluated
        evaluated += len(batch)
        return agent.evaluate(batch)

    playing = SelfPlay(
        config.agent,
        game,
        clocks.around("network", evaluate),
        num_games,
        np.random.default_rng(0),
    )
    rule: Any = playing._search._rule
    rule.descend = clocks.around("select", rule.descend)
    rng = np.random.default_rng(0)
    playing.move(full=True)  # compiles
    slices: dict[str, list[float]] = {}
    for _ in range(rounds):
        raw = num_games * calls_per_second(lambda: agent.evaluate(obs), seconds)
        clocks.seconds = dict.fromkeys(PARTS, 0.0)
        evaluated, moves, begin = 0, 0, time.perf_counter()
        while (elapsed := time.perf_counter() - begin) < seconds * 3:
            playing.move(full=rng.random() < config.agent.full_share)
            moves += num_games
        of = {"raw": raw, "evaluations": evaluated / elapsed, "moves": moves / elapsed}
        of |= {part: spent / elapsed for part, spent in clocks.seconds.items()}
        of["rest"] = 1 - sum(clocks.seconds.values()) / elapsed
        for what, value in of.items():
            slices.setdefault(what, []).append(value)
    search_module.expand = expand
    return {what: median(values) for what, values in slices.items()}


def ours_from_start(config: SelfPlayConfig, num_games: int, seconds: float) -> float:
    """Simulations per second of searches from the first position, as below."""
    game = OpenSpielGame(config.env)
    agent = AlphaZero(config.agent, game.spec, torch.device("cpu"))

    def move() -> None:
        search = Search(config.agent.search, game, agent.evaluate, num_games)
        search.run(config.agent.simulations)

    return num_games * config.agent.simulations * calls_per_second(move, seconds)


def openspiel(config: SelfPlayConfig, seconds: float) -> float:
    """Simulations per second of OpenSpiel's search in Python, with the same network."""
    game = OpenSpielGame(config.env)
    agent = AlphaZero(config.agent, game.spec, torch.device("cpu"))

    class Network(mcts.Evaluator):
        """With a cache, as OpenSpiel's own: a position's prior is asked for after its value."""

        def __init__(self) -> None:
            self.known: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # logits and chances

        def _both(self, state: Position) -> tuple[np.ndarray, np.ndarray]:
            key = state.history_str()
            if key not in self.known:
                self.known[key] = agent.evaluate(game.observe([state]))
            return self.known[key]

        def evaluate(self, state: Position) -> np.ndarray:
            value = float(value_of(self._both(state)[1])[0])
            return np.array([value, -value] if state.current_player() == 0 else [-value, value])

        def prior(self, state: Position) -> list[tuple[int, float]]:
            logits = self._both(state)[0][0]
            legal: Sequence[int] = state.legal_actions()
            weights = np.exp(logits[legal] - logits[legal].max())
            return list(zip(legal, weights / weights.sum(), strict=True))

    network = Network()
    bot = mcts.MCTSBot(
        game.rules,
        1.25,
        config.agent.simulations,
        network,
        child_selection_fn=mcts.SearchNode.puct_value,
    )
    start = game.start()

    def move() -> None:
        network.known.clear()
        bot.step(start)

    return config.agent.simulations * calls_per_second(move, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--games", type=int, nargs="+", default=[1, 4, 16, 64, 128, 256, 1024])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one slice")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    prepare_torch(threads=1)
    config = resolve(load_config(CONFIG))
    assert isinstance(config, SelfPlayConfig)
    rows = {count: measure(config, count, args.rounds, args.seconds) for count in args.games}
    show(
        "Self-play of connect four on one thread: evaluations per second, and where the time goes",
        ("games", "raw network", "in self-play", "ratio", "moves/s", *PARTS, "rest"),
        (
            (
                f"{count:,}",
                f"{of['raw']:,.0f}",
                f"{of['evaluations']:,.0f}",
                f"**{of['evaluations'] / of['raw']:.2f}**",
                f"{of['moves']:,.0f}",
                *(f"{of[part]:.1%}" for part in (*PARTS, "rest")),
            )
            for count, of in rows.items()
        ),
        (
            f"medians of {args.rounds} slices; OMP_WAIT_POLICY="
            f"{os.environ.get('OMP_WAIT_POLICY', 'not set')}",
        ),
    )
    pairs = []
    for _ in range(args.rounds):
        pairs.append((openspiel(config, args.seconds), ours_from_start(config, 128, args.seconds)))
    theirs, ours = (median(values) for values in zip(*pairs, strict=True))
    show(
        f"Search from the start, {config.agent.simulations} simulations per move, one thread",
        ("search", "simulations per second", "x OpenSpiel"),
        (
            ("OpenSpiel, Python, one leaf at a time", f"{theirs:,.0f}", "1.0"),
            ("Ludus, 128 games in lock-step", f"{ours:,.0f}", f"**{ours / theirs:.1f}**"),
        ),
    )
    write_json(args.json, {"games": rows, "openspiel": theirs, "ours_from_start": ours})


if __name__ == "__main__":
    main()
