"""What the studio tells of an agent's insight: events, saliency, filters, activations, memory.

Playing an episode once more and asking the network take a while, so one thread does all of it, one
thing after the other, while the server goes on answering.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agents.config import EpisodicAgentConfig
from workbench.errors import UsageError
from workbench.recording.frame import SCREEN_HEIGHT, MemoryStrip, Pixels
from workbench.runs import checkpoint
from workbench.runs.run import Run
from workbench.studio import commands
from workbench.studio.answers import Answer, Turns
from workbench.studio.library import Library
from workbench.studio.queries import MOST, one_of, whole_number
from workbench.studio.videos.enactment import (
    Enactment,
    Enactments,
    nearest_checkpoint,
    network_of,
    recorded_at,
    world_and_agent,
)
from workbench.studio.videos.facts import find, list_videos
from workbench.studio.videos.insight import (
    TINTS,
    Look,
    activation_sheet,
    coloured_by_activity,
    events,
    filter_sheet,
    first_convolution,
    newest_frame,
    saliency,
    state_values,
    surprises,
    tinted,
)
from workbench.studio.videos.traces import read_episode

MAX_WAITING = 24  # questions; more are told to come again
DIGITS = 4


def routes(library: Library) -> list[BaseRoute]:
    """Returns the routes below `/api/insight`."""
    in_turn, enactments = Turns(1, MAX_WAITING), Enactments()

    def found(request: Request) -> tuple[Run, Path]:
        run, name = library.trained_run(request.path_params["run"]), request.path_params["video"]
        find(run, name, ".mp4", library.serves)
        return run, find(run, name, ".json", library.serves)

    def overview(request: Request) -> Response:
        run, trace_path = found(request)
        return Answer(episode_facts(run, trace_path))

    def filters(request: Request) -> Response:
        run = library.trained_run(request.path_params["run"])
        env_steps = whole_number(request.query_params, "checkpoint")
        return _png(_filters(run, MOST if env_steps is None else env_steps))

    def about(draw: Callable[[Request, Enactment], Response]) -> Callable[[Request], Any]:
        def answer(request: Request) -> Response:
            return draw(request, enactments.get(*found(request)))

        return in_turn(answer)

    return [
        Route("/{run}/filters", in_turn(filters)),
        Route("/{run}/{video}", Turns(2)(overview)),
        Route("/{run}/{video}/agent", about(_agent)),
        Route("/{run}/{video}/saliency", about(_saliency)),
        Route("/{run}/{video}/observation", about(_observation)),
        Route("/{run}/{video}/activations", about(_activations)),
        Route("/{run}/{video}/memory", about(_memory)),
    ]


def episode_facts(run: Run, trace_path: Path) -> dict[str, Any]:
    """Returns what the player's page shows of an episode, without playing it once more.

    Raises:
        UsageError: it is that of a board game, or the trace or the config is damaged.
    """
    trace = read_episode(trace_path)
    _, agent = world_and_agent(run)
    scale = float(getattr(agent, "reward_scale", 1.0))
    errors = surprises(trace, agent.discount, scale, agent.reward_clip)
    asked = recorded_at(trace_path.stem)
    steps = checkpoint.list_steps(run.checkpoints)
    return {
        "videos": list_videos(run),
        "strip_height": _strip_height(agent) if trace.memory_norm is not None else 0,
        "frames": trace.end + 1,
        "fps": trace.fps,
        "discount": agent.discount,
        "value": np.round(state_values(trace), DIGITS).tolist(),
        "surprise": np.round(errors, DIGITS).tolist(),
        "events": [event._asdict() for event in events(trace, errors)],
        "commands": commands.of_recording(run, trace_path.stem),
        "checkpoint": {"asked": asked, "used": nearest_checkpoint(run, asked) if steps else None},
    }


def _strip_height(agent: EpisodicAgentConfig) -> int:
    """Returns how high the memory's strip is in a video, below the screen."""
    return MemoryStrip(SCREEN_HEIGHT, int(getattr(agent, "core_size", 1))).height


def _agent(request: Request, enactment: Enactment) -> Response:
    spec = enactment.spec
    convolution = first_convolution(network_of(enactment.agent))
    return Answer(
        {
            "checkpoint": enactment.checkpoint,
            "note": enactment.note,
            "screen": enactment.screen._asdict(),
            "sees_screen": enactment.sees_screen,
            "observation": {
                "height": spec.obs_shape[1],
                "width": spec.obs_shape[2],
                "frames": spec.stack,
                "channels": spec.frame_channels,
            },
            "memory_units": enactment.memories[0].shape[1] if enactment.memories else None,
            "kernels": convolution.out_channels if convolution is not None else None,
        }
    )


def _saliency(request: Request, enactment: Enactment) -> Response:
    t = _moment(request, enactment)
    look: Look = one_of(request.query_params, "of", get_args(Look))
    maps = saliency(enactment.obs(t), lambda obs: enactment.value_and_scores(t, obs))
    return _png(tinted(maps[look], TINTS[look]))


def _observation(request: Request, enactment: Enactment) -> Response:
    obs = enactment.obs(_moment(request, enactment))
    return _png(newest_frame(obs, enactment.spec.frame_channels))


def _activations(request: Request, enactment: Enactment) -> Response:
    t = _moment(request, enactment)
    convolution = first_convolution(network_of(enactment.agent))
    if convolution is None:
        raise HTTPException(404, "this network has no convolution")
    with torch.no_grad():
        maps = convolution(torch.from_numpy(enactment.obs(t)[None]).float()).relu()[0].numpy()
    return _png(activation_sheet(maps))


def _memory(request: Request, enactment: Enactment) -> Response:
    if not enactment.memories:
        raise HTTPException(404, "this agent remembers nothing")
    return _png(coloured_by_activity(enactment.memories[0][1:].T))


def _filters(run: Run, env_steps: int) -> Pixels:
    world, _ = world_and_agent(run)
    path = run.checkpoints / str(nearest_checkpoint(run, env_steps))
    for name, tensor in checkpoint.load_model(path).items():
        if name.endswith("torso.0.weight") and tensor.dim() == 4:
            frames = int(getattr(world, "stack", 1))
            if tensor.shape[1] % frames or tensor.shape[1] // frames not in (1, 3):
                raise UsageError(f"{path} does not belong to {run.config_path}")
            return filter_sheet(tensor, tensor.shape[1] // frames)
    raise HTTPException(404, "this network has no convolution")


def _moment(request: Request, enactment: Enactment) -> int:
    t = whole_number(request.query_params, "t", most=enactment.trace.end)
    if t is None:
        raise UsageError("t, the number of a frame, is missing")
    return t


def _png(pixels: Pixels) -> Response:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return Response(buffer.getvalue(), media_type="image/png")
