"""What a person does from a first training to a video, and what scripts rely on."""

import json
import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from tests.end_to_end.configs import ATARI, BOARD, PPO_GRID, PROBE, write_config
from tests.end_to_end.conftest import Ludus
from tests.end_to_end.launcher import Launcher
from workbench.runs import checkpoint

COMMANDS = ["train", "resume", "eval", "record", "runs", "doctor", "config", "list"]
EVAL_KEYS = {
    *("player", "game", "protocol", "epsilon", "mean_return", "ci95", "returns", "lengths"),
    *("episodes", "seed", "env_steps"),
}


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_from_training_to_a_video(ludus: Ludus, here: Path) -> None:
    write_config(here / "c.yaml", ATARI, total_env_steps=90, checkpoint_period_env_steps=60)
    trained = ludus("train", "c.yaml", "--run", "a")
    assert (trained.code, trained.out) == (0, "")
    last_line = trained.err.splitlines()[-1]
    assert last_line.startswith("finished; videos are in runs/a/videos")
    assert last_line.endswith("ludus eval runs/a")
    run = here / "runs/a"
    assert sorted(path.name for path in run.iterdir()) == [
        *(".lock", "checkpoints", "config.yaml", "metrics.jsonl", "replay", "run.json", "videos")
    ]
    info = json.loads((run / "run.json").read_text())
    assert (info["status"], info["seed"], info["env_steps"]) == ("finished", 3, 90)
    assert {"git_revision", "versions", "machine", "wandb_id", "started"} < info.keys()
    assert info["wall_seconds"] > 0
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["env_steps"] for line in metrics] == [20, 40, 60, 80, 90]
    assert all(
        {"wall_seconds", "updates", "epsilon", "episodes"} <= line.keys() for line in metrics
    )
    assert {path.name for path in (run / "videos").iterdir()} == {
        *("2_0.mp4", "2_0.json", "90_0.mp4", "90_0.json")
    }

    listed = ludus("runs", "--json")
    (row,) = json.loads(listed.out)["runs"]
    assert (row["run"], row["status"], row["env_steps"]) == ("runs/a", "finished", 90)
    assert row["disk_bytes"] > 10_000
    assert re.search(r"runs/a +finished +90 ", ludus("runs").out)

    before = files(run)
    evaluations = [ludus("eval", "runs/a", "--episodes", "3", "--json") for _ in range(2)]
    assert evaluations[0] == evaluations[1]
    report = json.loads(evaluations[0].out)
    assert report.keys() == EVAL_KEYS
    assert (report["player"], report["game"]) == ("runs/a", "atari/road_runner")
    assert (report["protocol"], report["epsilon"]) == ("machado", 0.001)
    assert (report["episodes"], report["seed"], report["env_steps"]) == (3, 0, 90)
    assert len(report["returns"]) == len(report["lengths"]) == 3
    assert report["mean_return"] == pytest.approx(np.mean(report["returns"]))
    if report["ci95"] is not None:  # all may have scored the same
        low, high = report["ci95"]
        assert low <= report["mean_return"] <= high
    shown = [line.split(": ")[1] for line in evaluations[0].err.splitlines()]
    assert sorted(map(float, shown)) == sorted(report["returns"])

    other = json.loads(
        ludus("eval", "a@60", "--episodes", "2", "--protocol", "classic", "--json").out
    )
    assert (other["protocol"], other["epsilon"], other["env_steps"]) == ("classic", 0.05, 60)
    for_people = ludus("eval", "a", "--episodes", "2").out
    assert "mean return" in for_people
    assert "interval" in for_people
    kept = (run / "evaluations.jsonl").read_text().splitlines()
    assert [json.loads(line)["env_steps"] for line in kept] == [90, 90, 60, 90]
    (run / "evaluations.jsonl").unlink()
    assert files(run) == before, "evaluating wrote something else into the run"

    resumed = ludus("resume", "a")
    assert resumed.code == 0
    assert resumed.err == (
        "runs/a is finished; look at it with: ludus eval runs/a; "
        "it goes on with: ludus resume runs/a total_env_steps=N\n"
    )
    assert files(run) == before, "resuming a finished run wrote into it"


