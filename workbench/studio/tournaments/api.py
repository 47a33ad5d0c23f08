"""Answers `/api/tournaments`.

- `/`: all of them, the latest first
- `/ID`: one with its table
- `/ID/games?player=&against=&result=&first=`: a page of its games, players by place in the table
- `/ID/games/N`: one game with its moves
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workbench.studio.answers import Answer
from workbench.studio.library import Library
from workbench.studio.queries import whole_number
from workbench.studio.tournaments.facts import details, game, games, summary


def routes(library: Library) -> list[BaseRoute]:
    """Returns the routes below `/api/tournaments`."""

    def every(request: Request) -> Response:
        found = [summary(name, folder) for name, folder in library.tournaments().items()]
        found.sort(key=lambda facts: (-facts.get("date", 0.0), facts["id"]))
        return Answer({"tournaments": found})

    def one(request: Request) -> Response:
        name = request.path_params["id"]
        return Answer(details(name, library.tournament(name)))

    def its_games(request: Request) -> Response:
        folder = library.tournament(request.path_params["id"])
        query = request.query_params
        player, against = whole_number(query, "player"), whole_number(query, "against")
        first, result = whole_number(query, "first") or 0, query.get("result") or None
        return Answer(games(folder, player, against, result, first))

    def its_game(request: Request) -> Response:
        found = game(library.tournament(request.path_params["id"]), request.path_params["n"])
        if found is None:
            raise HTTPException(404, "there is no such game")
        return Answer(found)

    return [
        Route("/", every),
        Route("/{id}", one),
        Route("/{id}/games", its_games),
        Route("/{id}/games/{n:int}", its_game),
    ]
