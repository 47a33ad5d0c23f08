"""What the studio tells of tournaments, all below `/api/tournaments`.

- `/`: all of them, the latest first
- `/ID`: one with its table
- `/ID/games?player=&against=&result=&first=`: a page of its games, players by place in the table
- `/ID/games/N`: one game with its moves
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from workbench.errors import UsageError
from workbench.studio.library import Library
from workbench.studio.tournament_facts import Filter, details, game, games, summary


def routes(library: Library) -> list[BaseRoute]:
    """Returns the routes below `/api/tournaments`."""

    def every(request: Request) -> Response:
        found = [summary(name, folder) for name, folder in library.tournaments().items()]
        found.sort(key=lambda facts: (-facts.get("date", 0.0), facts["id"]))
        return JSONResponse({"tournaments": found})

    def one(request: Request) -> Response:
        name = request.path_params["id"]
        return JSONResponse(details(name, library.tournament(name)))

    def its_games(request: Request) -> Response:
        folder = library.tournament(request.path_params["id"])
        player, against = _number(request, "player"), _number(request, "against")
        wanted = Filter(player, against, request.query_params.get("result") or None)
        return JSONResponse(games(folder, wanted, _number(request, "first") or 0))

    def its_game(request: Request) -> Response:
        found = game(library.tournament(request.path_params["id"]), request.path_params["n"])
        if found is None:
            raise HTTPException(404, "there is no such game")
        return JSONResponse(found)

    return [
        Route("/", every),
        Route("/{id}", one),
        Route("/{id}/games", its_games),
        Route("/{id}/games/{n:int}", its_game),
    ]


def _number(request: Request, name: str) -> int | None:
    """Returns a number of the address, None where it is not given; raises UsageError."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"{name} is a whole number, not {text[:40]!r}")
    return int(text)
