"""Runs made for tests, whole and broken, and raw questions to a server."""

import http.client
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.end_to_end.configs import BOARD, PPO_GRID, write_config
from tests.workbench.studio.conftest import ZOO
from workbench.config import dump_config, load_config

INFO = {"status": "finished", "wandb_id": "0", "env_steps": 400, "wall_seconds": 9.5}
GRID_VIDEO = ZOO / "grid-doorkey/videos/1001040_0"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> Answer:
    """Asks for a path just as it is written; `headers` replace those that are always sent."""
    host = urlsplit(url).netloc
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Host": host} | dict(headers or {})).items():
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, body)
    finally:
        connection.close()


def write_metrics(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def lines_of(values: Sequence[float], name: str = "episode_return") -> list[dict[str, float]]:
    """Lines of one metric, ten env_steps and half a second apart."""
    return [
        {"env_steps": 10 * (i + 1), "wall_seconds": 0.5 * (i + 1), name: value}
        for i, value in enumerate(values)
    ]


def make_run(
    folder: Path,
    name: str,
    *,
    board: bool = False,
    values: Sequence[float] = (1, 2, 4),
    info: Mapping[str, Any] | None = None,
    video: bool = False,
    **changes: Any,
) -> Path:
    """Writes a whole run: of a grid, or of tic-tac-toe."""
    path = folder / name
    path.mkdir(parents=True)
    written = write_config(path / "config.yaml", BOARD if board else PPO_GRID, **changes)
    (path / "config.yaml").write_text(dump_config(load_config(Path(written))), encoding="utf-8")
    facts = INFO | dict(info or {})
    if facts["status"] != "finished" and "env_steps" not in (info or {}):
        facts["env_steps"] = 5  # of 400
    (path / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    write_metrics(path / "metrics.jsonl", lines_of(values, "elo" if board else "episode_return"))
    if video:
        add_video(path, "400_0")
    return path


def add_video(run: Path, name: str) -> None:
    (run / "videos").mkdir(exist_ok=True)
    for suffix in (".json", ".mp4"):
        part = run / f"{name}.part"  # a page may look at any time
        shutil.copyfile(GRID_VIDEO.with_suffix(suffix), part)
        part.rename(run / "videos" / f"{name}{suffix}")
