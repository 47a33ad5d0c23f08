"""Training may cut its games short; whoever measures or shows an agent plays them to their end."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.alphazero import AlphaZero
from envs.board.openspiel import OpenSpielGame
from workbench.config import SelfPlayConfig
from workbench.evaluation.board_games import describe, evaluate_board, record_game
from workbench.evaluation.load import load_board_agent
from workbench.runs import checkpoint
from workbench.runs.run import create_run
from workbench.tournament.records import open_records
from workbench.tournament.run import Options, run_tournament
from workbench.tournament.standings import report, text_of
from workbench.training.self_play import SelfPlayLoop

CAP = 9  # plies; no game of connect four ends in fewer than 7
CONFIG = SelfPlayConfig.model_validate(
    {
        "env": {"kind": "board", "game": "connect_four", "max_plies": CAP, "num_games": 2},
        "agent": {"kind": "alphazero", "blocks": 1, "channels": 8, "simulations": 4},
        "gate": {"games": 4},
        "anchor_games": 4,
        "ladder_games": 4,
        "total_env_steps": 1000,
    }
)
ENDS = {"four in a row", "board full"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    made = create_run(CONFIG, "cut")
    torch.manual_seed(0)
    agent = AlphaZero(CONFIG.agent, OpenSpielGame(CONFIG.env).spec, torch.device("cpu"))
    checkpoint.save(made.checkpoints, 7, model=agent.network_state(), resume={}, facts={})
    return made


def test_tournaments_have_no_cap_of_training(run, tmp_path):
    told: list[str] = []
    outcome = run_tournament(
        [str(run.path), "random"],
        Options(games=12, out=tmp_path / "new"),
        tell=told.append,
        on_game=lambda *_: None,
    )
    lines = [json.loads(line) for line in outcome.records.path.read_text().splitlines()]
    assert {line["reason"] for line in lines} <= ENDS
    assert max(len(line["moves"]) for line in lines) > CAP
    assert json.loads((tmp_path / "new/conditions.json").read_text())["max_plies"] is None
    assert not any("plies" in line for line in told)


def test_folders_that_were_begun_with_a_cap_keep_it_and_count_what_it_ended(run, tmp_path):
    """They hold the games of an older version, which told no reasons, and go on alike."""
    facts = {"game": "connect_four", "max_plies": CAP, "seed": 0, "opening_plies": 1}
    open_records(tmp_path / "old", facts).close()
    options = Options(games=10, out=tmp_path / "old")
    told: list[str] = []
    for _ in range(2):  # begun, then opened again
        outcome = run_tournament(
            [str(run.path), "random"], options, tell=told.append, on_game=lambda *_: None
        )
    assert any("draws after 9 plies" in line for line in told)
    endings = outcome.standings.endings
    assert sum(endings.values()) == 10
    assert endings["max_plies"] > 0
    assert report("connect_four", outcome.standings, outcome.records)["endings"] == endings
    assert f"max_plies stopped {endings['max_plies']}" in text_of(
        outcome.standings, "connect_four", 100
    )
    lines = outcome.records.path.read_text().splitlines()
    assert sum(json.loads(line)["reason"] == "max_plies" for line in lines) == endings["max_plies"]
    without = [{k: v for k, v in json.loads(line).items() if k != "reason"} for line in lines]
    outcome.records.path.write_text("".join(json.dumps(line) + "\n" for line in without))
    again = run_tournament(
        [str(run.path), "random"], options, tell=told.append, on_game=lambda *_: None
    )
    assert again.standings.endings == {"not written down": 10}
    assert again.standings.rows == outcome.standings.rows


def test_evaluations_and_recorded_games_go_on_to_their_end(run):
    player = load_board_agent(str(run.path))
    found = evaluate_board(
        player, "random", games=6, seed=0, simulations=None, on_game=lambda _: None
    )
    assert sum(found["endings"].values()) == 6
    assert set(found["endings"]) <= ENDS
    assert max(found["lengths"]) > CAP
    text = describe({**found, "player": "cut"})
    assert "games ended by: four in a row" in text
    video = record_game(player.agent, player.config, run, 7, seed=0)
    trace = json.loads(video.with_suffix(".json").read_text())
    assert trace["reason"] in ENDS
    assert len(trace["steps"]) > CAP
    assert trace["reason"] in (run.path / "games/7_0.txt").read_text()


def test_anchors_rungs_and_the_gate_play_whole_games(monkeypatch: pytest.MonkeyPatch):
    loop = SelfPlayLoop(CONFIG, torch.device("cpu"))
    try:
        for rival in ("random", loop.agent.frozen()):
            games = loop._strength.games_against(rival)
            assert {one.reason for one in games} <= ENDS
            assert max(len(one.history) for one in games) > CAP
        scores = np.array([loop._gate.challenge()["gate_score"]])
        assert ((scores >= 0) & (scores <= 1)).all()
        assert loop._gate._game.spec.max_plies == 42
    finally:
        loop.close()


def test_an_old_folder_of_go_draws_at_its_cap_whoever_is_named_first(tmp_path):
    """Otherwise such a cap is the limit of the game itself, by which go is scored."""
    game = "go(board_size=3)"
    open_records(
        tmp_path / "old", {"game": game, "max_plies": 8, "seed": 0, "opening_plies": 1}
    ).close()
    options = Options(game=game, games=12, out=tmp_path / "old")
    told: list[str] = []
    outcome = run_tournament(
        ["random", "greedy"], options, tell=told.append, on_game=lambda *_: None
    )
    assert any("draws after 8 plies" in line for line in told)
    lines = [json.loads(line) for line in outcome.records.path.read_text().splitlines()]
    cut = [line for line in lines if len(line["moves"]) == 8 and line["reason"] == "max_plies"]
    assert cut
    assert all(line["score"] == 0.5 for line in cut)


def test_no_limit_is_told_where_the_rules_have_none(tmp_path):
    told: list[str] = []
    options = Options(
        game="dots_and_boxes(num_rows=1,num_cols=3)", games=2, out=tmp_path, opening_plies=1
    )
    run_tournament(["random", "greedy"], options, tell=told.append, on_game=lambda *_: None)
    assert not any("plies" in line for line in told)
