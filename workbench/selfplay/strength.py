"""Strength during training: against fixed players, earlier networks and exact solutions."""

from collections.abc import Mapping
from concurrent.futures import Executor

import numpy as np

from agents.alphazero import AlphaZero, Evaluator, SearchPlayer
from agents.base import Player
from agents.search import Evaluate
from envs.board.base import first_to_move
from envs.board.openspiel import OpenSpielGame
from workbench.config import SelfPlayConfig
from workbench.evaluation import match
from workbench.evaluation.baselines import make_baseline
from workbench.evaluation.solved import Exam, make_exam, make_solver
from workbench.runs.checkpoint import Stateful
from workbench.selfplay.ladder import Ladder

# Of games that are solved; in connect four, earlier positions take too long to judge.
EXAM_POSITIONS = 200


class Strength:
    """Measures the network that learns; draws from no generator of training.

    Attributes:
        parts: what is saved in a checkpoint.
    """

    def __init__(self, config: SelfPlayConfig, agent: AlphaZero, threads: Executor) -> None:
        """`threads` play the matches."""
        self._config, self._agent, self._threads = config, agent, threads
        self._exam: Exam | None = None
        self._ladder = Ladder(len(config.anchors), agent) if config.ladder_games else None
        self.parts: Mapping[str, Stateful] = {"ladder": self._ladder} if self._ladder else {}

    def measure(self) -> dict[str, float]:
        """Returns the metrics of the network as it is now.

        - `score_...`: the share of the points against each anchor;
        - `elo`, `elo_low`, `elo_high`: see `Ladder.climb`;
        - what `Exam.marks` returns, where the game is solved.
        """
        config, ladder = self._config, self._ladder
        anchors = self._threads.map(self.games_against, config.anchors)
        rungs = [] if ladder is None else ladder.rungs
        climbed = self._threads.map(self.games_against, rungs)
        marks = self._threads.submit(self._marks)
        games = list(anchors)
        facts = {
            f"score_{name.replace(':', '_')}": float(np.mean(match.first_players_scores(played)))
            for name, played in zip(config.anchors, games, strict=True)
        }
        if ladder is not None:
            first_seat = first_to_move(OpenSpielGame(config.env))
            facts |= ladder.climb(games, list(climbed), first_seat)
        return facts | marks.result()

    def games_against(self, rival: str | Evaluator) -> list[match.Game]:
        """Returns a match against an anchor, or against a network of before."""
        config, game = self._config, match.rules_of(self._config.env)
        if isinstance(rival, str):
            count = config.anchor_games
            other: Player = make_baseline(rival, game)
        else:
            count, other = config.ladder_games, self._player(game, rival)
        rng = np.random.default_rng(0)
        openings = match.random_openings(game, config.anchor_opening_plies, count // 2, rng)
        return match.play_match(game, (self._player(game, self._agent.evaluate), other), openings)

    def _marks(self) -> dict[str, float]:
        game = OpenSpielGame(self._config.env)
        if self._exam is None and (solver := make_solver(game)) is not None:
            first_ply = game.spec.max_plies // 4
            self._exam = make_exam(game, solver, EXAM_POSITIONS, first_ply=first_ply)
        return self._exam.marks(self._player(game, self._agent.evaluate)) if self._exam else {}

    def _player(self, game: OpenSpielGame, evaluate: Evaluate) -> SearchPlayer:
        config = self._config.agent
        return SearchPlayer(evaluate, config.search, game, config.simulations)
