"""Commands that measure and show: `eval`, `record`, `tournament` and `runs`."""

import json
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Argument, Option

from workbench.cli.wording import AsJson, Player, say

if TYPE_CHECKING:
    from workbench.runs.run import Run

measuring = typer.Typer()
ENTRANTS_HELP = (
    "Two or more of: RUN, RUN@STEP, RUN@all (every checkpoint), net:RUN (the network without "
    "search), random, greedy, minimax:DEPTH, mcts:SIMULATIONS, solver, and engines: uci:COMMAND, "
    "usi:COMMAND, xboard:COMMAND, gtp:COMMAND."
)


@measuring.command(name="eval")
def evaluate_player(
    context: typer.Context,
    player: Player,
    episodes: Annotated[int, Option(min=1, help="Number of episodes or games to play.")] = 30,
    seed: Annotated[
        int, Option(min=0, help="Random seed. Evaluation seeds never overlap training seeds.")
    ] = 0,
    protocol: Annotated[
        str | None, Option(help="Atari only: machado or classic. Default: the run's.")
    ] = None,
    against: Annotated[
        str,
        Option(help="Board games only: random, greedy, minimax:DEPTH, mcts:SIMULATIONS or solver."),
    ] = "random",
    simulations: Annotated[
        int | None,
        Option(min=1, help="Board games only: simulations per move. Default: as in training."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measures an agent: mean raw score over whole episodes, with a 95% interval.

    Board games: points against a fixed opponent. Each opening is played twice, with sides swapped.

    Example: ludus eval runs/my-pong --episodes 30 --json

    Example: ludus eval runs/connect_four-alphazero-1 --against mcts:1000 --episodes 200
    """
    from workbench.cli.flags import EVAL_OF_BOARD_GAMES, EVAL_OF_EPISODES, refuse_flags
    from workbench.evaluation.load import BoardAgent, load_trained

    trained = load_trained(player)
    is_board = isinstance(trained, BoardAgent)
    refuse_flags(context, EVAL_OF_BOARD_GAMES if is_board else EVAL_OF_EPISODES, run=player)
    played = count(1)

    def tell(score: float) -> None:
        say(f"{'game' if is_board else 'episode'} {next(played)}/{episodes}: {score:g}")

    report: dict[str, Any]
    if isinstance(trained, BoardAgent):
        from workbench.evaluation.board_games import describe, evaluate_board

        found = evaluate_board(
            trained, against, games=episodes, seed=seed, simulations=simulations, on_game=tell
        )
        report = {"player": player, **found}
        text = describe(report)
    else:
        from workbench.evaluation.episodes import evaluate
        from workbench.evaluation.load import with_protocol

        env_config = with_protocol(trained.env, protocol)
        result = evaluate(trained.agent, env_config, episodes=episodes, seed=seed, on_episode=tell)
        report = {"player": player, **result.report(seed, trained.env_steps)}
        text = (
            f"{player}  {report['game']}  {report['protocol'] or ''}  "
            f"{trained.env_steps:,} env_steps\n"
            f"{result.text()}\nreturns {' '.join(f'{x:g}' for x in result.returns)}\n"
        )
    _keep(trained.run, report)
    sys.stdout.write(json.dumps(report) + "\n" if as_json else text)


def _keep(run: "Run", report: dict[str, Any]) -> None:
    """Keeps an evaluation with the run, where one may write there."""
    from workbench.runs.scores import keep_evaluation

    try:
        keep_evaluation(run.path, report)
    except OSError as error:
        say(f"note: not kept in {run.path} ({error.strerror}), so lists do not show it")


@measuring.command()
def record(
    run: Player,
    episodes: Annotated[int, Option(min=1, help="Number of videos.")] = 1,
    seed: Annotated[
        int,
        Option(
            min=0, help="Random seed; the same seed records the episodes that ludus eval plays."
        ),
    ] = 0,
) -> None:
    """Records episodes as mp4 videos, each with a JSON trace of every step.

    With the same --seed and --episodes, the first 16 videos show the episodes of `ludus eval`, in
    the same order; the next 16 use seed + 1. In board games the agent plays itself, and each video
    adds 1 to the seed.

    Example: ludus record runs/my-pong --episodes 3
    """
    from workbench.evaluation.episodes import MAX_EVAL_ENVS
    from workbench.evaluation.load import BoardAgent, load_trained, record_player

    trained = load_trained(run)
    env_steps = trained.env_steps
    if isinstance(trained, BoardAgent):
        from workbench.evaluation.board_games import record_game

        for number in range(seed, seed + episodes):
            video = record_game(trained.agent, trained.config, trained.run, env_steps, seed=number)
            sys.stdout.write(f"{video}\n")
        return
    agent, env_config, directory = trained.agent, trained.env, trained.run.videos
    for number in range(episodes):
        later, env_index = divmod(number, MAX_EVAL_ENVS)
        recording = record_player(
            agent, env_config, directory, env_steps, seed=seed + later, env_index=env_index
        )
        say(f"return {recording.episode_return:g} in {recording.episode_length:,} env_steps")
        sys.stdout.write(f"{recording.video}\n")


@measuring.command()
def tournament(
    context: typer.Context,
    players: Annotated[list[str], Argument(help=ENTRANTS_HELP)],
    game: Annotated[
        str | None, Option(help="The game's OpenSpiel name. Default: the runs' game.")
    ] = None,
    games: Annotated[
        int | None, Option(min=1, help="Games per pairing. Default: 40; sprt: at most 1000.")
    ] = None,
    mode: Annotated[
        Literal["round-robin", "gauntlet", "ladder", "active", "sprt"],
        Option(help="Who plays whom."),
    ] = "round-robin",
    simulations: Annotated[
        int | None,
        Option(min=1, help="Simulations per move for trained agents. Default: as in training."),
    ] = None,
    seed: Annotated[
        int, Option(min=0, help="Random seed for openings and all other random choices.")
    ] = 0,
    out: Annotated[
        Path | None, Option(help="Folder for the games. Games already in it are not played again.")
    ] = None,
    opening_plies: Annotated[
        int | None, Option(min=0, max=100, help="Number of moves in an opening.")
    ] = None,
    anchor: Annotated[
        str | None, Option(help="The player whose rating is fixed at --anchor-elo.")
    ] = None,
    anchor_elo: Annotated[
        float, Option(help="Rating of the anchor, or the mean rating if there is none.")
    ] = 0.0,
    width: Annotated[
        float, Option(min=1, help="active: stop when every 95% interval is within ± this many Elo.")
    ] = 60.0,
    elo0: Annotated[
        float, Option(help="sprt: H0: the first player is at most this many Elo stronger.")
    ] = 0.0,
    elo1: Annotated[float, Option(help="sprt: H1: it is at least this many Elo stronger.")] = 50.0,
    move_seconds: Annotated[float, Option(min=0.1, help="Time limit per engine move.")] = 10.0,
    episodes: Annotated[
        int | None,
        Option(min=1, help="Games without opponents: episodes per checkpoint. Default: 30."),
    ] = None,
    protocol: Annotated[
        str | None, Option(help="Atari only: machado or classic. Default: the runs'.")
    ] = None,
    wandb: Annotated[
        Literal["offline", "online", "disabled"],
        Option(help="Also log the checkpoints' ratings to W&B."),
    ] = "disabled",
    as_json: AsJson = False,
) -> None:
    """Ranks players of a board game: Elo with 95% intervals, and a crosstable.

    Each opening is played twice, with sides swapped. All games are kept: the same command continues
    a tournament that was stopped, and a player added later plays only its own games.

    Mode sprt tests whether the first player is stronger than the second: exit code 0 if it is, 1 if
    it is not.

    Runs of games without opponents are compared by their scores on the same seeds.

    Example: ludus tournament runs/zoo/connect-four@all random mcts:1000 solver --simulations 64

    Example: ludus tournament runs/chess-1 "uci:stockfish?nodes=100" --games 10

    Example: ludus tournament runs/zoo/grid-memory runs/zoo/grid-memory-feedforward
    """
    from workbench.config import WandbConfig
    from workbench.tournament.command import run
    from workbench.tournament.run import Options
    from workbench.tournament.sprt import Sprt

    options = Options(
        game=game,
        mode=mode,
        games=games,
        simulations=simulations,
        seed=seed,
        out=out,
        opening_plies=opening_plies,
        half_width_elo=width,
        test=Sprt(elo0, elo1),
        anchor=anchor,
        anchor_elo=anchor_elo,
        move_seconds=move_seconds,
        wandb=WandbConfig(mode=wandb),
    )
    code = run(players, options, context, episodes=episodes, protocol=protocol, as_json=as_json)
    raise typer.Exit(code)


@measuring.command()
def runs(as_json: AsJson = False) -> None:
    """Lists the runs with their state, env_steps, score and wall time.

    The score is the evaluation of the latest checkpoint (`ludus eval`, 10 episodes or more) if
    there is one, else the mean of the last 100 or more training episodes. Board games:
    points against a fixed player, or Elo.

    Example: ludus runs
    """
    from workbench.runs.listing import list_rows, print_rows

    rows = list_rows()
    if as_json:
        sys.stdout.write(json.dumps({"runs": rows}) + "\n")
    else:
        print_rows(rows)
