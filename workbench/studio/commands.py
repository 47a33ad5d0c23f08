"""Builds the shell commands that reproduce what a page shows."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.runs import checkpoint
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
    name, found = typed(run.path), []
    has_config = facts["config"] is not None
    if facts["checkpoints"] and has_config:
        found += [
            command("Measure it", "eval", name),
            command("Record it", "record", name),
        ]
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
    try:
        is_there = step in checkpoint.list_steps(run.checkpoints)
    except (OSError, ValueError):
        is_there = False
    if not is_there:
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
    at = {name: place for place, name in enumerate(names)}
    met = {
        (one, other): int(pair_games[at[players[one]]][at[players[other]]])
        for one in range(len(players))
        for other in range(one)
        if players[one] in at and players[other] in at
    }
    most = max(met.values(), default=0)
    if not most or players[0].startswith("-"):
        return []
    mode: list[str] = []
    if not all(met.values()) or len(at) < len(players):
        strangers = {pair for pair, count in met.items() if not count}
        if all(0 not in pair for pair in strangers) and not any(
            count for pair, count in met.items() if 0 not in pair
        ):
            mode = ["--mode", "gauntlet"]
        elif not any(count for (one, other), count in met.items() if one - other > 1):
            mode = ["--mode", "ladder"]
    words: list[str] = [*players, *mode, "--games", str(most + most % 2)]
    if not any(map(_is_run, players)):
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


def _is_run(player: str) -> bool:
    return "@" in player


def _numbers(conditions: Mapping[str, Any], *names: str) -> list[str]:
    given = [(name, conditions.get(name)) for name in names]
    options = [(f"--{n.replace('_', '-')}", str(v)) for n, v in given if v is not None]
    return [word for option in options for word in option]
