"""Builds the shell commands that reproduce what a page shows."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.runs.run import Run
from workbench.studio.videos.facts import parts_of

NOT_TO_PLAY = "probe"  # shades of gray, for tests of learners
CAN_GO_ON = ("created", "interrupted", "failed")
Command = dict[str, str]  # `what` it does, and the `line`


def typed(path: Path) -> str:
    """Returns how a file or a run is named on the command line, from where the studio runs."""
    try:
        near = path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return str(path)
    # A single word would be the name of a run under runs/, and a hyphen begins an option.
    return str(near) if len(near.parts) > 1 and near.parts[0][0] != "-" else str(path)


def command(what: str, *words: str | Path) -> Command:
    """Returns `ludus` with these words, quoted so that a shell takes them as they are."""
    return {"what": what, "line": shlex.join(["ludus", *map(str, words)])}


def of_run(run: Run, facts: Mapping[str, Any]) -> list[Command]:
    """Returns what can be done with a run; `facts` are those of its page."""
    found: list[Command] = []
    name = typed(run.path)
    has_config = facts["config"] is not None
    if facts["checkpoints"] and has_config:
        found = [command("Measure it", "eval", name), command("Record it", "record", name)]
        if facts["world"] not in (None, NOT_TO_PLAY):
            found.append(command("Play", "play", name))
    if facts["status"] in CAN_GO_ON and has_config:
        found.append(command("Go on training", "resume", name))
    if has_config and facts["seed"] is not None:
        config = typed(run.config_path)
        seed = f"seed={facts['seed'] + 1}"
        found.append(command("Train another one, of the next seed", "train", config, seed))
    return found


def of_recording(run: Run, video: str) -> list[Command]:
    """Returns what makes a video; nothing where the checkpoint is gone that played in it."""
    step, seed, env = parts_of(video)
    if not os.path.isdir(run.checkpoints / str(step)):
        return []
    player = f"{typed(run.path)}@{step}"
    # The first of an evaluation's envs need not be asked for; others come after those before them.
    episodes = ["--episodes", str(env + 1)] if env else []
    return [command("Record it again", "record", player, "--seed", str(seed), *episodes)]


def of_games(
    folder: Path, conditions: Mapping[str, Any], names: Sequence[str], pair_games: Any
) -> list[Command]:
    """Returns what goes on with a tournament of games, or shows its table once it is whole.

    Args:
        folder: where it lies.
        conditions: its `conditions.json`.
        names: the players, by place in the table.
        pair_games: `[P, P]`, how many games they played against each other.
    """
    players = list(conditions["players"])
    at = np.array([names.index(name) if name in names else -1 for name in players], int)
    met = np.pad(np.asarray(pair_games), (0, 1))[np.ix_(at, at)]  # who is -1 has met nobody
    if not met.any() or players[0].startswith("-"):
        return []
    mode: list[str] = []
    if not (met + np.eye(len(players))).all():
        if met[0, at >= 0][1:].all() and not met[1:, 1:].any():
            mode = ["--mode", "gauntlet"]
        elif not np.triu(met, 2).any():
            mode = ["--mode", "ladder"]
    most = int(met.max())
    words: list[str] = [*players, *mode, "--games", str(most + most % 2)]
    if not any("@" in player for player in players):
        words += ["--game", str(conditions["game"])]
    words += _numbers(conditions, "seed", "opening_plies", "move_seconds")
    return [command("Go on, or show the table", "tournament", *words, "--out", typed(folder))]


def of_scores(folder: Path, conditions: Mapping[str, Any]) -> list[Command]:
    """Returns what goes on with a comparison of returns, or shows its table once it is whole."""
    players = list(conditions["players"])
    if not players:
        return []
    words = [*players, *_numbers(conditions, "episodes", "seed")]
    if conditions.get("protocol") in ("machado", "classic"):
        words += _numbers(conditions, "protocol")
    return [command("Go on, or show the table", "tournament", *words, "--out", typed(folder))]


def _numbers(conditions: Mapping[str, Any], *names: str) -> list[str]:
    words: list[str] = []
    for name in names:
        if conditions.get(name) is not None:
            words += [f"--{name.replace('_', '-')}", str(conditions[name])]
    return words
