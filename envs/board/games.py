"""The table of board games, one row per game, used by Python and the studio's pages.

It has no rules: OpenSpiel has those, and symmetries are proven (`envs.board.symmetry`). A game
without a row is played and learned as any other; its board is then shown as text.
"""

from typing import Any, Literal, NamedTuple

Pair = tuple[str, str]  # of player 0, of player 1
Columns = Literal["letters", "letters without i", "numbers", "numbers from the right"]
Rows = Literal["up", "down", "letters", "none"]  # numbers that grow that way, letters from the top
Moves = Literal["own", "square", "column", "last word"]
Cells = Literal["squares", "points", "holes", "hexagons"]
Pieces = Literal["stones", "marks", "chessmen", "shogi"]

PLY_LIMIT = "ply limit of the rules"

# All colours of boards and pieces.
PALETTE = {
    "red": "#d04a41",
    "yellow": "#f6c927",
    "blue": "#3d78e0",
    "black": "#2a2d34",
    "white": "#f7f5ee",
    "wood": "#dcb479",
    "felt": "#2f7d5a",
    "plastic": "#2257b4",
    "paper": "#dfe3ea",
    "light": "#eed9b7",  # squares of a chequered board
    "dark": "#b58863",
    "ink": "#5b4327",  # lines on wood
    "last": "#d6c92e",  # where the last move happened
    "promoted-on-black": "#ff9e8f",  # letters of shogi
    "promoted-on-white": "#b3261e",
}
STARS = {9: (2, 4, 6), 13: (3, 6, 9), 19: (3, 9, 15)}  # rows and columns, by the board's size


class GameFacts(NamedTuple):
    """What is known of a game beside its rules.

    Attributes:
        sides: what the players are called.
        colours: of the players' pieces, in `PALETTE`.
        columns: how they are called, from the left.
        rows: how they are called.
        moves: how they are called: as OpenSpiel does, by the square or the column where they
            happen, or by the last word of OpenSpiel's name in small letters.
        pieces: how they are drawn; chessmen and pieces of shogi are printed as FEN and SFEN.
        printed: the characters that OpenSpiel prints for a stone of player 0 and of player 1.
        cells: what they look like; stones on points lie where lines cross.
        ground: the colour of all cells, in `PALETTE`, or `plain`; None: the board is chequered.
        stars: whether points are marked by `STARS`.
        hands: whether players hold pieces beside the board.
        below: who plays from below as the board is printed; None: no side is that of a player.
        marks_legal: whether pages mark where a stone may be placed, since few empty cells allow it.
        in_a_row: how many win, or the parameter that says so.
        won: what ends a game that is won, where that is always the same.
        drawn: the same of one that is drawn.
        sgf: FF[4]'s number of the game; None: it has none.
        sgf_points: whether its moves are points of SGF.
        solver: what solves it.
    """

    sides: Pair = ("Player 1", "Player 2")
    colours: Pair = ("yellow", "blue")
    columns: Columns = "letters"
    rows: Rows = "up"
    moves: Moves = "own"
    pieces: Pieces = "stones"
    printed: Pair | None = None
    cells: Cells = "squares"
    ground: str | None = None
    stars: bool = False
    hands: bool = False
    below: int | None = None
    marks_legal: bool = False
    in_a_row: int | str | None = None
    won: str | None = None
    drawn: str | None = None
    sgf: int | None = None
    sgf_points: bool = False
    solver: Literal["connect four", "exhaustive"] | None = None


_NOUGHTS = GameFacts(
    sides=("X", "O"),
    colours=("red", "blue"),
    rows="down",
    moves="square",
    pieces="marks",
    printed=("x", "o"),
    ground="plain",
    drawn="board full",
)
_BLACK_AND_WHITE = GameFacts(sides=("Black", "White"), colours=("black", "white"))
_CHESS = _BLACK_AND_WHITE._replace(pieces="chessmen", below=1)
_ON_WOOD = _BLACK_AND_WHITE._replace(cells="points", ground="wood")
_GO = _ON_WOOD._replace(columns="letters without i", printed=("X", "O"), stars=True)