def test_recording_makes_a_video_and_a_trace_of_each_episode(ludus: Ludus, here: Path) -> None:
    config = write_config(here / "c.yaml", PROBE, total_env_steps=20)
    assert ludus("train", config, "--run", "a").code == 0
    recorded = ludus("record", "a", "--episodes", "2", "--seed", "5")
    assert recorded.code == 0
    videos = [Path(line) for line in recorded.out.splitlines()]
    assert videos == [Path("runs/a/videos/20_5.mp4"), Path("runs/a/videos/20_5_1.mp4")]
    for video in videos:
        assert video.read_bytes()[4:8] == b"ftyp"
        trace = json.loads(video.with_suffix(".json").read_text())
        assert trace["game"] == "probe/counter"
        assert trace["episode_return"] == 45
        assert len(trace["steps"]) == 10
    again = files(here / "runs/a/videos")
    assert ludus("record", "a", "--seed", "5").code == 0
    assert files(here / "runs/a/videos") == again


def test_a_recurrent_agent_from_training_to_a_video(ludus: Ludus, here: Path) -> None:
    write_config(here / "c.yaml", PPO_GRID, total_env_steps=90)
    trained = ludus("train", "c.yaml", "--run", "a")
    assert (trained.code, trained.out) == (0, "")
    run = here / "runs/a"
    assert not (run / "replay").exists()
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    # A turn is 9 ticks of 2 envs, and a line is due every 20 env_steps; each turn has 4 updates.
    assert [line["env_steps"] for line in metrics] == [36, 54, 72, 90]
    assert [line["updates"] for line in metrics] == [8, 12, 16, 20]
    names = {"loss", "policy_loss", "value_loss", "value", "entropy", "kl", "clipped"}
    assert all(names | {"learning_rate", "episodes"} <= line.keys() for line in metrics)
    rollout = 8 * 2  # env_steps; the rate is that at the beginning of the latest one
    rates = [2.5e-4 * (1 - (line["env_steps"] - rollout) / 1000) for line in metrics]
    assert [line["learning_rate"] for line in metrics] == pytest.approx(rates)

    before = files(run)
    evaluations = [ludus("eval", "runs/a", "--episodes", "3", "--json") for _ in range(2)]
    assert evaluations[0] == evaluations[1]
    report = json.loads(evaluations[0].out)
    assert report.keys() == EVAL_KEYS | {"success_rate", "success_ci95"}
    assert (report["episodes"], report["env_steps"]) == (3, 90)
    (run / "evaluations.jsonl").unlink()
    assert files(run) == before, "evaluating wrote something else into the run"

    (video,) = ludus("record", "a", "--seed", "5").out.splitlines()
    assert video == "runs/a/videos/90_5.mp4"
    trace = json.loads(Path(video).with_suffix(".json").read_text())
    assert len(trace["steps"]) > 1
    assert all(len(step["values"]) == 1 for step in trace["steps"])
    (row,) = json.loads(ludus("runs", "--json").out)["runs"]
    assert (row["run"], row["status"], row["env_steps"]) == ("runs/a", "finished", 90)


