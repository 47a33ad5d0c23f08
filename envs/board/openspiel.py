"""OpenSpiel's two-player perfect-information games, behind `BoardGame`.

OpenSpiel's rules are C++ and well tested (https://github.com/google-deepmind/open_spiel); this adds
what players need around them: whose view, how many plies at most, symmetries.
"""

from collections.abc import Sequence
from math import isqrt
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyspiel
from open_spiel.python.observation import make_observation
from pydantic import Field

from envs.base import Config
from envs.board.base import WHITE_PIXEL, BoardGame, GameSpec, Position, Status
from envs.board.loading import load_rules, longest_game
from envs.board.planes import ENDLESS, MISSING, Scale, counts, hex_cells, nearness
from envs.board.symmetry import Symmetries, claimed, proven

# Where an observation shows the pieces of player 0 and of player 1, whoever looks. They change
# places for player 1, so that a network sees its own pieces in one place. Other games show the
# looking side's pieces first already (Othello, Pentago, ...), or stay as they are (chess, ...).
PIECES_OF_PLAYERS = {
    **dict.fromkeys(("tic_tac_toe", "mnk"), (2, 1)),
    **dict.fromkeys(("connect_four", "gomoku", "hex", "go", "clobber"), (0, 1)),
}
# Games that may go on and on, but whoever is ahead at the end that the rules set wins them. So they
# need no cap, nor do games where every move fills the board or uses something up.
COUNTED = ("cursor_go", "go", "mancala", "oware")


# Proven in this process, by game and longest game.
_SYMMETRIES: dict[tuple[str, int], Symmetries] = {}

Planes = Literal[1, 2]


class BoardConfig(Config):
    """Which game, how many of them at once, and how long it may last."""

    kind: Literal["board"] = Field(description="board games of OpenSpiel for two players")
    game: str = Field(description="as OpenSpiel names it, e.g. connect_four or go(board_size=9)")
    num_games: int = Field(default=64, ge=1, le=65536, description="played side by side")
    max_plies: int | None = Field(
        default=None,
        ge=1,
        le=10**6,
        description="longer games are draws, of go scored; null: as long as the rules allow",
    )
    planes: Planes = Field(
        default=2,
        description="what a network sees: 2, all of a position; 1, as runs before this key saw it",
    )


