"""Comparisons by return: the numbers by hand, pairs that are pairs, nothing evaluated twice."""

import csv
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import envs.atari
import workbench.tournament.comparison
from agents.alphazero import AlphaZero
from agents.base import Decision, Memory
from envs import env_spec
from envs.base import Step
from envs.board.openspiel import OpenSpielGame
from envs.grid import MiniGridConfig
from tests.end_to_end.configs import ATARI, BOARD, PPO_GRID, PROBE, write_config
from workbench.config import SelfPlayConfig, load_config
from workbench.errors import UsageError
from workbench.evaluation.episodes import evaluate
from workbench.evaluation.intervals import bounds_of_means
from workbench.runs import checkpoint
from workbench.runs.run import create_run
from workbench.tournament.comparison import compare, has_episodes, open_evaluations
from workbench.tournament.comparison_tables import (
    Comparison,
    Scores,
    draw_returns,
    mean,
    probability_of_improvement,
    rank,
    report,
    text_of,
)

# Every return is +1 or -1, by nothing but the seed, and by the seed and the network.
BY_SEED = PROBE | {"env": {"kind": "probe", "probe": "obs_value"}}
BY_BOTH = PROBE | {"env": {"kind": "probe", "probe": "obs_action"}}

integers = st.integers(-3, 3)
pairs_of_returns = st.lists(st.tuples(integers, integers), min_size=1, max_size=12)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, and no pictures, which take longer than all else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workbench.tournament.comparison, "draw_returns", lambda table, path: None)
    return tmp_path


def make_run(name: str, config: dict[str, Any], *steps: int, **changes: Any) -> None:
    """Makes a run whose checkpoints are networks that have learned nothing, each another one."""
    resolved = load_config(Path(write_config(Path("c.yaml"), config, **changes)))
    run = create_run(resolved, name)
    cpu = torch.device("cpu")
    for step in steps:
        if isinstance(resolved, SelfPlayConfig):
            model = AlphaZero(resolved.agent, OpenSpielGame(resolved.env).spec, cpu).network_state()
        else:
            spec = env_spec(resolved.env)
            agent = resolved.agent.make(spec, cpu, np.random.default_rng(0))
            model = agent.network_state()
        checkpoint.save(run.checkpoints, step, model=model, resume={}, facts={})


