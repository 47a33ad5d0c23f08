"""Declared wins: cshogi 1.1.0 (`Board.is_nyugyoku`) says the same of all positions below."""

import pyspiel
import pytest

from envs.board.shogi_declaration import check_declaration

WINS = [
    (
        "4+N1+P1+P/2+P+P2+L+PK/+P3+P+P+L+S1/8+p/k8/9/9/4+p4/9 b R2GS2N2L4Pr2b2g2sn4p 1",
        "king and 12 other pieces in the camp, 28 points",
    ),
    (
        "9/9/9/1K2+L4/+P8/9/2+p+n1g+l2/g2+s3k1/1+p+l+p3+p+s w 2RBG2S7Pbg3nl6p 1",
        "king and 11 other pieces in the camp, 27 points",
    ),
]
NO_WINS = [
    (
        "3+P+L1+N1+P/+N2+L+P+S2K/+P+P7/9/4k4/2+p6/9/6+s1+p/9 b RB2GSN3Prb2gsn2l8p 1",
        "it has 27 points, not 28",
    ),
    (
        "9/9/9/9/9/7K1/+p1g6/+rg+p1+l1+p+p+p/1k2+n2+p1 w R2BG4SN7Pg2n3l5p 1",
        "it has 26 points, not 27",
    ),
    (
        "+R1G1K1+P2/2+N2+P+P2/1+S+P5G/1+p1+r2k+s1/9/9/3+p5/9/9 b BG3L7Pbg2s3nl5p 1",
        "9 other pieces are in the camp, not 10",
    ),
    (
        "9/9/4+P4/9/6K2/9/4+l+p3/1g2g+s1+p1/1+b+s1k3+p w RBGSN2L7Prgs3nl7p 1",
        "9 other pieces are in the camp, not 10",
    ),
    (
        "+P+R2+L1+B+P1/5G2+P/2+P+P2+S1+P/9/+p8/1k5K1/9/4+p4/9 b RBG3SNLP2g3n2l9p 1",
        "its king is not in the camp",
    ),
    (
        "+P4K3/9/9/9/9/4+L1k2/1+p+r4+l1/1+b2+p2g1/2+s1+p3g w S7Prb2g2s4n2l7p 1",
        "its king is not in the camp",
    ),
    (
        "+NG2+N+P+P1+P/+L2+P4+L/2K1G+P2+N/5+s3/g8/5+p2k/9/2+r4+p1/9 b R2B3SNL4Pgl7p 1",
        "its king is in check",
    ),
]


@pytest.mark.parametrize(
    ("sfen", "allowed", "why"),
    [(sfen, True, why) for sfen, why in WINS] + [(sfen, False, why) for sfen, why in NO_WINS],
)
def test_a_win_may_be_declared_by_the_27_point_rule(sfen, allowed, why):
    position = pyspiel.load_game("shogi").new_initial_state(sfen)
    assert check_declaration(position) == (allowed, why)


def test_nothing_is_declared_at_the_start_or_in_other_games():
    shogi, chess = (pyspiel.load_game(name).new_initial_state() for name in ("shogi", "chess"))
    assert check_declaration(shogi) == (False, "its king is not in the camp")
    assert check_declaration(chess) == (False, "nothing can be declared in this game")
