"""What the studio tells of boards. It remembers no game: a position is the list of its moves."""

import re

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workbench.checkpoint import list_steps
from workbench.errors import UsageError
from workbench.run import Run
from workbench.studio.answers import Answer
from workbench.studio.board_facts import Truth, recorded_game, rules, told_positions
from workbench.studio.library import Library
from workbench.thought import MAX_SIMULATIONS, Thinkers

THOUGHTS_AT_A_TIME = 2
SIMULATIONS = 100  # unless asked otherwise


def routes(library: Library) -> list[BaseRoute]:
    """Returns the routes below `/api/boards`."""
    thinkers, truths = Thinkers(), Truth()
    thinking, solving = CapacityLimiter(THOUGHTS_AT_A_TIME), CapacityLimiter(1)

    def playable(request: Request) -> Response:
        runs = library.runs().items()
        return Answer({"runs": [name for name, run in runs if _has_checkpoint(library, run)]})

    def positions(request: Request) -> Response:
        first = _number(request, "from", 0, least=0, most=1_000_000)
        max_plies = _number(request, "max_plies", 0, least=0, most=1_000_000)
        game = rules(request.query_params.get("game", ""), max_plies or None)
        return Answer(told_positions(game, _moves(request), first))

    async def think(request: Request) -> Response:
        run, moves = library.run(request.path_params["run"]), _moves(request)
        if not library.holds(run.checkpoints):
            raise HTTPException(404, "this run has no checkpoints")
        simulations = _number(request, "simulations", SIMULATIONS, least=1, most=MAX_SIMULATIONS)
        step = request.query_params.get("step", "")
        player = f"{run.path}@{step}" if step else str(run.path)
        return Answer(
            await to_thread.run_sync(thinkers.think, player, moves, simulations, limiter=thinking)
        )

    async def truth(request: Request) -> Response:
        game, moves = rules(request.query_params.get("game", ""), None), _moves(request)
        plies = await to_thread.run_sync(truths.judge, game, moves, limiter=solving)
        return Answer({"plies": plies})

    def recorded(request: Request) -> Response:
        run = library.run(request.path_params["run"])
        game = recorded_game(run, request.path_params["video"], library.serves)
        if game is None:
            raise HTTPException(404, "there is no such recorded game")
        return Answer(game)

    return [
        Route("/playable", playable),
        Route("/positions", positions),
        Route("/truth", truth),
        Route("/recorded/{run}/{video}", recorded),
        Route("/{run}/think", think),
    ]


def _has_checkpoint(library: Library, run: Run) -> bool:
    try:
        return library.holds(run.checkpoints) and bool(list_steps(run.checkpoints))
    except (OSError, ValueError):  # not readable, or names that are no numbers
        return False


def _moves(request: Request) -> list[int]:
    text = request.query_params.get("moves", "")
    if not re.fullmatch(r"([0-9]{1,9}(,[0-9]{1,9})*)?", text):
        raise UsageError("moves are numbers with commas between them, e.g. moves=3,3,2")
    return [int(move) for move in text.split(",")] if text else []


def _number(request: Request, name: str, default: int, *, least: int, most: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise UsageError(f"{name} is a whole number from {least} to {most:,}")
    return int(text)
