"""The self-play loop: many games side by side, and learning from those that ended."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from agents.alphazero import AlphaZero, AlphaZeroConfig, SearchPlayer
from agents.board_network import DRAW, LOSS, WIN
from agents.search import Evaluate, Search
from envs.board.base import BoardGame, Position
from envs.board.openspiel import OpenSpielGame
from workbench.baselines import make_baseline
from workbench.boards import record_game
from workbench.checkpoint import Stateful
from workbench.config import SelfPlayConfig
from workbench.loops.base import Turn
from workbench.match import play_at_random, play_match, random_openings
from workbench.replay.positions import Learnable, PositionReplay
from workbench.run import Run
from workbench.truth import Exam, make_exam, make_solver

# Of games that are solved; in connect four, earlier positions take too long to judge.
EXAM_POSITIONS = 200


class SelfPlayLoop:
    """An agent that plays against itself; one turn is one move in every game."""

    def __init__(self, config: SelfPlayConfig, device: torch.device) -> None:
        """Makes the games, the agent and its replay."""
        pace_seed, replay_seed, *play_seeds = np.random.SeedSequence(config.seed).spawn(
            2 + config.play_threads
        )
        self._pace = Pace(np.random.default_rng(pace_seed))
        self._config = config
        self._game = game = OpenSpielGame(config.env)
        self.agent = AlphaZero(config.agent, game.spec, device)
        self._replay = PositionReplay(config.replay, game.spec, np.random.default_rng(replay_seed))
        # While one group waits for the network, another walks its trees.
        self._groups = [
            SelfPlay(
                config.agent,
                OpenSpielGame(config.env),
                self.agent.evaluate,
                len(games),
                np.random.default_rng(seed),
            )
            for games, seed in zip(
                np.array_split(np.arange(config.env.num_games), config.play_threads),
                play_seeds,
                strict=True,
            )
        ]
        self._exam: Exam | None = None
        # Learning may use all cores at once; of threads that play, each is one core's.
        self._threads = ThreadPoolExecutor(
            config.play_threads, initializer=torch.set_num_threads, initargs=(1,)
        )
        self.parts: Mapping[str, Stateful] = {
            "agent": self.agent,
            "replay": self._replay,
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
                    replay.add(group.learnable)
            updates = []
            if replay.added >= config.learning_starts_positions:
                due = replay.added * config.samples_per_position / config.agent.batch_size
                for _ in range(int(due) - agent.updates):
                    updates.append(agent.update(replay.sample(config.agent.batch_size)))
            facts = {
                name: float(np.mean([group.facts[name] for group in moves]))
                for name in moves[0].facts
            }
            if agent.env_steps % config.anchor_period_env_steps < config.env.num_games:
                facts |= self._measure()
            yield Turn(
                config.env.num_games,
                updates,
                games=[game for group in moves for game in group.games],
                facts=facts,
            )

    def _measure(self) -> dict[str, float]:
        """Returns the share of points against each anchor; draws from no generator of training."""
        config, game = self._config, self._game
        rng = np.random.default_rng(0)
        player = SearchPlayer(self.agent, config.agent.search, game, config.agent.simulations)
        scores = {}
        for anchor in config.anchors:
            openings = random_openings(
                game, config.anchor_opening_plies, config.anchor_games // 2, rng
            )
            games = play_match(game, (player, make_baseline(anchor, game, 0)), openings)
            scores[f"score_{anchor.replace(':', '_')}"] = float(np.mean([g.score for g in games]))
        if self._exam is None and (solver := make_solver(game)) is not None:
            self._exam = make_exam(game, solver, EXAM_POSITIONS, first_ply=game.spec.max_plies // 4)
        if self._exam is not None:
            scores["keeps_value"] = float(self._exam.kept(player).mean())
        return scores


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


class Moves(NamedTuple):
    """What one move in every game brought."""

    learnable: Learnable | None  # the positions of the games that ended
    games: list[dict[str, float]]  # facts of those games
    facts: dict[str, float]


class Seen(NamedTuple):
    """A position whose game has not ended yet."""

    obs: npt.NDArray[np.uint8]  # [C, H, W]
    policy: npt.NDArray[np.float32]  # [A]
    value: float  # player 0's, as the search found
    to_play: int


class SelfPlay:
    """G games of a network against itself; part of a checkpoint."""

    def __init__(
        self,
        config: AlphaZeroConfig,
        game: BoardGame,
        evaluate: Evaluate,
        num_games: int,
        rng: np.random.Generator,
    ) -> None:
        """`evaluate` is the network's; `rng` draws all that is random in the games."""
        self._config = config
        self._game = game
        self._rng = rng
        self._search = search = Search(config.search, game, evaluate, num_games)
        self._seen: list[list[Seen]] = [[] for _ in range(num_games)]
        for g in range(num_games):
            search.place(g, self._opening())

    def _opening(self) -> Position:
        """Returns where a game begins: so games differ that would otherwise be alike."""
        while True:
            plies = int(self._rng.integers(self._config.random_plies, endpoint=True))
            position = play_at_random(self._game, plies, self._rng)
            if not self._game.status([position]).over[0]:
                return position

    def move(self, *, full: bool) -> Moves:
        """Makes one move in every game; those that end begin anew.

        All games search alike long, so batches stay full: if `full`, long, and then their positions
        are learned from, else briefly (Wu 2019, KataGo, section 3.1).
        """
        config, search, rng = self._config, self._search, self._rng
        evaluations, batches = search.evaluations, search.batches
        search.run(
            config.simulations if full else config.fast_simulations, noise=rng if full else None
        )
        roots = list(search.roots)
        policies = np.stack([search.policy(g) for g in range(len(roots))])
        if full:
            obs = self._game.observe(roots)
            to_play = self._game.status(roots).to_play
            for g in range(len(roots)):
                self._seen[g].append(Seen(obs[g], policies[g], search.value(g), int(to_play[g])))
        draws = rng.random(len(roots))
        for g in range(len(roots)):
            plies = len(self._game.history(roots[g]))
            search.play(g, self._choose(g, policies[g], plies, draws[g]))
        status = self._game.status(search.roots)
        ended = np.flatnonzero(status.over).tolist()
        moves = Moves(
            self._learnable(ended, status.value),
            [
                {
                    "game_plies": len(self._game.history(search.roots[g])),
                    "player_0_score": (1 + float(status.value[g])) / 2,
                    "draws": float(status.value[g] == 0),
                }
                for g in ended
            ],
            {
                "evaluations_per_move": (search.evaluations - evaluations) / len(roots),
                "batch_fill": (search.evaluations - evaluations)
                / max(1, search.batches - batches)
                / len(roots),
            },
        )
        for g in ended:
            search.place(g, self._opening())
            self._seen[g] = []
        return moves

    def _choose(self, game: int, policy: npt.NDArray[np.float32], plies: int, draw: float) -> int:
        config = self._config
        if plies >= config.temperature_plies:
            return self._search.best(game)
        weights = policy.astype(np.float64) ** (1 / config.temperature)
        cumulative = weights.cumsum()
        return int(np.searchsorted(cumulative, draw * cumulative[-1], side="right"))

    def _learnable(self, ended: list[int], value: npt.NDArray[np.float32]) -> Learnable | None:
        pairs = [(seen, float(value[g])) for g in ended for seen in self._seen[g]]
        if not pairs:
            return None
        sign = np.array([1 if seen.to_play == 0 else -1 for seen, _ in pairs])
        result = sign * np.array([result for _, result in pairs])
        searched = sign * np.array([seen.value for seen, _ in pairs])
        share = self._config.root_value_share
        return Learnable(
            np.stack([seen.obs for seen, _ in pairs]),
            np.stack([seen.policy for seen, _ in pairs]),
            ((1 - share) * chances(result) + share * chances(searched)).astype(np.float32),
        )

    def state_dict(self) -> dict[str, Any]:
        """The trees, the positions seen so far, and the generator."""
        seen = [one for per_game in self._seen for one in per_game]
        spec = self._game.spec
        return {
            "search": self._search.state_dict(),
            "rng": self._rng.bit_generator.state,
            "counts": [len(per_game) for per_game in self._seen],
            "obs": np.array([one.obs for one in seen], np.uint8).reshape(-1, *spec.obs_shape),
            "policy": np.array([one.policy for one in seen], np.float32).reshape(
                -1, spec.num_actions
            ),
            "value": [one.value for one in seen],
            "to_play": [one.to_play for one in seen],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Brings `state_dict` back; raises ValueError if it is that of other games."""
        self._search.load_state_dict(state["search"])
        self._rng.bit_generator.state = state["rng"]
        obs, policy = np.array(state["obs"]), np.array(state["policy"])
        seen = iter(
            Seen(*one) for one in zip(obs, policy, state["value"], state["to_play"], strict=True)
        )
        self._seen = [[next(seen) for _ in range(count)] for count in state["counts"]]


def chances(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns `[B, 3]` of win, draw and loss: of all that are worth `value`, the most drawish."""
    columns = {WIN: value.clip(min=0), DRAW: 1 - abs(value), LOSS: (-value).clip(min=0)}
    return np.stack([columns[i] for i in range(3)], 1)
