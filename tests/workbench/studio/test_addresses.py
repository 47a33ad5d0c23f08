"""Where a studio can be opened, and what is said to who sits elsewhere."""

import errno
import socket
from collections import namedtuple
from contextlib import closing

import pytest

from workbench.errors import UsageError
from workbench.studio import addresses, watch
from workbench.studio.addresses import hint, is_loopback, listen, url_of

Way = namedtuple("Way", "family address")
IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
WAYS = {
    "lo": [Way(IPV4, "127.0.0.1"), Way(IPV6, "::1")],
    "eth0": [
        Way(IPV4, "198.51.100.7"),
        Way(IPV6, "2001:db8::7"),
        Way(IPV6, "fe80::1%eth0"),
        Way(socket.AF_UNIX, "02:fc:00:00:00:01"),
    ],
    "docker0": [Way(IPV4, "172.17.0.1")],
}


@pytest.fixture
def ways(monkeypatch):
    """A machine with two addresses of IPv4, and one of IPv6, that others can reach."""
    monkeypatch.setattr(addresses.psutil, "net_if_addrs", lambda: WAYS)
    found = {IPV4: "172.17.0.1", IPV6: None}
    monkeypatch.setattr(addresses, "_towards_others", found.get)


def told(host):
    with closing(listen(host, 0)) as listening:
        port = f":{listening.getsockname()[1]}/"
        return [url.replace(port, ":1/") for url in addresses.addresses(host, listening)]


def test_everywhere_is_told_as_addresses_that_others_can_open(ways):
    for host in ("0.0.0.0", "0"):
        assert told(host) == ["http://172.17.0.1:1/", "http://198.51.100.7:1/"]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_addresses_of_ipv6_have_brackets(ways):
    assert told("::") == [
        "http://172.17.0.1:1/",
        "http://198.51.100.7:1/",
        "http://[2001:db8::7]:1/",
    ]
    assert told("::1") == ["http://[::1]:1/"]


def test_without_a_network_there_is_this_machine(monkeypatch):
    monkeypatch.setattr(addresses.psutil, "net_if_addrs", lambda: {"lo": WAYS["lo"]})
    monkeypatch.setattr(addresses, "_towards_others", lambda family: None)
    assert told("0.0.0.0") == ["http://127.0.0.1:1/"]
    assert told("localhost") == ["http://localhost:1/"]


def test_everywhere_is_reached_there():
    with closing(listen("0.0.0.0", 0)) as listening:
        for url in addresses.addresses("0.0.0.0", listening):
            host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), 30).close()


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True), ("127.0.1.1", True), ("localhost", True), ("::1", True),
        ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("localhost.example", False),
    ],
)  # fmt: skip
def test_what_only_this_machine_can_reach(host, alone):
    assert is_loopback(host) is alone


def test_addresses():
    assert url_of("192.0.2.1", 80) == "http://192.0.2.1:80/"
    assert url_of("fd00::2", 8765) == "http://[fd00::2]:8765/"


def test_over_ssh_the_way_there_is_told(monkeypatch):
    monkeypatch.setattr(addresses, "CONTAINER_MARKS", ())
    monkeypatch.setattr(addresses, "_user", lambda: "me")
    over = {"SSH_CONNECTION": "198.51.100.9 5555 198.51.100.7 22"}
    assert hint(8765, over) == (
        "from your own machine: ssh -N -L 8765:localhost:8765 me@198.51.100.7, "
        "then open the address there"
    )
    other = hint(80, {"SSH_CONNECTION": "::1 5555 2001:db8::7 2222"})
    assert "ssh -p 2222 -N -L 80:localhost:80 me@2001:db8::7" in other
    assert hint(8765, {}) is None
    assert hint(8765, {"SSH_CONNECTION": "odd"}) is None
    assert "--host 0.0.0.0" in hint(8765, {"KUBERNETES_SERVICE_HOST": "198.51.100.1"})


def test_in_a_container_too(monkeypatch, tmp_path):
    monkeypatch.setattr(addresses, "CONTAINER_MARKS", (str(tmp_path),))
    assert "published port" in hint(8765, {"SSH_CONNECTION": "a 1 b 22"})


def test_a_port_that_is_taken_is_told_or_passed_over(monkeypatch):
    with closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=r"in use; perhaps by another studio: choose another"):
            watch._listening("127.0.0.1", port)
        monkeypatch.setattr(watch, "PORT", port)
        with closing(watch._listening("127.0.0.1", None)) as free:
            assert free.getsockname()[1] != port


def test_what_cannot_be_listened_at_is_told(monkeypatch):
    def full(host, port):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(watch, "listen", full)
    with pytest.raises(UsageError, match=r"cannot listen at 127.0.0.1:80: Permission denied$"):
        watch._listening("127.0.0.1", 80)


@pytest.mark.parametrize("failure", [False, watch.webbrowser.Error("none"), OSError("none")])
def test_a_browser_that_is_not_there_is_told(monkeypatch, capsys, failure):
    def opens(address):
        if failure:
            raise failure
        return False

    monkeypatch.setattr(watch.webbrowser, "open", opens)
    watch._open_browser("http://127.0.0.1:1/")
    assert capsys.readouterr().err == "no browser could be opened here; open the address yourself\n"
