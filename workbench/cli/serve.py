"""The commands that serve until they are told to stop: the studio, and checkpoints as engines."""

from typing import Annotated

import typer

from workbench.cli.wording import PLAYER_HELP

serving = typer.Typer()
ENGINE_HELP = (
    f"{PLAYER_HELP} After it, ?simulations=N per move; left out: as in training, or as a clock "
    "allows."
)
HOST_HELP = (
    "Where to listen. 0.0.0.0: at all addresses of this machine, so that others in the network can "
    "open the studio with the token that is printed."
)
PUBLIC_URL_HELP = (
    "The address at which a reverse proxy shows the studio, e.g. "
    "https://hub.example.org/user/me/proxy/8765/. It may then be asked by that name, too, by those "
    "who have the token that is printed."
)
CHANGES_HELP = (
    "Runs under runs/ can be renamed, annotated and deleted there by who has the token that is "
    "printed; if not said, only where nobody but this machine is let in."
)
PORT_HELP = "0: any free one; left out: the first free one from 8765 on."


@serving.command()
def watch(
    shown: Annotated[
        list[str] | None, typer.Argument(help="A run, or folders of runs beside runs/.")
    ] = None,
    host: Annotated[str, typer.Option(help=HOST_HELP)] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help=PORT_HELP)] = None,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    public_url: Annotated[str | None, typer.Option(help=PUBLIC_URL_HELP)] = None,
    changes: Annotated[bool | None, typer.Option(help=CHANGES_HELP)] = None,
) -> None:
    """The studio: runs, videos, games and tournaments in the browser.

    Example: ludus watch runs/zoo/atari-pong
    """
    from workbench.studio.watch import watch as serve

    serve(
        shown or [],
        host=host,
        port=port,
        browser=browser,
        public_url=public_url,
        changes=changes,
    )


@serving.command()
def play(
    run: Annotated[str, typer.Argument(help="Whom to play against, or beside.")],
    host: Annotated[str, typer.Option(help=HOST_HELP)] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help=PORT_HELP)] = None,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    public_url: Annotated[str | None, typer.Option(help=PUBLIC_URL_HELP)] = None,
    changes: Annotated[bool | None, typer.Option(help=CHANGES_HELP)] = None,
) -> None:
    """Play against a trained agent in the browser: a page of the studio.

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
def uci(run: Annotated[str, typer.Argument(help=ENGINE_HELP)]) -> None:
    """Makes a chess checkpoint an engine: any chess program can play against it, by UCI.

    Chess programs start engines in folders of their own, so give them the whole path of the run.

    Example: ludus uci /home/me/ludus/runs/chess-alphazero-1
    """
    from workbench.engines.serve import serve_and_leave
    from workbench.engines.serve_uci import serve_uci

    serve_and_leave(serve_uci, run)


@serving.command()
def gtp(run: Annotated[str, typer.Argument(help=ENGINE_HELP)]) -> None:
    """Makes a go checkpoint an engine: any go program can play against it, by GTP version 2.

    Example: ludus gtp runs/zoo/go5
    """
    from workbench.engines.serve import serve_and_leave
    from workbench.engines.serve_gtp import serve_gtp

    serve_and_leave(serve_gtp, run)
