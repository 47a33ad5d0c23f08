"""Plays an untried game in a process of its own, so that a crash harms nothing else.

Run as a script by `envs.board.loading`: the name of the game comes as JSON on stdin, and the last
line on stdout is JSON, too: why the game is refused, or null.
"""

import json
import math
import random
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

CPU_SECONDS = 30  # of the process, so that a busy machine refuses nothing
MEMORY_BYTES = 3 * 2**30  # of its address space
# Random games to their ends: so many, and more while they take little time.
FEWEST_GAMES, MOST_GAMES, ENOUGH_CPU_SECONDS = 3, 30, 0.5
# Of OpenSpiel's games with default parameters, the largest have 13,689 actions and 6,647 numbers.
MOST_ACTIONS = 50_000
MOST_NUMBERS = 100_000


class Refused(Exception):
    """Why a game cannot be played, in words that go on from its name and a colon."""


def try_game(name: str) -> None:
    """Plays random games of this name to their ends, as self-play would see them.

    Raises:
        Refused: it cannot be played.
        Exception: whatever OpenSpiel raises; it may also end the process.
    """
    from envs.board import loading
    from envs.board.openspiel import BoardConfig, OpenSpielGame

    loading.trust(name)
    rules = loading.load_rules(name)
    numbers = math.prod(rules.observation_tensor_shape())
    actions = rules.num_distinct_actions()
    if not 2 <= actions <= MOST_ACTIONS or not 1 <= numbers <= MOST_NUMBERS:
        raise Refused(
            f"it has {actions:,} actions and shows {numbers:,} numbers, where 2 to "
            f"{MOST_ACTIONS:,} and up to {MOST_NUMBERS:,} can be learned"
        )
    start = rules.new_initial_state()
    if start.is_chance_node():
        raise Refused("it begins with chance")
    if start.is_terminal() or rules.max_game_length() < 1:
        raise Refused("it is over before the first move")
    for action in start.legal_actions():
        start.action_to_string(action)  # of large boards some are no text
    if all(start.child(action).is_terminal() for action in start.legal_actions()):
        raise Refused("it is over after the first move, whatever that is")
    game = OpenSpielGame(BoardConfig(kind="board", game=name))
    begin = time.process_time()
    for seed in range(MOST_GAMES):
        if seed >= FEWEST_GAMES and time.process_time() - begin > ENOUGH_CPU_SECONDS:
            break
        _play(game, random.Random(seed))


def _play(game: Any, rng: random.Random) -> None:
    position, moves = game.start(), list[int]()
    while True:
        if position.is_chance_node():
            raise Refused(f"there is chance after {len(moves)} moves")
        status = game.status([position])
        if status.over[0]:
            break
        legal = status.legal.tolist()
        if not legal:
            raise Refused(f"there are no legal moves after {len(moves)} moves")
        if not all(0 <= action < game.spec.num_actions for action in legal):
            raise Refused("it has actions beyond their number")
        seen = game.observe([position])[0]
        if seen.shape != game.spec.obs_shape:
            raise Refused(f"it shows {seen.shape} instead of {game.spec.obs_shape}")
        _look(game, position, moves)
        action = rng.choice(legal)
        game.action_name(position, action)
        moves.append(action)
        (position,) = game.after([position], [action])
    if len(moves) < 2:
        raise Refused(f"it is over after {len(moves)} moves")
    _look(game, position, moves)
    if position.is_terminal():
        mine, theirs = position.returns()
        if not abs(mine) < float("inf") or mine + theirs != 0:
            raise Refused(f"its results are {mine:g} and {theirs:g}")


def _look(game: Any, position: Any, moves: list[int]) -> None:
    if game.history(position) != moves:
        raise Refused("it does not remember its moves")
    game.text(position)


def main() -> None:
    """Reads the name, tries it and prints the verdict."""
    for what, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, MEMORY_BYTES),
    ):
        with suppress(ValueError, OSError):  # a lower limit is set already
            resource.setrlimit(what, (limit, limit))
    # Alone: the package's own __init__ imports all simulators, which takes seven times as long.
    package = ModuleType("envs")
    package.__path__ = [str(Path(__file__).parents[1])]
    sys.modules["envs"] = package
    refused = None
    try:
        try_game(json.load(sys.stdin))
    except MemoryError:
        refused = f"it needs more than {MEMORY_BYTES / 2**30:.0f} GB of memory"
    except Refused as error:
        refused = str(error)
    except Exception as error:
        refused = f"{error}" or type(error).__name__
    sys.stdout.write("\n" + json.dumps(refused) + "\n")


if __name__ == "__main__":
    main()
