"""How often a trained network's moves in connect four keep the true value of the position.

On 1,000 positions of uniformly random play, evenly over plies 6 to 30, judged by the exact solver
(`envs/board/connect_four.py`). In many of them every move is worth the same, so beside the share of
all positions stands that of those where some move throws the value away; and, from ply 10 on, the
share of moves that are strictly best: the fastest win, the slowest loss.

    python benchmarks/connect_four_truth.py PLAYER... [--simulations 400] [--positions 1000]

PLAYER is a run, a checkpoint (runs/NAME@STEP), or a baseline (random, mcts:1000). Judging takes
about 2 minutes, and a player about 1.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from exams import random_exam
from side_by_side import show, write_json

from agents.alphazero import SearchPlayer
from agents.base import Player
from envs.board.connect_four import ConnectFourSolver
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.evaluation.baselines import make_baseline
from workbench.evaluation.intervals import share95
from workbench.evaluation.load import load_board_agent
from workbench.evaluation.solved import FIRST_PLY

STRICT_FIRST_PLY = 10


def make_player(name: str, game: OpenSpielGame, simulations: int) -> Player:
    if name.partition(":")[0] in ("random", "greedy", "mcts", "minimax"):
        return make_baseline(name, game)
    agent, _, config, *_ = load_board_agent(name)
    return SearchPlayer(agent.evaluate, config.agent.search, game, simulations)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("players", nargs="+")
    parser.add_argument("--simulations", type=int, default=400)
    parser.add_argument("--positions", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    game = OpenSpielGame(BoardConfig(kind="board", game="connect_four"))
    solver = ConnectFourSolver()
    begin = time.monotonic()
    exam = random_exam(game, solver, args.positions, first_ply=FIRST_PLY)
    histories = [game.history(position) for position in exam.positions]
    late = np.array([len(history) >= STRICT_FIRST_PLY for history in histories])
    scores = np.array(
        [solver.scores(h) for h, is_late in zip(histories, late, strict=True) if is_late]
    )
    sys.stderr.write(f"judged {args.positions} positions in {time.monotonic() - begin:.0f} s\n")
    rows, results = [], {}
    for name in args.players:
        player = make_player(name, game, args.simulations)
        moves = np.array(player.choose(exam.positions, range(len(exam.positions))))
        kept = exam.kept(moves)
        best = scores[np.arange(len(scores)), moves[late]] == scores.max(1)
        low, high = share95(int(kept.sum()), len(kept)) or (0.0, 1.0)
        rows.append(
            (
                name,
                f"**{kept.mean():.1%}**",
                f"[{low:.1%}, {high:.1%}]",
                f"{kept[exam.matters].mean():.1%}",
                f"{best.mean():.1%}",
            )
        )
        results[name] = {
            "keeps_value": kept.mean(),
            "ci95": [low, high],
            "keeps_value_where_it_matters": kept[exam.matters].mean(),
            "strictly_best": best.mean(),
        }
    show(
        f"Connect four: moves that keep the true value, {args.simulations} simulations",
        ("player", "of all positions", "95% interval", "where it matters", "strictly best"),
        rows,
        (
            f"{args.positions} positions of random play over plies 6 to 30; a move matters in "
            f"{exam.matters.mean():.0%} of them; strictly best: of the {late.sum()} from ply "
            f"{STRICT_FIRST_PLY} on",
        ),
    )
    write_json(args.json, {"players": results})


if __name__ == "__main__":
    main()
