"""Whether trained players of tic-tac-toe ever lose where they need not, over all 4,520 positions.

A player that throws no position away never loses to perfect play, from any opening that is not lost
already, on either side.

    python benchmarks/tic_tac_toe_truth.py RUN... [--simulations N]
"""

import argparse

import numpy as np
from exams import whole_exam
from side_by_side import show

from agents.alphazero import SearchPlayer
from workbench.evaluation.load import load_board_agent
from workbench.evaluation.solved import make_solver


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("players", nargs="+")
    parser.add_argument("--simulations", type=int, nargs="+", default=[1, 10, 50])
    args = parser.parse_args()
    rows = []
    for name in args.players:
        agent, game, config, *_ = load_board_agent(name)
        exam = whole_exam(game, make_solver(game))
        for simulations in args.simulations:
            player = SearchPlayer(agent.evaluate, config.agent.search, game, simulations)
            moves = np.array(player.choose(exam.positions, range(len(exam.positions))))
            rows.append(
                (
                    name,
                    str(simulations),
                    f"**{exam.thrown_away(moves).sum()}**",
                    f"{exam.kept(moves).mean():.2%}",
                    f"{exam.kept(moves)[exam.matters].mean():.2%}",
                )
            )
    show(
        "Tic-tac-toe: all positions",
        ("player", "simulations", "thrown away", "value kept", "where it matters"),
        rows,
    )


if __name__ == "__main__":
    main()
