"""Who may train in a run, and that looking at one keeps nobody from it."""

import fcntl
from pathlib import Path
from types import SimpleNamespace

import pytest

import workbench.runs.run
from workbench.errors import UsageError
from workbench.runs.run import Run


def test_a_look_at_a_run_does_not_keep_a_training_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The studio and `ludus runs` look at any moment, and share the lock while they do."""
    run = Run(tmp_path)
    looker = (tmp_path / ".lock").open("w+")
    fcntl.flock(looker, fcntl.LOCK_SH)
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            looker.close()

    monkeypatch.setattr(workbench.runs.run, "time", SimpleNamespace(sleep=sleep))
    with run.locked():
        assert len(waits) == 3
        assert run.is_locked()
        with pytest.raises(UsageError, match="is being trained by another process"), run.locked():
            pass
    assert len(waits) == 3
    assert not run.is_locked()
