"""What a person, a disk or a learning rate gets wrong: one clear line, the right exit code, and no
harm to what exists.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agents.dqn
from agents.losses import huber_td_loss
from envs.atari import AtariConfig
from tests.end_to_end.configs import ATARI, PROBE, write_config
from tests.end_to_end.conftest import Ludus
from tests.end_to_end.launcher import Launcher, Outcome
from workbench import checkpoint
from workbench.cli import run_command
from workbench.errors import UsageError
from workbench.player import with_protocol
from workbench.run import Run


def complaint(outcome: Outcome, code: int) -> str:
    """Returns the one line that a failed command ends with; progress may stand before it."""
    assert outcome.code == code, outcome.err
    lines = outcome.err.splitlines()
    assert [line.startswith("ludus: ") for line in lines] == [False] * (len(lines) - 1) + [True]
    assert "Traceback" not in outcome.err
    if code == 2:
        assert len(lines) == 1 or "Ctrl-C saves and stops" in lines[0]
    assert outcome.out == ""
    assert "--debug" not in lines[-1], "this was not foreseen"
    return lines[-1].removeprefix("ludus: ")


def fingerprint(directory: Path, *, but: tuple[str, ...] = ()) -> dict[str, str]:
    """Returns a digest of every file below `directory`."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in but
    }


