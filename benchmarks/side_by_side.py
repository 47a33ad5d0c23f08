"""What the benchmarks share: competitors in processes of their own, measured by turns.

A machine drifts (heat, neighbours), so a competitor is never measured in one go: each has a process
that waits for orders, and short slices of all of them alternate. A waiting process costs nothing.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

# What a competitor may rest on: threads wake up and caches fill before a slice counts.
SETTLE_SECONDS = 0.5
# A slice of a part is this much shorter than one of the whole.
PART_SHARE = 0.25


class Competitor:
    """A process that runs `work(connection, **setup)` and answers orders over the connection."""

    def __init__(self, name: str, work: Callable[..., None], **setup: Any) -> None:
        """Starts the process and waits until it says that it is ready."""
        self.name = name
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs,), kwargs=setup)
        self._process.start()
        theirs.close()
        self._receive()

    def order(self, *order: Any) -> Any:
        """Sends an order and returns the answer."""
        self._connection.send(order)
        return self._receive()

    def _receive(self) -> Any:
        try:
            return self._connection.recv()
        except EOFError:
            raise SystemExit(f"{self.name} failed; its error stands above") from None

    def close(self) -> None:
        """Lets the process end."""
        self._connection.close()
        self._process.join()


def orders(connection: Connection) -> Iterable[tuple[Any, ...]]:
    """Says "ready", then yields orders until the other side closes; answer with `send`."""
    connection.send("ready")
    while True:
        try:
            yield connection.recv()
        except EOFError:
            return


def answer(connection: Connection, measured: Mapping[str, Callable[[float], float]]) -> None:
    """Carries out orders `(what, threads, seconds)`: each of `measured` returns its rate."""
    for what, threads, seconds in orders(connection):
        torch.set_num_threads(threads)
        connection.send(measured[what](seconds))


def measure_by_turns(
    competitors: Sequence[Competitor],
    parts: Sequence[str],
    *,
    threads: Sequence[int],
    rounds: int,
    seconds: float,
) -> dict[tuple[str, int], dict[str, list[float]]]:
    """Orders slices of the whole and of its parts from each competitor by turns, then ends them.

    Returns:
        The rate of each slice by (competitor, threads) and by what was measured.
    """
    slices: dict[tuple[str, int], dict[str, list[float]]] = {}
    for _ in range(rounds):
        for count in threads:
            for competitor in competitors:
                into = slices.setdefault((competitor.name, count), {})
                for what in ("whole", *parts):
                    share = 1 if what == "whole" else PART_SHARE
                    into.setdefault(what, []).append(competitor.order(what, count, seconds * share))
    for competitor in competitors:
        competitor.close()
    return slices


def calls_per_second(call: Callable[[], Any], seconds: float) -> float:
    """Repeats `call` for `seconds`, after a short time to settle, and returns its rate."""
    settled = time.perf_counter() + min(SETTLE_SECONDS, seconds)
    while time.perf_counter() < settled:
        call()
    begin, count = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - begin) < seconds:
        call()
        count += 1
    return count / elapsed


def machine() -> dict[str, Any]:
    """Which machine and which versions the numbers belong to."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        facts = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
        model = facts.get("model name", model)
        flags = facts.get("flags", "").split()
        model += "".join(f", {flag}" for flag in ("avx512f", "amx_bf16") if flag in flags)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.system(),
    }


def show(
    title: str, header: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str] = ()
) -> None:
    """Prints one Markdown table under its title and the machine, and notes below it."""
    facts = machine()
    lines = [
        f"### {title}",
        "",
        f"{facts['cpu']}; {facts['cores']} cores; torch {facts['torch']}; "
        f"Python {facts['python']}; load average {os.getloadavg()[0]:.1f}",
        "",
        "| " + " | ".join(header) + " |",
        "|---" + "|---:" * (len(header) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
        *(f"- {note}" for note in notes),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def write_slices(
    path: Path | None, seconds: float, slices: Mapping[tuple[str, int], Mapping[str, Any]]
) -> None:
    """Writes what `measure_by_turns` returned, if a path is given."""
    configurations = [
        {"name": name, "threads": threads, "slices": of} for (name, threads), of in slices.items()
    ]
    write_json(path, {"seconds": seconds, "configurations": configurations})


def write_json(path: Path | None, results: Mapping[str, Any]) -> None:
    """Writes the results with the machine, if a path is given."""
    if path is not None:
        path.write_text(json.dumps({"machine": machine(), **results}, indent=1) + "\n")
