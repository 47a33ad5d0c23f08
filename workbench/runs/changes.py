"""What may change in a run once it has started, and a record of it.

A change is written into `run.json` first and into `config.yaml` then; where a kill comes in
between, the next `resume` finds it recorded but not in force, and puts it in force.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from workbench.config import (
    OffPolicyConfig,
    TrainConfig,
    dump_config,
    flatten,
    learned_with_end_head,
    load_saved_config,
)
from workbench.errors import UsageError
from workbench.runs import checkpoint, facts
from workbench.runs.run import Run

TOTAL = "total_env_steps"
CHECKPOINT_PERIOD = "checkpoint_period_env_steps"
# How long, where, how it is watched and measured. What else there is decides what is learned.
MAY_CHANGE = (
    TOTAL,
    CHECKPOINT_PERIOD,
    "record_period_env_steps",
    "log_period_env_steps",
    "device",
    "torch_threads",
    "wandb.mode",
    "wandb.project",
    "wandb.entity",
    "env.env_threads",
    "replay.storage",
    "agent.learning_rate_decay_env_steps",
    "anchor_period_env_steps",
    "anchor_games",
    "anchor_opening_plies",
)


def planned_config(run: Run, overrides: Sequence[str]) -> TrainConfig:
    """Returns what the config of a run that has begun will be; changes nothing.

    Args:
        run: locked.
        overrides: `key.path=value`, as when a run is made; none: as it is, a change that a kill
            interrupted included.

    Raises:
        UsageError: a key may not change, or not to this value, or the run cannot go on at all.
    """
    if learned_with_end_head(run.config_path):
        raise UsageError(
            f"{run.path} cannot go on: it learned with agent.end_weight, which no longer exists; "
            f"its checkpoints still play; look at it with: ludus eval {run.path}"
        )
    before = load_saved_config(run.config_path, _interrupted_change(run))
    refuse_another_kind(before, overrides)
    after = load_saved_config(run.config_path, [*_interrupted_change(run), *overrides])
    env_steps = int(run.info["env_steps"])
    for key, (_, value) in changed_keys(before, after).items():
        _refuse(run, key, value, env_steps, before)
    return after


def change_config(run: Run, after: TrainConfig) -> None:
    """Changes the config of a locked run to one that was planned, and records when."""
    if interrupted := _interrupted_change(run):
        before = load_saved_config(run.config_path, interrupted)
        checkpoint.write_atomically(run.config_path, dump_config(before))
    keys = changed_keys(run.config, after)
    if not keys:
        known = facts.as_json(after, run.config_path.read_text(encoding="utf-8"))
        if run.info.get("facts") != known:  # older versions wrote none
            run.update_info(facts=known)
        return
    text = dump_config(after)
    env_steps = int(run.info["env_steps"])
    change = {
        "env_steps": env_steps,
        "changed": datetime.now(UTC).isoformat(timespec="seconds"),
        "keys": keys,
    }
    info: dict[str, Any] = {
        "changes": [*changes(run.info), change],
        "facts": facts.as_json(after, text),
    }
    if run.info["status"] == "finished" and env_steps < after.total_env_steps:
        info["status"] = "interrupted"
    run.update_info(**info)
    checkpoint.write_atomically(run.config_path, text)


def changes(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns what changed in a run since it began: `env_steps`, `changed`, `keys` by name.

    Each of `keys` has the value before and the value after.
    """
    told = info.get("changes")
    return [change for change in told if _is_sound(change)] if isinstance(told, list) else []


def describe_changes(info: Mapping[str, Any]) -> str:
    """Returns `changes` in words, for people."""
    return "; ".join(
        f"at {change['env_steps']:,}: "
        + ", ".join(f"{key} {before} -> {after}" for key, (before, after) in change["keys"].items())
        for change in changes(info)
    )


def ended_schedules(config: TrainConfig, env_steps: int) -> list[str]:
    """Returns a line for each schedule that has run out before `env_steps`."""
    ends = config.agent.schedule_ends()
    return [line for end, line in ends if end is not None and env_steps >= end]


def refuse_another_kind(before: TrainConfig, overrides: Sequence[str]) -> None:
    """Raises UsageError before a config of another kind is found to lack this one's keys."""
    kinds = {"agent.kind": before.agent.kind, "env.kind": before.env.kind}
    for override in overrides:
        key, _, value = override.partition("=")
        if key in kinds and value.strip("\"'") != kinds[key]:
            raise UsageError(
                f"{key} cannot change in a run that has begun: this is {kinds[key]}; begin a new "
                f"run with a config of {value}; what may change: {', '.join(MAY_CHANGE)}"
            )


def _refuse(run: Run, key: str, value: Any, env_steps: int, before: TrainConfig) -> None:
    """Raises UsageError if `key` may not become `value` in a run that has come this far."""
    if key not in MAY_CHANGE:
        assignment = shlex.quote(f"{key}={json.dumps(value)}")
        raise UsageError(
            f"{key} cannot change in a run that has begun, since what was learned depends on it; "
            f"begin a new one with it: ludus train {run.config_path} {assignment} --run NEW; "
            f"what may change: {', '.join(MAY_CHANGE)}"
        )
    if key == TOTAL and value < env_steps:
        raise UsageError(f"{run.path} has made {env_steps:,} env_steps already; {key} is below")
    if (
        key == CHECKPOINT_PERIOD
        and isinstance(before, OffPolicyConfig)
        and value > before.checkpoint_period_env_steps
    ):
        raise UsageError(
            f"{key} can only become smaller in this run: its replay on the disk has room for "
            f"{before.checkpoint_period_env_steps:,} env_steps between two checkpoints"
        )


def _interrupted_change(run: Run) -> list[str]:
    """Returns the overrides of a change that is recorded but, by a kill, not in force."""
    made = changes(run.info)
    if not made:
        return []
    keys = made[-1]["keys"]
    now = flatten(run.config.model_dump(mode="json"))
    if any(now.get(key) != before for key, (before, _) in keys.items()):
        return []
    return [f"{key}={json.dumps(after)}" for key, (_, after) in keys.items()]


def changed_keys(before: TrainConfig, after: TrainConfig) -> dict[str, list[Any]]:
    """Returns the value before and after of each dotted key that has another."""
    old, new = flatten(before.model_dump(mode="json")), flatten(after.model_dump(mode="json"))
    return {
        key: [old.get(key), new.get(key)]
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    }


def _is_sound(change: Any) -> bool:
    match change:
        case {"env_steps": int(), "keys": dict() as keys}:
            return all(isinstance(pair, list) and len(pair) == 2 for pair in keys.values())
    return False
