"""Commands that train: `train`, `resume`, and `doctor`, which estimates the cost beforehand."""

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from workbench.cli.wording import CONFIG_HELP, RUN_HELP, AsJson, complete_run, say
from workbench.errors import UsageError

training = typer.Typer()


@training.command()
def train(
    config: Annotated[Path, Argument(help=CONFIG_HELP)],
    overrides: Annotated[
        list[str] | None,
        Argument(help="Config overrides: key.path=value, e.g. agent.learning_rate=1e-4."),
    ] = None,
    run: Annotated[
        str | None, Option(help="Name of the new run under runs/, or a path, e.g. ./NAME.")
    ] = None,
) -> None:
    """Trains an agent. Ctrl-C saves it and prints the command to resume.

    SIGTERM, SIGHUP and SIGUSR1 (Slurm: --signal=USR1@120) also save and stop, with exit code 130.

    Example: ludus train configs/atari/pong.yaml seed=2 --run my-pong
    """
    from workbench.config import load_config
    from workbench.runs.run import create_run
    from workbench.training.devices import resolve
    from workbench.training.doctor import refuse_what_will_not_fit, warnings
    from workbench.training.launch import run_training

    resolved = resolve(load_config(config, overrides or (), say))
    refuse_what_will_not_fit(resolved)
    for warning in warnings(resolved):
        say(f"warning: {warning}")
    run_training(create_run(resolved, run))


@training.command()
def resume(
    run: Annotated[str, Argument(help=RUN_HELP, autocompletion=complete_run)],
    overrides: Annotated[
        list[str] | None,
        Argument(help="Config overrides that a run allows, e.g. total_env_steps=2_000_000."),
    ] = None,
) -> None:
    """Continues a run from its latest checkpoint, exactly as if it had never stopped.

    To extend a finished run, give it a larger total_env_steps. The W&B run continues too. run.json
    records every change.

    Example: ludus resume my-pong

    Example: ludus resume my-pong total_env_steps=2_000_000
    """
    from workbench.runs.run import open_run
    from workbench.training.launch import run_training

    run_training(open_run(run), overrides or ())


@training.command()
def fork(
    source: Annotated[str, Argument(help=RUN_HELP)],
    run: Annotated[str, Option(help="Name of the new run under runs/, or a path, e.g. ./NAME.")],
    overrides: Annotated[
        list[str] | None, Argument(help="Config overrides: key.path=value.")
    ] = None,
) -> None:
    """Begins a new run from exactly the state that another was saved in, replay included.

    Change what you like. With nothing changed, both go on alike, bit for bit. The first run stays
    as it is.

    Example: ludus fork my-pong agent.learning_rate=1e-5 --run my-pong-slower
    """
    from workbench.runs.fork import fork_run
    from workbench.training.launch import run_training

    forked = fork_run(source, run, overrides or ())
    try:
        run_training(forked)
    except UsageError:  # what was saved does not fit the new config
        shutil.rmtree(forked.path)
        raise


@training.command()
def doctor(
    config: Annotated[Path | None, Argument(help=CONFIG_HELP)] = None,
    overrides: Annotated[
        list[str] | None, Argument(help="Config overrides: key.path=value.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Shows this machine and a config's speed, memory, disk use and wall time on it.

    Refuses a config that does not fit in memory or on disk.

    Example: ludus doctor configs/atari/pong.yaml replay.capacity_env_steps=1000000
    """
    from workbench.config import load_config
    from workbench.training.devices import resolve
    from workbench.training.doctor import describe_machine, measure, refuse_what_will_not_fit

    report: dict[str, Any] = describe_machine()
    if config is not None:
        resolved = resolve(load_config(config, overrides or (), say))
        refuse_what_will_not_fit(resolved)
        report |= measure(resolved)
    if as_json:
        sys.stdout.write(json.dumps(report) + "\n")
        return
    for key, value in report.items():
        shown = f"{value:,.1f}" if isinstance(value, float) else str(value)
        sys.stdout.write(f"{key:<28} {shown}\n")
