"""`ludus tournament` without opponents: compares checkpoints by their returns.

Everybody plays as many episodes from the same seed, so that returns are paired: those at the same
place of two lists are of the same episode, the k-th of the i-th env. Each env plays a number of
episodes that is fixed beforehand, and its k-th begins from a seed of its own
(`envs.base.episode_seed`), however the player behaved before. So both met the same layout, and luck
that both had cancels out of their difference.

On Atari an env is reseeded only now and then: the first episode of each of up to 16 envs begins
alike for everybody, a later one with random numbers from where the episode before it ended. Pairs
of those have nothing in common; their differences are as right, but no less noisy.

Evaluations are kept, one a line of `evaluations.jsonl`, so that none is made twice; see `Journal`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from envs import env_spec
from envs.base import EnvConfig
from workbench.errors import UsageError
from workbench.evaluation.episodes import evaluate
from workbench.evaluation.load import episodic_config, load_env_agent, with_protocol
from workbench.runs import checkpoint
from workbench.runs.run import Clock, open_checkpoint
from workbench.tournament.comparison_tables import Comparison, Scores, draw_returns, rank, write_csv
from workbench.tournament.entrants import checkpoints_of, is_run, refuse_doubles
from workbench.tournament.journal import Journal, usual_folder

EPISODES = 30
EVALUATIONS = "evaluations.jsonl"


class Candidate(NamedTuple):
    """A checkpoint to be compared.

    Attributes:
        name: `runs/NAME@STEP`, as one would type it to get exactly this one again.
        env: in which it plays, under the protocol that was asked for.
        sha256: of its network.
    """

    name: str
    env: EnvConfig
    sha256: str

    @property
    def world(self) -> dict[str, Any]:
        """What must be the same for returns to be compared: all that does not only cost time."""
        return self.env.model_dump(mode="json", exclude={"num_envs", "env_threads"})


def open_evaluations(directory: Path, conditions: Mapping[str, Any]) -> Journal[str, Scores]:
    """Opens the evaluations of a folder, by player, or makes it; see `Journal`."""
    common = {name: conditions[name] for name in ("protocol", "seed", "episodes")}
    return Journal(
        directory / EVALUATIONS,
        conditions,
        key=lambda scores: scores.player,
        write=lambda scores: scores._asdict() | common,
        parse=lambda line: parse_scores(line, common),
    )


def parse_scores(line: Any, common: dict[str, Any]) -> Scores:
    """Returns the evaluation that a line of `evaluations.jsonl` tells of, once it is read as JSON.

    Args:
        line: of the file.
        common: `protocol`, `seed` and `episodes` of the comparison.

    Raises:
        ValueError, KeyError, TypeError: it tells of none, or of one of another comparison.
    """
    scores = Scores(
        str(line["player"]),
        str(line["sha256"]),
        [float(value) for value in line["returns"]],
        [int(length) for length in line["lengths"]],
        float(line["seconds"]),
    )
    counts = {len(scores.returns), len(scores.lengths)}
    if scores._asdict() | common != line or counts != {common["episodes"]}:
        raise ValueError("it is of another comparison")
    return scores


def has_episodes(name: str) -> bool:
    """Returns whether a name is that of a run whose world has episodes to compare by return.

    It is not for players of board games, nor where there is no such run.
    """
    try:
        episodic_config(open_checkpoint(checkpoints_of(name)[0])[0])
    except UsageError:
        return False
    return True


def compare(
    names: Sequence[str],
    *,
    episodes: int,
    seed: int,
    out: Path | None,
    protocol: str | None,
    tell: Callable[[str], None],
    on_episode: Callable[[int, int], None],
) -> Comparison:
    """Evaluates checkpoints, or those that are left, and writes a table and a picture.

    Args:
        names: of runs: `runs/NAME` (its latest checkpoint), `runs/NAME@STEP`, `runs/NAME@all`.
        episodes: of each checkpoint.
        seed: of everybody's episodes.
        out: folder of the evaluations, which may hold some; None: one under `runs/tournaments/`
            that is the same whenever the same is asked for.
        protocol: under which all are evaluated; None: that of their runs.
        tell: told where everything lies and how to go on.
        on_episode: told how many episodes are played and how many are to be.

    Raises:
        UsageError: a name means nothing or is a board game's, the worlds differ, or the folder
            holds evaluations under other conditions.
    """
    candidates = [_candidate(one, protocol) for name in names for one in checkpoints_of(name)]
    _refuse_what_does_not_compare(candidates)
    spec = env_spec(candidates[0].env)
    facts = [spec.name, spec.protocol, f"seed{seed}", f"episodes{episodes}"]
    directory = out or usual_folder(*filter(None, facts))
    conditions = {
        "game": spec.name,
        "protocol": spec.protocol,
        "env": candidates[0].world,
        "seed": seed,
        "episodes": episodes,
    }
    with closing(open_evaluations(directory, conditions)) as evaluations:
        evaluations.admit({one.name: one.sha256 for one in candidates})
        missing = [one for one in candidates if one.name not in evaluations.entries]
        tell(f"{directory}: Ctrl-C stops, the same command goes on")
        scheduled = episodes * len(candidates)
        played = count(scheduled - episodes * len(missing))
        on_episode(next(played), scheduled)
        for one in missing:
            agent, clock = load_env_agent(one.name).agent, Clock()
            found = evaluate(
                agent,
                one.env,
                episodes=episodes,
                seed=seed,
                on_episode=lambda _: on_episode(next(played), scheduled),
            )
            seconds = round(clock.seconds, 3)
            evaluations.append(Scores(one.name, one.sha256, found.returns, found.lengths, seconds))
        scores = [evaluations.entries[one.name] for one in candidates]
        rows = rank(scores, spec.success_return_above)
        table = Comparison(spec.name, spec.protocol, seed, rows, evaluations.path)
        write_csv(table)
        draw_returns(table, directory / "returns.png")
    return table


def _candidate(name: str, protocol: str | None) -> Candidate:
    if not is_run(name):
        raise UsageError(f"{name} plays board games only")
    run, path = open_checkpoint(name)
    config = episodic_config(run)
    digest = checkpoint.model_digest(path)
    return Candidate(f"{run.path}@{path.name}", with_protocol(config.env, protocol), digest)


def _refuse_what_does_not_compare(candidates: Sequence[Candidate]) -> None:
    names = [one.name for one in candidates]
    refuse_doubles(names)
    if len(names) < 2:
        raise UsageError("a comparison needs two checkpoints or more; try runs/NAME@all")
    first, *others = candidates
    for other in others:
        for key in first.world | other.world:
            if (ours := first.world.get(key)) != (theirs := other.world.get(key)):
                way_out = "; choose one with --protocol" if key == "protocol" else ""
                raise UsageError(
                    f"{first.name} and {other.name} play in different worlds: "
                    f"env.{key} is {ours} and {theirs}{way_out}"
                )