GAMES = {
    "amazons": GameFacts(won="no moves left", sgf=18),
    "antichess": _CHESS,
    "breakthrough": _BLACK_AND_WHITE._replace(printed=("b", "w"), below=1),
    "checkers": GameFacts(drawn="40 moves without a capture"),
    "chess": _CHESS._replace(sgf=3),
    "chinese_checkers": GameFacts(won="home filled", drawn=PLY_LIMIT),
    # The side that begins is called white and printed o.
    "clobber": GameFacts(
        sides=("White", "Black"), colours=("white", "black"), printed=("o", "x"),
        won="no moves left",
    ),
    "connect_four": GameFacts(
        sides=("Red", "Yellow"), colours=("red", "yellow"), columns="numbers", rows="none",
        moves="column", printed=("x", "o"), cells="holes", ground="plastic",
        in_a_row="x_in_row", drawn="board full", solver="connect four",
    ),
    "crazyhouse": _CHESS._replace(hands=True),
    "cursor_go": _GO,
    "dots_and_boxes": GameFacts(won="all boxes taken", drawn="all boxes taken"),
    "go": _GO._replace(moves="last word", sgf=1, sgf_points=True),
    "gomoku": _ON_WOOD._replace(
        rows="down", moves="square", printed=("b", "w"), in_a_row="connect", drawn="board full",
        sgf=4, sgf_points=True,
    ),
    "havannah": GameFacts(won="ring, bridge or fork", drawn="board full"),
    # OpenSpiel can print which edges a stone is connected to.
    "hex": GameFacts(
        sides=("Red", "Blue"), colours=("red", "blue"), rows="down", printed=("xyzX", "opqO"),
        cells="hexagons", ground="paper", won="connected", sgf=11,
    ),
    "hive": GameFacts(won="queen surrounded", sgf=27),
    "lines_of_action": _BLACK_AND_WHITE._replace(printed=("x", "o"), sgf=9),
    "mancala": GameFacts(won="one side empty", drawn="one side empty"),
    "mnk": _NOUGHTS._replace(in_a_row="k"),
    "nim": GameFacts(won="no objects left"),
    "nine_mens_morris": GameFacts(sgf=5),
    "othello": _BLACK_AND_WHITE._replace(
        rows="down", printed=("x", "o"), ground="felt", marks_legal=True, sgf=2, sgf_points=True
    ),
    "pentago": GameFacts(won="five in a row"),
    "quoridor": GameFacts(won="goal reached", drawn=PLY_LIMIT),
    "shogi": _BLACK_AND_WHITE._replace(
        columns="numbers from the right", rows="letters", pieces="shogi", ground="wood",
        hands=True, below=0, sgf=8,
    ),
    "tic_tac_toe": _NOUGHTS._replace(in_a_row=3, solver="exhaustive"),
    "twixt": GameFacts(won="connected", drawn="no moves left", sgf=21),
    "ultimate_tic_tac_toe": GameFacts(won="three in a row", drawn="board full"),
    "xiangqi": GameFacts(sgf=7),
    "y": GameFacts(won="connected"),
}  # fmt: skip
OTHER = GameFacts()


def facts_of(family: str) -> GameFacts:
    """Returns what is known of a game; `family` is OpenSpiel's name without parameters."""
    return GAMES.get(family, OTHER)


def rgb(colour: str) -> tuple[int, int, int]:
    """Returns red, green and blue, 0 to 255, of a colour of `PALETTE`."""
    red, green, blue = bytes.fromhex(PALETTE[colour][1:])
    return red, green, blue


def contrast(colour: str) -> str:
    """Returns `black` or `white`: which of them is seen on a colour of `PALETTE`."""
    red, green, blue = rgb(colour)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else "white"


def as_json() -> dict[str, Any]:
    """Returns the table as the pages get it: `games` by family, `other`, `palette`, `stars`."""

    def told(facts: GameFacts) -> dict[str, Any]:
        return facts._asdict() | {"on": [contrast(colour) for colour in facts.colours]}

    games = {family: told(facts) for family, facts in GAMES.items()}
    return {"games": games, "other": told(OTHER), "palette": PALETTE, "stars": STARS}
