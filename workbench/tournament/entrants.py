"""The players of a tournament: turns the names that users type into players."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agents.alphazero import SearchPlayer
from agents.base import Player
from agents.search import Evaluate
from envs.board.openspiel import BoardConfig, OpenSpielGame
from envs.spelling import nearest
from workbench.engines.identity import Identity
from workbench.engines.players import ENGINES, make_engine
from workbench.engines.players import GAMES as ENGINE_GAMES
from workbench.engines.protocols import Limits
from workbench.errors import UsageError
from workbench.evaluation.baselines import BASELINES, KINDS, make_baseline
from workbench.evaluation.load import load_board_agent, simulations_asked_for
from workbench.runs import checkpoint
from workbench.runs.run import open_run

Floats = npt.NDArray[np.float32]

ALL = "@all"
NET = "net:"
# Rows of one call of a network. With always as many, and each row computed alike wherever it
# stands, a game does not depend on those beside it: one that is played again comes out the same.
ROWS = 32


@dataclass(frozen=True)
class Entrant:
    """Somebody who takes part.

    Attributes:
        name: as one would type it to get exactly this player again.
        make: returns the player, ready for one thread; engines must be closed. A network asks the
            function now and then while it thinks; when that says no, it moves at once.
        identity: what else must be the same for its earlier games to count: a network's checksum.
            That of an engine is known when it has been made once, see `EnginePlayer.identity`.
        series: what all checkpoints of its run are called that play alike; None: it is no network.
        env_steps: how long it had trained; 0: it is no network.
        simulations: how many nodes its tree of a position has, while it thinks about many at once;
            0: it does not.
        is_engine: whether it is another program.
    """

    name: str
    make: Callable[[OpenSpielGame, Callable[[], bool]], Player]
    identity: Identity = ""
    series: str | None = None
    env_steps: int = 0
    simulations: int = 0
    is_engine: bool = False


def in_equal_batches(evaluate: Evaluate) -> Evaluate:
    """Returns `evaluate`, asked about exactly `ROWS` positions at a time; some may be blank."""

    def ask(obs: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
        blank = np.zeros((-len(obs) % ROWS, *obs.shape[1:]), np.uint8)
        batches = np.concatenate([obs, blank]).reshape(-1, ROWS, *obs.shape[1:])
        logits, chances = zip(*(evaluate(batch) for batch in batches), strict=True)
        return np.concatenate(logits)[: len(obs)], np.concatenate(chances)[: len(obs)]

    return ask


def enter(
    names: Sequence[str], game: str | None, *, simulations: int | None, move_seconds: float
) -> tuple[BoardConfig, list[list[Entrant]]]:
    """Returns the game and who plays it: the entrants that each name stands for.

    Args:
        names: runs (`runs/NAME`, `runs/NAME@STEP`, `runs/NAME@all`, all with `net:` before them for
            the bare network or `?simulations=N` after them), baselines and engines.
        game: as OpenSpiel names it; None: that of the first run.
        simulations: per move of each network that does not say its own; None: as in training.
        move_seconds: how long an engine may take for a move.

    Raises:
        UsageError: a name means nothing, the runs play another game, or nobody says which it is.
    """
    entered: list[list[Entrant]] = []
    config: BoardConfig | None = None
    for name in names:
        if not is_run(name):
            other = _engine(name, move_seconds) if is_engine(name) else _baseline(name)
            entered.append([other])
            continue
        entered.append([])
        for one in checkpoints_of(name):
            entrant, plays = _checkpoint(one, simulations)
            entered[-1].append(entrant)
            config = config or plays
            if plays.game != (game or config.game):
                raise UsageError(f"{one} plays {plays.game}, not {game or config.game}")
    if config is None:
        if game is None:
            raise UsageError("say which game is played, e.g. --game connect_four")
        config = BoardConfig(kind="board", game=game)
    refuse_doubles([one.name for group in entered for one in group])
    if sum(map(len, entered)) < 2:
        raise UsageError("a tournament needs two players or more; try adding random")
    return config, entered


def refuse_doubles(names: Sequence[str]) -> None:
    """Raises UsageError if somebody is named twice."""
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} is named twice")


def is_engine(name: str) -> bool:
    """Returns whether a name is meant to be that of an engine, see `make_engine`."""
    return name.partition(":")[0] in ENGINE_GAMES


def is_run(name: str) -> bool:
    """Returns whether a name is not meant to be that of an engine or a baseline."""
    return name.partition(":")[0] not in (*ENGINE_GAMES, *KINDS)


def _baseline(name: str) -> Entrant:
    return Entrant(name, lambda game, go_on: make_baseline(name, game))


def _engine(name: str, move_seconds: float) -> Entrant:
    limits: Limits | None = None  # are tried when it is made for the first time

    def make(game: OpenSpielGame, go_on: Callable[[], bool]) -> Player:
        nonlocal limits
        player = make_engine(name, game, move_seconds, limits)
        limits = player.limits
        return player

    return Entrant(name, make, is_engine=True)


def checkpoints_of(name: str) -> list[str]:
    """Returns the checkpoints that a name with `@all` in it stands for, or the name itself."""
    player, question, options = name.partition("?")
    if not player.endswith(ALL):
        return [name]
    prefix = NET if player.startswith(NET) else ""
    run = open_run(player.removeprefix(NET).removesuffix(ALL))
    steps = checkpoint.list_steps(run.checkpoints)
    if not steps:
        raise UsageError(f"{run.name} has no checkpoint yet")
    return [f"{prefix}{run.path}@{step}{question}{options}" for step in steps]


def _checkpoint(typed: str, simulations: int | None) -> tuple[Entrant, BoardConfig]:
    player, _, options = typed.partition("?")
    bare = player.startswith(NET)
    count = simulations_asked_for(typed, options) or simulations
    if bare and options:
        raise UsageError(f"{typed}: a bare network makes no simulations")
    try:
        trained = load_board_agent(player.removeprefix(NET))
    except UsageError as error:
        kind, colon, rest = typed.partition(":")
        near = nearest(kind, (*KINDS, *ENGINE_GAMES))
        if near and str(error).startswith("there is no run"):
            raise UsageError(f"there is no {typed!r}; did you mean {near}{colon}{rest}?") from None
        if "/" in typed or "@" in typed:
            raise
        raise UsageError(f"{error}; players that are no runs: {BASELINES}, {ENGINES}") from None
    evaluate, agent = in_equal_batches(trained.agent.evaluate), trained.config.agent
    run = f"{NET * bare}{trained.run.path}"
    after = f"?simulations={count}" if count and not bare else ""
    count = 1 if bare else count or agent.simulations  # one tries the likeliest move alone

    def make(game: OpenSpielGame, go_on: Callable[[], bool]) -> Player:
        # Networks of one tournament may see its positions in different ways.
        seen = game.config.model_copy(update={"planes": trained.config.env.planes})
        return SearchPlayer(evaluate, agent.search, OpenSpielGame(seen), count, go_on)

    digest, steps = checkpoint.model_digest(trained.path), trained.env_steps
    entrant = Entrant(f"{run}@{steps}{after}", make, digest, f"{run}{after}", steps, count)
    return entrant, trained.config.env
