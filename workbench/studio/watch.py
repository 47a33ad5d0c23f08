"""`ludus watch`: starts the studio and opens the browser."""

import errno
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette

from workbench.errors import UsageError
from workbench.runs.names import is_run, looks_like_path, typed_path
from workbench.runs.run import RUNS, open_run
from workbench.studio.addresses import addresses, hint, is_loopback, listen
from workbench.studio.guard import LOOPBACK, Access, PublicAddress, new_token
from workbench.studio.library import Library
from workbench.studio.server import make_app

PORT = 8765
PORTS_TRIED = 20
MAX_MESSAGE_BYTES = 16_384  # that a page may send
WARNING = (
    "anyone in the network who has this address, with its token, can use the studio; "
    "the connection is not encrypted"
)
MAX_CONNECTIONS = 256  # while so many are open, requests are told 503; a browser opens six


def watch(
    shown: Sequence[str],
    *,
    host: str,
    port: int | None,
    browser: bool,
    page: str = "run",
    public_url: str | None = None,
    changes: bool | None = None,
) -> None:
    """Serves the studio until Ctrl-C, which ends the process.

    Args:
        shown: runs, or folders that hold runs, beside `runs/`; the first run is opened.
        host: the address to listen at; others than this machine's own ask for a token.
        port: None: the first free one from `PORT` on.
        browser: whether to open it.
        page: of the run that is opened, `run` or `play`.
        public_url: where a proxy shows it; then it asks for a token, too.
        changes: whether runs may be renamed, annotated and deleted by who has a token; None: where
            nobody but this machine is let in.

    Raises:
        UsageError: there is no such run or folder, or the port cannot be had.
    """
    folders, opened = [RUNS], None
    for name in shown:
        try:
            path = open_run(name).path.resolve()
        except UsageError:
            folder = typed_path(name) if looks_like_path(name) else Path(name)
            inside = any(is_run(parent) for parent in folder.absolute().parents)
            if is_run(folder) or inside or not os.path.isdir(folder):
                raise
            folders.append(folder)
            continue
        opened = opened or path
        if not path.is_relative_to(RUNS.resolve()):
            folders.append(path)
    library = Library(folders)
    public = PublicAddress.parse(public_url) if public_url is not None else None
    host = host.removeprefix("[").removesuffix("]")  # as one writes it in an address
    alone = is_loopback(host) and public is None
    changing = alone if changes is None else changes
    token = new_token()
    hosts = (*LOOPBACK, host) if is_loopback(host) else None
    access = Access(hosts, None if alone else token, public, token if changing else None)
    app = make_app(library, access, RUNS if changing else None)
    with _listening(host, port) as listening:
        shown_at = addresses(host, listening)
        if public is not None:
            shown_at.insert(0, public.url)
        ids = [name for name, run in library.runs().items() if run.path.resolve() == opened]
        place = f"#/{page}/{quote(ids[-1], safe=':')}" if ids else ""
        with_token = [f"{address}?token={token}{place}" for address in shown_at]
        first, *others = [f"{at}{place}" for at in shown_at] if alone else with_token
        told = [f"the studio is at {first}", "Ctrl-C ends it"]
        if not alone:
            told += [WARNING, *(f"or at {address}" for address in others)]
        elif changing:
            told.append(f"to rename, annotate and delete runs there: {with_token[0]}")
        seen = _has_screen()
        if alone and not seen and (advice := hint(listening.getsockname()[1], os.environ)):
            told.append(advice)
        sys.stderr.write("".join(f"{line}\n" for line in told))
        sys.stderr.flush()
        if browser and seen:
            threading.Timer(0.5, _open_browser, [with_token[0] if changing else first]).start()
        # Ctrl-C is how it ends, and no failure.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(serving(app)).run(sockets=[listening])
    # Threads may be deep in searches and episodes that nobody waits for any more. Of what changes
    # files, notes are replaced whole, and the rest of a deletion goes with the next one.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def serving(app: Starlette) -> uvicorn.Config:
    """Returns how the studio is served, so that no crowd and no message can fill the memory."""
    return uvicorn.Config(
        app,
        log_level="critical",
        timeout_graceful_shutdown=2,
        limit_concurrency=MAX_CONNECTIONS,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # screens are compressed already
    )


def _has_screen() -> bool:
    """Returns whether a browser has a window; one in this terminal could only spoil it."""
    return sys.platform in ("darwin", "win32") or any(
        name in os.environ for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def _open_browser(address: str) -> None:
    try:
        opened = webbrowser.open(address)
    except (webbrowser.Error, OSError):
        opened = False
    if not opened:
        sys.stderr.write("no browser could be opened here; open the address yourself\n")


def _listening(host: str, port: int | None) -> socket.socket:
    tried = [port] if port is not None else [*range(PORT, PORT + PORTS_TRIED), 0]
    for candidate in tried:
        try:
            return listen(host, candidate)
        except (OSError, UnicodeError) as error:
            problem = getattr(error, "strerror", None) or str(error)
            problem = problem.partition(" (while ")[0]  # where is told below
            in_use = getattr(error, "errno", None) == errno.EADDRINUSE
    way_out = "; perhaps by another studio: choose another --port, or 0 for any" if in_use else ""
    raise UsageError(f"the studio cannot listen at {host}:{tried[-1]}: {problem}{way_out}")
