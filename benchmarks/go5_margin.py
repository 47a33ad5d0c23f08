"""By how many points a trained network wins 5x5 go as Black from the empty board.

Perfect play wins the whole board, 25 points (van der Werf et al. 2003). Area is counted as the
rules do, dead stones included: both passed because nothing was left to gain.

    python benchmarks/go5_margin.py RUN [--simulations 400] [--games 10]

Takes about 2 minutes.
"""

import argparse

import numpy as np
from side_by_side import show

from agents.alphazero import SearchPlayer
from envs.board.base import BoardGame, reach
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.evaluation.baselines import make_baseline
from workbench.evaluation.load import load_board_agent
from workbench.evaluation.match import Game, play_match

AREA = 25


def margin(game: Game) -> int:
    """Returns Black's area less White's: the komi around which the winner changes."""
    won = []
    for komi in np.arange(-AREA - 0.5, AREA + 1):
        rules = OpenSpielGame(BoardConfig(kind="board", game=f"go(board_size=5,komi={komi})"))
        won.append(rules.status([reach(rules, game.history)]).value[0] > 0)
    return sum(won) - 1 - AREA


def moves(rules: BoardGame, history: list[int]) -> str:
    position, names = rules.start(), []
    for action in history:
        names.append(rules.action_name(position, action).split()[-1])
        (position,) = rules.after([position], [action])
    return " ".join(names)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("player")
    parser.add_argument("--simulations", type=int, default=400)
    parser.add_argument("--games", type=int, default=10)
    args = parser.parse_args()
    agent, rules, config, *_ = load_board_agent(args.player)
    player = SearchPlayer(agent.evaluate, config.agent.search, rules, args.simulations)
    alone = play_match(rules, (player, player), [[]])[0]
    rows = [("itself", "1", str(margin(alone)), str(len(alone.history)))]
    for opponent in ("mcts:1000", "random"):
        openings: list[list[int]] = [[]] * args.games
        played = play_match(rules, (player, make_baseline(opponent, rules)), openings)
        black = played[::2]  # of each opening, the first game has the players in this order
        rows.append(
            (
                opponent,
                str(len(black)),
                " ".join(str(points) for points in sorted(map(margin, black))),
                f"{np.mean([len(game.history) for game in black]):.0f}",
            )
        )
    show(
        f"5x5 go from the empty board, {args.player} has Black, {args.simulations} simulations",
        ("White", "games", "points that Black wins by", "plies"),
        rows,
        ("Against itself: " + moves(rules, alone.history),),
    )


if __name__ == "__main__":
    main()
