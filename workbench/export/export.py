"""Exports a run's agent to ONNX: converts it, tries the file against it, and only then keeps it."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from envs import env_spec
from workbench.errors import UsageError, WorkError
from workbench.evaluation.load import BoardAgent, EnvAgent, Trained, episodic_config, load_trained
from workbench.export.acting import acting_module
from workbench.export.comparison import LIMIT, Comparison, compare_in_world
from workbench.export.onnx_file import Session, Shapes, require_packages, to_onnx
from workbench.runs import checkpoint

CPU = torch.device("cpu")


class Export(NamedTuple):
    """A file that was written, and how far it is from the agent."""

    path: Path
    facts: dict[str, Any]  # the metadata in the file
    inputs: Shapes
    outputs: Shapes
    exported: Comparison  # of the file with the agent, both in float32
    played: Comparison  # of the agent as it was trained with the agent in float32
    precision: str  # in which it was trained

    def as_json(self) -> dict[str, Any]:
        """Returns all of it as one JSON object."""
        return {
            **self.facts,
            "file": str(self.path),
            "bytes": self.path.stat().st_size,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "observations": self.exported.observations,
            "largest_difference": self.exported.difference,
            "same_actions": self.exported.same_actions,
            "precision": self.precision,
            "precision_difference": self.played.difference,
            "precision_same_actions": self.played.same_actions,
        }

    def text(self) -> str:
        """Returns what people want to know of it, a line each."""
        facts, count = self.facts, self.exported.observations
        lines = [
            f"{facts['agent']} in {facts['world']}, {facts['env_steps']:,} env_steps",
            f"takes {_told(self.inputs)}",
            f"gives {_told(self.outputs)}",
            f"largest difference from the agent on {count:,} observations: "
            f"{self.exported.difference:.1e}; same action on {self.exported.same_actions:,}",
        ]
        if self.played.difference > self.exported.difference:
            lines.append(
                f"the file computes in float32; in {self.precision}, as it was trained, the agent "
                f"is up to {self.played.difference:.1e} away; "
                f"same action on {self.played.same_actions:,}"
            )
        return "\n".join(lines)


def _told(shapes: Shapes) -> str:
    """Returns names, shapes and dtypes."""
    return ", ".join(
        f"{name} [{', '.join(map(str, shape))}] {'uint8' if name == 'obs' else 'float32'}"
        for name, shape in shapes.items()
    )


def export_onnx(player: str, out: Path | None) -> Export:
    """Writes the agent that `player` names to `out` as ONNX.

    Args:
        player: a run or RUN@STEP.
        out: the file; None: RUN-STEP.onnx in the current directory.

    Raises:
        UsageError: there is no such agent, its kind cannot be exported, there is no place for the
            file, or packages are missing.
        WorkError: the file computes something else than the agent; nothing is written.
    """
    try:
        require_packages()
    except ValueError as error:
        raise UsageError(str(error)) from None
    trained = load_trained(player)
    path = out or Path(f"{trained.run.path.name}-{trained.env_steps}.onnx")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; --out is the file to write")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}; make it first")
    data, facts, exported, played = _tried(trained)
    if not exported.difference <= LIMIT:
        raise WorkError(
            f"{player}: the ONNX file is up to {exported.difference:.1e} away from the agent, "
            f"more than {LIMIT:.0e}, so it was not written"
        )
    checkpoint.write_atomically(path, data)
    precision = trained.run.config.agent.precision
    session = Session(data)
    return Export(path, facts, session.inputs, session.outputs, exported, played, precision)


Tried = tuple[bytes, dict[str, Any], Comparison, Comparison]


def _tried(trained: Trained) -> Tried:
    kind = trained.run.config.agent.kind
    facts = {"run": trained.run.name, "env_steps": trained.env_steps, "agent": kind}
    return _board(trained, facts) if isinstance(trained, BoardAgent) else _world(trained, facts)


def _world(trained: EnvAgent, facts: dict[str, Any]) -> Tried:
    spec = env_spec(trained.env)
    try:
        acting_module(trained.agent)
    except ValueError as error:
        raise UsageError(f"{trained.run.name}: {error}") from None
    config = episodic_config(trained.run).agent.model_copy(update={"precision": "float32"})
    agent = config.make(spec, CPU, np.random.default_rng(0))
    agent.load_network_state(trained.agent.network_state())
    facts |= {"world": spec.name, "actions": spec.action_names, "obs_shape": spec.obs_shape}
    if spec.parts:
        facts["parts"] = [part._asdict() for part in spec.parts]
    data = to_onnx(acting_module(agent), spec.obs_shape, facts)
    return data, facts, *compare_in_world(agent, Session(data), trained.agent, trained.env)


def _board(trained: BoardAgent, facts: dict[str, Any]) -> Tried:
    # Not before: worlds with episodes need neither OpenSpiel nor numba.
    from agents.alphazero import AlphaZero
    from workbench.export.board import BoardActing, action_names, compare_on_board

    game = trained.game
    config = trained.config.agent.model_copy(update={"precision": "float32"})
    agent = AlphaZero(config, game.spec, CPU)
    agent.load_network_state(trained.agent.network_state())
    facts |= {"world": game.spec.name, "actions": action_names(game)}
    facts["obs_shape"] = game.spec.obs_shape
    data = to_onnx(BoardActing(agent).eval(), game.spec.obs_shape, facts)
    return data, facts, *compare_on_board(agent, Session(data), trained.agent, game)
