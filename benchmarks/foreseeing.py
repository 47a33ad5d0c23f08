"""Whether a network learns more of the same games where it also foresees how they end.

A trained network plays against itself. New networks learn from those games, with each of the
weights of `agent.end_weight`, from the same first weights and in the same order; what counts is
their loss (policy and outcome) on games that none of them has seen. Seeds are of the first weights
and of the order.

    python benchmarks/foreseeing.py RUN [--weights 0 0.5] [--seeds 3] [--updates 400]

RUN is a run of a board game. Takes about 6 minutes for go 5x5 on one core.
"""

import argparse

import numpy as np
import torch
from side_by_side import show

from agents.alphazero import AlphaZero, AlphaZeroConfig
from envs.board.openspiel import OpenSpielGame
from workbench.config import PositionReplayConfig
from workbench.evaluation.load import BoardAgent, load_board_agent
from workbench.replay import PositionReplay
from workbench.selfplay.games import SelfPlay

GAMES_AT_ONCE, SIMULATIONS = 256, 25


def play(player: BoardAgent, positions: int, held_out: int) -> tuple[PositionReplay, ...]:
    """Returns what is learned from, and what is not: games of the player against itself."""
    agent, game, config, _ = player
    settings = config.agent.model_copy(update={"simulations": SIMULATIONS, "resignation": None})
    rng = np.random.default_rng(0)
    playing = SelfPlay(settings, game, agent.evaluate, GAMES_AT_ONCE, rng)
    parts = []
    for count in (held_out, positions):
        replay = PositionReplay(PositionReplayConfig(window_positions=count), game.spec, rng)
        while replay.added < count:
            learnable = playing.move(full=True).learnable
            if learnable is not None:
                replay.add(learnable)
        parts.append(replay)
    return parts[1], parts[0]


def learn(
    config: AlphaZeroConfig, game: OpenSpielGame, replay: PositionReplay, seed: int, updates: int
) -> AlphaZero:
    """Returns a new network after so many updates."""
    torch.manual_seed(seed)
    agent = AlphaZero(config, game.spec, torch.device("cpu"))
    replay._rng = np.random.default_rng(seed)
    for _ in range(updates):
        agent.update(replay.sample(config.batch_size))
    return agent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("player")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 0.5])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=400)
    parser.add_argument("--positions", type=int, default=12_000)
    parser.add_argument("--held-out", type=int, default=4_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    player = load_board_agent(args.player)
    replay, held_out = play(player, args.positions, args.held_out)
    unseen = held_out.spread(args.held_out, args.held_out)
    rows = []
    for weight in args.weights:
        config = player.config.agent.model_copy(
            update={"end_weight": weight, "learning_rate_decay_env_steps": None}
        )
        losses = [
            learn(config, player.game, replay, seed, args.updates).loss(unseen)
            for seed in range(args.seeds)
        ]
        told = " ".join(f"{loss:.3f}" for loss in losses)
        rows.append((f"{weight:g}", f"**{np.mean(losses):.3f}**", told))
    show(
        f"Loss on {args.held_out:,} positions held out, after {args.updates} updates from "
        f"{args.positions:,} of {args.player}",
        ("end_weight", "mean", "each seed"),
        rows,
        (),
    )


if __name__ == "__main__":
    main()
