"""The self-play loop: plays many games in parallel, and learns from finished ones."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch

from agents.alphazero import AlphaZero
from envs.base import SavedGenerator
from envs.board.openspiel import OpenSpielGame
from workbench.config import PositionReplayConfig, SelfPlayConfig
from workbench.evaluation.board_games import record_game
from workbench.evaluation.match import rules_of
from workbench.replay import PositionReplay
from workbench.runs.run import Run
from workbench.selfplay.diagnostics import diagnose
from workbench.selfplay.games import SelfPlay
from workbench.selfplay.gate import Gate
from workbench.selfplay.strength import Strength
from workbench.training.loop import Every, Loop, Pause, Progress

HELD_OUT_SHARE, HELD_OUT_POSITIONS = 0.02, 2_000


class SelfPlayLoop(Loop):
    """An agent that plays against itself; an iteration is one move in every game."""

    def __init__(self, config: SelfPlayConfig, device: torch.device) -> None:
        """Makes the games, the agent and its replay."""
        pace_seed, replay_seed, held_out_seed, *play_seeds = np.random.SeedSequence(
            config.seed
        ).spawn(3 + config.play_threads)
        self._pace = SavedGenerator(np.random.PCG64(pace_seed))
        self._config = config
        self._game = game = OpenSpielGame(config.env)
        self.agent = AlphaZero(config.agent, game.spec, device)
        self._replay = PositionReplay(config.replay, game.spec, np.random.default_rng(replay_seed))
        self._held_out = PositionReplay(
            PositionReplayConfig(capacity_positions=HELD_OUT_POSITIONS),
            game.spec,
            np.random.default_rng(held_out_seed),
        )
        self._gate: Gate | None = None
        if config.gate is not None:
            self._gate = Gate(config.gate, config.agent, self.agent, rules_of(config.env))
        evaluate = self.agent.evaluate if self._gate is None else self._gate.best
        # While one group waits for the network, another walks its trees.
        self._groups = [
            SelfPlay(
                config.agent,
                OpenSpielGame(config.env),
                evaluate,
                len(games),
                np.random.default_rng(seed),
            )
            for games, seed in zip(
                np.array_split(np.arange(config.env.num_games), config.play_threads),
                play_seeds,
                strict=True,
            )
        ]
        # Learning may use all cores at once; of threads that play, each is one core's.
        self._threads = ThreadPoolExecutor(
            config.play_threads, initializer=torch.set_num_threads, initargs=(1,)
        )
        self._strength = Strength(config, self.agent, self._threads)
        self.parts = {
            "agent": self.agent,
            "replay": self._replay,
            "held_out": self._held_out,
            **({} if self._gate is None else {"gate": self._gate}),
            **self._strength.parts,
            "pace": self._pace,
            **{f"games_{i}": group for i, group in enumerate(self._groups)},
        }

    def start(self) -> None:
        """Does nothing: the games stand at their start already."""

    def record(self, run: Run, env_steps: int) -> Path:
        return record_game(self.agent, self._config, run, env_steps, seed=0)

    def close(self) -> None:
        self._threads.shutdown()

    def iterations(self) -> Iterator[Progress]:
        config, agent, replay, gate = self._config, self.agent, self._replay, self._gate
        should_measure = Every(config.anchor_period_env_steps, agent.env_steps)
        should_challenge = Every(gate.period_env_steps if gate else None, agent.env_steps)
        while True:
            # Alike for all groups: nobody has to wait for a long search of the other.
            full = self._pace.random() < config.agent.full_share
            moves = list(self._threads.map(partial(SelfPlay.move, full=full), self._groups))
            agent.env_steps += config.env.num_games
            for group in moves:
                if group.learnable is not None:
                    held = self._pace.random() < HELD_OUT_SHARE
                    (self._held_out if held else replay).add(group.learnable)
            updates = []
            if replay.added >= config.learning_starts_positions:
                due = replay.added * config.samples_per_position / config.agent.batch_size
                for _ in range(int(due) - agent.updates):
                    updates.append(agent.update(replay.sample(config.agent.batch_size)))
            facts = {
                name: float(np.mean([group.facts[name] for group in moves]))
                for name in moves[0].facts
            }
            pauses = []
            if should_measure(agent.env_steps):
                began = time.monotonic()
                facts |= self._strength.measure()
                facts |= diagnose(agent, self._game.spec, replay, self._held_out)
                seconds = time.monotonic() - began
                pauses.append(Pause("anchors", seconds, config.anchor_period_env_steps))
            if gate and should_challenge(agent.env_steps):
                began = time.monotonic()
                facts |= gate.challenge()
                seconds = time.monotonic() - began
                pauses.append(Pause("gate", seconds, gate.period_env_steps))
            yield Progress(
                config.env.num_games,
                updates,
                games=[game for group in moves for game in group.games],
                facts=facts,
                pauses=pauses,
            )
