"""The command that takes agents to other programs: `export`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.wording import AsJson, Player, say
from workbench.errors import UsageError

exporting = typer.Typer()


@exporting.command()
def export(
    player: Player,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write an ONNX file.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="The file. Default: RUN-STEP.onnx in the current folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Writes an agent as an ONNX file, which other programs can run without Ludus.

    The file takes uint8 observations as the world gives them, and returns Q-values, or the policy
    and the value; an LSTM's memory goes in and comes out. It is first compared with the agent on
    1,000 observations, and not written (exit code 1) if any output differs by more than 1e-5.

    Needs: pip install 'ludus[export]'

    Example: ludus export runs/zoo/atari-pong --onnx --out pong.onnx

    Example: ludus export runs/zoo/connect-four@320000 --onnx
    """
    if not onnx:
        raise UsageError(f"say as what: ludus export {player} --onnx")
    from workbench.export.export import export_onnx

    written = export_onnx(player, out)
    if as_json:
        sys.stdout.write(json.dumps(written.as_json()) + "\n")
        return
    say(written.text())
    sys.stdout.write(f"{written.path}\n")
