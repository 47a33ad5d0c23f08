"""A run as the studio shows it, read from its files; a broken run is told as such."""

from typing import Any

from workbench import checkpoint
from workbench.config import TrainConfig
from workbench.errors import UsageError
from workbench.listing import latest_return
from workbench.run import Run


def card(name: str, run: Run) -> dict[str, Any]:
    """Returns what the gallery shows of a run."""
    facts: dict[str, Any] = {"id": name, "name": run.name, "problem": None}
    try:
        info, config = run.info, run.config
    except UsageError as error:
        return facts | {"status": "damaged", "problem": str(error)}
    return facts | {
        "status": run.status,
        "game": game_of(config),
        "world": config.env.kind,
        "agent": config.agent.kind,
        "env_steps": info["env_steps"],
        "total_env_steps": config.total_env_steps,
        "wall_seconds": info["wall_seconds"],
        "started": info.get("started"),
        "newest": latest_return(run.metrics_path),
    }


def details(name: str, run: Run) -> dict[str, Any]:
    """Returns what the page of a run shows."""
    facts = card(name, run)
    if facts["problem"]:
        return facts
    videos = sorted(run.videos.glob("*.mp4"), key=lambda path: int(path.stem.split("_")[0]))
    return facts | {
        "config": run.config.model_dump(mode="json"),
        "checkpoints": checkpoint.list_steps(run.checkpoints),
        "videos": [path.stem for path in videos],
    }


def game_of(config: TrainConfig) -> str:
    """Returns the name of what is played."""
    env = config.env
    return str(getattr(env, "game", None) or getattr(env, "level", None) or env.kind)