def test_a_board_game_from_training_to_a_video(ludus: Ludus, here: Path) -> None:
    write_config(here / "c.yaml", BOARD)
    outcome = ludus("train", "c.yaml")
    assert outcome.code == 0, outcome.err
    run = here / "runs/tic_tac_toe-alphazero-1"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["games"] > 0
    assert 0 < lines[-1]["batch_fill"] <= 1
    assert any("score_random" in line and "keeps_value" in line for line in lines)
    assert all(np.isfinite(line["loss"]) for line in lines if "loss" in line)
    assert lines[-1]["updates"] > 5
    videos = {path.name for path in (run / "videos").iterdir()}
    assert videos == {f"{step}_0.{end}" for step in (5, 300, 600) for end in ("mp4", "json")}

    outcome = ludus("record", "tic_tac_toe-alphazero-1@600", "--seed", "4")
    assert outcome.code == 0, outcome.err
    video = Path(outcome.out.strip())
    trace = json.loads(video.with_suffix(".json").read_text())
    with av.open(video) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == len(trace["steps"]) + 1
    assert all(sum(step["visits"].values()) > 0 for step in trace["steps"])
    (record,) = (run / "games").glob("*_4.txt")  # SGF has no number for the game
    moves = [line for line in record.read_text().splitlines() if line[0].isdigit()]
    assert len(moves) == len(trace["steps"])
    assert trace["reason"] in ("three in a row", "board full")

    outcome = ludus(
        "eval", "tic_tac_toe-alphazero-1", "--against", "mcts:5", "--episodes", "6", "--json"
    )
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["wins"] + report["draws"] + report["losses"] == 6
    assert report["mean_return"] == pytest.approx(2 * report["score"] - 1)
    assert sum(report["endings"].values()) == 6
    assert (report["against"], report["env_steps"]) == ("mcts:5", 600)
    outcome = ludus("eval", "tic_tac_toe-alphazero-1", "--against", "nobody")
    assert outcome.code == 2
    assert "choose from random, greedy" in outcome.err

    outcome = ludus("doctor", "c.yaml", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["steps_per_second"] > 1


@pytest.mark.parametrize("game", ["pentago", "breakthrough(rows=5,columns=4)", "mancala"])
def test_another_game_of_openspiel_needs_three_lines(ludus: Ludus, here: Path, game: str) -> None:
    (here / "new.yaml").write_text(
        f'env: {{kind: board, game: "{game}"}}\n'
        "agent: {kind: alphazero}\n"
        "total_env_steps: 200_000\n"
    )
    quick = [
        "total_env_steps=120",
        "env.num_games=8",
        "env.max_plies=12",
        "agent.simulations=4",
        "agent.fast_simulations=2",
        "wandb.mode=disabled",
        "anchors=[]",
    ]
    outcome = ludus("train", "new.yaml", "--run", "new", *quick)
    assert outcome.code == 0, outcome.err
    (line,) = (here / "runs/new/metrics.jsonl").read_text().splitlines()
    assert json.loads(line)["games"] > 0


def test_a_game_that_is_none_is_refused(ludus: Ludus, here: Path) -> None:
    for game in ("backgammon", "no_such_game", "go(board_size=0)"):
        write_config(here / "c.yaml", BOARD, env__game=game)
        outcome = ludus("train", "c.yaml")
        assert outcome.code == 2
        assert outcome.err.count("\n") == 1
        assert "env.game" in outcome.err
    assert not (here / "runs").exists()


def test_runs_are_named_after_the_world_and_counted(ludus: Ludus, here: Path) -> None:
    assert json.loads(ludus("runs", "--json").out) == {"runs": []}
    assert ludus("runs").out == "no runs yet; make one: ludus train CONFIG\n"
    config = write_config(here / "c.yaml", PROBE, total_env_steps=4)
    for _ in range(2):
        assert ludus("train", config).code == 0
    elsewhere = here / "elsewhere" / "x"
    assert ludus("train", config, "--run", str(elsewhere)).code == 0
    assert ludus("eval", f"{elsewhere}@4", "--episodes", "1").code == 0
    rows = json.loads(ludus("runs", "--json").out)["runs"]
    assert [row["run"] for row in rows] == ["runs/counter-dqn-1", "runs/counter-dqn-2"]


def test_the_config_that_a_run_keeps_relaunches_it(ludus: Ludus, here: Path) -> None:
    config = write_config(here / "c.yaml", PROBE)
    changes = ["agent.learning_rate=1e-3", "seed=9", "total_env_steps=100"]
    assert ludus("train", config, *changes, "--run", "a").code == 0
    (here / "c.yaml").unlink()
    assert ludus("train", "runs/a/config.yaml", "--run", "b").code == 0
    kept, relaunched = (here / "runs" / name for name in "ab")
    assert (kept / "config.yaml").read_bytes() == (relaunched / "config.yaml").read_bytes()
    saved = yaml.safe_load((kept / "config.yaml").read_text())
    assert (saved["seed"], saved["agent"]["learning_rate"], saved["device"]) == (9, 1e-3, "cpu")
    for name in ("model.safetensors", "resume.safetensors"):
        ours, theirs = (run / "checkpoints/100" / name for run in (kept, relaunched))
        assert ours.read_bytes() == theirs.read_bytes()
    ours, theirs = (checkpoint.load_resume(run / "checkpoints/100") for run in (kept, relaunched))
    assert ours["replay"]["head"] == theirs["replay"]["head"]


def test_another_seed_is_another_run(ludus: Ludus, here: Path) -> None:
    config = write_config(here / "c.yaml", PROBE, total_env_steps=100)
    for seed in "12":
        assert ludus("train", config, f"seed={seed}", "--run", seed).code == 0
    ours, theirs = (here / f"runs/{seed}/checkpoints/100/model.safetensors" for seed in "12")
    assert ours.read_bytes() != theirs.read_bytes()


def test_the_doctor_says_what_a_config_costs(ludus: Ludus, here: Path) -> None:
    machine = json.loads(ludus("doctor", "--json").out)
    assert {"device", "precision", "cpu_cores", "free_memory_gb", "free_disk_gb"} < machine.keys()
    config = write_config(here / "c.yaml", PROBE)
    report = json.loads(ludus("doctor", config, "--json").out)
    assert report.keys() >= machine.keys()
    assert report["run_device"] == "cpu"
    assert report["steps_per_second"] > 0
    minutes = PROBE["total_env_steps"] / report["steps_per_second"] / 60
    assert report["wall_minutes"] == pytest.approx(minutes)
    assert not (here / "runs").exists()
    shown = ludus("doctor").out
    assert re.search(r"^cpu_cores +\d+$", shown, re.MULTILINE)
    refused = ludus("doctor", config, "replay.capacity_env_steps=1e12", "total_env_steps=1e12")
    assert refused.code == 2
    assert re.fullmatch(
        r"ludus: replay needs [\d.]+ GB of disk .* [\d.]+ GB are free; "
        r"lower replay.capacity_env_steps or checkpoint_period_env_steps\n",
        refused.err,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example(ludus: Ludus, command: str) -> None:
    outcome = ludus(command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"Example: ludus {command}" in " ".join(outcome.out.split())


def test_help_and_no_arguments_show_all_commands(ludus: Ludus) -> None:
    for outcome, code in ((ludus("--help"), 0), (ludus(), 2)):
        assert outcome.code == code
        assert all(re.search(rf"^  {name} ", outcome.out, re.MULTILINE) for name in COMMANDS)


def test_the_installed_command_prints_only_json_and_exits_with_its_code(here: Path) -> None:
    code = "import sys; from workbench.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "runs", "--json"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"runs": []}\n', "")
    done = subprocess.run([sys.executable, "-c", code, "trian"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ludus: there is no command 'trian'; did you mean 'train'? ")


def test_wandb_keeps_an_offline_copy_under_the_same_id(processes: Launcher, tmp_path: Path) -> None:
    write_config(tmp_path / "c.yaml", PROBE, wandb__mode="offline", total_env_steps=100)
    run = tmp_path / "runs/a"
    # Killed while it saves its last checkpoint.
    killed = processes.run(tmp_path, "train", "c.yaml", "--run", "a", kill_at_sync=20)
    assert killed.code < 0
    resumed = processes.run(tmp_path, "resume", "a")
    assert resumed.code == 0, resumed.err
    assert (killed.out, resumed.out) == ("", "")
    assert "wandb" not in resumed.err
    wandb_id = json.loads((run / "run.json").read_text())["wandb_id"]
    logs = list((run / "wandb").glob("offline-run-*/*.wandb"))
    assert {log.name for log in logs} == {f"run-{wandb_id}.wandb"}
    assert max(log.stat().st_size for log in logs) > 1_000
    assert not (tmp_path / "wandb").exists()


def test_wandb_that_is_disabled_leaves_nothing(ludus: Ludus, here: Path) -> None:
    config = write_config(here / "c.yaml", PROBE, total_env_steps=4)
    assert ludus("train", config, "--run", "a").code == 0
    assert not list(here.rglob("*wandb*"))
