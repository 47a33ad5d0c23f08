"""What a person gets wrong: one clear line, exit code 2, and no harm to what exists."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.atari import AtariConfig
from tests.end_to_end.checks import complaint, fingerprint
from tests.end_to_end.configs import ATARI, PPO_PROBE, PROBE, write_config
from tests.end_to_end.conftest import Ludus
from tests.end_to_end.launcher import Outcome
from workbench.cli.main import run_command
from workbench.errors import UsageError
from workbench.evaluation.load import with_protocol
from workbench.runs.run import Run

# ---- the command line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trian"], "there is no command 'trian'; did you mean 'train'?"),
        (["train"], "Missing argument"),
        (["train", "no.yaml"], "cannot read the config no.yaml: No such file or directory"),
        (["train", "."], "cannot read the config .: Is a directory"),
        (["train", "c.yaml", "--rum", "a"], "No such option: --rum"),
        (["train", "c.yaml", "--run"], "--run"),
        (["train", "c.yaml", "seed"], "the override 'seed' is not of the form key.path=value"),
        (
            ["train", "c.yaml", "env.probe=pong"],
            'c.yaml: env.probe: there is no "pong" here; choose from constant',
        ),
        (["train", "c.yaml", "env.gmae=x"], "unknown key env.gmae; env has kind, num_envs, probe"),
        (["train", "c.yaml", "agent.lr=1"], "did you mean agent.learning_rate?"),
        (["train", "c.yaml", "agent.learning_rate=fast"], "should be a valid number"),
        (["train", "c.yaml", "agent.network=nature"], "needs larger observations than 8x8"),
        (
            ["train", "ppo.yaml", "agent.sequence_ticks=3"],
            "ppo.yaml: agent: sequence_ticks must divide rollout_ticks, and 3 does not divide 4",
        ),
        (
            ["train", "ppo.yaml", "agent.minibatches=9"],
            "ppo.yaml: agent.minibatches must be at most 8, the number of sequences: "
            "env.num_envs * agent.rollout_ticks / agent.sequence_ticks",
        ),
        (
            ["train", "ppo.yaml", "replay.sampling=uniform"],
            "ppo.yaml: unknown key replay: only the agents dqn, r2d2, alphazero have it",
        ),
        (["train", "ppo.yaml", "learning_starts_env_steps=9"], "unknown key learning_starts_env"),
        (["train", "ppo.yaml", "agent.n_step=3"], "ppo.yaml: unknown key agent.n_step"),
        (
            ["train", "ppo.yaml", "agent.core=gru"],
            'agent.core: there is no "gru" here; choose from lstm, none',
        ),
        (["train", "ppo.yaml", "agent.kind=pop"], "agent.kind: unknown agent 'pop'; choose from"),
        (["train", "ppo.yaml", "agent.kind=[ppo]"], "agent.kind: unknown agent ['ppo']; did you"),
        (["train", "atari.yaml", "env.game=pogn"], "unknown game 'pogn'; did you mean 'pong'?"),
        (["train", "atari.yaml", "env.protocol=x"], "choose from machado, classic"),
        (
            ["train", "c.yaml", "replay.capacity_env_steps=1e12", "total_env_steps=1e12"],
            "lower replay.capacity_env_steps",
        ),
        (["train", "c.yaml", "--run", ""], "a run cannot be named ''"),
        (["train", "c.yaml", "--run", "a b"], "a run cannot be named 'a b'"),
        (["train", "c.yaml", "--run", "a@5"], "a run cannot be named 'a@5'"),
        (["train", "c.yaml", "--run", ".."], "a run cannot be named '..'"),
        (["train", "c.yaml", "--run", "x" * 300], "a run cannot be named"),
        (["train", "c.yaml", "--run", "a\nb"], "a run cannot be named"),
        (["train", "c.yaml", "--run", "c.yaml/a"], "c.yaml is not a directory"),
        (["train", "c.yaml", "--run", "taken"], "runs/taken exists already; choose another --run"),
        (["resume"], "Missing argument"),
        (["resume", "b"], "there is no run 'b'; `ludus runs` lists them"),
        (["resume", "pong2"], "there is no run 'pong2'; did you mean 'pong-2'?"),
        (["resume", "x" * 300], "there is no run"),
        (["resume", ""], "there is no run ''"),
        (["resume", "taken"], "there is no run 'taken'"),
        (["eval", "b"], "there is no run 'b'"),
        (["eval", "runs/b@100"], "there is no run 'runs/b'"),
        (["eval", "pong-2"], "pong-2 has no checkpoint yet"),
        (["eval", "pong-2@7"], "pong-2 has no checkpoint '7'; it has: none"),
        (["eval", "pong-2", "--episodes", "0"], "'--episodes'"),
        (["eval", "pong-2", "--episodes", "many"], "'--episodes'"),
        (["eval", "pong-2", "--seed", "-1"], "'--seed'"),
        (["record", "b"], "there is no run 'b'"),
        (["doctor", "no.yaml"], "cannot read the config no.yaml"),
        (
            ["doctor", "c.yaml", "replay.capacity_env_steps=1e12", "total_env_steps=1e12"],
            "lower replay.capacity_env",
        ),
        (["runs", "--jsno"], "No such option: --jsno"),
    ],
)
def test_wrong_usage_is_one_line_and_makes_nothing(
    ludus: Ludus, here: Path, arguments: list[str], says: str
) -> None:
    write_config(here / "c.yaml", PROBE)
    write_config(here / "atari.yaml", ATARI)
    write_config(here / "ppo.yaml", PPO_PROBE)
    (here / "runs/taken").mkdir(parents=True)
    (here / "runs/pong-2").mkdir()
    write_config(here / "runs/pong-2/config.yaml", PROBE)
    before = fingerprint(here)
    assert says in complaint(ludus(*arguments), 2)
    assert fingerprint(here) == before
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["pong-2", "taken"]


def test_a_missing_device_is_one_line(ludus: Ludus, here: Path) -> None:
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    config = write_config(here / "c.yaml", PROBE, device=absent)
    says = f"the device {absent} is not available here; set device=auto"
    assert complaint(ludus("train", config), 2) == says


def test_debug_shows_the_traceback(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Exception, match="there is no run 'b'"):
        run_command(["eval", "b"], debug=True)
    from workbench.cli import main as cli

    for arguments, shows in ((["eval", "b"], False), (["eval", "b", "--debug"], True)):
        monkeypatch.setattr("sys.argv", ["ludus", *arguments])
        with pytest.raises(BaseException) as caught:  # noqa: PT011
            cli.main()
        assert isinstance(caught.value, SystemExit) is not shows
    assert "Traceback" not in capsys.readouterr().err


def test_an_unforeseen_error_is_one_line_too(
    ludus: Ludus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("it is\nzero")

    monkeypatch.setattr("workbench.runs.listing.list_rows", fail)
    outcome = ludus("runs")
    assert outcome.code == 1
    assert outcome.err == "ludus: unexpected ZeroDivisionError: it is zero; --debug shows where\n"


@pytest.mark.parametrize(
    "lack",
    [
        MemoryError("Unable to allocate 9 TiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        torch.OutOfMemoryError("CUDA out of memory"),
    ],
)
def test_a_lack_of_memory_is_foreseen(
    ludus: Ludus, here: Path, monkeypatch: pytest.MonkeyPatch, lack: Exception
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise lack

    monkeypatch.setattr("workbench.runs.listing.list_rows", fail)
    says = complaint(ludus("runs"), 1)
    assert says == f"there is not enough memory: {lack}; what was saved is kept"


anything = st.text() | st.sampled_from(["train", "eval", "runs", "--run", "--json", "-h", "c.yaml"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    command=st.sampled_from(["train", "resume", "eval", "record", "doctor"]),
    first=anything,
    rest=st.lists(anything, max_size=3),
)
def test_any_arguments_end_with_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], command: str, first: str, rest: list[str]
) -> None:
    """There is no config and no run, so whatever is asked for, nothing can be done."""
    capsys.readouterr()
    code = run_command([command, first, *rest])
    captured = capsys.readouterr()
    if "-h" not in (first, *rest) and "--help" not in (first, *rest):
        complaint(Outcome(code, captured.out, captured.err), 2)
    assert not (here / "runs").exists()


# ---- damaged runs


def test_a_run_is_not_made_twice(ludus: Ludus, run_a: Path, here: Path) -> None:
    before = fingerprint(run_a)
    config = write_config(here / "c.yaml", PROBE)
    says = "runs/a exists already; choose another --run, or continue it: ludus resume runs/a"
    assert complaint(ludus("train", config, "--run", "a"), 2) == says
    assert complaint(ludus("train", config, "--run", "runs/a"), 2) == says
    assert fingerprint(run_a) == before


def test_a_run_is_not_trained_by_two_processes(ludus: Ludus, run_a: Path) -> None:
    before = fingerprint(run_a)
    with Run(run_a).locked():
        assert complaint(ludus("resume", "a"), 2) == "a is being trained by another process"
    assert fingerprint(run_a) == before
    assert ludus("resume", "a").code == 0


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def overwrite(path: Path) -> None:
    path.write_text("[]")


DAMAGES = [
    (part, damage)
    for part in ("model.safetensors", "resume.safetensors", "resume.json", "meta.json")
    for damage in (truncate, flip_a_bit, overwrite, Path.unlink)
    if (part, damage) != ("meta.json", flip_a_bit)  # it holds the checksums and has none itself
]


@pytest.mark.parametrize(("part", "damage"), DAMAGES)
def test_a_damaged_checkpoint_is_one_line_and_earlier_ones_still_play(
    ludus: Ludus, run_a: Path, part: str, damage: Callable[[Path], None]
) -> None:
    damage(run_a / "checkpoints/200" / part)
    before = fingerprint(run_a, but=("run.json", ".lock"))
    line = complaint(ludus("resume", "a"), 2)
    assert "checkpoints/200" in line
    if part in ("model.safetensors", "meta.json"):
        for command in ("eval", "record"):
            line = complaint(ludus(command, "a"), 2)
            assert "checkpoints/200" in line
            assert part == "meta.json" or part in line
    assert fingerprint(run_a, but=("run.json", ".lock")) == before
    assert json.loads((run_a / "run.json").read_text())["status"] == "failed"
    assert ludus("eval", "runs/a@100", "--episodes", "1").code == 0


@pytest.mark.parametrize("content", ["", "999", "two hundred"])
def test_a_damaged_latest_does_not_matter(ludus: Ludus, run_a: Path, content: str) -> None:
    (run_a / "checkpoints/latest").write_text(content)
    outcome = ludus("eval", "a", "--episodes", "1", "--json")
    assert json.loads(outcome.out)["env_steps"] == 200
    assert ludus("resume", "a").code == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"env__probe": "obs_value"}, "does not fit"),
        ({"env__num_envs": 2}, "does not fit"),
        ({"agent__dueling": False}, "does not fit"),
        ({"agent__network": "nature"}, "needs larger observations"),
        ({"agent__x": 1}, "unknown key agent.x"),
        ({"seed": "x"}, "seed: input should be a valid integer"),
        ({"replay__sampling": "prioritized"}, "does not fit"),
    ],
)
def test_a_run_whose_config_was_edited_does_not_resume(
    ludus: Ludus, run_a: Path, change: dict[str, Any], says: str
) -> None:
    write_config(run_a / "config.yaml", PROBE, **change)
    before = fingerprint(run_a, but=("run.json", ".lock"))
    assert says in complaint(ludus("resume", "a"), 2)
    assert fingerprint(run_a, but=("run.json", ".lock")) == before


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"status": "running"}', "null"])
def test_a_damaged_run_json_is_one_line(ludus: Ludus, run_a: Path, content: str) -> None:
    (run_a / "run.json").write_text(content)
    assert "run.json is damaged" in complaint(ludus("resume", "a"), 2)
    assert (run_a / "run.json").read_text() == content
    assert json.loads(ludus("runs", "--json").out)["runs"][0]["status"] == "damaged"
    assert ludus("runs").code == 0


def test_a_run_without_its_checkpoints_is_not_begun_anew(ludus: Ludus, run_a: Path) -> None:
    shutil.rmtree(run_a / "checkpoints")
    before = fingerprint(run_a, but=("run.json",))
    assert "its checkpoints are gone" in complaint(ludus("resume", "a"), 2)
    assert fingerprint(run_a, but=("run.json",)) == before


def test_lost_metrics_are_no_reason_not_to_resume(ludus: Ludus, run_a: Path) -> None:
    (run_a / "metrics.jsonl").unlink()
    assert ludus("resume", "a").code == 0
    lines = [json.loads(line) for line in (run_a / "metrics.jsonl").read_text().splitlines()]
    assert [line["env_steps"] for line in lines] == [220, 240, 260, 280, 300]


# ---- a protocol that is not one


def test_an_unknown_protocol_is_one_line(ludus: Ludus, run_a: Path) -> None:
    line = complaint(ludus("eval", "a", "--protocol", "machado"), 2)
    assert line == "probe has no protocols; leave --protocol out"
    atari = AtariConfig(**ATARI["env"])
    with pytest.raises(UsageError, match="unknown protocol 'modern'; choose from machado, classic"):
        with_protocol(atari, "modern")
