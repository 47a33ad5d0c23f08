"""What the studio finds in folders, and what it shows of a run at a glance."""

import json
import os
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException

from tests.workbench.studio.made_runs import add_video, lines_of, make_run, write_metrics
from workbench.runs.facts import read_facts
from workbench.runs.run import Run
from workbench.studio.library import Library
from workbench.studio.runs import facts as run_facts
from workbench.studio.runs.facts import Cards, card, details


def card_of(path: Path) -> dict[str, object]:
    return card(path.name, Run(path), Library([path.parent]).serves)


def test_runs_are_found_three_folders_deep_and_no_deeper(tmp_path):
    for place in ("a", "zoo/b", "zoo/seeds/c", "zoo/seeds/more/d"):
        make_run(tmp_path, place)
    assert set(Library([tmp_path]).runs()) == {"a", "zoo:b", "zoo:seeds:c"}


def test_a_folder_that_is_a_run_has_its_own_name(tmp_path):
    assert set(Library([make_run(tmp_path, "alone")]).runs()) == {"alone"}


def test_runs_of_one_name_in_two_folders_both_have_an_id(tmp_path):
    paths = [make_run(tmp_path / folder, "same") for folder in ("one", "two")]
    runs = Library([tmp_path / "one", tmp_path / "two"]).runs()
    assert sorted(run.path for run in runs.values()) == paths


def test_an_id_never_stands_for_two_runs(tmp_path):
    paths = [make_run(tmp_path, "a:b"), make_run(tmp_path, "a/b")]
    assert sorted(run.path for run in Library([tmp_path]).runs().values()) == sorted(paths)


def test_a_run_that_came_or_went_is_noticed(tmp_path):
    library = Library([tmp_path])
    with pytest.raises(HTTPException):
        library.run("late")
    path = make_run(tmp_path, "late")
    assert library.run("late").path == path
    for file in path.iterdir():
        file.unlink()
    with pytest.raises(HTTPException):
        library.run("late")


def test_a_name_that_is_no_text_still_has_an_id(tmp_path):
    path = make_run(tmp_path, "x")
    path.rename(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff"))
    (name,) = Library([tmp_path]).runs()
    assert name == "bad\N{REPLACEMENT CHARACTER}"


def test_links_that_lead_out_of_the_folders_are_not_followed(tmp_path):
    outside = make_run(tmp_path / "elsewhere", "secret", video=True)
    inside = make_run(tmp_path / "runs", "mine")
    (tmp_path / "runs/link").symlink_to(outside)
    (tmp_path / "runs/loop").symlink_to(tmp_path / "runs/loop")
    (inside / "videos").symlink_to(outside / "videos")
    library = Library([tmp_path / "runs"])
    assert set(library.runs()) == {"mine"}
    assert not library.serves(inside / "videos/400_0.mp4")
    assert library.serves(inside / "config.yaml")
    assert not library.serves(inside)


@pytest.mark.parametrize("name", ["conditions.json", "games.jsonl"])
def test_a_tournament_whose_files_lead_out_is_not_shown(tmp_path, name):
    secret = tmp_path / "secret"
    secret.write_text("{}\n")
    folder = tmp_path / "shown" / "match"
    folder.mkdir(parents=True)
    (folder / "conditions.json").write_text("{}")
    library = Library([tmp_path / "shown"])
    assert list(library.tournaments()) == ["match"]
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(secret)
    assert library.tournaments() == {}
    (folder / name).unlink()
    os.mkfifo(folder / name)  # which nobody writes to: reading it would never end
    assert library.tournaments() == {}


def test_a_card_tells_how_a_run_is_doing(tmp_path):
    shown = card_of(make_run(tmp_path, "grid", values=[0, 5, 10], video=True, seed=7))
    assert shown | {"poster": None, "family": None, "spark": None} == {
        "id": "grid",
        "name": "grid",
        "game": "MiniGrid-LavaGapS5-v0",
        "world": "minigrid",
        "agent": "ppo",
        "seed": 7,
        "family": None,
        "env_steps": 400,
        "total_env_steps": 400,
        "wall_seconds": 9.5,
        "started": None,
        "protocol": None,
        "score": {
            "value": 5.0,
            "ci95": None,
            "kind": "training, mean of the last 3 episodes",
            "unit": "MiniGrid-LavaGapS5-v0 in training",
            "is_share": False,
        },
        "newest": 10.0,
        "newest_name": "episode_return",
        "spark": None,
        "poster": None,
        "status": "finished",
        "problem": None,
        "note": None,
    }
    assert shown["spark"] == [0, 50, 100]
    assert str(shown["poster"]).startswith("400_0-")


def test_a_run_that_trains_has_got_as_far_as_its_metrics(tmp_path):
    path = make_run(tmp_path, "now", info={"status": "running", "env_steps": 5})
    with Run(path).locked():
        shown = card_of(path)
    assert (shown["status"], shown["env_steps"]) == ("running", 30)


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path):
    path = make_run(tmp_path, "gone", info={"status": "running"})
    assert card_of(path)["status"] == "interrupted"
    (path / ".lock").mkdir()
    assert card_of(path)["status"] == "interrupted"


