"""Ludus from Python: trained agents act, and their worlds are Gymnasium's, for any library.

Everything heavy is imported when it is asked for. What is wrong with arguments, runs and configs
raises ValueError; work that fails, e.g. a loss that is not finite, raises RuntimeError. Either says
in one line what to do, in the words of the command line.
"""

import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, WorkError, is_failure_of_world

if TYPE_CHECKING:
    from ludus.agent import TrainedAgent
    from ludus.world import World
    from workbench.config import EpisodicConfig, TrainConfig

__all__ = ["evaluate", "load", "make", "train"]

Named = str | os.PathLike[str]


@contextmanager
def _as_python_says_it() -> Iterator[None]:
    """Raises what Python programs catch, in place of what the command line turns to exit codes."""
    try:
        yield
    except UsageError as error:
        raise ValueError(str(error)) from None
    except WorkError as error:
        raise RuntimeError(str(error)) from None
    except ValueError as error:
        if is_failure_of_world(error):
            raise RuntimeError(str(error)) from error
        raise


@_as_python_says_it()
def load(run: Named) -> "TrainedAgent":
    """Returns the trained agent of a run, which acts in `make(run)`.

    Args:
        run: a name under `runs/`, or a path; `NAME@STEP` is one checkpoint, else it is the latest.

    Raises:
        ValueError: there is no such run or checkpoint, it is damaged, or it plays a board game.
    """
    from ludus.agent import TrainedAgent
    from workbench.evaluation.load import load_env_agent
    from workbench.runs.run import open_checkpoint
    from workbench.training.devices import torch_threads

    named = os.fspath(run)
    config = _without_board_game(named, open_checkpoint(named)[0].config, f"ludus play {named}")
    _refuse_sb3(named, config)
    with torch_threads(config.torch_threads):
        return TrainedAgent(load_env_agent(named))


@_as_python_says_it()
def make(
    world: Named | Mapping[str, Any],
    *,
    render_mode: str | None = None,
    as_dict: bool = False,
    **overrides: Any,
) -> "World":
    """Returns the world of a run or of a config as a `gymnasium.Env`; see `ludus.world.World`.

    Args:
        world: a run, as for `load`; or a config, as for `train`.
        render_mode: `rgb_array`, or None: it is not drawn.
        as_dict: where observations have several parts (numbers, texts, ...), show them one by one,
            as other libraries want them, and not as the bytes that agents of Ludus take.
        overrides: of the config, as for `train`, e.g. `env={"protocol": "classic"}`.

    Raises:
        ValueError: there is no such run, the config is wrong, the world does not start, or it is a
            board game.
        RuntimeError: the world raises something, or breaks its own rules, when it is tried.
    """
    from ludus.world import World
    from workbench.config import load_saved_config
    from workbench.runs.run import open_checkpoint

    if isinstance(world, Mapping) or Path(world).suffix in (".yaml", ".yml"):
        named, config = "this config", _config(world, overrides)
        instead = "ludus train, then ludus play"
    else:
        named = os.fspath(world)
        run, _ = open_checkpoint(named)
        config = load_saved_config(run.config_path, _overrides(overrides))
        instead = f"ludus play {named}"
    episodic = _without_board_game(named, config, instead)
    _refuse_sb3(named, episodic)
    return World(episodic.env, render_mode, as_dict=as_dict)


