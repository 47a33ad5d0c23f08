"""Names of players: what they stand for, and which mean nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from agents.alphazero import AlphaZero
from envs.board.openspiel import BoardConfig, OpenSpielGame
from workbench.config import SelfPlayConfig
from workbench.errors import UsageError
from workbench.evaluation.match import play_match, random_openings
from workbench.runs import checkpoint
from workbench.runs.run import create_run, open_run
from workbench.tournament.entrants import ROWS, enter, in_equal_batches

AGENT = {"kind": "alphazero", "blocks": 1, "channels": 8, "simulations": 6}


def make_run(
    name: str, game: str = "tic_tac_toe", steps: tuple[int, ...] = (5, 100), planes: int = 2
) -> None:
    env = {"kind": "board", "game": game, "planes": planes}
    config = SelfPlayConfig.model_validate({"env": env, "agent": AGENT, "total_env_steps": 1000})
    run = create_run(config, name)
    for step in steps:
        torch.manual_seed(step)
        agent = AlphaZero(config.agent, OpenSpielGame(config.env).spec, torch.device("cpu"))
        checkpoint.save(run.checkpoints, step, model=agent.network_state(), resume={}, facts={})


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run("a")
    make_run("c4", "connect_four", (7,))


def names(*typed: str, game: str | None = None, simulations: int | None = None):
    config, groups = enter(typed, game, simulations=simulations, move_seconds=1)
    return config.game, [[one.name for one in group] for group in groups]


def test_names_stand_for_checkpoints(runs):
    assert names("a@all", "random") == ("tic_tac_toe", [["runs/a@5", "runs/a@100"], ["random"]])
    assert names("runs/a", "a@5") == ("tic_tac_toe", [["runs/a@100"], ["runs/a@5"]])
    assert names("net:a", "a?simulations=9", "a@5", simulations=4) == (
        "tic_tac_toe",
        [["net:runs/a@100"], ["runs/a@100?simulations=9"], ["runs/a@5?simulations=4"]],
    )
    assert names("greedy", "minimax:3", "mcts:10", "solver:0.5", game="tic_tac_toe")[1] == [
        ["greedy"], ["minimax:3"], ["mcts:10"], ["solver:0.5"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "game", "complaint"),
    [
        (("a", "c4"), None, "c4 plays connect_four, not tic_tac_toe"),
        (("a", "random"), "connect_four", "a plays tic_tac_toe, not connect_four"),
        (("a", "minmax:4"), None, "there is no 'minmax:4'; did you mean minimax:4?"),
        (("a", "radnom"), None, "there is no 'radnom'; did you mean random?"),
        (("a", "uic:stockfish"), None, "xboard:COMMAND"),
        (("a", "nobody"), None, "there is no run 'nobody'.*players that are no runs: random"),
        (("a", "runs/nobody"), None, "there is no run 'runs/nobody'"),
        (("a@6", "random"), None, "no checkpoint '6'; it has: 5, 100"),
        (("a@5", "a@all"), None, "runs/a@5 is named twice"),
        (("random", "random"), "tic_tac_toe", "random is named twice"),
        (("random", "greedy"), None, "say which game"),
        (("random",), "tic_tac_toe", "needs two players"),
        (("a?simulations=0", "random"), None, "after the . goes simulations=N"),
        (("a?nodes=3", "random"), None, "after the . goes simulations=N"),
        (("net:a?simulations=3", "random"), None, "a bare network makes no simulations"),
    ],
)
def test_names_that_mean_nothing(runs, typed, game, complaint):
    with pytest.raises(UsageError, match=complaint):
        names(*typed, game=game)


def test_a_name_is_one_network(runs):
    """Its identity changes with the weights."""
    _, ((one, other), _) = enter(("a@all", "random"), None, simulations=None, move_seconds=1)
    assert one.identity != other.identity
    assert len(one.identity) == 64
    assert (one.series, one.env_steps) == ("runs/a", 5)
    assert (other.series, other.env_steps) == ("runs/a", 100)


def test_who_grows_trees_is_known(runs):
    typed = "a@5", "a@100?simulations=9", "net:a", "random", "mcts:50"
    for asked, expected in ((None, [6, 9, 1, 0, 0]), (70, [70, 9, 1, 0, 0])):
        _, groups = enter(typed, None, simulations=asked, move_seconds=1)
        assert [one.simulations for group in groups for one in group] == expected


def test_a_network_sees_equally_many_positions_whoever_asks():
    sizes = []

    def evaluate(obs):
        sizes.append(len(obs))
        value = obs.reshape(len(obs), -1).astype(np.float32)
        return value[:, :3], value[:, 0]

    rng = np.random.default_rng(0)
    for count in (1, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS):
        obs = rng.integers(255, size=(count, 2, 3, 3), dtype=np.uint8)
        logits, value = in_equal_batches(evaluate)(obs)
        expected = evaluate(obs)
        sizes.pop()
        assert np.array_equal(logits, expected[0])
        assert np.array_equal(value, expected[1])
    assert set(sizes) == {ROWS}


def test_a_move_does_not_depend_on_the_positions_beside_it(runs):
    """Bit for bit: whichever of its games are going on, a tournament comes out the same."""
    _, ((entrant,), _) = enter(("c4", "random"), None, simulations=30, move_seconds=1)
    game = OpenSpielGame(BoardConfig(kind="board", game="connect_four"))
    player = entrant.make(game, lambda: True)
    openings = random_openings(game, 5, 70, np.random.default_rng(0))
    positions = [game.start().clone() for _ in openings]
    for position, opening in zip(positions, openings, strict=True):
        for action in opening:
            position.apply_action(action)
    together = player.choose(positions, range(70))
    for some in (slice(0, 1), slice(3, 30), slice(69, None, -1)):
        assert list(player.choose(positions[some], range(70)[some])) == list(together[some])


def test_a_bare_network_plays_its_likeliest_legal_move(runs):
    _, ((entrant,), _) = enter(("net:c4", "random"), None, simulations=None, move_seconds=1)
    game = OpenSpielGame(BoardConfig(kind="board", game="connect_four"))
    config = SelfPlayConfig.model_validate(
        {"env": {"kind": "board", "game": "connect_four"}, "agent": AGENT, "total_env_steps": 1000}
    )
    torch.manual_seed(7)
    agent = AlphaZero(config.agent, game.spec, torch.device("cpu"))
    for opening in random_openings(game, 4, 10, np.random.default_rng(2)):
        position = game.start()
        for action in opening:
            (position,) = game.after([position], [action])
        logits, _ = agent.evaluate(game.observe([position]))
        (move,) = entrant.make(game, lambda: True).choose([position], [0])
        legal = position.legal_actions()
        assert move == legal[int(logits[0][legal].argmax())]


def test_networks_that_see_the_game_in_different_ways_meet(runs):
    """A run from before `env.planes` has no such key in its config, and keeps its planes."""
    make_run("new", "go(board_size=5)", (3,))
    make_run("old", "go(board_size=5)", (3,), planes=1)
    saved = Path("runs/old/config.yaml")
    saved.write_text(saved.read_text().replace("  planes: 1\n", ""))
    assert (open_run("old").config.env.planes, open_run("new").config.env.planes) == (1, 2)
    config, groups = enter(["new", "old"], None, simulations=2, move_seconds=1)
    game = OpenSpielGame(config)
    players = tuple(group[0].make(game, lambda: True) for group in groups)
    games = play_match(game, players, [[0, 1]])
    assert all(not one.forfeit for one in games)
