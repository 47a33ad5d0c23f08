"""Whole searches of both rules, as they were answered when `golden.json` was written.

The network is made of small integers, so its answers are exact on every machine. To write the file
anew after a wanted change: `python -m tests.agents.search.test_golden`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.search import GumbelConfig, PUCTConfig, Search
from envs.board.base import reach
from envs.board.openspiel import BoardConfig, OpenSpielGame

GOLDEN = Path(__file__).with_name("golden.json")
RULES = {
    "puct": PUCTConfig(),
    "gumbel": GumbelConfig(kind="gumbel", max_considered=6, c_scale=0.2),
}
# Histories of positions that are searched side by side: openings, and some that are soon proven.
GAMES = {
    "tic_tac_toe": [[], [4, 0, 8], [0, 3, 1, 6, 4]],
    "connect_four": [[], [3, 3, 2], [0, 6, 0, 6, 0, 5]],
    "othello": [[], [19, 18]],
}


def network(game: OpenSpielGame):
    rng = np.random.default_rng(0)
    weights = rng.integers(
        -3, 4, size=(int(np.prod(game.spec.obs_shape)), game.spec.num_actions + 1)
    )

    def evaluate(obs):
        out = (obs.reshape(len(obs), -1) // 255).astype(np.int64) @ weights
        logits, value = out[:, 1:] / 8, (out[:, 0] / 16).clip(-1, 1)
        chances = np.stack([value.clip(0), 1 - abs(value), (-value).clip(0)], 1)
        return logits.astype(np.float32), chances.astype(np.float32)

    return evaluate


def answers(rule: str, name: str) -> list[dict[str, Any]]:
    """Searches every position, without noise and with it, makes the best moves and goes on."""
    game = OpenSpielGame(BoardConfig(kind="board", game=name))
    search = Search(RULES[rule], game, network(game), len(GAMES[name]))
    for g, history in enumerate(GAMES[name]):
        search.place(g, reach(game, history))
    found = []
    for noise in (None, np.random.default_rng(1)):
        search.run(60, noise=noise)
        for g in range(len(GAMES[name])):
            visits = search.visits(g)
            found.append(
                {
                    "visits": {str(a): int(visits[a]) for a in np.flatnonzero(visits)},
                    "value": round(search.value(g), 6),
                    "policy": [round(float(p), 6) for p in search.policy(g)],
                    "best": search.best(g),
                    "proven": search.proven(g),
                    "depth": search.depth(g),
                }
            )
        for g in range(len(GAMES[name])):
            search.play(g, search.best(g))
            if game.status([search.roots[g]]).over[0]:
                search.place(g, game.start())
    return found


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("rule", RULES)
def test_a_search_answers_as_it_did(rule, name):
    golden = json.loads(GOLDEN.read_text())[f"{rule} {name}"]
    found = answers(rule, name)
    assert len(golden) == len(found)
    for ours, expected in zip(found, golden, strict=True):
        for exact in ("visits", "best", "proven", "depth"):
            assert ours[exact] == expected[exact]
        assert ours["value"] == pytest.approx(expected["value"], abs=1e-5)
        assert ours["policy"] == pytest.approx(expected["policy"], abs=1e-5)


if __name__ == "__main__":
    found = {f"{rule} {name}": answers(rule, name) for rule in RULES for name in GAMES}
    lines = [f"{json.dumps(key)}: {json.dumps(found[key])}" for key in found]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
