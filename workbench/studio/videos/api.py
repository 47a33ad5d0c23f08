"""Answers `/api/insight`: events, saliency, filters, activations and memory of an agent.

Playing an episode once more and asking the network take a while. One thread does all of it, one
request after the other, while the server goes on answering.
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

from workbench.errors import UsageError
from workbench.evaluation.load import episodic_config
from workbench.recording.frame import Pixels, strip_height
from workbench.runs import checkpoint
from workbench.runs.run import Run
from workbench.studio import commands
from workbench.studio.answers import Answer, WorkQueue
from workbench.studio.library import Library
from workbench.studio.queries import MOST, one_of, whole_number
from workbench.studio.videos import insight
from workbench.studio.videos.enactment import Enactment, Enactments, nearest_checkpoint, recorded_at
from workbench.studio.videos.facts import find, frame_size, list_videos
from workbench.studio.videos.insight import Look
from workbench.studio.videos.screen import older_crop
from workbench.studio.videos.traces import read_episode

MAX_WAITING = 24  # questions; more are told to come again
DIGITS = 4


def routes(library: Library) -> list[BaseRoute]:
    """Returns the routes below `/api/insight`."""
    in_turn, enactments = WorkQueue(1, MAX_WAITING), Enactments()

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
        Route("/{run}/{video}", WorkQueue(2)(overview)),
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
    agent = episodic_config(run).agent
    scale = float(getattr(agent, "reward_scale", 1.0))
    errors = insight.surprises(trace, agent.discount, scale, agent.reward_clip)
    asked = recorded_at(trace_path.stem)
    steps = checkpoint.list_steps(run.checkpoints)
    video = trace_path.with_suffix(".mp4")
    strip = 0 if trace.memory_norm is None else strip_height(int(getattr(agent, "core_size", 1)))
    return {
        "videos": list_videos(run),
        "screen": (trace.screen or older_crop(frame_size(video), strip))._asdict(),
        "frames": trace.end + 1,
        "fps": trace.fps,
        "discount": agent.discount,
        "value": np.round(insight.state_values(trace), DIGITS).tolist(),
        "surprise": np.round(errors, DIGITS).tolist(),
        "events": [event._asdict() for event in insight.events(trace, errors)],
        "commands": commands.of_recording(run, trace_path.stem),
        "checkpoint": {"asked": asked, "used": nearest_checkpoint(run, asked) if steps else None},
    }


def _agent(request: Request, enactment: Enactment) -> Response:
    spec = enactment.spec
    convolution = insight.first_convolution(enactment.agent.network)
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
    maps = insight.saliency(enactment.obs(t), lambda obs: enactment.value_and_scores(t, obs))
    return _png(insight.tinted(maps[look], insight.TINTS[look]))


def _observation(request: Request, enactment: Enactment) -> Response:
    obs = enactment.obs(_moment(request, enactment))
    return _png(insight.newest_frame(obs, enactment.spec.frame_channels))


def _activations(request: Request, enactment: Enactment) -> Response:
    t = _moment(request, enactment)
    convolution = insight.first_convolution(enactment.agent.network)
    if convolution is None:
        raise HTTPException(404, "this network has no convolution")
    with torch.no_grad():
        maps = convolution(torch.from_numpy(enactment.obs(t)[None]).float()).relu()[0].numpy()
    return _png(insight.activation_sheet(maps))


def _memory(request: Request, enactment: Enactment) -> Response:
    if not enactment.memories:
        raise HTTPException(404, "this agent remembers nothing")
    return _png(insight.coloured_by_activity(enactment.memories[0][1:].T))


def _filters(run: Run, env_steps: int) -> Pixels:
    world = episodic_config(run).env
    path = run.checkpoints / str(nearest_checkpoint(run, env_steps))
    for name, tensor in checkpoint.load_model(path).items():
        if name.endswith("torso.0.weight") and tensor.dim() == 4:
            frames = int(getattr(world, "stack", 1))
            if tensor.shape[1] % frames or tensor.shape[1] // frames not in (1, 3):
                raise UsageError(f"{path} does not belong to {run.config_path}")
            return insight.filter_sheet(tensor, tensor.shape[1] // frames)
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
