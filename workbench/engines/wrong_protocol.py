"""Detects which protocol a program speaks if not the named one, by trying them all."""

import os
import re
import shlex
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

from workbench.engines.process import Engine, EngineDied, Idle

NAMES = {"uci": "UCI", "usi": "USI", "gtp": "GTP", "xboard": "XBoard"}
# What is said to find out whether a program speaks a protocol, and what it then answers. GNU Chess
# hears nothing before it has got four lines.
HELLOS = {
    "uci": (["uci"], r"uciok$"),
    "usi": (["usi"], r"usiok$"),
    "gtp": (["1 protocol_version"], r"=1(?!\d)"),
    "xboard": (["xboard", "protover 2", "new", "force", "ping 1"], r"feature |pong 1$"),
}
ARGUMENTS = {  # what some programs have to be started with
    "gnugo": ("gtp", "--mode gtp"),
    "gnuchess": ("uci", "--uci"),
    "hoichess": ("xboard", "--xboard"),
    "katago": ("gtp", "gtp -model FILE -config FILE"),
    "leelaz": ("gtp", "--gtp --weights FILE"),
    "ludus": ("uci", "uci RUN"),
}
HELLO_SECONDS = 3.0  # of doing nothing, or a few of them of anything else
MOST_SECONDS = 10.0


def advice(command: Sequence[str], kind: str) -> str:
    """Returns how to name a program that does not speak the protocol of this kind, or nothing."""
    if known := known_arguments(command):
        return known
    others = [other for other in HELLOS if other != kind]
    with ThreadPoolExecutor(len(others)) as threads:
        speaks = threads.map(lambda other: _speaks(command, other), others)
        found = [other for other, does in zip(others, speaks, strict=True) if does]
    if not found:
        return ""
    typed = shlex.join([os.path.basename(command[0]), *command[1:]])
    names = " or ".join(f"{other}:{typed}" for other in found)
    return f"; it speaks {' and '.join(NAMES[other] for other in found)}: {names}"


def known_arguments(command: Sequence[str]) -> str:
    """Returns how to start a program that is known to need arguments, if it lacks them."""
    name = os.path.basename(command[0])
    kind, arguments = ARGUMENTS.get(name, ("", ""))
    if not kind or set(arguments.split()) & {*command[1:]}:
        return ""
    return f"; name it as in '{kind}:{name} {arguments}'"


def _speaks(command: Sequence[str], kind: str) -> bool:
    lines, answer = HELLOS[kind]
    end = time.monotonic() + MOST_SECONDS
    with suppress(OSError, EngineDied, Idle), closing(Engine(command)) as engine:
        engine.send(*lines, deadline=end)
        while not re.match(answer, engine.read_unless_idle(deadline=end, patience=HELLO_SECONDS)):
            pass
        return True
    return False
