"""How the studio is served; `end_to_end/test_watch.py` starts and ends it as people do."""

import socket
import threading
import time
from contextlib import ExitStack

import uvicorn

from tests.workbench.studio.made_runs import ask
from workbench.studio import watch
from workbench.studio.guard import LOOPBACK, Access
from workbench.studio.library import Library
from workbench.studio.server import make_app


def wait_for(status: int, url: str) -> None:
    end = time.monotonic() + 20
    while ask(url, "/").status != status:
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def test_a_flood_of_connections_is_told_to_come_again(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "MAX_CONNECTIONS", 8)
    config = watch.serving(make_app(Library([tmp_path]), Access(LOOPBACK, None)))
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        address = listening.getsockname()
        url = f"http://127.0.0.1:{address[1]}"
        wait_for(200, url)
        with ExitStack() as flood:
            for _ in range(watch.MAX_CONNECTIONS):
                flood.enter_context(socket.create_connection(address))
            wait_for(503, url)
        wait_for(200, url)
        server.should_exit = True
        thread.join(10)
