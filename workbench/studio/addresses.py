"""Addresses at which a studio can be opened, and what to tell users who cannot."""

import getpass
import os
import shlex
import socket
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import psutil

ANYWHERE = ("0.0.0.0", "::")
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
# Kept for documentation: nobody is there, and nothing is sent; but the way there can be asked for.
FAR = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


def is_loopback(host: str) -> bool:
    """Returns whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def url_of(host: str, port: int) -> str:
    """Returns the address of a page there; those of IPv6 have brackets."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens; raises OSError if that cannot be."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # Where a name has both, that of IPv4, which every browser tries.
    family, _, _, _, at = min(found, key=lambda one: one[0] != socket.AF_INET)
    both = at[0] == "::" and socket.has_dualstack_ipv6()  # as people expect of all addresses
    return socket.create_server(at, family=family, backlog=128, dualstack_ipv6=both)


def addresses(host: str, listening: socket.socket) -> list[str]:
    """Returns the addresses at which others can open what listens, the likeliest first."""
    bound, port = listening.getsockname()[:2]
    if bound not in ANYWHERE:  # however that was written
        return [url_of(host, port)]
    families = [socket.AF_INET]
    if listening.family == socket.AF_INET6:
        only = listening.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        families = [socket.AF_INET6] if only else [socket.AF_INET, socket.AF_INET6]
    found = [_towards_others(family) for family in families]
    for ways in psutil.net_if_addrs().values():
        found += [way.address for way in ways if way.family in families]
    reachable = [one for one in dict.fromkeys(found) if one and _reaches_others(one)]
    return [url_of(one, port) for one in reachable or ["127.0.0.1"]]


def _towards_others(family: socket.AddressFamily) -> str | None:
    """Returns this machine's address as those see it who are far away, if there is one."""
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect((FAR[family], 9))
        return str(asking.getsockname()[0])
    return None


def _reaches_others(address: str) -> bool:
    try:
        at = ip_address(address)
    except ValueError:  # with a zone: it means nothing on another machine
        return False
    return not (at.is_loopback or at.is_link_local or at.is_unspecified)


def hint(port: int, env: Mapping[str, str]) -> str | None:
    """Returns how to open a studio that only this machine can reach, from where the person sits.

    Args:
        port: where it listens.
        env: the environment of this process.
    """
    if any(map(os.path.exists, CONTAINER_MARKS)) or "KUBERNETES_SERVICE_HOST" in env:
        return (
            "in a container it is reached from outside by --host 0.0.0.0 --port PORT "
            "and a published port, e.g. docker run -p PORT:PORT"
        )
    if (parts := env.get("SSH_CONNECTION", "").split()) and len(parts) == 4:
        server, server_port = parts[2:]
        other = [] if server_port == "22" else ["-p", server_port]
        command = ["ssh", *other, "-N", "-L", f"{port}:localhost:{port}", f"{_user()}@{server}"]
        return f"from your own machine: {shlex.join(command)}, then open the address there"
    return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # nobody is called so here
        return Path.home().name or "USER"
