"""How far a search's value of a position is from how its game ends, and in whose favour.

A trained network plays against itself as in training: random first plies, noise, moves drawn from
the policy, then best ones. The bias is the mean of value less result, both the side to move's:
below 0 the search thinks too little of that side. Proven positions have no error and are left out.

    python benchmarks/search_bias.py RUN [--simulations 32] [--games 300]
"""

import argparse
from pathlib import Path

import numpy as np
from side_by_side import show, write_json

from agents.search import Search
from agents.search.forest import UNPROVEN
from workbench.evaluation.intervals import mean95
from workbench.evaluation.load import load_board_agent
from workbench.evaluation.match import play_at_random


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--simulations", type=int, nargs="+", default=[32])
    parser.add_argument("--games", type=int, default=300)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    for simulations in args.simulations:
        errors = errors_of(args.run, simulations, args.games)
        # Positions of one game are not independent: the interval is over the means of games.
        means = np.array([game.mean() for game in errors if len(game)])
        interval = mean95(means)
        every = np.concatenate(errors)
        rows.append(
            (
                str(simulations),
                f"{every.mean():+.3f}",
                "none" if interval is None else f"[{interval.low:+.3f}, {interval.high:+.3f}]",
                f"{(every**2).mean():.3f}",
                str(len(every)),
            )
        )
    show(
        f"{args.run}: value of the search less the result of the game",
        ("simulations", "bias", "95% interval", "squared error", "positions"),
        rows,
        (),
    )
    write_json(args.json, {"rows": rows})


def errors_of(run: str, simulations: int, num_games: int) -> list[np.ndarray]:
    """Returns for each game the error in each of its positions."""
    agent, game, config, *_ = load_board_agent(run)
    rng = np.random.default_rng(1)
    positions = []
    while len(positions) < num_games:
        plies = int(rng.integers(config.agent.random_plies, endpoint=True))
        position = play_at_random(game, plies, rng)
        if not game.status([position]).over[0]:
            positions.append(position)
    values: list[list[tuple[int, float]]] = [[] for _ in positions]  # side's sign, player 0's value
    results = np.zeros(num_games)
    going = list(range(num_games))
    while going:
        search = Search(config.agent.search, game, agent.evaluate, len(going))
        for i, g in enumerate(going):
            search.place(i, positions[g])
        to_play = game.status(search.roots).to_play
        search.run(simulations, noise=rng)
        actions = []
        for i, g in enumerate(going):
            if search.proven(i) == UNPROVEN:
                values[g].append((1 - 2 * int(to_play[i]), search.value(i)))
            policy = search.policy(i).astype(np.float64)
            early = len(game.history(positions[g])) < config.agent.temperature_plies
            draw = rng.choice(len(policy), p=policy / policy.sum())
            actions.append(int(draw) if early else search.best(i))
        for g, after in zip(going, game.after(search.roots, actions), strict=True):
            positions[g] = after
        status = game.status([positions[g] for g in going])
        results[going] = status.value
        going = [g for g, over in zip(going, status.over, strict=True) if not over]
    return [
        np.array([sign * (value - results[g]) for sign, value in values[g]])
        for g in range(num_games)
    ]


if __name__ == "__main__":
    main()