class OpenSpielGame(BoardGame):
    """A `BoardGame`; positions are `pyspiel.State`s that nobody changes.

    One instance serves one thread at a time: `observe` has a buffer.

    Attributes:
        rules: the `pyspiel.Game`, for players that OpenSpiel brings along.
    """

    def __init__(self, config: BoardConfig) -> None:
        """Loads the rules.

        Raises:
            ValueError: OpenSpiel has no such game, or it is none for two players with perfect
                information and without chance.
        """
        self.config = config
        self.rules = load_rules(config.game)
        if config.max_plies is not None and config.planes > 1:
            self.rules = _ended_by_rules(self.rules, config.max_plies)
        family = self.rules.get_type().short_name
        self._raw_shape = shape = _image_shape(self.rules)
        self._draws_hex = family == "hex" and shape[1] != shape[2]
        if self._draws_hex:
            if config.planes == 1:
                raise ValueError(
                    f"{config.game}: OpenSpiel shows boards of hex with unequal sides wrongly, so "
                    "a network that was trained on them cannot be used; train it again"
                )
            parameters = self.rules.get_parameters()
            self._raw_shape = shape = 3, parameters["num_rows"], parameters["num_cols"]
        self._max_plies = min(config.max_plies or 2**31, longest_game(self.rules))
        # Made, it would at once write such planes, beyond its memory where there are more rows.
        self._observation = None if self._draws_hex else _observation(self.rules, config.game)
        pieces = PIECES_OF_PLAYERS.get(family)
        if config.planes > 1 and self.rules.get_parameters().get("egocentric_obs_tensor"):
            pieces = None  # the looking side's come first already
        self._planes = np.tile(np.arange(shape[0]), (2, 1))  # in which order each player sees them
        if pieces is not None:
            self._planes[1, pieces] = pieces[::-1]
        self._scale, self._missing, self._counts_down = None, None, False
        planes = shape[0]
        if config.planes > 1:
            start = self._raw([0], [self.start()])[0]
            self._scale = Scale(config.game, *counts(self.rules, start))
            self._missing = MISSING.get(family)
            self._counts_down = family in ENDLESS
            planes = self._scale.planes + (self._missing.planes if self._missing else 0)
        planes += self._counts_down + (1 if self._shows_free_cells() else 2)
        self._obs_shape = planes, *shape[1:]
        num_actions = self.rules.num_distinct_actions()
        if config.planes == 1:
            symmetries = claimed(family, shape[1:], num_actions)
        else:
            symmetries = self._proven_symmetries()
        self.spec = GameSpec(
            name=config.game,
            num_actions=num_actions,
            obs_shape=self._obs_shape,
            max_plies=self._max_plies,
            symmetric_cells=symmetries.cells,
            symmetric_actions=symmetries.actions,
        )

    @property
    def calls_decided_games_draws(self) -> bool:
        """Whether `max_plies` ends games early, as draws, that the rules decide before long.

        Go itself has a limit, by which the board is scored, so there it is that limit.
        """
        family = self.rules.get_type().short_name
        decided = family in COUNTED or family not in ENDLESS
        return decided and self._max_plies < longest_game(self.rules)

    def _proven_symmetries(self) -> Symmetries:
        key = self.config.game, self._max_plies
        if key not in _SYMMETRIES:  # which no thread minds to find twice
            board, num_actions = self._obs_shape[1:], self.rules.num_distinct_actions()
            _SYMMETRIES[key] = proven(self.start, self._shown, board, num_actions)
        return _SYMMETRIES[key]

    def _shown(self, position: Position) -> npt.NDArray[np.uint8]:
        """Returns `[C, H * W]`: what a position shows, at an end what it shows to player 0."""
        player = max(0, position.current_player())
        return self._seen_by([player], [position]).reshape(self._obs_shape[0], -1)

    def _shows_free_cells(self) -> bool:
        """Returns whether no cell is 0 in all planes, whoever is to move.

        A convolution would take the margin around a board for more of its free cells.
        """
        start = self.start()
        positions = [start, start.child(start.legal_actions()[0])]
        seen = self._raw([position.current_player() for position in positions], positions)
        return bool(seen.any(1).all())

    def start(self) -> Position:
        return self.rules.new_initial_state()

    def after(self, positions: Sequence[Position], actions: Sequence[int]) -> list[Position]:
        return [position.child(action) for position, action in zip(positions, actions, strict=True)]

    def status(self, positions: Sequence[Position]) -> Status:
        count = len(positions)
        over, value = np.zeros(count, np.bool_), np.zeros(count, np.float32)
        to_play, num_legal = np.zeros(count, np.int8), np.zeros(count, np.int32)
        legal: list[int] = []
        for i, position in enumerate(positions):
            if position.is_terminal():
                over[i] = True
                value[i] = np.sign(position.returns()[0])
            elif position.move_number() >= self._max_plies:
                over[i] = True
            else:
                actions = position.legal_actions()
                to_play[i] = position.current_player()
                num_legal[i] = len(actions)
                legal += actions
        return Status(over, value, to_play, np.array(legal, np.int32), num_legal)

    def observe(self, positions: Sequence[Position]) -> npt.NDArray[np.uint8]:
        """See `BoardGame.observe`; the last plane is white where player 1 is to move.

        Before it, games whose free cells are black in all planes have one that is white everywhere.
        """
        return self._seen_by([position.current_player() for position in positions], positions)

    def _seen_by(
        self, players: Sequence[int], positions: Sequence[Position]
    ) -> npt.NDArray[np.uint8]:
        """Returns `[B, C, H, W]`: each position as its player sees it when it is to move."""
        planes, height, width = self._obs_shape
        to_play = np.array(players, np.int64)
        seen = self._raw(players, positions)
        ordered = seen[np.arange(len(positions))[:, None], self._planes[to_play]]
        ordered = self._scale(ordered) if self._scale else np.rint(ordered * WHITE_PIXEL)
        at = ordered.shape[1]
        obs = np.empty((len(positions), planes, height * width), np.uint8)
        obs[:, :at] = ordered
        if self._missing is not None:
            missing = obs[:, at : at + self._missing.planes]
            missing[:] = 0
            self._missing.draw(positions, seen, missing)
            at += self._missing.planes
        if self._counts_down:
            obs[:, at] = nearness(positions, self._max_plies)[:, None]
            at += 1
        obs[:, at:-1] = WHITE_PIXEL
        obs[:, -1] = (to_play * WHITE_PIXEL)[:, None]
        return obs.reshape(-1, planes, height, width)

    def _raw(
        self, players: Sequence[int], positions: Sequence[Position]
    ) -> npt.NDArray[np.float32]:
        """Returns `[B, C, H * W]`: OpenSpiel's own planes."""
        planes, height, width = self._raw_shape
        seen = np.empty((len(positions), planes, height * width), np.float32)
        if self._observation is None:
            for i, position in enumerate(positions):
                seen[i] = hex_cells(position).reshape(planes, -1)
            return seen
        observation, tensor = self._observation, self._observation.tensor.reshape(seen.shape[1:])
        for i, (player, position) in enumerate(zip(players, positions, strict=True)):
            observation.set_from(position, player)
            seen[i] = tensor
        return seen

    def history(self, position: Position) -> list[int]:
        return list(position.history())

    def action_name(self, position: Position, action: int) -> str:
        return str(position.action_to_string(action))

    def text(self, position: Position) -> str:
        return str(position)


def _observation(rules: Any, name: str) -> Any:
    try:
        return make_observation(rules)
    except pyspiel.SpielError as error:  # twixt: all boards must be as large as the first
        said = " ".join(str(error).split())
        raise ValueError(
            f"OpenSpiel cannot show {name!r} where another size was shown before: {said}"
        ) from None


def _ended_by_rules(rules: Any, max_plies: int) -> Any:
    """Returns the game with a limit of its own, by which it is scored, where it can have one."""
    parameters = rules.get_parameters()
    if "max_game_length" not in parameters or max_plies >= rules.max_game_length():
        return rules
    family = rules.get_type().short_name
    return pyspiel.load_game(family, {**parameters, "max_game_length": max_plies})


def _image_shape(game: Any) -> tuple[int, int, int]:
    """Returns `(planes, height, width)` of OpenSpiel's observation, whatever its dimensions."""
    shape = list(game.observation_tensor_shape())
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 2 and isqrt(shape[1]) ** 2 == shape[1]:
        return shape[0], isqrt(shape[1]), isqrt(shape[1])
    return int(np.prod(shape)), 1, 1
