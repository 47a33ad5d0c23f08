import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.errors import UsageError
from workbench.runs import checkpoint

MODEL = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.zeros(3)}


def save(directory: Path, env_steps: int, **changes: Any) -> Path:
    parts: dict[str, Any] = {"model": MODEL, "resume": {"n": env_steps}, "facts": {}} | changes
    return checkpoint.save(directory, env_steps, **parts)


def resumable_steps(directory: Path) -> list[int]:
    steps = checkpoint.list_steps(directory)
    return [step for step in steps if (directory / str(step) / "resume.json").exists()]


arrays = hnp.arrays(
    st.sampled_from(["?", "u1", "i2", "i4", "i8", "f4", "f8"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)  # the state of a PCG64 has 128 bits
    | st.floats()
    | st.text(st.characters(codec="utf-8"))
    | arrays
    | arrays.map(lambda array: torch.from_numpy(array.copy()))
)
trees = st.dictionaries(
    st.text(max_size=3) | st.integers(),
    st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


def assert_same(loaded: Any, saved: Any) -> None:
    assert type(loaded) is type(saved)
    match saved:
        case dict():
            assert list(loaded) == list(saved)
            for key in saved:
                assert_same(loaded[key], saved[key])
        case list():
            assert len(loaded) == len(saved)
            for ours, theirs in zip(loaded, saved, strict=True):
                assert_same(ours, theirs)
        case torch.Tensor() | np.ndarray():
            assert (loaded.dtype, loaded.shape) == (saved.dtype, saved.shape)
            assert np.asarray(loaded).tobytes() == np.asarray(saved).tobytes()
        case float():
            assert np.float64(loaded).tobytes() == np.float64(saved).tobytes() or saved != saved
        case _:
            assert loaded == saved


@given(tree=trees)
def test_any_tree_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[Any, Any]
) -> None:
    directory = tmp_path_factory.mktemp("checkpoints")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)  # waiting for the disk proves nothing
        path = save(directory, 1, resume=tree)
    assert_same(checkpoint.load_resume(path), tree)


def test_tensors_may_share_memory_or_have_gaps(tmp_path: Path) -> None:
    whole = torch.arange(12).reshape(3, 4)
    path = save(tmp_path, 1, model={"whole": whole, "row": whole[1], "turned": whole.T})
    loaded = checkpoint.load_model(path)
    assert torch.equal(loaded["row"], whole[1])
    assert torch.equal(loaded["turned"], whole.T)


def test_what_cannot_be_data_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with pytest.raises(TypeError, match="/b is a set, which a checkpoint cannot hold"):
        save(tmp_path, 2, resume={"a": 1, "b": {1, 2}})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "latest"]


def test_a_checkpoint_is_safetensors_and_json(tmp_path: Path) -> None:
    path = save(tmp_path, 8, facts={"updates": 3})
    names = {"model.safetensors", "resume.safetensors", "resume.json", "meta.json"}
    assert {file.name for file in path.iterdir()} == names
    meta = json.loads((path / "meta.json").read_text())
    assert (meta["env_steps"], meta["updates"]) == (8, 3)
    assert meta["sha256"].keys() == names - {"meta.json"}
    assert checkpoint.load_meta(path) == meta
    assert (tmp_path / "latest").read_text() == "8\n"


def test_only_the_latest_can_be_resumed(tmp_path: Path) -> None:
    for step in (4, 100, 200, 300):
        save(tmp_path, step)
    assert checkpoint.list_steps(tmp_path) == [4, 100, 200, 300]
    assert resumable_steps(tmp_path) == [300]
    assert torch.equal(checkpoint.load_model(tmp_path / "4")["bias"], MODEL["bias"])
    with pytest.raises(UsageError, match=r"resume\.safetensors is missing; the run cannot"):
        checkpoint.load_resume(tmp_path / "200")


def test_there_is_no_latest_before_the_first(tmp_path: Path) -> None:
    assert checkpoint.latest_step(tmp_path / "nothing") is None
    assert checkpoint.latest_step(tmp_path) is None


