"""What `ludus tournament` says while it plays: what is known, and not more."""

import pytest

from workbench.tournament import command
from workbench.tournament.command import CountLine


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [0.0]
    monkeypatch.setattr(command.time, "monotonic", lambda: now[0])
    return now


def test_progress_says_how_long_the_rest_takes(clock, capsys):
    progress = CountLine()
    progress(10, 130)
    for second in range(1, 121):
        clock[0] = second
        progress(10 + second, 130)
    progress(130, 130)  # as it does when all has ended
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "10 of 130 games were played before"
    assert lines[1] == "games 15 of 130"
    assert lines[4] == "games 30 of 130  1.0/s  2 min left"
    assert lines[-1] == "games 130 of 130  1.0/s  0 s left"
    assert len(lines) == 1 + 120 // 5


def test_progress_says_no_more_than_is_known_where_there_may_be_fewer(clock, capsys):
    """Games of a round are not all there are, and so no round ends with 0 s left."""
    progress = CountLine(open_ended=True)
    progress(32, 1_000)
    for played in range(33, 65):
        clock[0] += 2
        progress(played, 1_000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "32 of at most 1,000 games were played before"
    assert lines[1] == "games 35 of at most 1,000"
    assert lines[-1] == "games 62 of at most 1,000  0.5/s"
    progress(64, 64)
    assert capsys.readouterr().err == "games 64 of 64  0.5/s\n"
    again = CountLine(open_ended=True)
    again(64, 64)
    assert capsys.readouterr().err == "64 of 64 games were played before\n"


def test_a_line_of_a_terminal_ends_when_all_has_ended(clock, capsys, monkeypatch):
    monkeypatch.setattr(command.sys.stderr, "isatty", lambda: True)
    progress = CountLine(open_ended=True)
    progress(0, 1_000)
    clock[0] = 4
    progress(32, 1_000)
    assert capsys.readouterr().err == "\rgames 32 of at most 1,000  8.0/s\033[K"
    clock[0] = 4.1
    progress(32, 32)
    assert capsys.readouterr().err == "\rgames 32 of 32  7.8/s\033[K\n"
