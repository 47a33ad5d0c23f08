"""`ludus watch`: starts the studio and opens the browser."""

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
from workbench.run import RUNS, open_run
from workbench.run_names import is_run, looks_like_path, typed_path
from workbench.studio.library import Library
from workbench.studio.server import LOOPBACK, make_app, new_token

PORT = 8765
PORTS_TRIED = 20
MAX_MESSAGE_BYTES = 16_384  # that a page may send
MAX_CONNECTIONS = 256  # while so many are open, requests are told 503; a browser opens six


def watch(
    shown: Sequence[str], *, host: str, port: int | None, browser: bool, page: str = "run"
) -> None:
    """Serves the studio until Ctrl-C, which ends the process.

    Args:
        shown: runs, or folders that hold runs, beside `runs/`; the first run is opened.
        host: the address to listen at; others than this machine's own ask for a token.
        port: None: the first free one from `PORT` on.
        browser: whether to open it.
        page: of the run that is opened, `run` or `play`.

    Raises:
        UsageError: there is no such run or folder, or the port cannot be had.
    """
    folders, opened = [RUNS], None
    for name in shown:
        try:
            path = open_run(name).path.resolve()
        except UsageError:
            folder = typed_path(name) if looks_like_path(name) else Path(name)
            if is_run(folder) or not os.path.isdir(folder):
                raise
            folders.append(folder)
            continue
        opened = opened or path
        if not path.is_relative_to(RUNS.resolve()):
            folders.append(path)
    library = Library(folders)
    token = None if host in LOOPBACK else new_token()
    app = make_app(library, hosts=LOOPBACK if token is None else None, token=token)
    with _listening(host, port) as listening:
        name = f"[{host}]" if ":" in host else host
        address = f"http://{name}:{listening.getsockname()[1]}/"
        if token is not None:
            address += f"?token={token}"
        for run_id, run in library.runs().items():
            if run.path.resolve() == opened:
                address += f"#/{page}/{quote(run_id, safe=':')}"
        sys.stderr.write(f"the studio is at {address}\nCtrl-C ends it\n")
        if browser and _has_screen():
            threading.Timer(0.5, webbrowser.open, [address]).start()
        # Ctrl-C is how it ends, and no failure.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(serving(app)).run(sockets=[listening])
    # Threads may be deep in searches and episodes that nobody waits for any more. They only read.
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


def _listening(host: str, port: int | None) -> socket.socket:
    tried = [port] if port is not None else [*range(PORT, PORT + PORTS_TRIED), 0]
    for candidate in tried:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, candidate))
            listening.listen(128)
            return listening
        except OSError as error:
            listening.close()
            problem = error.strerror or str(error)
    raise UsageError(f"the studio cannot listen at {host}:{tried[-1]}: {problem}")