def test_a_run_without_run_json_was_archived(tmp_path):
    path = make_run(tmp_path, "kept")
    (path / "run.json").unlink()
    shown = card_of(path)
    assert (shown["status"], shown["env_steps"], shown["problem"]) == ("archived", 30, None)
    assert "kept" in str(shown["note"])


def test_runs_that_differ_in_the_seed_alone_are_one_family(tmp_path):
    first, second, other = (
        card_of(make_run(tmp_path, "a", seed=1)),
        card_of(make_run(tmp_path, "b", seed=2, log_period_env_steps=77)),
        card_of(make_run(tmp_path, "c", seed=1, agent__epochs=3)),
    )
    assert first["family"] == second["family"] != other["family"]


def breakages() -> dict[str, tuple[object, str]]:
    """What may happen to a run, and a word of what is then told."""

    def garble(name: str, content: bytes):
        return lambda run: (run / name).write_bytes(content)

    def replace_by_folder(name: str):
        return lambda run: ((run / name).unlink(), (run / name).mkdir())

    def dangle(name: str):
        return lambda run: ((run / name).unlink(), (run / name).symlink_to(run / "nowhere"))

    def lead_out(name: str):
        return lambda run: ((run / name).unlink(), (run / name).symlink_to("/etc/passwd"))

    broken = {
        "no config": (lambda run: (run / "config.yaml").unlink(), "config.yaml is missing"),
        "half a config": (garble("config.yaml", b"env:\n  kind: minig"), "config.yaml"),
        "binary config": (garble("config.yaml", b"\xff\x00\xfe"), "config.yaml"),
        "huge config": (garble("config.yaml", b"a" * 2_000_000), "config.yaml"),
        "garbled info": (garble("run.json", b"{"), "run.json is damaged"),
        "deep info": (garble("run.json", b"[" * 100_000), "run.json is damaged"),
        "odd status": (
            garble("run.json", json.dumps({**run_info(), "status": "ecstatic"}).encode()),
            "ecstatic",
        ),
        "no info and no metrics": (
            lambda run: ((run / "run.json").unlink(), (run / "metrics.jsonl").unlink()),
            "run.json is missing",
        ),
        "a FIFO": (
            lambda run: ((run / "metrics.jsonl").unlink(), os.mkfifo(run / "metrics.jsonl")),
            "not a file",
        ),
    }
    for name in ("config.yaml", "run.json", "metrics.jsonl"):
        broken[f"{name}: a folder"] = (replace_by_folder(name), f"{name} is not a file")
        broken[f"{name}: a dangling link"] = (dangle(name), f"{name} is a link")
        broken[f"{name}: a link out"] = (lead_out(name), f"{name} is a link")
    return broken


def run_info() -> dict[str, object]:
    return {"wandb_id": "", "env_steps": 1, "wall_seconds": 1}


@pytest.mark.parametrize("kind", breakages())
def test_a_damaged_run_says_in_words_what_is_wrong(tmp_path, kind):
    damage, word = breakages()[kind]
    path = make_run(tmp_path, "broken")
    damage(path)
    library = Library([tmp_path])
    run = library.run("broken")
    for shown in (card("broken", run, library.serves), details("broken", run, library.serves)):
        assert shown["status"] == "damaged"
        assert word in shown["problem"]
        assert str(tmp_path) not in shown["problem"].replace(str(path / "config.yaml"), "")
        json.dumps(shown, allow_nan=False)


