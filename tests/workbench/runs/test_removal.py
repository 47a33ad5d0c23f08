"""Runs go as a whole, and nothing but runs goes."""

import os
import shutil
from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.runs import removal as run_removal
from workbench.runs.removal import delete_run
from workbench.runs.run import Run


def make_run(path: Path) -> Run:
    """Returns a directory that has what a run's has, W&B's config included."""
    for name in ("config.yaml", "run.json", "checkpoints/4/model.safetensors", "replay/frames.bin"):
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    wandb = path / "wandb/offline-run-1/files"
    wandb.mkdir(parents=True)
    (wandb / "config.yaml").write_text("x")
    return Run(path)


def test_a_run_goes_wholly_and_its_neighbour_stays(tmp_path: Path) -> None:
    run, neighbour = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    delete_run(run)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert neighbour.config_path.is_file()


def test_a_damaged_run_can_be_deleted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    run.info_path.write_text("{")
    delete_run(run)
    assert not run.path.exists()


def test_a_run_that_is_trained_stays(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    with run.locked(), pytest.raises(UsageError, match="being trained by another process"):
        delete_run(run)
    assert run.config_path.is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_no_run_stays(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "config.yaml").write_text("x")
    for path in (empty, configs, tmp_path / "absent"):
        with pytest.raises(UsageError, match="is not a run"):
            delete_run(Run(path))
    assert configs.is_dir()
    assert empty.is_dir()


def test_a_folder_that_holds_other_runs_or_a_repository_stays(tmp_path: Path) -> None:
    outer = make_run(tmp_path / "outer")
    inner = make_run(tmp_path / "outer/more/inner")
    with pytest.raises(UsageError, match=r"holds more than one run: .*inner"):
        delete_run(outer)
    delete_run(inner)
    (outer.path / ".git").mkdir()
    with pytest.raises(UsageError, match=r"holds more than one run: .*\.git"):
        delete_run(outer)


def test_a_link_to_a_run_stays_and_so_does_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    link = tmp_path / "link"
    link.symlink_to(run.path)
    with pytest.raises(UsageError, match="is a link to"):
        delete_run(Run(link))
    assert link.exists()


def test_where_one_stands_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "a")
    monkeypatch.chdir(run.checkpoints)
    with pytest.raises(UsageError, match="is where you are"):
        delete_run(run)
    with pytest.raises(UsageError, match="is where you are"):
        delete_run(Run(Path("..")))


def test_links_inside_a_run_are_not_followed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs/a")
    data = tmp_path / "data"
    data.mkdir()
    (data / "precious").write_text("x")
    (run.path / "data").symlink_to(data)
    delete_run(run)
    assert (data / "precious").is_file()


def test_what_a_kill_leaves_is_no_run_and_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(path: Path, **options: object) -> None:
        raise KeyboardInterrupt

    first, second = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    with monkeypatch.context() as patched:
        patched.setattr(run_removal.shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            delete_run(first)
    assert not first.path.exists()
    assert [path.name[0] for path in tmp_path.iterdir() if path.name != "b"] == ["."]
    delete_run(second)
    assert os.listdir(tmp_path) == []


def test_a_disk_is_counted_as_du_counts(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10_000_000)
    (tmp_path / "dense").write_bytes(bytes(1_000_000))
    assert 1_000_000 <= run_removal.disk_bytes(tmp_path) < 1_500_000


def test_hidden_folders_of_others_stay(tmp_path: Path) -> None:
    others = [tmp_path / name for name in (".deleted-photos", ".ludus-deleted-photos", ".git")]
    for other in others:
        other.mkdir()
        (other / "precious").write_text("x")
    delete_run(make_run(tmp_path / "a"))
    assert all((other / "precious").is_file() for other in others)


def test_a_project_of_another_program_stays(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "checkpoints").mkdir(parents=True)
    (project / "config.yaml").write_text("model: {layers: 3}\ntrainer: {epochs: 10}\n")
    with pytest.raises(UsageError, match="is not a run"):
        delete_run(Run(project))
    assert (project / "checkpoints").is_dir()


def test_two_may_delete_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remove, seen = shutil.rmtree, []

    def beaten(path: Path, **options: object) -> None:
        seen.append(path)
        remove(path)  # by the other one
        raise FileNotFoundError(path)

    run = make_run(tmp_path / "a")
    monkeypatch.setattr(run_removal.shutil, "rmtree", beaten)
    delete_run(run)
    assert len(seen) == 1
    assert os.listdir(tmp_path) == []


def test_a_disk_is_counted_while_files_come_and_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stays").write_bytes(bytes(100_000))
    (tmp_path / "gone").mkdir()
    scan = os.scandir

    def look(path: object = ".") -> object:
        if str(path).endswith("gone"):
            raise FileNotFoundError(path)
        return scan(path)  # type: ignore[call-overload]

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", look)
        assert run_removal.disk_bytes(tmp_path) >= 100_000
