"""Commands that serve until they are stopped: `watch`, `play`, `uci` and `gtp`."""

from typing import Annotated

import typer
from typer import Argument, Option

from workbench.cli.wording import PLAYER_HELP

serving = typer.Typer()
ENGINE_HELP = (
    f"{PLAYER_HELP} Add ?simulations=N to fix the simulations per move. Default: as the clock "
    "allows or, without a clock, as in training."
)
Engine = Annotated[str, Argument(help=ENGINE_HELP)]
HOST_HELP = (
    "Address to listen on. With 0.0.0.0, others on your network can open the studio with the "
    "printed token."
)
PUBLIC_URL_HELP = (
    "URL at which a reverse proxy serves the studio, e.g. "
    "https://hub.example.org/user/me/proxy/8765/. The studio then also answers at that URL, given "
    "the printed token."
)
CHANGES_HELP = (
    "Allow renaming, annotating and deleting runs under runs/ in the browser, with the printed "
    "token. Default: only if no other machine can open the studio."
)
PORT_HELP = "Port to listen on; 0: any free port. Default: the first free port from 8765."
Host = Annotated[str, Option(help=HOST_HELP)]
Port = Annotated[int | None, Option(min=0, max=65535, help=PORT_HELP)]
Browser = Annotated[bool, Option(help="Open the page in the browser.")]
PublicUrl = Annotated[str | None, Option(help=PUBLIC_URL_HELP)]
Changes = Annotated[bool | None, Option(help=CHANGES_HELP)]
LOCAL = "127.0.0.1"


@serving.command()
def watch(
    shown: Annotated[
        list[str] | None, Argument(help="A run to open, or additional folders of runs.")
    ] = None,
    host: Host = LOCAL,
    port: Port = None,
    browser: Browser = True,
    public_url: PublicUrl = None,
    changes: Changes = None,
) -> None:
    """Opens the studio in the browser: runs, videos, games and tournaments.

    Example: ludus watch runs/zoo/atari-pong
    """
    from workbench.studio.watch import watch as serve

    serve(
        shown or [], host=host, port=port, browser=browser, public_url=public_url, changes=changes
    )


@serving.command()
def play(
    run: Annotated[str, Argument(help="The run whose agent plays.")],
    host: Host = LOCAL,
    port: Port = None,
    browser: Browser = True,
    public_url: PublicUrl = None,
    changes: Changes = None,
) -> None:
    """Opens the page to play against a trained agent, or alongside it.

    Example: ludus play runs/zoo/connect-four
    """
    from workbench.studio.watch import watch as serve

    serve(
        [run],
        host=host,
        port=port,
        browser=browser,
        page="play",
        public_url=public_url,
        changes=changes,
    )


@serving.command()
def uci(run: Engine) -> None:
    """Runs a trained chess player as a UCI engine, for any chess program.

    Chess programs start engines in other folders, so give the full path of the run.

    Example: ludus uci /home/me/ludus/runs/chess-alphazero-1
    """
    from workbench.engines.serve import serve_and_leave
    from workbench.engines.serve_uci import serve_uci

    serve_and_leave(serve_uci, run)


@serving.command()
def gtp(run: Engine) -> None:
    """Runs a trained go player as a GTP 2 engine, for any go program.

    Example: ludus gtp runs/zoo/go5
    """
    from workbench.engines.serve import serve_and_leave
    from workbench.engines.serve_gtp import serve_gtp

    serve_and_leave(serve_gtp, run)
