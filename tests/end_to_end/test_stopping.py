"""Signals: whichever asks a training to stop, it saves, and says what is true."""

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.checks import complaint
from tests.end_to_end.configs import PROBE, write_config
from tests.end_to_end.conftest import Ludus
from tests.end_to_end.launcher import Launcher
from tests.end_to_end.test_exact_resume import shown_env_steps, wait_for
from workbench.cli import main as cli
from workbench.runs import removal as run_removal
from workbench.runs.checkpoint import latest_step
from workbench.runs.run import Run
from workbench.training import train as training
from workbench.training.metrics import WandbLog
from workbench.training.progress import ProgressLine

STOPPERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]


@pytest.fixture(autouse=True)
def handlers_are_put_back() -> Iterator[None]:
    before = [signal.getsignal(number) for number in STOPPERS]
    yield
    assert [signal.getsignal(number) for number in STOPPERS] == before


def at_env_steps(monkeypatch: pytest.MonkeyPatch, when: int, do: Callable[[], Any]) -> None:
    """Does something in the midst of training."""

    class Disturbed(ProgressLine):
        def advance(self, env_steps: int) -> None:
            super().advance(env_steps)
            if env_steps == when:
                do()

    monkeypatch.setattr("workbench.training.launch.ProgressLine", Disturbed)


@pytest.mark.parametrize("number", STOPPERS)
def test_a_process_saves_at_any_of_them(
    processes: Launcher, tmp_path: Path, number: signal.Signals
) -> None:
    write_config(tmp_path / "c.yaml", PROBE, total_env_steps=10**7, replay__storage="memmap")
    (tmp_path / "stderr").write_text("")
    process = processes.start(tmp_path, "train", "c.yaml", "--run", "a")
    try:
        wait_for(process, lambda: shown_env_steps(tmp_path) >= 100)
        os.kill(process, number)
        outcome = processes.wait()
    except BaseException:  # it would never end
        os.kill(process, signal.SIGKILL)
        raise
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "saved; continue with: ludus resume runs/a"
    run = Run(tmp_path / "runs/a")
    assert run.info["status"] == "interrupted"
    assert run.info["env_steps"] == latest_step(run.checkpoints) >= 100
    assert "stopping as soon as all is saved" in outcome.err


