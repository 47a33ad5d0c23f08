"""Loads, evaluates and records runs of board games, for the commands."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.alphazero import AlphaZero, SearchPlayer
from agents.search import Search
from envs.board.endings import ending
from envs.board.openspiel import OpenSpielGame
from workbench.config import SelfPlayConfig
from workbench.evaluation import match
from workbench.evaluation.baselines import make_baseline
from workbench.evaluation.intervals import counted, score95, told
from workbench.evaluation.load import BoardAgent
from workbench.evaluation.solved import first_judged_ply, make_solver, was_avoidable
from workbench.recording.board_frame import SCREEN, draw, frame_of
from workbench.recording.episode import TRACE_DIGITS, appearing_whole, open_video
from workbench.recording.game_files import GameRecord, written
from workbench.runs import checkpoint
from workbench.runs.run import Run

VIDEO_FPS = 1
MAX_VISITS_SHOWN = 32
WHOLE_GAME = 2**31  # more plies than any game has


def evaluate_board(
    player: BoardAgent,
    against: str,
    *,
    games: int,
    seed: int,
    simulations: int | None,
    on_game: Callable[[float], None],
) -> dict[str, Any]:
    """Plays `games` games, each opening twice with sides swapped, and reports the results.

    Openings are of random moves (`anchor_opening_plies`). Where the game is solved, the report says
    how many losses and draws could have been avoided: the player once had a move worth more.

    Args:
        player: searches without noise.
        against: a baseline, see `make_baseline`.
        games: an odd number is made even.
        seed: of the openings and of the opponent.
        simulations: per move; None: as many as in training's long searches.
        on_game: told 1 for a win, 0.5 for a draw, 0 for a loss.
    """
    agent, game, config, *_ = player
    simulations = simulations or config.agent.simulations
    plies = config.anchor_opening_plies
    openings = match.random_openings(game, plies, (games + 1) // 2, np.random.default_rng(seed))
    searching = SearchPlayer(agent.evaluate, config.agent.search, game, simulations)
    played = match.play_match(
        game,
        (searching, make_baseline(against, game)),
        openings,
        seed=seed,
        at_once=match.games_at_once(simulations),
        on_game=on_game,
    )
    scores = match.first_players_scores(played)
    score = float(np.mean(scores))
    low_high = score95(score, _independent(played, plies))
    returns = [2 * one - 1 for one in scores]
    return {
        "game": game.spec.name,
        "against": against,
        "simulations": simulations,
        "opening_plies": plies,
        "openings": len({tuple(one.history[:plies]) for one in played}),
        "mean_return": 2 * score - 1,
        "ci95": low_high and [2 * bound - 1 for bound in low_high],
        "score": score,
        "score_ci95": low_high,
        "wins": returns.count(1.0),
        "draws": returns.count(0.0),
        "losses": returns.count(-1.0),
        **_avoidable(game, played, plies),
        "distinct_games": len({tuple(one.history) for one in played}),
        "returns": returns,
        "lengths": [len(one.history) for one in played],
        "endings": match.count_endings(played),
        "episodes": len(played),
        "seed": seed,
        "env_steps": player.env_steps,
    }


def _independent(played: Sequence[match.Game], plies: int) -> list[float]:
    """Returns the first player's mean score in each group of games that do not hang together.

    Those are the games of an opening; where all began alike, those that went alike.
    """
    plies = plies if len({tuple(one.history[:plies]) for one in played}) > 1 else WHOLE_GAME
    groups: dict[tuple[int, ...], list[float]] = {}
    for one, score in zip(played, match.first_players_scores(played), strict=True):
        groups.setdefault(tuple(one.history[:plies]), []).append(score)
    return [float(np.mean(scores)) for scores in groups.values()]


def _avoidable(game: OpenSpielGame, played: Sequence[match.Game], plies: int) -> dict[str, int]:
    """Returns how many games of a solved game the first player need not have lost, or drawn."""
    solver = make_solver(game)
    if solver is None:
        return {}
    first_ply = max(plies, first_judged_ply(game))
    found = {"losses_avoidable": 0, "draws_avoidable": 0, "judged_from_ply": first_ply}
    for i, (one, score) in enumerate(zip(played, match.first_players_scores(played), strict=True)):
        if score < 1 and was_avoidable(game, solver, one.history, i % 2, 2 * score - 1, first_ply):
            found["draws_avoidable" if score else "losses_avoidable"] += 1
    return found


def describe(report: Mapping[str, Any]) -> str:
    """Returns a report of `evaluate_board`, with its `player`, as people read it."""
    plies, openings = report["opening_plies"], report["openings"]
    began = (
        f"from {counted(openings, 'opening')} of {counted(plies, 'random move')}, "
        "each played from both sides"
        if plies
        else "from the start of the game, from both sides"
    )
    interval = told(report["score_ci95"], ".1%", "all games went alike")
    text = (
        f"{report['player']}  {report['game']}  against {report['against']}  "
        f"{report['env_steps']:,} env_steps  {report['simulations']} simulations\n"
        f"{report['score']:.1%} of the points  {interval}  "
        f"{report['wins']} won, {report['draws']} drawn, {report['losses']} lost; "
        f"{report['distinct_games']} of {report['episodes']} games are distinct\n"
        f"{counted(report['episodes'], 'game')} {began}\n"
        f"{match.describe_endings(report['endings'])}\n"
    )
    if "judged_from_ply" not in report:
        return text
    ply = report["judged_from_ply"]
    since = "the opening" if ply == plies else f"move {ply}, the first that is judged"
    for kind, result, least in (("losses", "lost", "lost"), ("draws", "drawn", "no longer won")):
        count, avoidable = report[kind], report[f"{kind}_avoidable"]
        if count:
            text += f"{count} {result}: {count - avoidable} were {least} already after {since} "
            text += f"and stayed so, {avoidable} avoidable\n"
    return text


def record_game(
    agent: AlphaZero, config: SelfPlayConfig, run: Run, env_steps: int, *, seed: int
) -> Path:
    """Records a game of the agent against itself, and returns its video.

    The search is that of training's long moves without noise; of the first plies, each is drawn in
    proportion to its visits, so that `seed` makes another game. Beside `videos/STEP_SEED.mp4` lies
    the trace, `.json`, with `reason`, what ended the game, and one entry per position: `ply`,
    `to_play`, `value` (player 0's), `visits` and `action` with its `name`; and in `games/` the
    record, see `written`. However soon training cuts its games, this one goes on to its end.
    """
    game = match.rules_of(config.env)
    name, title = f"{env_steps}_{seed}", f"{game.spec.name}  step {env_steps:,}"
    rng = np.random.default_rng(seed)
    search = Search(config.agent.search, game, agent.evaluate, 1)
    steps: list[dict[str, Any]] = []
    values: list[float] = []
    run.videos.mkdir(parents=True, exist_ok=True)
    with appearing_whole(run.videos, name) as (video, trace):
        with open_video(video, VIDEO_FPS) as show:
            while not (status := game.status([search.roots[0]])).over[0]:
                search.run(config.agent.simulations)
                policy, counts = search.policy(0).astype(np.float64), search.visits(0)
                action = search.best(0)
                if len(steps) < config.agent.temperature_plies:
                    action = int(rng.choice(len(policy), p=policy / policy.sum()))
                values.append(round(search.value(0), TRACE_DIGITS))
                order = np.argsort(-counts, kind="stable")[:MAX_VISITS_SHOWN]
                visits = {int(a): int(counts[a]) for a in order if counts[a]}
                position = search.roots[0]
                show(draw(frame_of(game, position, title=title, visits=visits, values=values)))
                steps.append(
                    {
                        "ply": len(steps),
                        "to_play": int(status.to_play[0]),
                        "value": values[-1],
                        "visits": visits,
                        "action": action,
                        "name": game.action_name(position, action),
                    }
                )
                search.play(0, action)
            end = search.roots[0]
            show(draw(frame_of(game, end, title=title, visits={}, values=values)))
        result = float(status.value[0])
        facts = {
            "game": game.spec.name,
            "title": title,
            "seed": seed,
            "result": result,
            "reason": ending(end),
            "screen": SCREEN._asdict(),
            "steps": steps,
        }
        trace.write_text(json.dumps(facts, separators=(",", ":")))
    record = GameRecord(
        game=game.spec.name,
        players=(run.name, run.name),
        history=game.history(end),
        result=result,
        event=run.name,
        round=str(env_steps),
        comments=[f"value {value:+.2f}" for value in values],
        reason=ending(end),
    )
    games = run.path / "games"
    games.mkdir(exist_ok=True)
    text, kind = written(record)
    checkpoint.write_atomically(games / f"{name}.{kind}", text)
    return run.videos / f"{name}.mp4"
