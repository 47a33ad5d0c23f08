"""How much faster a tournament plays its games side by side than one at a time.

Connect four between two checkpoints at 64 simulations, from the same openings, by the same code:
`workbench.evaluation.match.play` with one board, and `Tournament` with as many as it takes, on all
cores. One at a time, only the first games are played, for the rest would take as long again; both
networks are asked about one position after the other then, without blank rows beside it.

    python benchmarks/tournament_speed.py ONE OTHER [--games 1000] [--alone 30] [--simulations 64]
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import torch
from side_by_side import show, write_json

from agents.alphazero import SearchPlayer
from envs.board.openspiel import OpenSpielGame
from workbench.evaluation.load import load_board_agent
from workbench.evaluation.match import Fixture, play
from workbench.tournament.entrants import enter
from workbench.tournament.openings import balanced_openings, default_opening_plies
from workbench.tournament.play import Tournament, game_seed
from workbench.tournament.records import Key, open_records
from workbench.tournament.schedule import fixed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("players", nargs=2)
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--alone", type=int, default=30)
    parser.add_argument("--simulations", type=int, default=64)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    config, groups = enter(args.players, None, simulations=args.simulations, move_seconds=1)
    entrants = [one for group in groups for one in group]
    game = OpenSpielGame(config)
    openings = balanced_openings(game, default_opening_plies(game), args.games // 2, 0)

    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_records(Path(folder), {})) as records,
    ):
        tournament = Tournament(config, entrants, openings, records, seed=0)
        len(openings)  # draws them all, which either way of playing would have to
        begin = time.perf_counter()
        tournament.play(fixed([(0, 1)], args.games // 2), lambda *counts: None)
        together = args.games / (time.perf_counter() - begin)
        played = tournament.records()
    sys.stderr.write(f"together {together:.2f} games a second\n")

    keys = [record.key for record in played[: args.alone]]
    number = {entrant.name: i for i, entrant in enumerate(entrants)}
    fixtures = [
        Fixture(
            (number[key.seat_0], number[key.seat_1]), openings[key.opening], game_seed(0, Key(*key))
        )
        for key in keys
    ]
    rows = [("side by side", str(args.games), f"{together:.2f}", "")]
    results = {"games_per_second": {"side by side": together}}
    for threads in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(threads)
        players = {
            i: SearchPlayer(
                loaded.agent.evaluate, loaded.config.agent.search, game, args.simulations
            )
            for i, loaded in enumerate(map(load_board_agent, args.players))
        }
        torch.set_num_threads(threads)
        begin = time.perf_counter()
        count = sum(1 for _ in play(game, players, fixtures, at_once=1))
        alone = count / (time.perf_counter() - begin)
        name = f"one at a time, {threads} torch thread{'s' * (threads > 1)}"
        rows.append((name, str(count), f"{alone:.2f}", f"{together / alone:.1f}x"))
        results["games_per_second"][name] = alone
    show(
        f"Connect four between checkpoints, {args.simulations} simulations",
        ("", "games", "games/s", "side by side is"),
        rows,
    )
    if args.json is not None:
        write_json(args.json, results)


if __name__ == "__main__":
    main()