@_as_python_says_it()
def train(config: Named | Mapping[str, Any], run: Named | None = None, **overrides: Any) -> Path:
    """Trains an agent as `ludus train` does, in this process, and returns the run's path.

    Progress goes to stderr. Ctrl-C saves the run, whose training the command `ludus resume` then
    continues. PyTorch's threads and its seed are set for the whole process.

    Args:
        config: a YAML file, or what would be in one.
        run: name or path of the new run; None: it is named after world and agent.
        overrides: of the config: `seed=2`, `agent={"learning_rate": 1e-4}` changes that key alone.

    Raises:
        ValueError: the config is wrong, does not fit in memory, or the run exists already.
        RuntimeError: the loss is not finite, W&B does not start, or the world raised something; the
            latest checkpoint is kept.
        KeyboardInterrupt: a signal stopped it; it is saved.
    """
    import typer

    from workbench.runs.run import create_run
    from workbench.training.devices import resolve
    from workbench.training.doctor import refuse_what_will_not_fit
    from workbench.training.doctor import warnings as costs
    from workbench.training.launch import run_training

    resolved = resolve(_config(config, overrides))
    refuse_what_will_not_fit(resolved)
    for cost in costs(resolved):
        warnings.warn(cost, stacklevel=3)
    made = create_run(resolved, None if run is None else os.fspath(run))
    try:
        run_training(made)
    except typer.Exit:
        raise KeyboardInterrupt(f"stopped; continue with: ludus resume {made.path}") from None
    return made.path


@_as_python_says_it()
def evaluate(run: Named, episodes: int = 30, seed: int = 0) -> dict[str, Any]:
    """Measures an agent as `ludus eval` does, and keeps what it finds with the run, as that does.

    Args:
        run: as for `load`.
        episodes: whole episodes that are played.
        seed: the same one gives the same episodes; they are never those of a training.

    Returns:
        What `ludus eval --json` prints: `mean_return` (raw score), `ci95` (its 95 % interval, or
        None), `returns` and `lengths` (in env_steps) of the episodes, `env_steps`, ...

    Raises:
        ValueError: there is no such run or checkpoint, it is damaged, or it plays a board game.
    """
    from workbench.evaluation.episodes import evaluate as played
    from workbench.evaluation.load import load_env_agent
    from workbench.runs.run import open_checkpoint
    from workbench.runs.scores import keep_evaluation
    from workbench.training.devices import torch_threads

    if episodes < 1 or seed < 0:
        raise ValueError("episodes must be at least 1, and seed at least 0")
    named = os.fspath(run)
    instead = f"ludus eval {named} --against mcts:1000"
    config = _without_board_game(named, open_checkpoint(named)[0].config, instead)
    with torch_threads(config.torch_threads):
        trained = load_env_agent(named)
        result = played(trained.agent, trained.env, episodes=episodes, seed=seed)
    report = {"player": named, **result.report(seed, trained.env_steps)}
    try:
        keep_evaluation(trained.run.path, report)
    except OSError as error:
        warnings.warn(f"not kept in {trained.run.path}: {error.strerror}", stacklevel=3)
    return report


def _config(given: Named | Mapping[str, Any], overrides: Mapping[str, Any]) -> "TrainConfig":
    """Returns a checked config; raises UsageError."""
    from workbench.config import load_config, make_config

    if isinstance(given, Mapping):
        return make_config(Path("config"), deepcopy(dict(given)), _overrides(overrides), _tell)
    return load_config(Path(given), _overrides(overrides), _tell)


def _overrides(changes: Mapping[str, Any]) -> list[str]:
    """Returns changes of a config as the command line takes them, `key.path=value`."""
    from workbench.config import flatten

    return [
        f"{key}={json.dumps(value, ensure_ascii=False, default=str)}"
        for key, value in flatten(changes).items()
    ]


def _tell(note: str) -> None:
    sys.stderr.write(f"note: {note}\n")


def _refuse_sb3(named: str, config: "TrainConfig") -> None:
    if config.agent.kind == "sb3":
        raise UsageError(
            f"{named} is an agent of Stable-Baselines3 in a world as its author wrote it, which "
            "gymnasium.make makes; see it play with: ludus eval, ludus record"
        )


def _without_board_game(named: str, config: "TrainConfig", instead: str) -> "EpisodicConfig":
    """Returns the config; raises UsageError for board games, which have no observations."""
    from workbench.config import SelfPlayConfig

    if isinstance(config, SelfPlayConfig):
        raise UsageError(
            f"{named} plays a board game, by searching and not from an observation; try: {instead}"
        )
    return config