def comparing(*names: str, episodes: int = 20, **changes: Any) -> Comparison:
    options: dict[str, Any] = {
        "seed": 0,
        "out": None,
        "protocol": None,
        "tell": lambda line: None,
        "on_episode": lambda played, scheduled: None,
    }
    return compare(names, episodes=episodes, **(options | changes))


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The checkpoints that were loaded to be evaluated, as they are."""
    loaded: list[str] = []
    load: Callable[[str], Any] = workbench.tournament.comparison.load_env_agent

    def load_and_remember(player: str) -> Any:
        loaded.append(player)
        return load(player)

    monkeypatch.setattr(workbench.tournament.comparison, "load_env_agent", load_and_remember)
    return loaded


def scores(player: str, returns: list[float]) -> Scores:
    return Scores(player, "", returns, [1] * len(returns), 1.0)


def test_the_probability_by_hand() -> None:
    """Of nine pairs, 1 beats one, 2 beats one and ties with two, and 3 beats all three."""
    returns, others = np.array([1.0, 2, 3]), np.array([2.0, 2, 0])
    better = probability_of_improvement(returns, others)
    assert better.value == pytest.approx((1 + 2 + 3) / 9)
    assert 0 <= better.low < better.value < better.high <= 1


def test_ties_are_half() -> None:
    alike = np.full(7, 0.1)
    better = probability_of_improvement(alike, alike)
    assert better.value == 0.5
    assert better.low is not None
    assert 0 < better.low < 0.5
    assert mean(alike - alike) == (0, None, None)
    assert mean(alike - alike).ci95 is None


def test_who_scores_more_in_a_few_episodes_is_not_surely_better() -> None:
    returns = np.array([5.0, 6, 7])
    better = probability_of_improvement(returns, returns - 4)
    assert (better.value, better.high) == (1, 1)
    assert better.low is not None
    assert 0.1 < better.low < 0.6
    worse = probability_of_improvement(returns - 4, returns)
    assert worse == pytest.approx((0, 0, 1 - better.low))


@pytest.mark.parametrize("gap", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("luck", [0.0, 2.0])
def test_intervals_of_comparisons_cover_95_percent(gap: float, luck: float) -> None:
    """Of normal returns, with luck that both share; more than 97 % where one nearly always wins."""
    true = float(scipy.stats.norm.cdf(gap / np.sqrt(2 + 2 * luck**2)))
    rng = np.random.default_rng(0)
    inside, differences = [], []
    for _ in range(600):
        shared = rng.normal(0, luck, 12)
        returns, others = shared + rng.normal(gap, 1, 12), shared + rng.normal(0, 1, 12)
        found = probability_of_improvement(returns, others)
        assert found.low is not None
        assert found.high is not None
        inside.append(found.low <= true <= found.high)
        differences.append(returns - others)
    assert np.mean(inside) >= 0.93
    # The table's means and differences are these, a row at a time.
    low, high = bounds_of_means(np.array(differences))
    assert mean(differences[0]).ci95 == pytest.approx((low[0], high[0]))
    assert 0.93 <= np.mean((low <= gap) & (gap <= high)) <= 0.97 + 0.01


def test_of_one_episode_nothing_is_told() -> None:
    table = rank([scores("r@1", [1.0]), scores("r@2", [2.0])], success_return_above=0.5)
    assert [row.mean_return for row in table] == [(2, None, None), (1, None, None)]
    assert table[0].difference == (1, None, None)
    assert table[0].better == (1, None, None)
    assert table[0].success == pytest.approx((1, 0.025, 1))
    text = text_of(Comparison("g", None, 0, table, Path("x/evaluations.jsonl")))
    assert "none: of one episode" in text
    draw_returns(Comparison("g", None, 0, table, Path("x")), Path("returns.png"))


@settings(max_examples=25)
@given(pairs_of_returns)
def test_one_is_better_or_the_other(pairs: list[tuple[int, int]]) -> None:
    returns, others = np.array(pairs, np.float64).T
    better = probability_of_improvement(returns, others)
    worse = probability_of_improvement(others, returns)
    assert better.value + worse.value == pytest.approx(1)
    if len(pairs) == 1:
        assert better.ci95 is worse.ci95 is None
        return
    assert (better.low, better.high) == pytest.approx((1 - worse.high, 1 - worse.low))
    assert 0 <= better.low <= better.value <= better.high <= 1


def test_of_many_episodes_intervals_are_those_of_a_bootstrap_that_draws_pairs() -> None:
    count = 150
    rng = np.random.default_rng(count)
    luck = rng.normal(0, 3, count)  # the same for both
    returns, others = np.rint([luck + rng.exponential(3, count), luck + rng.exponential(2, count)])

    def improvement(x: Any, y: Any, axis: int = -1) -> Any:
        wins = (1 + np.sign(x[..., :, None] - y[..., None, :])) / 2
        return wins.mean((-2, -1))

    better = probability_of_improvement(returns, others)
    known = scipy.stats.mannwhitneyu(returns, others).statistic / count**2
    assert better.value == pytest.approx(known)
    for found, statistic in (
        (better, improvement),
        (mean(returns - others), lambda x, y, axis=-1: (x - y).mean(axis)),
    ):
        expected = scipy.stats.bootstrap(
            (returns, others),
            statistic,
            paired=True,
            vectorized=True,
            n_resamples=2_000,
            batch=200,
            method="percentile",
            rng=np.random.default_rng(1),
        ).confidence_interval
        tolerance = 0.1 * (expected.high - expected.low)
        assert found.low == pytest.approx(expected.low, abs=tolerance)
        assert found.high == pytest.approx(expected.high, abs=tolerance)


def test_luck_that_both_had_cancels_out() -> None:
    luck = np.random.default_rng(0).normal(0, 100, 30)
    difference = mean((luck + 1) - luck)
    assert difference == (pytest.approx(1), None, None)  # rounding is no spread
    assert mean(luck).high - mean(luck).low > 10


def test_the_best_is_first_and_compared_with_the_next() -> None:
    given = [scores("r@1", [0.0, 0, 0]), scores("r@3", [1.0, 2, 6]), scores("q@2", [2.0, 0, 1])]
    rows = rank(given, success_return_above=0.5)
    assert [(row.scores.run, row.scores.env_steps) for row in rows] == [
        *(("r", 3), ("q", 2), ("r", 1))
    ]
    assert [row.mean_return.value for row in rows] == [3, 1, 0]
    assert [row.success and row.success.value for row in rows] == pytest.approx([1, 2 / 3, 0])
    assert [row.difference and row.difference.value for row in rows] == [2, 1, None]
    # Of [2, 0, 1], 1 beats one and ties with one, 2 beats two and ties with one, 6 beats all.
    assert rows[0].better is not None
    assert rows[0].better.value == pytest.approx((1.5 + 2.5 + 3) / 9)
    # Of [0, 0, 0], 2 and 1 beat all and 0 ties with all.
    assert rows[1].better is not None
    assert rows[1].better.value == pytest.approx((3 + 3 + 1.5) / 9)
    assert rows[2].better is None


class Scripted:
    """Walks on, or turns for ever; keeps what each env shows at the start of its episodes."""

    def __init__(self, action: int, num_envs: int) -> None:
        self._action = action
        self.openings: list[list[bytes]] = [[] for _ in range(num_envs)]

    def initial_memory(self, num_envs: int) -> Memory:
        return ()

    def act(self, step: Step, memory: Memory, *, explore: bool) -> tuple[Decision, Memory]:
        for i in np.flatnonzero(step.first):
            self.openings[i].append(step.obs[i].tobytes())
        n = len(step.obs)
        return Decision(np.full(n, self._action), np.zeros((n, 1), np.float32)), memory


def test_returns_at_the_same_place_are_of_the_same_layout() -> None:
    """One walks into the lava at once, the other never moves: their episodes end at other times."""
    config = MiniGridConfig(
        kind="minigrid", env_id="MiniGrid-LavaCrossingS9N1-v0", view="full", tile_size=2
    )
    players = [Scripted(action, 16) for action in (2, 0)]  # forward and left
    found = [evaluate(player, config, episodes=20, seed=3) for player in players]
    assert found[0].lengths != found[1].lengths
    quota = [2] * 4 + [1] * 12
    walker, turner = (
        [opening for seen, n in zip(player.openings, quota, strict=True) for opening in seen[:n]]
        for player in players
    )
    assert walker == turner
    assert len(walker) == len(found[0].returns)
    assert len(set(walker)) > 10, "the layouts differ"
    other = Scripted(2, 16)
    evaluate(other, config, episodes=20, seed=4)
    assert [seen[0] for seen in other.openings] != [seen[0] for seen in players[0].openings]


def test_networks_that_only_the_seed_tells_apart_tie_in_every_episode() -> None:
    make_run("a", BY_SEED, 10, 20)
    make_run("b", BY_SEED, 5, env__num_envs=3)
    table = comparing("a@all", "runs/b", episodes=50)
    returns = [row.scores.returns for row in table.rows]
    assert returns[0] == returns[1] == returns[2]
    assert set(returns[0]) == {-1.0, 1.0}
    assert [row.difference for row in table.rows] == [(0, None, None), (0, None, None), None]
    assert table.rows[0].better is not None
    assert table.rows[0].better.value == 0.5


def test_a_comparison_from_names_to_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench.tournament.comparison, "draw_returns", draw_returns)
    make_run("a", PPO_GRID, 10, 20)
    make_run("runs/zoo/b", PPO_GRID, 30, agent__core_size=4)
    told: list[str] = []
    counted: list[tuple[int, int]] = []
    table = comparing(
        "runs/zoo/b",
        "a@all",
        episodes=3,
        tell=told.append,
        on_episode=lambda played, scheduled: counted.append((played, scheduled)),
    )
    folder = "runs/tournaments/minigrid-MiniGrid-LavaGapS5-v0-seed0-episodes3"
    assert told == [f"{folder}: Ctrl-C stops, the same command goes on"]
    assert counted == [(played, 9) for played in range(10)]
    found = json.loads(json.dumps(report(table)))
    assert found["game"] == "minigrid/MiniGrid-LavaGapS5-v0"
    assert (found["protocol"], found["seed"]) == (None, 0)
    assert found["records"] == f"{folder}/evaluations.jsonl"
    players = found["players"]
    assert {player["name"] for player in players} == {"runs/a@10", "runs/a@20", "runs/zoo/b@30"}
    assert [player["mean_return"] for player in players] == sorted(
        (np.mean(player["returns"]) for player in players), reverse=True
    )
    for player in players:
        assert player["env_steps"] == int(player["name"].rpartition("@")[2])
        assert player["episodes"] == len(player["returns"]) == len(player["lengths"]) == 3
        if player["ci95"] is not None:
            assert player["ci95"][0] <= player["mean_return"] <= player["ci95"][1]
        low, high = player["success_ci95"]
        assert 0 <= low <= player["success_rate"] <= high <= 1
    assert [player["better_than_next"] is None for player in players] == [False, False, True]
    assert players[2]["difference_to_next_ci95"] is None

    lines = [json.loads(line) for line in Path(found["records"]).read_text().splitlines()]
    assert [line["player"] for line in lines] == ["runs/zoo/b@30", "runs/a@10", "runs/a@20"]
    assert all(
        line.keys()
        == {"player", "sha256", "returns", "lengths", "seconds", "protocol", "seed", "episodes"}
        for line in lines
    )
    (directory,) = Path("runs/tournaments").iterdir()
    assert sorted(path.name for path in directory.iterdir()) == [
        *("conditions.json", "evaluations.jsonl", "returns.csv", "returns.png")
    ]
    rows = list(csv.DictReader((directory / "returns.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == [player["name"] for player in players]
    assert float(rows[0]["better_than_next_low"]) == players[0]["better_than_next_ci95"][0]
    assert rows[2]["better_than_next_low"] == ""
    text = text_of(table).splitlines()
    assert text[0] == "minigrid/MiniGrid-LavaGapS5-v0: 3 episodes each, seed 0"
    assert [line.split()[1] for line in text[2:5]] == [
        player["name"].rpartition("/")[2] for player in players
    ]


def test_a_comparison_is_what_eval_says() -> None:
    make_run("a", BY_BOTH, 10, 20)
    table = comparing("a@all", seed=7)
    for row in table.rows:
        loaded = workbench.tournament.comparison.load_env_agent(row.scores.player)
        agent, env_config = loaded.agent, loaded.env
        known = evaluate(agent, env_config, episodes=20, seed=7)
        assert (row.scores.returns, row.scores.lengths) == (known.returns, known.lengths)
        assert row.mean_return[1:] == (known.ci95() or (None, None))


def test_a_stopped_comparison_goes_on_and_evaluates_nothing_twice(evaluated: list[str]) -> None:
    make_run("a", BY_BOTH, 10, 20, 30)

    def stop(played: int, scheduled: int) -> None:
        if played == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        comparing("a@all", on_episode=stop)
    assert evaluated == ["runs/a@10", "runs/a@20"]
    evaluated.clear()
    counted = []
    stopped = comparing("a@all", on_episode=lambda played, scheduled: counted.append(played))
    assert evaluated == ["runs/a@20", "runs/a@30"]
    assert counted == list(range(20, 61))
    evaluated.clear()
    assert comparing("a@all") == stopped
    assert evaluated == []
    whole = comparing("a@all", out=Path("elsewhere"))
    assert [row.scores.returns for row in whole.rows] == [
        row.scores.returns for row in stopped.rows
    ]
    make_run("b", BY_BOTH, 5)
    evaluated.clear()
    assert len(comparing("b", "a@30", "a@10").rows) == 3
    assert evaluated == ["runs/b@5"]


def test_a_line_cut_by_a_kill_is_evaluated_again(evaluated: list[str]) -> None:
    make_run("a", BY_BOTH, 10, 20)
    table = comparing("a@all")
    content = table.records.read_bytes()
    last = len(content.splitlines()[-1])
    returns = {row.scores.player: row.scores.returns for row in table.rows}
    for cut in (1, 30, last):
        table.records.write_bytes(content[:-cut])
        evaluated.clear()
        again = comparing("a@all")
        assert evaluated == ["runs/a@20"]
        assert {row.scores.player: row.scores.returns for row in again.rows} == returns
        assert len(table.records.read_text().splitlines()) == 2


def test_damage_elsewhere_is_told_with_its_line(here: Path) -> None:
    conditions = {"protocol": None, "seed": 5, "episodes": 2}
    good = Scores("runs/a@1", "", [1.0, 2.0], [3, 4], 0.5)
    for _ in range(2):  # the second time from the file
        with closing(open_evaluations(here / "t", conditions)) as evaluations:
            evaluations.append(good)
    path = evaluations.path
    first, second = path.read_text().splitlines()
    line = json.loads(second)
    for damaged in (
        *([], {}, line | {"player": 3}, line | {"seconds": None}, line | {"sha256": 1}),
        *(line | {"returns": [1.0]}, line | {"returns": ["x", 1.0]}, line | {"lengths": [3]}),
        *(line | {"episodes": 3}, line | {"seed": 1}, line | {"protocol": "classic"}),
    ):
        path.write_text(f"{first}\n{json.dumps(damaged)}\n")
        with pytest.raises(UsageError, match=r"evaluations.jsonl, line 2, is damaged"):
            open_evaluations(here / "t", conditions)
    path.write_text(f"nonsense\n{second}\n")
    with pytest.raises(UsageError, match=r"evaluations.jsonl, line 1, is damaged"):
        open_evaluations(here / "t", conditions)


def test_another_checkpoint_under_the_same_name_is_refused() -> None:
    make_run("a", BY_BOTH, 10, 20)
    comparing("a@all")
    Path("runs/a").rename("old")
    make_run("a", BY_BOTH, 10, 20)
    with pytest.raises(UsageError, match=r"runs/a@10 is another network than that which played"):
        comparing("a@all")
    assert len(comparing("a@all", out=Path("elsewhere")).rows) == 2


def test_evaluations_under_other_conditions_do_not_mix() -> None:
    make_run("a", BY_BOTH, 10, 20)
    make_run("b", BY_SEED, 10, 20)
    out = Path("out")
    comparing("a@all", out=out)
    for changes in ({"seed": 1}, {"episodes": 21}):
        with pytest.raises(
            UsageError, match=r"out holds evaluations with .*; choose another folder"
        ):
            comparing("a@all", out=out, **changes)
    with pytest.raises(UsageError, match=r"with game 'probe/obs_action', not 'probe/obs_value'"):
        comparing("b@all", out=out)
    (out / "conditions.json").write_text("[1]")
    with pytest.raises(UsageError, match=r"conditions.json is damaged"):
        comparing("a@all", out=out)


def test_only_one_process_may_write() -> None:
    make_run("a", BY_BOTH, 10, 20)

    def another(played: int, scheduled: int) -> None:
        if played == 5:
            with pytest.raises(UsageError, match="another process is playing in"):
                comparing("a@all")

    assert len(comparing("a@all", on_episode=another).rows) == 2


def test_what_cannot_be_compared_is_refused() -> None:
    make_run("a", BY_BOTH, 10)
    make_run("b", BY_SEED, 20)
    make_run("grid", PPO_GRID, 10)
    make_run("board", BOARD, 10)
    make_run("empty", BY_BOTH)
    for names, complaint in {
        ("a", "b"): "runs/a@10 and runs/b@20 play in different worlds: env.probe is obs_action and",
        ("a", "grid"): "runs/a@10 and runs/grid@10 play in different worlds: env.kind is probe and",
        ("a", "board"): "board plays a board game",
        ("a", "random"): "random plays board games only",
        ("a", "uci:stockfish"): "uci:stockfish plays board games only",
        ("a", "nobody"): "there is no run 'nobody'",
        ("a", "a@11"): "a has no checkpoint '11'",
        ("a", "empty@all"): "empty has no checkpoint yet",
        ("a", "a@10"): "runs/a@10 is named twice",
        ("a@all",): "a comparison needs two checkpoints or more",
    }.items():
        with pytest.raises(UsageError) as refused:
            comparing(*names)
        assert str(refused.value).startswith(complaint)
        assert "\n" not in str(refused.value)
    with pytest.raises(UsageError, match="probe has no protocols"):
        comparing("a", "b", protocol="classic")
    assert not Path("runs/tournaments").exists()


def test_who_has_episodes() -> None:
    make_run("a", BY_BOTH, 10)
    make_run("board", BOARD, 10)
    make_run("empty", BY_BOTH)
    assert all(map(has_episodes, ("a", "runs/a", "a@10", "a@all", "runs/a@all")))
    others = ("board", "net:runs/board@all", "runs/board?simulations=3", "random", "mcts:10")
    assert not any(map(has_episodes, (*others, "uci:stockfish?nodes=1", "nobody", "empty", "")))


def test_protocols_are_never_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envs.atari, "MAX_FRAMES_PER_EPISODE", 200)
    make_run("a", ATARI, 10)
    make_run("b", ATARI, 20, env__protocol="classic", env__env_threads=2)
    with pytest.raises(UsageError, match=r"env.protocol is machado and classic; choose one with"):
        comparing("a", "b")
    table = comparing("a", "b", episodes=1, protocol="classic")
    assert (table.game, table.protocol) == ("atari/road_runner", "classic")
    assert table.records.parent.name == "atari-road_runner-classic-seed0-episodes1"
    assert text_of(table).startswith("atari/road_runner under classic: 1 episodes each")


def test_means_that_are_off_by_a_rounding_are_drawn(here: Path) -> None:
    rows = rank([scores(f"r@{step}", [0.1] * 3) for step in (1, 2)], None)
    table = Comparison("probe/constant", None, 0, rows, here / "evaluations.jsonl")
    draw_returns(table, here / "returns.png")
    assert (here / "returns.png").read_bytes()[1:4] == b"PNG"
