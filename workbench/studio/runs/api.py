"""Answers `/api/runs`."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from workbench.errors import UsageError
from workbench.runs.run import Run
from workbench.studio.answers import Answer, WorkQueue
from workbench.studio.cache import Cache, fingerprint
from workbench.studio.library import Library
from workbench.studio.queries import one_of, whole_number
from workbench.studio.runs.curves import X_NAMES, Curve, MetricsReader, band, thin
from workbench.studio.runs.facts import Cards, details
from workbench.studio.videos.facts import PLACEHOLDER, file_name, find, list_videos, make_poster
from workbench.studio.videos.traces import read_trace

POINTS = 600
MAX_NAMES_ASKED = 20
MAX_SEEDS = 30
READERS_BYTES = 256 << 20  # kept
MAX_POSTERS = 1_000  # kept, of some 20 kB each
MAX_WAITING = 2_000  # who shows a gallery asks for all its pictures at once
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # the address changes with it
ALWAYS_ASK = {"Cache-Control": "no-cache"}


def routes(library: Library, cards: Cards) -> list[BaseRoute]:
    """Returns the routes below `/api/runs`; `cards` are of the runs in `library`."""
    posters: Cache[bytes | None] = Cache(MAX_POSTERS)
    readers: Cache[MetricsReader] = Cache(READERS_BYTES, lambda reader: reader.nbytes)
    drawing, reading = WorkQueue(2, MAX_WAITING), WorkQueue(2, MAX_WAITING)

    def all_runs(request: Request) -> Response:
        return Answer({"runs": cards.all(library.runs())})

    def one_run(request: Request) -> Response:
        name = request.path_params["run"]
        return Answer(details(name, library.run(name), library.serves))

    def read(run: Run) -> MetricsReader:
        reader = readers.get(run.metrics_path, lambda: MetricsReader(run.metrics_path))
        try:
            reader.update()
        except OSError as error:
            raise HTTPException(404, f"its metrics cannot be read ({error.strerror})") from None
        return reader

    def curves(request: Request) -> Response:
        run = library.run(request.path_params["run"])
        x_name = one_of(request.query_params, "x", X_NAMES)
        points = whole_number(request.query_params, "points", least=4, most=POINTS) or POINTS
        if not os.path.lexists(run.metrics_path):  # a training writes it when it has something
            return Answer({"names": [], "x": x_name, "newest": {}, "curves": {}})
        if not library.serves(run.metrics_path):
            raise HTTPException(404, "its metrics cannot be read")
        reader = read(run)
        names = [name for name in request.query_params.get("names", "").split(",") if name]
        if len(names) > MAX_NAMES_ASKED:
            raise UsageError(f"names: at most {MAX_NAMES_ASKED}")
        newest = reader.newest()
        drawn = {name: _plain(thin(reader.curve(name, x_name), points)) for name in names}
        return Answer({"names": reader.names, "x": x_name, "newest": newest, "curves": drawn})

    def seeds(request: Request) -> Response:
        """Returns the mean of a metric over runs that differ in the seed alone, and its band."""
        mine = request.path_params["run"]
        family = cards.card(mine, library.run(mine))["family"]
        x_name = one_of(request.query_params, "x", X_NAMES)
        metric = request.query_params.get("name", "")
        members: list[str] = []
        drawn: list[Curve] = []
        for name, run in library.runs().items():
            alike = family is not None and cards.card(name, run)["family"] == family
            if alike and len(members) < MAX_SEEDS and library.serves(run.metrics_path):
                with suppress(HTTPException):  # gone just now
                    drawn.append(read(run).curve(metric, x_name))
                    members.append(name)
        return Answer({"runs": members, "x_name": x_name, **band(drawn)})

    def run_poster(request: Request) -> Response:
        run, newest = library.run(request.path_params["run"]), None
        with suppress(OSError, IndexError):
            newest = run.videos / f"{list_videos(run)[-1]}.mp4"
        return picture(request, run, newest, cropped=True)

    def video_poster(request: Request) -> Response:
        run = library.run(request.path_params["run"])
        path = find(run, request.path_params["video"], ".mp4", library.serves)
        return picture(request, run, path, cropped=False)

    def picture(request: Request, run: Run, path: Path | None, *, cropped: bool) -> Response:
        made = None
        if path is not None and library.serves(path):
            is_board = cards.card(request.path_params["run"], run)["world"] == "board"
            made = posters.get(
                (path, is_board, cropped),
                lambda: make_poster(path, is_board=is_board, cropped=cropped),
                fingerprint(path),
            )
        if made is None:
            return Response(PLACEHOLDER, media_type="image/svg+xml", headers=ALWAYS_ASK)
        headers = FOREVER if "v" in request.query_params else ALWAYS_ASK
        return Response(made, media_type="image/jpeg", headers=headers)

    def video(request: Request) -> Response:
        run = library.run(request.path_params["run"])
        path = find(run, request.path_params["video"], ".mp4", library.serves)
        saved_as = file_name(run, path.stem) if "download" in request.query_params else None
        return FileResponse(path, media_type="video/mp4", headers=ALWAYS_ASK, filename=saved_as)

    def trace(request: Request) -> Response:
        run, name = library.run(request.path_params["run"]), request.path_params["video"]
        find(run, name, ".mp4", library.serves)
        path = find(run, name, ".json", library.serves)
        try:
            return Answer(read_trace(path))
        except UsageError as error:
            raise HTTPException(404, str(error)) from None

    return [
        Route("/", all_runs),
        Route("/{run}", one_run),
        Route("/{run}/curves", curves),
        Route("/{run}/seeds", seeds),
        Route("/{run}/poster", drawing(run_poster)),
        Route("/{run}/videos/{video}.mp4", video),
        Route("/{run}/videos/{video}/poster", drawing(video_poster)),
        Route("/{run}/videos/{video}/trace", reading(trace)),
    ]


def _plain(curve: Curve) -> dict[str, Any]:
    return {"x": curve.x.tolist(), "y": curve.y.tolist()}
