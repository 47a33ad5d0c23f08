"""The commands that train: begin, go on, and say beforehand what it will cost."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli.wording import JSON_HELP, RUN_HELP, say

training = typer.Typer()


@training.command()
def train(
    config: Annotated[Path, typer.Argument(help="A YAML file; see configs/.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="key.path=value, e.g. agent.learning_rate=1e-4")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Its name under runs/, or a path, e.g. ./NAME.")
    ] = None,
) -> None:
    """Trains an agent; Ctrl-C saves it and says how to go on.

    SIGTERM, SIGHUP and SIGUSR1 (Slurm: --signal=USR1@120) save and stop, too; the exit code is 130.

    Example: ludus train configs/atari/pong.yaml seed=2 --run pong-2
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
    run: Annotated[str, typer.Argument(help=RUN_HELP)],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="key.path=value that may change, e.g. total_env_steps=2_000_000"),
    ] = None,
) -> None:
    """Continues a run exactly where its latest checkpoint stands, the same W&B run too.

    A finished run goes on to a larger total_env_steps; what changed is kept in run.json.

    Example: ludus resume pong-2

    Example: ludus resume pong-2 total_env_steps=2_000_000
    """
    from workbench.runs.run import open_run
    from workbench.training.launch import run_training

    run_training(open_run(run), overrides or ())


@training.command()
def doctor(
    config: Annotated[Path | None, typer.Argument(help="A YAML file; see configs/.")] = None,
    overrides: Annotated[list[str] | None, typer.Argument(help="key.path=value")] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Says what this machine has and what a config will cost on it; refuses what will not fit.

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
