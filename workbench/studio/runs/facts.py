"""Reads what the studio shows of a run from its files, and says what is wrong with a broken run."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from envs.board.games import facts_of
from workbench.config import flatten
from workbench.errors import UsageError
from workbench.runs import checkpoint
from workbench.runs.changes import describe_changes
from workbench.runs.facts import MAX_BYTES, read_facts
from workbench.runs.notes import notes_path, read_notes
from workbench.runs.run import Run
from workbench.runs.scores import EVALUATIONS, measured_in_training, run_score
from workbench.runs.sparkline import read_spark
from workbench.studio import commands
from workbench.studio.answers import finite
from workbench.studio.cache import Cache, fingerprint
from workbench.studio.videos.facts import list_videos, score_of

STATUSES = ("created", "running", "interrupted", "failed", "finished")
# Of runs that only their config and metrics were kept of, as those of the zoo's other seeds.
ARCHIVED = "archived"
DAMAGED = "damaged"
MAX_CARDS = 10_000  # kept, of some 2 kB each
Serves = Callable[[Path], bool]
SHOWN = (
    *("game", "world", "protocol", "agent", "seed", "family", "env_steps", "total_env_steps"),
    *("wall_seconds", "started", "newest", "newest_name", "score", "poster", "problem", "note"),
)


class Cards:
    """A cache of what the gallery shows of runs; reads a run again only if a file has changed."""

    def __init__(self, serves: Serves) -> None:
        """`serves` says whether a file may be read."""
        self._serves = serves
        self._kept: Cache[dict[str, Any]] = Cache(MAX_CARDS)

    def card(self, name: str, run: Run) -> dict[str, Any]:
        """Returns what the gallery shows of a run."""
        evaluations = run.path / EVALUATIONS
        paths = (run.config_path, run.info_path, run.metrics_path, run.videos, evaluations)
        facts = self._kept.get(
            run.path, lambda: card(name, run, self._serves), tuple(map(fingerprint, paths))
        )
        if facts["status"] == "running":  # unless its process was killed: no file tells that
            facts = facts | {"status": _status(run, "running")}
        return facts | {"id": name}

    def all(self, runs: Mapping[str, Run]) -> list[dict[str, Any]]:
        """Returns the cards of all runs."""
        return [self.card(name, run) for name, run in runs.items()]


class _Told:
    """What is told of a run, and what went wrong on the way."""

    def __init__(self, run: Run, facts: dict[str, Any]) -> None:
        self._run, self.facts = run, facts
        self._problems = [facts["problem"]] if facts["problem"] else []

    def add(self, what: str, read: Callable[[], dict[str, Any]]) -> None:
        """Adds the facts that `read` returns, or the reason why `what` is damaged."""
        try:
            self.facts |= read()
            return
        except UsageError as error:
            problem = str(error).replace(f"{self._run.path}{os.sep}", "")
        except (OSError, ValueError, OverflowError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            problem = f"{what} cannot be read ({reason})"
        if problem not in self._problems:
            self._problems.append(problem)

    def whole(self) -> dict[str, Any]:
        """Returns all facts as JSON can have them."""
        if self._problems:
            self.facts |= {"status": DAMAGED, "problem": "; ".join(self._problems)}
        return dict(finite(self.facts))


def card(name: str, run: Run, serves: Serves) -> dict[str, Any]:
    """Returns what the gallery shows of a run; `problem` says why a damaged one is."""
    facts: dict[str, Any] = dict.fromkeys(SHOWN) | {"id": name, "name": run.name, "spark": []}
    told = _Told(run, facts)
    told.add("config.yaml", lambda: _config_facts(run, serves))
    told.add("videos", lambda: _video_facts(run))
    told.add("metrics.jsonl", lambda: _metrics_facts(run, serves))
    reached = facts["env_steps"]
    told.add("run.json", lambda: _info_facts(run, serves))
    told.add("evaluations.jsonl", lambda: _score_facts(run, facts, serves))
    if reached is not None and facts["status"] == "running":  # run.json waits for a checkpoint
        facts["env_steps"] = max(reached, facts["env_steps"] or 0)
    shown = told.whole()
    if shown["status"] == ARCHIVED:
        shown["note"] = "only its config and metrics were kept"
    return shown


def details(name: str, run: Run, serves: Serves) -> dict[str, Any]:
    """Returns what the page of a run shows: its card and all that can be read of the rest.

    Beside the card: `config` nested and `flat` by dotted key, `info` of `run.json`, `checkpoints`
    (env_steps), `videos` (names), `scores` (return or result by video), `notes`, `sides` (what
    player 0 and player 1 are called) and `commands`.
    """
    facts = card(name, run, serves) | {"config": None, "flat": {}, "info": {}, "checkpoints": []}
    facts |= {"videos": [], "notes": "", "sides": None}
    told = _Told(run, facts)
    if serves(run.config_path):  # the card reads it fast, not strictly
        told.add("config.yaml", lambda: _whole_config(run, serves))
    told.add("checkpoints", lambda: {"checkpoints": checkpoint.list_steps(run.checkpoints)})
    told.add("videos", lambda: {"videos": list_videos(run)})
    traces = {video: run.videos / f"{video}.json" for video in facts["videos"]}
    facts["scores"] = {video: score_of(path) for video, path in traces.items() if serves(path)}
    if serves(notes_path(run)):
        with suppress(OSError):
            facts["notes"] = read_notes(run)
    if facts["world"] == "board":
        facts["sides"] = facts_of(str(facts["game"]).partition("(")[0]).sides
    with suppress(UsageError, OSError):  # the card has told it
        _check(run.info_path, serves)
        facts["info"] = _more_info(run)
    facts["commands"] = commands.of_run(run, facts)
    return told.whole()


def _whole_config(run: Run, serves: Serves) -> dict[str, Any]:
    _check(run.config_path, serves)
    config = run.config.model_dump(mode="json")
    return {"config": config, "flat": flatten(config)}


def _config_facts(run: Run, serves: Serves) -> dict[str, Any]:
    _check(run.config_path, serves)
    info_path = run.info_path if serves(run.info_path) else Path(os.devnull)
    return read_facts(run.config_path, info_path)._asdict()


def _info_facts(run: Run, serves: Serves) -> dict[str, Any]:
    if _is_missing(run.info_path):
        if _is_missing(run.metrics_path):
            raise UsageError("run.json is missing")
        return {"status": ARCHIVED}
    _check(run.info_path, serves)
    info = run.info
    if info["status"] not in STATUSES:
        raise UsageError(f"run.json is damaged (status is {info['status'][:40]!r})")
    started = info.get("started")
    return {
        "status": _status(run, info["status"]),
        "env_steps": info["env_steps"],
        "wall_seconds": info["wall_seconds"],
        "started": started[:40] if isinstance(started, str) else None,
    }


def _metrics_facts(run: Run, serves: Serves) -> dict[str, Any]:
    if _is_missing(run.metrics_path):
        return {"status": DAMAGED}  # until run.json says otherwise: a run starts without
    _check(run.metrics_path, serves)
    spark = read_spark(run.metrics_path)
    return {
        "status": DAMAGED,
        "newest": spark.newest,
        "newest_name": spark.name,
        "spark": list(spark.points),
        "env_steps": spark.env_steps,
        "wall_seconds": spark.wall_seconds,
    }


def _score_facts(run: Run, facts: Mapping[str, Any], serves: Serves) -> dict[str, Any]:
    """Returns the number that the gallery shows, and what it is of; see `Score`."""
    evaluations, metrics = run.path / EVALUATIONS, run.metrics_path
    for path in (evaluations, metrics):
        if not _is_missing(path):
            _check(path, serves)
    world, game, name = facts["world"], facts["game"], facts["newest_name"]
    measured = None
    if world == "board" and name is not None:
        measured = measured_in_training(run.path, game, name, facts["newest"])
    score = run_score(run.path, world, game, facts["protocol"], measured)
    return {"score": score and score._asdict()}


def _video_facts(run: Run) -> dict[str, Any]:
    """Returns what changes when the picture of the gallery does."""
    videos = list_videos(run)
    if not videos:
        return {}
    facts = os.lstat(run.videos / f"{videos[-1]}.mp4")
    return {"poster": f"{videos[-1]}-{facts.st_mtime_ns:x}"}


def _more_info(run: Run) -> dict[str, Any]:
    """Returns what `run.json` tells that is shown as it stands."""
    try:
        info = dict(json.loads(run.info_path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return {}
    versions = info.get("versions")
    shown = {key: info.get(key) for key in ("started", "git_revision", "machine")}
    shown |= versions if isinstance(versions, dict) else {}
    shown["changed"] = describe_changes(info) or None
    return {str(key): value for key, value in shown.items() if isinstance(value, str)}


def _status(run: Run, told: str) -> str:
    """Returns the status that was told, or `interrupted` if nobody trains there any more."""
    if told != "running":
        return told
    try:
        return run.status
    except (OSError, UsageError):  # the lock, or run.json a moment later
        return "interrupted"


def _is_missing(path: Path) -> bool:
    return not os.path.lexists(path)


def _check(path: Path, serves: Serves) -> None:
    """Raises UsageError if a file is missing, is none, or is a link that leads out."""
    if serves(path):
        if path.suffix != ".jsonl" and path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path.name} is too large")
        return
    if _is_missing(path):
        raise UsageError(f"{path.name} is missing")
    if path.is_symlink():
        raise UsageError(f"{path.name} is a link that leads nowhere, or out of the folder")
    raise UsageError(f"{path.name} is not a file")