def test_numbers_that_json_lacks_become_nothing(tmp_path):
    path = make_run(tmp_path, "x")
    (path / "run.json").write_text(
        json.dumps(run_info() | {"status": "failed", "wall_seconds": float("nan")})
    )
    assert card_of(path)["wall_seconds"] is None


def test_a_wrong_config_that_reads_fast_is_found_on_the_page(tmp_path):
    path = make_run(tmp_path, "x")
    text = (path / "config.yaml").read_text().replace("seed:", "sed:")
    (path / "config.yaml").write_text(text)
    library = Library([tmp_path])
    assert "sed" in details("x", library.run("x"), library.serves)["problem"]


def test_details_list_videos_by_step_and_leave_out_what_is_none(tmp_path):
    path = make_run(tmp_path, "x")
    for name in ("1000_0", "200_0", "200_1"):
        add_video(path, name)
    (path / "videos/abc.mp4").touch()
    (path / "videos/.300_0.tmp.mp4").touch()
    for step in (20, 3, 100):
        (path / f"checkpoints/{step}").mkdir(parents=True)
    library = Library([tmp_path])
    shown = details("x", library.run("x"), library.serves)
    assert shown["videos"] == ["200_0", "200_1", "1000_0"]
    assert shown["checkpoints"] == [3, 20, 100]
    assert shown["scores"]["200_0"] == pytest.approx(0.9712, abs=0.1)


def test_cards_are_read_again_only_when_a_file_has_changed(tmp_path, monkeypatch):
    path, library = make_run(tmp_path, "x"), Library([tmp_path])
    cards, read = Cards(library.serves), []

    def reading(*paths):
        read.append(paths)
        return read_facts(*paths)

    monkeypatch.setattr(run_facts, "read_facts", reading)
    first = cards.card("x", Run(path))
    assert cards.card("x", Run(path)) == first
    assert len(read) == 1
    write_metrics(path / "metrics.jsonl", lines_of([1, 2, 4, 8]))
    assert cards.card("x", Run(path))["newest"] == 8
    assert len(read) == 2


def test_cards_notice_that_a_process_ended_though_no_file_changed(tmp_path):
    path, library = make_run(tmp_path, "x", info={"status": "running"}), Library([tmp_path])
    cards = Cards(library.serves)
    with Run(path).locked():
        assert cards.card("x", Run(path))["status"] == "running"
    assert cards.card("x", Run(path))["status"] == "interrupted"


@pytest.mark.parametrize(
    "text",
    [
        "env:\n  kind: ''\nagent:\n  kind: dqn\ntotal_env_steps: 5\n",
        "env:\n  kind: atari\nagent:\n  kind: dqn\ntotal_env_steps: 5\nx:\n- \n",
        "seed: 1\n" * 200_000,
    ],
    ids=["empty kind", "empty item", "too large"],
)
def test_a_config_of_nothing_much_breaks_one_card_alone(tmp_path, text):
    path = make_run(tmp_path, "broken")
    (path / "config.yaml").write_text(text)
    facts = details("broken", Run(path), Library([tmp_path]).serves)
    assert facts["status"] == "damaged"
    assert "config.yaml" in facts["problem"]


def test_cards_of_runs_that_are_gone_make_room_for_others(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        make_run(tmp_path, name)
    library = Library([tmp_path])
    monkeypatch.setattr(run_facts, "MAX_CARDS", 2)
    cards, runs = Cards(library.serves), library.runs()
    gone = runs.pop("a")
    assert [facts["id"] for facts in cards.all({"a": gone})] == ["a"]
    assert [facts["id"] for facts in cards.all(runs)] == ["b", "c"]
    monkeypatch.setattr(run_facts, "card", None)
    assert [facts["id"] for facts in cards.all(runs)] == ["b", "c"]  # they are known
    with pytest.raises(TypeError):
        cards.all({"a": gone})


def test_a_run_whose_config_leads_out_is_not_read_as_a_whole(tmp_path):
    path = make_run(tmp_path / "shown", "a")
    (path / "config.yaml").rename(tmp_path / "secret.yaml")
    (path / "config.yaml").symlink_to(tmp_path / "secret.yaml")
    library = Library([tmp_path / "shown"])
    assert library.run("a").path == path
    with pytest.raises(HTTPException):
        library.trained_run("a")
