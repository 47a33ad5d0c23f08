"""Answers `/api/boards`. It is stateless: a position is the list of its moves."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from envs.board import games as game_table
from workbench.errors import UsageError
from workbench.runs.checkpoint import list_steps
from workbench.runs.run import Run
from workbench.studio.answers import Answer, WorkQueue
from workbench.studio.boards.facts import Truth, recorded_game, rules, told_positions
from workbench.studio.boards.thought import MAX_SIMULATIONS, Thinkers
from workbench.studio.library import Library
from workbench.studio.queries import whole_number

THOUGHTS_AT_A_TIME = 2
POSITIONS_AT_A_TIME = 4  # of a long game on a large board they take some 25 MB
MAX_PLIES = 1_000_000
SIMULATIONS = 100  # unless asked otherwise


def routes(library: Library) -> list[BaseRoute]:
    """Returns the routes below `/api/boards`."""
    thinkers, truths = Thinkers(), Truth()

    def playable(request: Request) -> Response:
        runs = library.runs().items()
        return Answer({"runs": [name for name, run in runs if _has_checkpoint(library, run)]})

    def games(request: Request) -> Response:
        return Answer(game_table.as_json())

    def positions(request: Request) -> Response:
        first = whole_number(request.query_params, "from") or 0
        max_plies = whole_number(request.query_params, "max_plies", most=MAX_PLIES) or None
        game = rules(request.query_params.get("game", ""), max_plies)
        return Answer(told_positions(game, _moves(request), first))

    def think(request: Request) -> Response:
        run, moves = library.trained_run(request.path_params["run"]), _moves(request)
        query = request.query_params
        simulations = whole_number(query, "simulations", least=1, most=MAX_SIMULATIONS)
        step = whole_number(query, "step")
        player = str(run.path) if step is None else f"{run.path}@{step}"
        return Answer(thinkers.think(player, moves, simulations or SIMULATIONS))

    def truth(request: Request) -> Response:
        game, moves = rules(request.query_params.get("game", ""), None), _moves(request)
        return Answer({"plies": truths.judge(game, moves)})

    def recorded(request: Request) -> Response:
        run = library.trained_run(request.path_params["run"])
        game = recorded_game(run, request.path_params["video"], library.serves)
        if game is None:
            raise HTTPException(404, "there is no such recorded game")
        return Answer(game)

    return [
        Route("/playable", playable),
        Route("/games", games),
        Route("/positions", WorkQueue(POSITIONS_AT_A_TIME)(positions)),
        Route("/truth", WorkQueue(1)(truth)),
        Route("/recorded/{run}/{video}", recorded),
        Route("/{run}/think", WorkQueue(THOUGHTS_AT_A_TIME)(think)),
    ]


def _has_checkpoint(library: Library, run: Run) -> bool:
    try:
        return library.holds_checkpoints(run) and bool(list_steps(run.checkpoints))
    except (OSError, ValueError):  # not readable, or names that are no numbers
        return False


def _moves(request: Request) -> list[int]:
    text = request.query_params.get("moves", "")
    if not re.fullmatch(r"([0-9]{1,9}(,[0-9]{1,9})*)?", text):
        raise UsageError("moves are numbers with commas between them, e.g. moves=3,3,2")
    return [int(move) for move in text.split(",")] if text else []
