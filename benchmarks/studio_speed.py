"""How fast the studio is with 500 runs that hold a million lines of metrics.

    python benchmarks/studio_speed.py

Prints how long the list of runs takes when it is first asked for and again, how long a curve takes,
how heavy the pages are, and when the gallery can be used in Chromium.
"""

import argparse
import gzip
import http.client
import json
import random
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from workbench.config import dump_config, load_config
from workbench.runs.facts import as_json
from workbench.studio.guard import LOOPBACK, Access
from workbench.studio.library import Library
from workbench.studio.server import make_app

ROOT = Path(__file__).parents[1]
GOAL_SECONDS = 1.0
GOAL_BYTES = 500_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--lines", type=int, default=1_000_000, help="of metrics, in all runs")
    parser.add_argument(
        "--older", action="store_true", help="runs of a version that wrote no facts into run.json"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        size = make_runs(folder, options.runs, options.lines, older=options.older)
        print(f"{options.runs} runs, {options.lines:,} lines, {size / 1e6:.0f} MB of metrics")
        with serving(folder) as port:
            for what in ("first", "again"):
                start = time.process_time()
                seconds = ask(port, "/api/runs/")[0]
                label = f"GET /api/runs/, {what}"
                cpu = f"{time.process_time() - start:.3f} s of CPU"
                print(f"{label:40} {seconds:8.3f} s, {cpu}")
            path = "/api/runs/run-007/curves?names=episode_return"
            print(f"{'one curve of one run, first':40} {ask(port, path)[0]:8.3f} s")
            print(f"{'one curve of one run, again':40} {ask(port, path)[0]:8.3f} s")
            print_weights(port)
        with serving(folder) as port:  # knows nothing yet
            print_gallery(port)


def make_runs(folder: Path, runs: int, lines: int, *, older: bool) -> int:
    """Writes runs of the zoo's games, a tenth with a video; returns the bytes of metrics."""
    zoo = sorted(path.parent for path in (ROOT / "runs/zoo").glob("*/config.yaml"))
    configs = [load_config(path / "config.yaml") for path in zoo]
    chance, total = random.Random(0), 0
    for i in range(runs):
        path, like = folder / f"run-{i:03}", zoo[i % len(zoo)]
        path.mkdir()
        config = configs[i % len(zoo)].model_copy(update={"seed": i})
        config_text = dump_config(config)
        (path / "config.yaml").write_text(config_text)
        info = json.loads((like / "run.json").read_text()) | {"facts": as_json(config, config_text)}
        if older:
            del info["facts"]
        (path / "run.json").write_text(json.dumps(info))
        if i % 10 == 0:
            shutil.copytree(like / "videos", path / "videos")
        level, text = 0.0, []
        for step in range(lines // runs):
            level += chance.gauss(0.01, 1)
            line = {"env_steps": 5000 * step, "wall_seconds": round(31.7 * step, 3)}
            line |= {"updates": 625 * step, "epsilon": 0.01, "episodes": 3}
            line |= {"episode_return": level, "episode_length": 1671.5, "loss": chance.random()}
            text.append(json.dumps(line))
        written = "\n".join([*text, ""]).encode()
        (path / "metrics.jsonl").write_bytes(written)
        total += len(written)
    return total


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Yields the port at which a fresh studio shows a folder."""
    app = make_app(Library([folder]), Access(LOOPBACK, None))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield int(listening.getsockname()[1])
        server.should_exit = True
        thread.join(10)


def ask(port: int, path: str) -> tuple[float, bytes, int]:
    """Returns seconds, what came, and how many bytes of it were sent."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - start
    connection.close()
    assert answer.status == 200, (path, answer.status)
    zipped = answer.getheader("Content-Encoding") == "gzip"
    return seconds, gzip.decompress(body) if zipped else body, len(body)


def print_weights(port: int) -> None:
    """Prints the bytes of all pages together, and of what they ask for first."""
    static = ROOT / "workbench/studio"
    files = [path for path in static.rglob("*") if path.suffix in (".js", ".css", ".svg")]
    paths = ["/", *(f"/static/{path.relative_to(static)}" for path in sorted(files))]
    code = [ask(port, path) for path in paths]
    runs = ask(port, "/api/runs/")
    sent = sum(size for *_, size in code)
    print(f"{'all pages: html, scripts, styles':40} {sent / 1e3:8.1f} kB sent", end=", ")
    print(f"{sum(len(body) for _, body, _ in code) / 1e3:.1f} kB unpacked")
    print(f"{'the list of runs':40} {runs[2] / 1e3:8.1f} kB sent", end=", ")
    print(f"{len(runs[1]) / 1e3:.1f} kB unpacked")
    both = sent + runs[2]
    print(f"{'together (goal: under 500 kB)':40} {both / 1e3:8.1f} kB {told(both < GOAL_BYTES)}")


def print_gallery(port: int) -> None:
    """Prints when the gallery of a fresh server can be used, in a browser that was just opened."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        browser.new_page().goto("about:blank")
        for what in ("first visit", "second visit"):
            context = browser.new_context(viewport={"width": 1280, "height": 860})
            page, sent = context.new_page(), []
            page.on("requestfinished", lambda request, sent=sent: sent.append(request))
            start = time.perf_counter()
            page.goto(f"http://127.0.0.1:{port}/#/", wait_until="commit")
            page.locator(".card").last.wait_for(state="attached")
            page.get_by_label("Search").fill("run-49")  # it can be used when it answers
            page.locator(".card", has_text="run-490").wait_for()
            page.evaluate("() => new Promise(requestAnimationFrame)")
            seconds = time.perf_counter() - start
            label = f"gallery in Chromium, {what}"
            print(f"{label:40} {seconds:8.3f} s {told(seconds < GOAL_SECONDS)}", end=", ")
            page.get_by_label("Search").fill("")
            page.wait_for_timeout(1500)
            sizes = [request.sizes() for request in sent]
            total = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
            print(
                f"{len(sent)} requests, {total / 1e3:.1f} kB with posters", told(total < GOAL_BYTES)
            )
            context.close()
        browser.close()


def told(reached: bool) -> str:
    return "ok" if reached else "MISSED"


if __name__ == "__main__":
    main()
