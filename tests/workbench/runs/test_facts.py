"""What lists show of a config stands in `run.json`, and is never of another config."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.configs import BOARD, PPO_GRID, write_config
from workbench.config import dump_config, load_config
from workbench.errors import UsageError
from workbench.runs import facts as reading
from workbench.runs.changes import change_config, planned_config
from workbench.runs.facts import facts_of, family_of
from workbench.runs.run import Run, create_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = load_config(Path(write_config(tmp_path / "c.yaml", PPO_GRID, seed=7)))
    return create_run(config, str(tmp_path / "a"))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Returns which configs were parsed since."""
    asked: list[Path] = []
    load = reading.load_saved_config
    monkeypatch.setattr(
        "workbench.runs.facts.load_saved_config", lambda path: asked.append(path) or load(path)
    )
    return asked


def test_no_config_is_parsed_to_list_a_run(run: Run, parsed: list[Path]) -> None:
    facts = run.facts
    assert (facts.world, facts.game, facts.name) == (
        "minigrid", "MiniGrid-LavaGapS5-v0", "minigrid/MiniGrid-LavaGapS5-v0",
    )  # fmt: skip
    assert (facts.agent, facts.seed, facts.total_env_steps) == ("ppo", 7, 400)
    assert run.status == "created"
    assert parsed == []


def test_a_run_of_an_older_version_is_parsed_once_until_it_goes_on(
    run: Run, parsed: list[Path]
) -> None:
    told = run.facts
    info = run.info
    del info["facts"]
    run.info_path.write_text(json.dumps(info))
    assert [run.facts, run.facts] == [told, told]
    assert parsed == [run.config_path]
    with run.locked():
        change_config(run, planned_config(run, ()))
    reading._parsed.cache_clear()
    assert run.facts == told
    assert parsed == [run.config_path]


def test_facts_of_another_config_do_not_count(run: Run, parsed: list[Path]) -> None:
    text = run.config_path.read_text()
    run.config_path.write_text(text.replace("total_env_steps: 400", "total_env_steps: 500"))
    assert run.facts.total_env_steps == 500
    assert parsed == [run.config_path]
    run.config_path.write_text(text.replace("seed:", "sed:"))
    with pytest.raises(UsageError, match="sed"):
        _ = run.facts
    run.config_path.unlink()
    with pytest.raises(UsageError, match=r"config\.yaml"):
        _ = run.facts


def test_a_change_changes_them(run: Run, parsed: list[Path]) -> None:
    with run.locked():
        change_config(run, planned_config(run, ["total_env_steps=800"]))
    assert run.facts.total_env_steps == 800
    assert parsed == []


@pytest.mark.parametrize(
    "damage", [{"facts": None}, {"facts": {}}, {"facts": []}, {"facts": {"world": "atari"}}]
)
def test_damaged_facts_are_read_from_the_config(run: Run, damage: dict[str, object]) -> None:
    told = run.facts
    run.update_info(**damage)
    assert run.facts == told


def test_runs_that_differ_in_the_seed_alone_are_one_family(tmp_path: Path) -> None:
    def family(**changes: object) -> str:
        path = Path(write_config(tmp_path / "c.yaml", BOARD, **changes))
        return facts_of(load_config(path)).family

    assert family(seed=1) == family(seed=2, log_period_env_steps=77)
    assert family(seed=1) != family(seed=1, agent__simulations=3)


def test_a_key_that_is_left_at_its_default_makes_no_other_family(tmp_path: Path) -> None:
    path = Path(write_config(tmp_path / "c.yaml", PPO_GRID))
    short = load_config(path)
    path.write_text(dump_config(short))
    assert facts_of(load_config(path)).family == facts_of(short).family


def test_what_the_machine_decided_makes_no_other_experiment():
    mine = {
        "seed": 1, "env.kind": "atari", "env.env_threads": 1, "agent.precision": "float32",
        "agent.target_period_updates": 500, "replay.storage": "memory", "device": "auto",
        "torch_threads": 1, "anchor_period_env_steps": 10, "wandb.mode": "offline",
    }  # fmt: skip
    same = {
        "seed": 2, "env.env_threads": 8, "agent.precision": "bfloat16", "replay.storage": "disk",
        "device": "cuda", "torch_threads": 2, "anchor_period_env_steps": 20, "wandb.mode": "online",
    }  # fmt: skip
    for key, value in same.items():
        assert family_of(mine | {key: value}) == family_of(mine), key
    for key, value in {"agent.target_period_updates": 1, "env.kind": "doom"}.items():
        assert family_of(mine | {key: value}) != family_of(mine), key
