"""A reverse proxy of the tests' own, as small as it can be, that shows a studio below a path."""

import socket
import socketserver
import threading
from collections.abc import Mapping
from contextlib import suppress


class Proxy:
    """Forwards what is asked below `prefix`, websockets too; everything else is not there.

    Args:
        upstream: the port of the studio.
        prefix: with a slash in front and none behind.
        strips: whether the studio is asked without it.
        headers: that the proxy sets, `Host` perhaps among them.
    """

    def __init__(
        self, upstream: int, prefix: str, *, strips: bool, headers: Mapping[str, str] | None = None
    ) -> None:
        outer = self
        self._upstream, self._prefix, self._strips = upstream, prefix, strips
        self._headers = {name.lower(): value for name, value in (headers or {}).items()}

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    outer._forward(self.request)

        socketserver.ThreadingTCPServer.daemon_threads = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{prefix}/"

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def sets(self, name: str, value: str) -> None:
        """From now on, this header too."""
        self._headers[name.lower()] = value

    def _forward(self, asking: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            more = asking.recv(65_536)
            if not more:
                return
            received += more
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, version = first.split(" ")
        if not path.startswith(self._prefix):
            asking.sendall(b"HTTP/1.1 404 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        if self._strips:
            path = "/" + path.removeprefix(self._prefix).removeprefix("/")
        fields = [line.split(": ", 1) for line in lines]
        upgrades = any(name.lower() == "upgrade" for name, _ in fields)
        kept = [
            f"{name}: {value}"
            for name, value in fields
            if name.lower() not in self._headers and (upgrades or name.lower() != "connection")
        ]
        kept += [f"{name}: {value}" for name, value in self._headers.items()]
        kept += [] if upgrades else ["Connection: close"]
        with socket.create_connection(("127.0.0.1", self._upstream)) as studio:
            told = "\r\n".join([f"{method} {path} {version}", *kept, "", ""])
            studio.sendall(told.encode("latin-1") + rest)
            back = threading.Thread(target=_pump, args=(studio, asking), daemon=True)
            back.start()
            _pump(asking, studio)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    for end, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with suppress(OSError):
            end.shutdown(how)
