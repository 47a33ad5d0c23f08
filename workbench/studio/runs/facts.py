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
NOTHING: dict[str, Any] = {
    "game": None,
    "world": None,
    "protocol": None,
    "agent": None,
    "seed": None,
    "family": None,
    "env_steps": None,
    "total_env_steps": None,
    "wall_seconds": None,
    "started": None,
    "newest": None,
    "newest_name": None,
    "spark": [],
    "score": None,
    "poster": None,
}


class Cards:
    """A cache of what the gallery shows of runs; reads a run again only if a file has changed."""

    def __init__(self, serves: Serves, most: int = MAX_CARDS) -> None:
        """`serves` says whether a file may be read; `most` cards are kept."""
        self._serves = serves
        self._kept: Cache[dict[str, Any]] = Cache(most)

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


def card(name: str, run: Run, serves: Serves) -> dict[str, Any]:
    """Returns what the gallery shows of a run; `problem` says why a damaged one is."""
    facts: dict[str, Any] = {"id": name, "name": run.name, **NOTHING}
    problems: list[str] = []

    def attempt(what: str, read: Callable[[], dict[str, Any]]) -> None:
        try:
            facts.update(read())
        except UsageError as error:
            problems.append(_told(str(error), run))
        except (OSError, ValueError, OverflowError) as error:
            problems.append(f"{what} cannot be read ({_reason(error)})")

    attempt("config.yaml", lambda: _config_facts(run, serves))
    attempt("videos", lambda: _video_facts(run))
    attempt("metrics.jsonl", lambda: _metrics_facts(run, serves))
    reached = facts["env_steps"]
    attempt("run.json", lambda: _info_facts(run, serves))
    attempt("evaluations.jsonl", lambda: _score_facts(run, facts, serves))
    if reached is not None and facts["status"] == "running":  # run.json waits for a checkpoint
        facts["env_steps"] = max(reached, facts["env_steps"] or 0)
    if problems:
        facts["status"] = DAMAGED
    note = "only its config and metrics were kept" if facts["status"] == ARCHIVED else None
    return dict(finite(facts | {"problem": "; ".join(problems) or None, "note": note}))


def details(name: str, run: Run, serves: Serves) -> dict[str, Any]:
    """Returns what the page of a run shows: its card and all that can be read of the rest.

    Beside the card: `config` nested and `flat` by dotted key, `info` of `run.json`, `checkpoints`
    (env_steps), `videos` (names), `scores` (return or result by video), `notes`, `sides` (what
    player 0 and player 1 are called) and `commands`.
    """
    facts = card(name, run, serves)
    rest: dict[str, Any] = {
        "config": None,
        "flat": {},
        "info": {},
        "checkpoints": [],
        "videos": [],
        "scores": {},
        "notes": "",
        "sides": None,
    }
    problems = [facts["problem"]] if facts["problem"] else []
    try:
        if not _is_missing(run.config_path) and serves(run.config_path):
            _check(run.config_path, serves)
            rest["config"] = run.config.model_dump(mode="json")
            rest["flat"] = flatten(rest["config"])
    except UsageError as error:  # may be found only now: the card reads fast, not strictly
        problems = list(dict.fromkeys([*problems, _told(str(error), run)]))
        facts["status"] = DAMAGED
    try:
        rest["checkpoints"] = checkpoint.list_steps(run.checkpoints)
        rest["videos"] = list_videos(run)
    except (OSError, ValueError) as error:
        problems.append(f"its folders cannot be read ({_reason(error)})")
    traces = {video: run.videos / f"{video}.json" for video in rest["videos"]}
    rest["scores"] = {video: score_of(path) for video, path in traces.items() if serves(path)}
    if serves(notes_path(run)):
        with suppress(OSError):
            rest["notes"] = read_notes(run)
    if facts["world"] == "board":
        rest["sides"] = facts_of(str(facts["game"]).partition("(")[0]).sides
    with suppress(UsageError, OSError):  # the card has told it
        _check(run.info_path, serves)
        rest["info"] = _more_info(run)
    rest["commands"] = commands.of_run(run, facts | rest)
    return dict(finite(facts | rest | {"problem": "; ".join(problems) or None}))


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


def _told(message: str, run: Run) -> str:
    return message.replace(f"{run.path}{os.sep}", "")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
