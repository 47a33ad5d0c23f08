"""The self-play loop: many games side by side, and learning from those that ended."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.alphazero import AlphaZero, Evaluator, SearchPlayer
from agents.base import Player
from agents.search import Evaluate
from envs.board.base import first_to_move
from envs.board.openspiel import OpenSpielGame
from workbench.config import PositionReplayConfig, SelfPlayConfig
from workbench.evaluation.baselines import make_baseline
from workbench.evaluation.board_games import record_game
from workbench.evaluation.match import (
    Game,
    first_players_scores,
    play_match,
    random_openings,
    rules_of,
)
from workbench.evaluation.solved import Exam, make_exam, make_solver
from workbench.replay import PositionReplay
from workbench.runs.checkpoint import Stateful
from workbench.runs.run import Run
from workbench.selfplay.diagnostics import soundness
from workbench.selfplay.games import SelfPlay
from workbench.selfplay.gate import Gate
from workbench.selfplay.ladder import Ladder
from workbench.training.loop import Turn

HELD_OUT_SHARE, HELD_OUT_POSITIONS = 0.02, 2_000
# Of games that are solved; in connect four, earlier positions take too long to judge.
EXAM_POSITIONS = 200


class SelfPlayLoop:
    """An agent that plays against itself; one turn is one move in every game."""

    def __init__(self, config: SelfPlayConfig, device: torch.device) -> None:
        """Makes the games, the agent and its replay."""
        pace_seed, replay_seed, held_out_seed, *play_seeds = np.random.SeedSequence(
            config.seed
        ).spawn(3 + config.play_threads)
        self._pace = Pace(np.random.default_rng(pace_seed))
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
        self._ladder: Ladder | None = None
        if config.ladder_games:
            self._ladder = Ladder(len(config.anchors), self.agent)
        self._exam: Exam | None = None
        # Learning may use all cores at once; of threads that play, each is one core's.
        self._threads = ThreadPoolExecutor(
            config.play_threads, initializer=torch.set_num_threads, initargs=(1,)
        )
        self.parts: Mapping[str, Stateful] = {
            "agent": self.agent,
            "replay": self._replay,
            "held_out": self._held_out,
            **({} if self._gate is None else {"gate": self._gate}),
            **({} if self._ladder is None else {"ladder": self._ladder}),
            "pace": self._pace,
            **{f"games_{i}": group for i, group in enumerate(self._groups)},
        }

    def start(self) -> None:
        """See `Loop.start`; the games stand at their start already."""

    def record(self, run: Run, env_steps: int) -> Path:
        """See `Loop.record`."""
        return record_game(self.agent, self._config, run, env_steps, seed=0)

    def close(self) -> None:
        """See `Loop.close`."""
        self._threads.shutdown()

    def turns(self) -> Iterator[Turn]:
        """See `Loop.turns`."""
        config, agent, replay = self._config, self.agent, self._replay
        while True:
            # Alike for all groups: nobody has to wait for a long search of the other.
            full = self._pace.draw() < config.agent.full_share
            moves = list(self._threads.map(partial(SelfPlay.move, full=full), self._groups))
            agent.played(config.env.num_games)
            for group in moves:
                if group.learnable is not None:
                    held = self._pace.draw() < HELD_OUT_SHARE
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
            if self._due(config.anchor_period_env_steps):
                facts |= self._measure()
            if (
                config.gate is not None
                and self._gate is not None
                and self._due(config.gate.period_env_steps)
            ):
                facts |= self._gate.challenge()
            yield Turn(
                config.env.num_games,
                updates,
                games=[game for group in moves for game in group.games],
                facts=facts,
            )

    def _due(self, period_env_steps: int) -> bool:
        return self.agent.env_steps % period_env_steps < self._config.env.num_games

    def _measure(self) -> dict[str, float]:
        """Returns how strong and how sound the network is; draws from no generator of training."""
        return self._strength() | soundness(
            self.agent, self._game.spec, self._replay, self._held_out
        )

    def _strength(self) -> dict[str, float]:
        config, ladder = self._config, self._ladder
        anchors = self._threads.map(self._games_against, config.anchors)
        rungs = [] if ladder is None else ladder.rungs
        climbed = self._threads.map(self._games_against, rungs)
        marks = self._threads.submit(self._marks)
        games = list(anchors)
        facts = {
            f"score_{name.replace(':', '_')}": float(np.mean(first_players_scores(match)))
            for name, match in zip(config.anchors, games, strict=True)
        }
        if ladder is not None:
            facts |= ladder.climb(games, list(climbed), first_to_move(self._game))
        return facts | marks.result()

    def _games_against(self, rival: str | Evaluator) -> list[Game]:
        """Returns a match against an anchor, or against a network of before."""
        config, game = self._config, rules_of(self._config.env)
        if isinstance(rival, str):
            count = config.anchor_games
            other: Player = make_baseline(rival, game)
        else:
            count, other = config.ladder_games, self._player(game, rival)
        openings = random_openings(
            game, config.anchor_opening_plies, count // 2, np.random.default_rng(0)
        )
        return play_match(game, (self._player(game), other), openings)

    def _marks(self) -> dict[str, float]:
        game = OpenSpielGame(self._config.env)
        if self._exam is None and (solver := make_solver(game)) is not None:
            first_ply = game.spec.max_plies // 4
            self._exam = make_exam(
                game, solver, EXAM_POSITIONS, first_ply=first_ply, with_scores=True
            )
        return {} if self._exam is None else self._exam.marks(self._player(game))

    def _player(self, game: OpenSpielGame, evaluate: Evaluate | None = None) -> SearchPlayer:
        config = self._config.agent
        return SearchPlayer(
            evaluate or self.agent.evaluate, config.search, game, config.simulations
        )


class Pace:
    """Draws which moves are searched for long; part of a checkpoint."""

    def __init__(self, rng: np.random.Generator) -> None:
        """`rng` is used for nothing else."""
        self._rng = rng

    def draw(self) -> float:
        """Returns a number below 1."""
        return self._rng.random()

    def state_dict(self) -> dict[str, Any]:
        """The generator's position."""
        return {"rng": self._rng.bit_generator.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back."""
        self._rng.bit_generator.state = state["rng"]
