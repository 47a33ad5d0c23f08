"""What surely does not fit in memory is refused before it begins, by the name of what is large."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.end_to_end.configs import ATARI, BOARD, PPO_PROBE, PROBE, R2D2_PROBE, write_config
from workbench.config import load_config
from workbench.errors import UsageError
from workbench.training import doctor
from workbench.training import memory_check as fitting
from workbench.training.doctor import refuse_what_will_not_fit

CONFIGS = {"dqn": PROBE, "ppo": PPO_PROBE, "r2d2": R2D2_PROBE, "board": BOARD, "atari": ATARI}


@pytest.fixture(autouse=True)
def eight_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=8_000_000_000))
    monkeypatch.setattr(fitting, "psutil", machine)
    monkeypatch.setattr(doctor, "psutil", machine)


@pytest.mark.parametrize("kind", CONFIGS)
def test_small_trainings_fit(kind: str, tmp_path: Path) -> None:
    config = load_config(Path(write_config(tmp_path / "c.yaml", CONFIGS[kind])))
    refuse_what_will_not_fit(config)


@pytest.mark.parametrize(
    ("kind", "changes", "large", "key"),
    [
        ("atari", ["agent.batch_size=1000000"], "a batch", "agent.batch_size"),
        (
            "dqn",
            ["agent.head=quantile", "agent.quantiles=1000", "agent.batch_size=1000"],
            "a batch",
            "agent.batch_size or agent.quantiles",
        ),
        (
            "ppo",
            ["agent.rollout_ticks=100000", "env.num_envs=1024"],
            "a rollout",
            "agent.rollout_ticks or env.num_envs",
        ),
        (
            "r2d2",
            [
                "agent.batch_size=100000",
                "agent.sequence_ticks=1000",
                "replay.capacity_env_steps=100000",
                "learning_starts_env_steps=100000",
            ],
            "a batch",
            "agent.batch_size, agent.sequence_ticks",
        ),
        ("board", ["agent.channels=4096", "agent.blocks=100"], "the network", "agent.channels or"),
        (
            "board",
            ["agent.batch_size=1000000", "agent.channels=512"],
            "a batch",
            "agent.batch_size",
        ),
        (
            "board",
            ["replay.capacity_positions=1000000000", "total_env_steps=1000000000"],
            "replay",
            "replay.capacity_positions",
        ),
        ("board", ["agent.simulations=1000000", "env.num_games=64"], "search", "agent.simulations"),
    ],
)
def test_what_is_too_large_is_named(
    kind: str, changes: list[str], large: str, key: str, tmp_path: Path
) -> None:
    path = Path(write_config(tmp_path / "c.yaml", CONFIGS[kind]))
    config = load_config(path, changes)
    with pytest.raises(UsageError) as caught:
        refuse_what_will_not_fit(config)
    assert str(caught.value).startswith(f"{large} needs at least ")
    assert f"of memory, and 7.00 GB are free for everything; lower {key}" in str(caught.value)


def test_replay_in_memory_is_weighed_with_everything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said what is free for all, once, and what else makes it smaller."""
    disk = SimpleNamespace(disk_usage=lambda path: SimpleNamespace(free=10**15))
    monkeypatch.setattr(doctor, "shutil", disk)
    path = Path(write_config(tmp_path / "c.yaml", ATARI, total_env_steps=10**8))
    large = ["replay.capacity_env_steps=10000000"]
    with pytest.raises(UsageError) as caught:
        refuse_what_will_not_fit(load_config(path, large))
    assert str(caught.value).startswith("replay needs at least 13.")
    assert str(caught.value).endswith(
        "GB of memory, and 7.00 GB are free for everything; lower replay.capacity_env_steps or "
        "checkpoint_period_env_steps, or set replay.storage=memmap"
    )
    refuse_what_will_not_fit(load_config(path, [*large, "replay.storage=memmap"]))


def test_parts_add_up() -> None:
    import torch

    parts = [fitting.Part(name, 4_000_000_000, f"key.{name}") for name in ("one", "two")]
    cpu = torch.device("cpu")
    fitting.refuse_what_exceeds_memory(parts[:1], cpu)
    with pytest.raises(UsageError, match="one needs at least"):
        fitting.refuse_what_exceeds_memory(parts, cpu)


def test_replay_of_positions_is_no_larger_than_the_training(tmp_path: Path) -> None:
    path = Path(write_config(tmp_path / "c.yaml", BOARD))
    refuse_what_will_not_fit(load_config(path, ["replay.capacity_positions=1000000000"]))


def test_anchors_are_asked_before_hours_of_training(tmp_path: Path) -> None:
    path = Path(write_config(tmp_path / "c.yaml", BOARD))
    with pytest.raises(UsageError, match="there is no player 'mtcs:100'; did you mean mcts"):
        refuse_what_will_not_fit(load_config(path, ["anchors=[random,'mtcs:100']"]))
