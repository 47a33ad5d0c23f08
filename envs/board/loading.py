"""Turns a game name that a user typed into the rules of OpenSpiel's game.

OpenSpiel checks few of the parameters that a name may have: some names end the whole process, some
never return, some contradict what the game's type says. So a name that is not known to be good is
first played in a process of its own (`trial.py`, a fifth of a second); the verdict is remembered.
"""

import json
import os
import re
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyspiel

from envs.board.games import GAMES
from envs.board.trial import CPU_SECONDS
from envs.spelling import did_you_mean, plain

# Without these, what a cell shows depends on more than the cell, and no board could be turned.
PARAMETERS = {"hex": {"plain_obs_tensor": True}}
# Names that need no trial, for a test has tried them: every family as it is, and boards that many
# play on.
TRIED = frozenset(
    (
        *(*GAMES, "oware"),
        *("go(board_size=5)", "go(board_size=9)", "go(board_size=13)", "go(board_size=19)"),
        *("go(board_size=5,komi=0.5)", "go(board_size=5,komi=24.5)", "gomoku(size=7)"),
        *("hex(board_size=4)", "hex(board_size=5)", "hex(board_size=6)"),
    )
)
# What games are called elsewhere.
ELSEWHERE = {
    "othello": "reversi",
    "checkers": "draughts",
    "gomoku": "gobang five_in_a_row renju",
    "mancala": "kalah",
    "lines_of_action": "loa",
    "connect_four": "connect4 c4 four_in_a_row",
    "tic_tac_toe": "ttt noughts_and_crosses",
    "go": "baduk weiqi",
    "xiangqi": "chinese_chess",
    "shogi": "japanese_chess",
    "nine_mens_morris": "mill muehle merels",
}
LONGEST_NAME = 1_000
# OpenSpiel reads anything else as it likes: go(9) and hex(5) have the default board.
WRITTEN = re.compile(r"\w+(\((\w+=[^\s,()=]+(,\w+=[^\s,()=]+)*)?\))?")
WALL_SECONDS = 20 * CPU_SECONDS  # until a process that neither works nor ends is given up
# Who writes beyond the end of an array shall not get away with it: glibc then checks what is freed,
# and what was never written is no zero. The rest keeps the process small.
SURROUNDINGS = {
    "LD_PRELOAD": "libc_malloc_debug.so.0",
    "MALLOC_CHECK_": "3",
    "MALLOC_PERTURB_": "85",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
TRIAL = Path(__file__).with_name("trial.py")
_trusted: set[str] = set()


def load_rules(name: str) -> Any:
    """Returns the `pyspiel.Game` of this name, which has been played before it is trusted.

    Raises:
        ValueError: OpenSpiel has no such game, or it is none for two players with perfect
            information and without chance, or it cannot be played with these parameters.
    """
    family = name.partition("(")[0]
    if family not in pyspiel.registered_names():  # else OpenSpiel itself prints a hundred names
        raise ValueError(
            f"OpenSpiel cannot play {_short(name)}, it has no such game" + _meant(family)
        )
    if family not in playable_families():
        raise ValueError(_unfit(name))
    if name not in TRIED and name not in _trusted:
        refused = verdict(name)
        if refused is not None:
            raise ValueError(f"OpenSpiel cannot play {_short(name)}: {refused}")
    try:
        game = pyspiel.load_game(name)
        parameters = game.get_parameters()
        game = pyspiel.load_game(family, {**parameters, **PARAMETERS.get(family, {})})
        game.new_initial_state()
    except (pyspiel.SpielError, IndexError) as error:
        raise ValueError(f"OpenSpiel cannot play {_short(name)}: {error}") from None
    if game.num_players() != 2 or not _may_be_played(game.get_type()):
        raise ValueError(_unfit(name))
    return game


def longest_game(rules: Any) -> int:
    """Returns how many plies a game of these rules may have.

    OpenSpiel 2.0.2 counts too few for dots and boxes with more rows than columns: 24 of 27 lines
    for `num_rows=5,num_cols=2`. There an action is a line.
    """
    if rules.get_type().short_name == "dots_and_boxes":
        return int(rules.num_distinct_actions())
    return int(rules.max_game_length())


def trust(name: str) -> None:
    """Lets a name pass without a trial: that of the process that is the trial, or one made here."""
    _trusted.add(name)


@lru_cache(1)
def playable_families() -> tuple[str, ...]:
    """Returns the names of the games that can be played with some parameters or other, sorted."""
    return tuple(
        sorted(
            kind.short_name
            for kind in pyspiel.registered_games()
            if _may_be_played(kind) and kind.min_num_players <= 2 <= kind.max_num_players
        )
    )


def _meant(family: str) -> str:
    """Returns how a sentence about an unknown game ends; PettingZoo's names end in _v3, say."""
    typed = re.sub(r"[_-]v\d+$", "", family.lower())
    sized = re.fullmatch(r"([a-z_ -]+?)[_ -]?(\d+)(?:x\2)?", typed)
    families = playable_families()
    for name in families:
        words = (name, *ELSEWHERE.get(name, "").split())
        if plain(typed) in map(plain, words):
            return f"; did you mean {name!r}?"
        if sized and plain(sized[1]) in map(plain, words):
            parameters = pyspiel.load_game(name).get_parameters().keys()
            for size in {"board_size", "size"} & parameters:  # one of them, or none
                return f"; did you mean '{name}({size}={sized[2]})'?"
    return did_you_mean(typed, families)


def _may_be_played(kind: Any) -> bool:
    types = pyspiel.GameType
    return bool(
        kind.dynamics == types.Dynamics.SEQUENTIAL
        and kind.chance_mode == types.ChanceMode.DETERMINISTIC
        and kind.information == types.Information.PERFECT_INFORMATION
        and kind.utility == types.Utility.ZERO_SUM
        and kind.provides_observation_tensor
    )


@lru_cache(10_000)
def verdict(name: str) -> str | None:
    """Plays a game in a process of its own; returns why it is refused, None: it is not.

    Raises:
        ValueError: the process could not do its work, which says nothing about the game.
    """
    if len(name) > LONGEST_NAME:
        return f"its name is longer than {LONGEST_NAME:,} characters"
    if not name.isprintable():
        return "its name has characters that cannot be printed"
    if not WRITTEN.fullmatch(name):
        return "parameters are written as in go(board_size=9,komi=6.5), without spaces"
    keys = re.findall(r"\w+(?==)", name)
    if len(set(keys)) < len(keys):
        return "it has a parameter twice"
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(TRIAL)],
            input=json.dumps(name),
            capture_output=True,
            text=True,
            errors="replace",
            env=os.environ | SURROUNDINGS,
            timeout=WALL_SECONDS,
            start_new_session=True,  # Ctrl-C is answered here, not there
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"{_short(name)} could not be tried: {error}") from None
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"{CPU_SECONDS} s are not enough to play a few random games of it"
    if done.returncode < 0:
        return f"OpenSpiel itself crashes on it ({signal.Signals(-done.returncode).name})"
    try:
        refused: str | None = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        said = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise ValueError(f"{_short(name)} could not be tried: {said}") from None
    if refused is None:
        return None
    refused = refused.removeprefix(f"OpenSpiel cannot play {_short(name)}: ")
    refused = re.sub(r"Available parameters are:\s*$", "It has no parameters", refused)
    refused = re.sub(r"Expected type: kDouble, got kInt with (-?\d+)", r"Write \1.0", refused)
    return " ".join(refused.split())[:300]


def _unfit(name: str) -> str:
    return f"{_short(name)} is not a two-player game with perfect information, or has luck"


def _short(name: str) -> str:
    return repr(name if len(name) <= 100 else f"{name[:100]}...")