@pytest.fixture(scope="module")
def stopped_run(processes: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose process was killed right after its third checkpoint."""
    directory = tmp_path_factory.mktemp("stopped")
    write_config(directory / "c.yaml", PROBE)
    processes.run(directory, "train", "c.yaml", "--run", "a", kill_at_sync=40)
    run = directory / "runs/a"
    assert checkpoint.list_steps(run / "checkpoints") == [4, 100, 200]
    return run


@pytest.fixture
def run_a(stopped_run: Path, here: Path) -> Path:
    """A copy of `stopped_run` as runs/a."""
    shutil.copytree(stopped_run, here / "runs/a")
    return here / "runs/a"


# ---- the command line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trian"], "No such command 'trian'. Did you mean 'train'?"),
        (["train"], "Missing argument"),
        (["train", "no.yaml"], "cannot read the config no.yaml: No such file or directory"),
        (["train", "."], "cannot read the config .: Is a directory"),
        (["train", "c.yaml", "--rum", "a"], "No such option: --rum"),
        (["train", "c.yaml", "--run"], "--run"),
        (["train", "c.yaml", "seed"], "the override 'seed' is not of the form key.path=value"),
        (["train", "c.yaml", "env.probe=pong"], "c.yaml: env.probe: input should be 'constant'"),
        (["train", "c.yaml", "env.gmae=x"], "did you mean env.num_envs?"),
        (["train", "c.yaml", "agent.lr=1"], "did you mean agent.learning_rate?"),
        (["train", "c.yaml", "agent.learning_rate=fast"], "should be a valid number"),
        (["train", "c.yaml", "agent.network=nature"], "needs larger observations than 8x8"),
        (["train", "atari.yaml", "env.game=pogn"], "unknown game 'pogn'; did you mean 'pong'?"),
        (["train", "atari.yaml", "env.protocol=x"], "should be 'machado' or 'classic'"),
        (["train", "c.yaml", "replay.capacity_env_steps=1e12"], "lower replay.capacity_env_steps"),
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
        (["doctor", "c.yaml", "replay.capacity_env_steps=1e12"], "lower replay.capacity_env"),
        (["runs", "--jsno"], "No such option: --jsno"),
    ],
)
def test_wrong_usage_is_one_line_and_makes_nothing(
    ludus: Ludus, here: Path, arguments: list[str], says: str
) -> None:
    write_config(here / "c.yaml", PROBE)
    write_config(here / "atari.yaml", ATARI)
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
    from workbench import cli

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

    monkeypatch.setattr("workbench.listing.list_rows", fail)
    outcome = ludus("runs")
    assert outcome.code == 1
    assert outcome.err == "ludus: unexpected ZeroDivisionError: it is zero; --debug shows where\n"


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


PARTS = ["model.safetensors", "resume.safetensors", "resume.json", "meta.json"]


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, overwrite, Path.unlink])
@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_checkpoint_is_one_line_and_earlier_ones_still_play(
    ludus: Ludus, run_a: Path, part: str, damage: Callable[[Path], None]
) -> None:
    if part == "meta.json" and damage is flip_a_bit:
        pytest.skip("the checksums are in it, so it has none itself")
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


# ---- the work fails


def test_a_loss_that_is_not_finite_ends_the_run_and_spares_its_checkpoints(
    ludus: Ludus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = 0

    def huber_then_nan(value: torch.Tensor, target: torch.Tensor) -> Any:
        nonlocal losses
        losses += 1
        loss, errors = huber_td_loss(value, target)
        return (loss * torch.nan if losses > 20 else loss), errors

    monkeypatch.setattr(agents.dqn, "huber_td_loss", huber_then_nan)
    outcome = ludus("train", write_config(here / "c.yaml", PROBE), "--run", "a")
    line = complaint(outcome, 1)
    assert line.startswith("the loss is no longer a finite number; nothing was saved since")
    assert "agent.learning_rate" in line
    run = here / "runs/a"
    # 20 updates of 8 samples, one for each env_step after the first 60, are done at 220.
    assert checkpoint.list_steps(run / "checkpoints") == [4, 100, 200]
    for weights in checkpoint.load_model(run / "checkpoints/200").values():
        assert weights.isfinite().all()
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["env_steps"] == 220
    assert json.loads((run / "run.json").read_text())["status"] == "failed"
    assert ludus("eval", "a", "--episodes", "1").code == 0


@pytest.mark.parametrize("rate", ["1e30", "1e38"])
def test_an_absurd_learning_rate_is_found_out(ludus: Ludus, here: Path, rate: str) -> None:
    config = write_config(here / "c.yaml", PROBE, log_period_env_steps=10_000)
    assert "Lower agent.learning_rate" in complaint(
        ludus("train", config, f"agent.learning_rate={rate}", "--run", "a"), 1
    )
    for step in checkpoint.list_steps(here / "runs/a/checkpoints"):
        for weights in checkpoint.load_model(here / f"runs/a/checkpoints/{step}").values():
            assert weights.isfinite().all()


def test_wandb_that_cannot_start_is_one_line(
    ludus: Ludus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    def refuse(**options: object) -> None:
        raise wandb.errors.UsageError("No API key\nconfigured.")

    monkeypatch.setattr(wandb, "init", refuse)
    config = write_config(here / "c.yaml", PROBE, wandb__mode="online")
    assert complaint(ludus("train", config), 1) == (
        "Weights & Biases did not start (No API key configured.); log in with `wandb login`, "
        "or set wandb.mode=offline"
    )


# ---- disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, *, but_bytes: int) -> Path:
    """Takes all space of `disk` except for about `but_bytes`."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                break
        file.truncate(file.tell() // 4096 * 4096 - but_bytes)
    return filler


def test_a_replay_that_the_disk_cannot_hold_is_refused(
    ludus: Ludus, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_disk)
    config = write_config(small_disk / "c.yaml", PROBE)
    line = complaint(ludus("train", config, "replay.capacity_env_steps=100_000"), 2)
    assert line.startswith("replay needs 0.01 GB of disk to resume from, and 0.00 GB are free")
    assert [path.name for path in small_disk.iterdir()] == ["c.yaml"]


@pytest.mark.parametrize("storage", ["memory", "memmap"])
def test_a_disk_that_is_full_at_the_start(
    ludus: Ludus, here: Path, small_disk: Path, storage: str
) -> None:
    config = write_config(here / "c.yaml", PROBE, replay__storage=storage)
    filler = fill(small_disk, but_bytes=24_000)
    path = small_disk / "a"
    assert "No space left on device" in complaint(ludus("train", config, "--run", str(path)), 1)
    filler.unlink()
    assert ludus("resume", str(path)).code == 0


def test_a_disk_that_is_too_full_to_make_a_run(ludus: Ludus, here: Path, small_disk: Path) -> None:
    config = write_config(here / "c.yaml", PROBE)
    filler = fill(small_disk, but_bytes=0)
    path = small_disk / "a"
    assert "No space left on device" in complaint(ludus("train", config, "--run", str(path)), 1)
    filler.unlink()
    assert ludus("train", config, "--run", str(path)).code == 0


@pytest.mark.parametrize("but_bytes", [0, 8_192, 30_000, 80_000])
def test_a_disk_that_fills_up_harms_nothing(
    ludus: Ludus, stopped_run: Path, here: Path, small_disk: Path, but_bytes: int
) -> None:
    run, reference = small_disk / "a", here / "runs/a"
    for copy in (run, reference):
        shutil.copytree(stopped_run, copy)
    assert ludus("resume", "a").code == 0
    filler = fill(small_disk, but_bytes=but_bytes)
    checkpoints = fingerprint(run / "checkpoints")
    assert "No space left on device" in complaint(ludus("resume", str(run)), 1)
    assert fingerprint(run / "checkpoints") == checkpoints
    filler.unlink()
    assert ludus("resume", str(run)).code == 0
    for name in ("model.safetensors", "resume.safetensors"):
        ours, theirs = (path / "checkpoints/300" / name for path in (run, reference))
        assert ours.read_bytes() == theirs.read_bytes()
    ours, theirs = (metrics_without_times(path) for path in (run, reference))
    assert ours == theirs


def metrics_without_times(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line | {"wall_seconds": None} for line in lines]


def test_a_video_that_the_disk_cannot_hold_leaves_nothing(
    ludus: Ludus, stopped_run: Path, small_disk: Path
) -> None:
    run = small_disk / "a"
    shutil.copytree(stopped_run, run)
    fill(small_disk, but_bytes=0)
    before = fingerprint(run)
    assert "No space left on device" in complaint(ludus("record", str(run), "--seed", "7"), 1)
    assert fingerprint(run) == before


def test_a_directory_that_cannot_be_written(
    ludus: Ludus, stopped_run: Path, here: Path, small_disk: Path
) -> None:
    run = small_disk / "a"
    shutil.copytree(stopped_run, run)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    before = fingerprint(run)
    config = write_config(here / "c.yaml", PROBE)
    for arguments in (
        ["resume", str(run)],
        ["record", str(run)],
        ["train", config, "--run", str(small_disk / "b")],
    ):
        assert "Read-only file system" in complaint(ludus(*arguments), 1)
    assert ludus("eval", str(run), "--episodes", "1").code == 0
    assert fingerprint(run) == before