@pytest.mark.parametrize("number", STOPPERS)
def test_while_it_loads_nothing_was_trained(
    ludus: Ludus, run_a: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def interrupted(*arguments: Any) -> None:
        signal.raise_signal(number)

    with monkeypatch.context() as patched:
        patched.setattr(training, "make_loop", interrupted)
        outcome = ludus("resume", "a")
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == (
        "ludus: stopped while it was loading: nothing was trained since the checkpoint at 200 "
        "env_steps; continue with: ludus resume runs/a"
    )
    assert Run(run_a).info["status"] == "interrupted"
    assert ludus("resume", "a").code == 0


def test_a_new_run_that_is_stopped_while_it_loads(
    ludus: Ludus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(here / "c.yaml", PROBE)
    with monkeypatch.context() as patched:
        patched.setattr(training, "make_loop", lambda *_: signal.raise_signal(signal.SIGTERM))
        outcome = ludus("train", config, "--run", "a")
    assert outcome.code == 130
    assert "nothing was trained; continue with: ludus resume runs/a" in outcome.err
    assert ludus("resume", "a").code == 0


def test_a_second_ctrl_c_ends_at_once_and_says_what_is_lost(
    ludus: Ludus, run_a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_twice() -> None:
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    at_env_steps(monkeypatch, 260, press_twice)
    outcome = ludus("resume", "a")
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == (
        "ludus: stopped at once: what was trained since the checkpoint at 200 env_steps is lost; "
        "continue with: ludus resume runs/a"
    )
    assert Run(run_a).info["status"] == "interrupted"


def test_a_lost_terminal_is_told_of_twice_and_nothing_is_lost(
    run_a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel and the shell both send SIGHUP, and nothing can be written any more."""
    stderr, written = sys.stderr, []

    class Terminal:
        lost = False
        encoding = "utf-8"

        def write(self, text: str) -> int:
            if self.lost:
                raise OSError(errno.EIO, "Input/output error")
            written.append(text)
            return len(text)

        def flush(self) -> None:
            self.write("")

        def isatty(self) -> bool:
            return False

        def fileno(self) -> int:
            return stderr.fileno()

    terminal = Terminal()

    def hang_up() -> None:
        terminal.lost = True
        for _ in range(2):
            signal.raise_signal(signal.SIGHUP)

    at_env_steps(monkeypatch, 260, hang_up)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "argv", ["ludus", "resume", "a"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    run = Run(run_a)
    assert latest_step(run.checkpoints) == run.info["env_steps"] == 264
    assert run.info["status"] == "interrupted"
    assert "Ctrl-C saves and stops" in "".join(written)


def test_under_nohup_a_lost_terminal_does_not_matter(
    ludus: Ludus, run_a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_env_steps(monkeypatch, 260, lambda: signal.raise_signal(signal.SIGHUP))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert ludus("resume", "a").code == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert Run(run_a).status == "finished"


def test_a_signal_while_wandb_is_closed_finds_all_saved(
    ludus: Ludus, run_a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(log: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(WandbLog, "close", close)
    outcome = ludus("resume", "a")
    assert outcome.code == 130
    assert "ludus: all is saved, but W&B was not told the end" in outcome.err
    assert Run(run_a).info["status"] == "finished"
    assert latest_step(run_a / "checkpoints") == 300


def test_a_run_whose_making_is_stopped_leaves_no_folder(
    ludus: Ludus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: Any) -> str:
        raise KeyboardInterrupt

    config = write_config(here / "c.yaml", PROBE)
    with monkeypatch.context() as patched:
        patched.setattr("workbench.runs.run.dump_config", stop)
        assert ludus("train", config, "--run", "a").code == 130
    assert not (here / "runs/a").exists()


# ---- removing runs


def test_a_run_of_the_zoo_is_removed_only_by_its_whole_path(
    ludus: Ludus, run_a: Path, here: Path
) -> None:
    shutil.copytree(run_a, here / "runs/zoo/kept")
    for command in (["delete", "kept", "--yes"], ["prune", "kept", "--yes"]):
        assert "which came with Ludus; write the whole path" in complaint(ludus(*command), 2)
    assert (here / "runs/zoo/kept/config.yaml").is_file()
    assert ludus("delete", "runs/zoo/kept", "--yes").code == 0
    assert not (here / "runs/zoo/kept").exists()


def test_delete_asks_and_deletes(ludus: Ludus, run_a: Path, here: Path) -> None:
    outcome = ludus("delete", "a")
    assert outcome.code == 2
    assert "repeat the command with --yes or --dry-run" in outcome.err
    assert ludus("delete", "a", "--dry-run").code == 0
    assert run_a.is_dir()
    with Run(run_a).locked():
        assert ludus("delete", "a", "--yes").code == 2
    assert run_a.is_dir()
    outcome = ludus("delete", "a", "--yes")
    assert outcome.code == 0
    assert "deleted runs/a" in outcome.err
    assert list((here / "runs").iterdir()) == []


def test_a_run_is_removed_once_however_it_is_named(ludus: Ludus, run_a: Path, here: Path) -> None:
    (here / "elsewhere").symlink_to(here / "runs")
    names = ("a", "runs/a/", "elsewhere/a", str(run_a.resolve()))
    assert ludus("prune", *names, "--dry-run").err.count(" checkpoints") == 1
    outcome = ludus("delete", *names, "--yes")
    assert outcome.code == 0
    assert outcome.err.count("deleted") == 1
    assert not run_a.exists()


@pytest.mark.parametrize(("answer", "stays"), [("y\n", False), ("n\n", True), ("", True)])
def test_delete_obeys_the_answer(
    ludus: Ludus, run_a: Path, monkeypatch: pytest.MonkeyPatch, answer: str, stays: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin.readline", lambda: answer, raising=False)
    assert ludus("delete", "a").code == 0
    assert run_a.exists() is stays


def test_prune_gives_replay_back_and_says_what_that_means(ludus: Ludus, run_a: Path) -> None:
    run = Run(run_a)
    outcome = ludus("prune", "a", "--yes", "--keep-every", "1")
    assert "nothing to give back" in outcome.err, "it needs its replay to go on"
    assert ludus("resume", "a").code == 0
    before = {path: path.stat().st_mtime_ns for path in run_a.rglob("*")}
    outcome = ludus("prune", "--dry-run")
    assert outcome.code == 0
    assert "replay, 3 checkpoints; it can no longer be extended then" in outcome.err
    assert {path: path.stat().st_mtime_ns for path in run_a.rglob("*")} == before
    size = run_removal.disk_bytes(run_a)
    outcome = ludus("prune", "a", "--yes", "--keep-every", "2")
    assert outcome.code == 0
    assert run_removal.disk_bytes(run_a) < size
    assert [int(p.name) for p in sorted((run_a / "checkpoints").glob("[0-9]*"))] == [200, 300, 4]
    assert not run.replay.exists()
    assert ludus("eval", "a", "--episodes", "1").code == 0
    assert ludus("record", "a").code == 0
    assert run.status == "finished"
    outcome = ludus("resume", "a", "total_env_steps=500")
    assert outcome.code == 2
    assert "runs/a cannot go on: it was pruned" in outcome.err
    assert "changes" not in run.info
    outcome = ludus("resume", "a")
    assert outcome.code == 0
    assert "it was pruned and cannot go on" in outcome.err
    assert "total_env_steps=N" not in outcome.err
    assert "nothing to give back" in ludus("prune", "a", "--yes", "--keep-every", "1").err
