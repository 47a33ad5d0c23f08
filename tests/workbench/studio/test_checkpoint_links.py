"""Checkpoints that links lead to: shown where the library holds them, and nowhere else."""

import os
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException

from tests.workbench.studio.made_runs import make_run
from workbench.runs.run import Run
from workbench.studio.library import Library

CHECKPOINT_PATHS = (
    "checkpoints",
    "checkpoints/10",
    "checkpoints/10/model.safetensors",
    "checkpoints/10/meta.json",
    "checkpoints/latest",
)


def make_checkpoint(run: Path) -> None:
    (run / "checkpoints/10").mkdir(parents=True)
    for name in ("10/model.safetensors", "10/meta.json", "latest"):
        (run / "checkpoints" / name).touch()


@pytest.mark.parametrize("name", CHECKPOINT_PATHS)
def test_a_run_with_a_checkpoint_that_leads_out_is_not_read_as_a_whole(tmp_path, name):
    path = make_run(tmp_path / "shown", "a")
    make_checkpoint(path)
    library = Library([tmp_path / "shown"])
    run = library.trained_run("a")
    (path / name).rename(tmp_path / "shown/elsewhere")
    (path / name).symlink_to(tmp_path / "shown/elsewhere")
    assert library.trained_run("a").path == path  # that leads to what is shown anyway
    (tmp_path / "shown/elsewhere").rename(tmp_path / "secret")
    (path / name).unlink()
    (path / name).symlink_to(tmp_path / "secret")
    assert not library.holds_checkpoints(run)
    with pytest.raises(HTTPException):
        library.trained_run("a")


def test_what_a_linked_checkpoint_holds_may_not_lead_out_either(tmp_path):
    path, other = make_run(tmp_path / "shown", "a"), make_run(tmp_path / "shown", "b")
    make_checkpoint(other)
    (path / "checkpoints").mkdir()
    (path / "checkpoints/10").symlink_to(other / "checkpoints/10")
    library = Library([tmp_path / "shown"])
    assert library.holds_checkpoints(Run(path))
    (other / "checkpoints/10/model.safetensors").rename(tmp_path / "secret")
    (other / "checkpoints/10/model.safetensors").symlink_to(tmp_path / "secret")
    assert not library.holds_checkpoints(Run(path))


def test_a_checkpoint_that_nobody_writes_is_not_waited_for(tmp_path):
    path = make_run(tmp_path, "a")
    make_checkpoint(path)
    (path / "checkpoints/10/meta.json").unlink()
    assert Library([tmp_path]).holds_checkpoints(Run(path))
    os.mkfifo(path / "checkpoints/10/meta.json")
    assert not Library([tmp_path]).holds_checkpoints(Run(path))
