"""What the studio tells of runs."""

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from workbench.studio.library import Library
from workbench.studio.run_facts import card, details


def routes(library: Library) -> list[BaseRoute]:
    """Returns the routes below `/api/runs`."""

    def all_runs(request: Request) -> Response:
        return JSONResponse({"runs": [card(name, run) for name, run in library.runs().items()]})

    def one_run(request: Request) -> Response:
        name = request.path_params["run"]
        return JSONResponse(details(name, library.run(name)))

    def video(request: Request) -> Response:
        run, name = library.run(request.path_params["run"]), request.path_params["video"]
        for path in run.videos.glob("*.mp4"):
            if path.stem == name:
                return FileResponse(path, media_type="video/mp4")
        return JSONResponse({"error": "there is no such video"}, status_code=404)

    return [
        Route("/", all_runs),
        Route("/{run}", one_run),
        Route("/{run}/videos/{video}.mp4", video),
    ]