@pytest.mark.parametrize("text", ["", "garbage", "999", "-1", "1.5", "200 300"])
def test_a_damaged_latest_means_the_newest(tmp_path: Path, text: str) -> None:
    save(tmp_path, 100)
    save(tmp_path, 200)
    (tmp_path / "latest").write_text(text)
    assert checkpoint.latest_step(tmp_path) == 200
    (tmp_path / "latest").unlink()
    assert checkpoint.latest_step(tmp_path) == 200


def test_a_failure_at_any_write_leaves_the_previous_one_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 100, resume={"x": np.arange(3)})
    sync, left = os.fsync, 0

    def fail(descriptor: int) -> None:
        nonlocal left
        if left == 0:
            raise OSError(28, "No space left on device")
        left -= 1
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    for number in range(100):
        left = number
        try:
            save(tmp_path, 200, resume={"x": np.arange(4)})
            break
        except OSError:
            # From the rename of `latest` on the new one counts, and both are whole.
            step = checkpoint.latest_step(tmp_path)
            assert step in (100, 200)
            loaded = checkpoint.load_resume(tmp_path / str(step))
            assert len(loaded["x"]) == (3 if step == 100 else 4)
            assert checkpoint.load_model(tmp_path / "100").keys() == MODEL.keys()
    assert number >= 7
    assert checkpoint.latest_step(tmp_path) == 200
    assert not list(tmp_path.glob(".*"))


def test_one_that_latest_never_named_is_replaced(tmp_path: Path) -> None:
    """Its process was killed before that; a later one comes to the same env_steps."""
    save(tmp_path, 100)
    save(tmp_path, 200, resume={"metrics_size": 10})
    (tmp_path / "latest").write_text("100\n")
    (tmp_path / ".tmp-150").mkdir()
    save(tmp_path, 200, resume={"metrics_size": 11})
    assert checkpoint.load_resume(tmp_path / "200") == {"metrics_size": 11}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["100", "200", "latest"]


def test_the_latest_is_the_one_saved_last_whatever_its_number(tmp_path: Path) -> None:
    for step in (100, 200, 150):
        save(tmp_path, step)
    assert checkpoint.latest_step(tmp_path) == 150
    assert resumable_steps(tmp_path) == [150]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


DAMAGES = [truncate, flip_a_bit, empty, append, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["model.safetensors", "resume.safetensors", "resume.json"])
def test_a_damaged_part_is_noticed(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    path = save(tmp_path, 1, resume={"a": np.arange(9)})
    damage(path / name)
    load = checkpoint.load_model if name.startswith("model") else checkpoint.load_resume
    with pytest.raises(UsageError, match=name):
        load(path)


@pytest.mark.parametrize("name", ["model.safetensors", "resume.safetensors", "resume.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 100, b"[1]", b"[" * 100_000])
def test_an_edited_part_is_noticed_even_if_its_checksum_was_edited_too(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = save(tmp_path, 1, resume={"a": np.arange(9)})
    (path / name).write_bytes(content)
    meta = json.loads((path / "meta.json").read_text())
    meta["sha256"][name] = checkpoint._digest(path / name)
    (path / "meta.json").write_text(json.dumps(meta))
    load = checkpoint.load_model if name.startswith("model") else checkpoint.load_resume
    with pytest.raises(UsageError, match="is damaged"):
        load(path)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", '{"sha256": {}}', '{"sha256": [], "env_steps": 1}', "[" * 99_999],
)
def test_a_damaged_meta_is_noticed(tmp_path: Path, content: str) -> None:
    path = save(tmp_path, 1)
    (path / "meta.json").write_text(content)
    with pytest.raises(UsageError, match=r"meta\.json is damaged; earlier checkpoints play"):
        checkpoint.load_meta(path)
    with pytest.raises(UsageError, match=r"meta\.json is damaged"):
        checkpoint.load_model(path)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"there is no checkpoint at {tmp_path}/7"):
        checkpoint.load_model(tmp_path / "7")


def test_write_atomically_keeps_the_old_content_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    checkpoint.write_atomically(path, "old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            checkpoint.write_atomically(path, "new")
    assert path.read_text() == "old"
    checkpoint.write_atomically(path, "new")
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
