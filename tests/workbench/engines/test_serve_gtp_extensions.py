"""What go programs ask of an engine beyond plain moves: handicap, clocks, files, analysis."""

import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from sgfmill import boards, sgf

from envs.board import loading
from envs.board.cells import STONES
from tests.workbench.engines.engines import needs_gnugo
from tests.workbench.engines.serving import Session, gtp_server, make_player
from workbench.engines.go_game import GoGame, area, chains, fixed_handicap, square_of, vertex_of
from workbench.engines.go_sgf import load_sgf
from workbench.engines.gtp_clock import Clock, canadian, kgs_clock
from workbench.engines.gtp_words import Refused
from workbench.engines.timed_search import most_simulations
from workbench.evaluation.load import BoardAgent, load_served

SIZE = 9
OK = "= \n\n"


@pytest.fixture(scope="module")
def player(directory: Path) -> BoardAgent:
    return make_player(directory, "go9", f"go(board_size={SIZE},komi=6.5)")


@pytest.fixture
def gtp(player: BoardAgent) -> Iterator[Session]:
    session = Session(lambda lines, say, note: gtp_server(player, "go9@7", lines, say, note))
    yield session
    session.close()


def stones(session: Session) -> dict[str, str]:
    """Returns what stands where, e.g. {'C3': 'x'}."""
    return {
        vertex_of((row, column), SIZE): cell
        for row, line in enumerate(session.engine._go.board)
        for column, cell in enumerate(line)
        if cell
    }


def ask_gnugo(commands: list[str], *options: str) -> list[str]:
    """Returns GNU Go's answers, without their ends."""
    engine = shutil.which("gnugo", path="/usr/games:/usr/bin:/usr/local/bin")
    done = subprocess.run(
        [str(engine), "--mode", "gtp", *options],
        input="\n".join([*commands, "quit\n"]),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [answer.rstrip() for answer in done.stdout.split("\n\n")][: len(commands)]


@pytest.mark.parametrize("planes", [1, 2])
def test_a_komi_that_nobody_has_played_with_is_not_tried_first(monkeypatch, planes):
    tried = []
    monkeypatch.setattr(loading, "verdict", tried.append)
    game = GoGame(5, 3.25 + planes, planes)
    game.set_komi(4.25 + planes)
    assert tried == []
    assert game.rules.rules.get_parameters()["komi"] == 4.25 + planes


@needs_gnugo
def test_fixed_handicaps_are_those_of_gnugo():
    asked = [(size, count) for size in (5, 6, 7, 8, 9, 11, 12, 13, 19) for count in range(11)]
    commands = [
        line
        for size, count in asked
        for line in (f"boardsize {size}", "clear_board", f"fixed_handicap {count}")
    ]
    for (size, count), answer in zip(asked, ask_gnugo(commands)[2::3], strict=True):
        ours = {vertex_of(stone, size) for stone in fixed_handicap(size, count)}
        assert ours == (set(answer[1:].split()) if answer[0] == "=" else set()), (size, count)


@needs_gnugo
@pytest.mark.parametrize("count", [5, 9])  # fewer stones leave it in doubt
def test_a_handicap_counts_for_white_as_gnugo_has_it_by_chinese_rules(gtp, count):
    commands = [f"fixed_handicap {count}", "komi 0.5", "play w pass"]
    answer = ask_gnugo(["boardsize 9", *commands, "final_score"], "--chinese-rules")[-1]
    assert gtp(*commands, "final_score")[-1] == f"{answer}\n\n"


def test_handicap_stones_are_placed_before_anything_else(gtp):
    assert gtp("fixed_handicap 2") == ["= C3 G7\n\n"]
    assert stones(gtp) == {"C3": "x", "G7": "x"}
    assert gtp.notes == ["the handicap is 2; the network was trained with 0"]
    assert gtp.engine._go.to_play == 1
    assert gtp.engine._go.rules.status([gtp.engine._go.positions[-1]]).to_play[0] == 1
    for command in ("fixed_handicap 2", "place_free_handicap 2", "set_free_handicap A1 B1"):
        assert gtp(command) == ["? board not empty\n\n"]
    assert gtp("undo") == ["? cannot undo\n\n"]
    assert gtp("genmove w", "undo")[1] == OK
    assert gtp("komi 3", "play w d4", "play b d5", "undo")[1:] == [OK] * 3
    assert stones(gtp) == {"C3": "x", "G7": "x", "D4": "o"}
    assert gtp("clear_board", "set_free_handicap a1 B2 c3") == [OK, OK]
    assert stones(gtp) == {"A1": "x", "B2": "x", "C3": "x"}
    assert gtp("clear_board", "final_score") == [OK, "= W+3\n\n"]
    assert gtp("play b a1", "fixed_handicap 2")[1] == "? board not empty\n\n"


@pytest.mark.parametrize("count", [2, 4, 12, 80])
def test_free_handicaps_are_placed_by_the_network_where_none_are_fixed(gtp, count):
    (answer,) = gtp(f"place_free_handicap {count}")
    assert len(set(answer.split()[1:])) == count
    assert stones(gtp) == dict.fromkeys(answer.split()[1:], "x")
    assert gtp("genmove w")[0].startswith("= ")


def test_what_no_handicap_can_be_is_refused(gtp):
    for command, answer in {
        "fixed_handicap 1": "? invalid number of stones",
        "fixed_handicap 10": "? invalid number of stones: 9x9 has no fixed places for 10",
        "fixed_handicap": "? syntax error",
        "fixed_handicap two": "? syntax error",
        "fixed_handicap -2": "? syntax error",
        "place_free_handicap 0": "? invalid number of stones",
        "place_free_handicap 81": "? invalid number of stones",
        "set_free_handicap": "? bad vertex list",
        "set_free_handicap A1": "? bad vertex list",
        "set_free_handicap A1 A1": "? bad vertex list",
        "set_free_handicap A1 I2": "? bad vertex list",
        "set_free_handicap A1 K1": "? bad vertex list",
        "set_free_handicap A1 A10": "? bad vertex list",
        "set_free_handicap A1 pass": "? bad vertex list",
        "set_free_handicap A1 B\u0662": "? bad vertex list",
    }.items():
        assert gtp(command) == [f"{answer}\n\n"], command
    assert stones(gtp) == {}


def test_vertices_are_read_as_they_are_written():
    for size in (2, 9, 19, 25):
        for row in range(size):
            for column in range(size):
                vertex = vertex_of((row, column), size)
                assert square_of(vertex.lower(), size) == (row, column)
                assert "I" not in vertex
    assert vertex_of((8, 0), 9) == "A1"
    assert vertex_of((0, 8), 9) == "J9"


def test_every_command_that_is_listed_is_known_and_answers(gtp):
    arguments = {
        "boardsize": "9", "komi": "6.5", "play": "b d4", "genmove": "w", "reg_genmove": "b",
        "fixed_handicap": "2", "place_free_handicap": "2", "set_free_handicap": "A1 B2",
        "time_settings": "0 0 0", "kgs-time_settings": "none", "time_left": "b 9 0",
        "final_status_list": "alive", "lz-genmove_analyze": "b 10", "known_command": "play",
    }  # fmt: skip
    listed = gtp("list_commands")[0][2:].split()
    for name in set(listed) - {"quit", "loadsgf", "lz-analyze"}:
        gtp("clear_board", *(["play b e5"] if name == "undo" else []))
        assert gtp(f"known_command {name}") == ["= true\n\n"]
        assert gtp(f"4 {name} {arguments.get(name, '')}")[0].startswith("=4"), name
        assert not gtp("# nothing more")
    assert set(listed) >= {"reg_genmove", "loadsgf", "lz-analyze", "quit"}
    assert gtp("known_command", "known_command kata-analyze") == ["= false\n\n"] * 2


def test_reg_genmove_plays_nothing(gtp):
    gtp("play b e5")
    answer = gtp("reg_genmove w")[0]
    assert stones(gtp) == {"E5": "x"}
    assert gtp("genmove w")[0] == answer
    assert gtp("reg_genmove") == ["? syntax error\n\n"]


def test_what_stands_on_the_board_is_alive_as_the_score_has_it(gtp):
    gtp("play b A1", "play b A2", "play b C3", "play w D3", "play w D4", "play w B9")
    alive = gtp("final_status_list alive")[0]
    listed = [set(line.split()) for line in alive[2:].strip().split("\n")]
    assert sorted(map(sorted, listed)) == [["A1", "A2"], ["B9"], ["C3"], ["D3", "D4"]]
    assert gtp("final_status_list dead", "final_status_list SEKI") == [OK, OK]
    for wrong in ("", "zombie"):
        assert gtp(f"final_status_list {wrong}") == ["? syntax error\n\n"]
    assert gtp("clear_board", "final_status_list alive") == [OK, OK]


def test_chains_and_area_are_those_of_sgfmill():
    rng = random.Random(0)
    for _ in range(40):
        board = boards.Board(7)
        for _ in range(60):
            y, x = rng.randrange(7), rng.randrange(7)
            if board.get(y, x) is None:
                board.play(y, x, rng.choice("bw"))
        kinds = {"b": STONES[0], "w": STONES[1], None: ""}
        ours = [[kinds[board.get(y, x)] for x in range(7)] for y in range(7)]
        assert area(ours) == board.area_score()
        found = chains(ours)
        assert sum(map(len, found)) == len(board.list_occupied_points())
        for chain in found:  # removing one takes no more stones than itself off
            assert len({ours[y][x] for y, x in chain}) == 1


@pytest.mark.parametrize(
    ("words", "budgets"),
    [
        ("300 0 0", [15, 14.25]),
        ("0 30 5", [5.4, 5.4 * (24.6 / 4) / 6]),
        ("300 60 1", [54, 54]),
        ("2 30 5", [5.4, 0.9 * (30 - 3.4) / 4]),
        ("0.5 10 1", [9, 9]),
    ],
)
def test_a_clock_runs_down_by_what_is_used(words, budgets):
    """Main time by a twentieth of what is left; overtime shared among its stones."""
    clock = canadian(words.split())
    assert clock is not None
    for budget in budgets:
        assert clock.budget() == pytest.approx(budget)
        clock.spend(clock.budget())


def test_overtime_starts_again_when_its_stones_are_played():
    clock = Clock(0, 30, 3)
    for budget in (9, 9.45, 0.9 * (30 - 18.45), 9):
        assert clock.budget() == pytest.approx(budget)
        clock.spend(clock.budget() if budget != 0.9 * (30 - 18.45) else 1)
    absolute = Clock(3)
    absolute.spend(5)
    assert absolute.budget() == 0


def test_kgs_has_four_time_systems():
    assert kgs_clock(["none"]) is None
    assert kgs_clock(["absolute", "600"]) == Clock(600)
    assert kgs_clock(["byoyomi", "600", "30.5", "5"]) == Clock(600, 30.5)
    assert kgs_clock(["byoyomi", "600", "30", "0"]) == Clock(600)
    assert kgs_clock(["canadian", "0", "60", "20"]) == Clock(0, 60, 20)
    for wrong in ("", "blitz 1", "absolute", "absolute x", "byoyomi 1 2", "canadian 1 2 -3"):
        with pytest.raises(Refused, match="syntax error"):
            kgs_clock(wrong.split())


def test_what_is_left_is_believed():
    byoyomi = Clock(0, 30)
    byoyomi.tell(20, 4)  # four periods, the first of which has 20 seconds left
    assert byoyomi.budget() == 18
    overtime = Clock(100, 60, 10)
    overtime.tell(40, 8)
    assert overtime.budget() == pytest.approx(4.5)
    overtime.tell(80, 0)
    assert overtime.budget() == pytest.approx(5.4)


def test_a_clock_is_used_not_only_obeyed(gtp, player):
    """With time it searches as much as that allows, more than in training; ?simulations limits."""
    searches: list[int] = []
    original = gtp.engine._evaluate
    gtp.engine._evaluate = lambda obs: (searches.append(1), original(obs))[1]
    gtp("genmove b")
    without = len(searches)
    assert without <= player.config.agent.simulations + 1
    gtp("kgs-time_settings byoyomi 0 30 5", "time_left w 1 5")
    searches.clear()
    began = time.monotonic()
    gtp("genmove w")
    assert time.monotonic() - began >= 0.89
    assert len(searches) > without
    gtp("kgs-time_settings none")
    searches.clear()
    gtp("genmove b")
    assert len(searches) <= without
    limited = Session(lambda lines, say, note: gtp_server(player, "", lines, say, note, 4))
    with closing(limited):
        limited.engine._evaluate = gtp.engine._evaluate
        for settings in ("time_settings 0 0 0", "time_settings 600 0 0"):
            searches.clear()
            limited(settings, "genmove b", "undo")
            assert len(searches) <= 5


def test_simulations_can_be_asked_for_with_the_player(directory, player):
    name = str(directory / "runs/go9?simulations=12")
    assert load_served("go", "GTP", name)[1:] == ("go9@7", 12)


def test_the_tree_fits_in_memory(player):
    position = player.game.start()
    assert most_simulations(position, 1) == 2**20 // 9_500
    assert most_simulations(position, 512) == 512 * 2**20 // 9_500


GAME = "(;GM[1]FF[4]SZ[9]KM[5.5];B[ee];W[cc](;B[gg];W[];B[ac])(;B[aa]))"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_file_is_played_along_its_first_variation(gtp, tmp_path):
    file = write(tmp_path / "a game.sgf", GAME)
    assert gtp(f"loadsgf {file}") == [OK]
    assert stones(gtp) == {"E5": "x", "C7": "o", "G3": "x", "A7": "x"}
    assert gtp.engine._go.komi == 5.5
    assert gtp.notes == ["komi is 5.5; the network was trained with 6.5"]
    assert gtp(*["undo"] * 6)[4:] == [OK, "? cannot undo\n\n"]
    for number, left in ((1, {}), (0, {}), (3, {"E5": "x", "C7": "o"}), (99, None)):
        assert gtp(f"loadsgf {file} {number}") == [OK]
        assert left is None or stones(gtp) == left
    assert gtp.engine._go.to_play == 1


def test_setup_stones_and_handicaps_of_files(gtp, tmp_path):
    handicap = write(tmp_path / "h.sgf", "(;SZ[9]HA[2]KM[0.5]AB[cg][gc];W[ee])")
    assert gtp(f"loadsgf {handicap}", "final_score")[1] == "= W+1.5\n\n"  # as GNU Go has it
    assert gtp("genmove b", "undo", "undo", "undo")[1:] == [OK, OK, "? cannot undo\n\n"]
    problem = "(;SZ[9]AB[aa][ab]AW[ba]PL[W];W[bb];AE[aa]AW[ii];B[ac])"
    gtp(f"loadsgf {write(tmp_path / 'p.sgf', problem)}")
    assert stones(gtp) == {"A8": "x", "B9": "o", "B8": "o", "J1": "o", "A7": "x"}
    only = write(tmp_path / "o.sgf", "(;SZ[9]AB[aa]PL[W])")
    gtp(f"loadsgf {only}")
    assert gtp.engine._go.to_play == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(;SZ[19];B[dd])", "its board has size 19, this network knows 9 only"),
        ("(;GM[2]SZ[9])", "its game is number 2, not 1, go"),
        ("(;SZ[9];B[ee];W[ee])", "move 2, E5, is illegal"),
        ("(;SZ[9];B[zz])", None),
        ("(;SZ[9]AB[aa]AW[ab][ba])", "stones without a liberty are put on the board"),
        ("(;SZ[nine])", None),
        ("(;SZ[9]KM[much])", None),
        ("hello", None),
        ("", None),
    ],
)
def test_files_that_cannot_be_played_change_nothing(gtp, tmp_path, text, reason):
    gtp("play b c3")
    (answer,) = gtp(f"7 loadsgf {write(tmp_path / 'x.sgf', text)}")
    assert answer.startswith("?7 cannot load file: ")
    assert reason is None or answer == f"?7 cannot load file: {reason}\n\n"
    assert answer.count("\n") == 2
    assert stones(gtp) == {"C3": "x"}


def test_files_that_are_not_there(gtp, tmp_path):
    for name in (tmp_path / "none.sgf", tmp_path, "\x00" * 3 + "x"):
        assert gtp(f"loadsgf {name}")[0].startswith("? cannot load file: "), name
    assert gtp("loadsgf") == ["? syntax error\n\n"]


def test_random_games_load_as_sgfmill_plays_them(tmp_path):
    for seed in range(20):
        rng, game = random.Random(seed), GoGame(SIZE, 6.5, 2)
        for ply in range(rng.randrange(80)):
            position = game.turn_of(ply % 2)
            game.make(ply % 2, position, rng.choice(game.rules.status([position]).legal.tolist()))
        record = sgf.Sgf_game(SIZE)
        for player, action in game.moves:
            point = divmod(action, SIZE) if action < SIZE**2 else None
            record.extend_main_sequence().set_move("bw"[player], point)
        file = tmp_path / f"{seed}.sgf"
        file.write_bytes(record.serialise())
        loaded = load_sgf(file, SIZE, 6.5, 2, None)
        assert loaded.board == game.board
        assert loaded.moves == game.moves


INFO = re.compile(
    r"info move (\S+) visits (\d+) winrate (\d+) prior (\d+) order (\d+) pv ((?:[A-Z]\w+ ?)+)"
)


def infos(text: str) -> list[tuple[str, ...]]:
    found = INFO.findall(text)
    assert " ".join("".join(part.split()) for part in text.split()) == text.strip()
    assert text.count("info move") == len(found)
    return found


def check(line: str) -> list[tuple[str, ...]]:
    """Moves are sorted as one would play them, and shares are shares."""
    found = infos(line)
    assert [int(order) for *_, order, _ in found] == list(range(len(found)))
    for move, visits, winrate, prior, _, pv in found:
        assert pv.split()[0] == move
        assert int(visits) >= 0
        assert 0 <= int(winrate) <= 10_000
        assert 0 <= int(prior) <= 10_000
    assert all(int(a[1]) >= int(b[1]) for a, b in pairwise(found[1:]))
    return found


def test_an_analysis_goes_on_until_any_line_comes(gtp):
    for stop in ("name\n", "\n"):
        gtp.script = [("info move", ""), ("info move", f"{stop}quit\n")]
        gtp.server._done = False
        said = gtp.run("3 lz-analyze b 1\n")
        assert said[0] == "=3\n"
        lines = [one for one in said if one.startswith("info")]
        assert len(lines) >= 2
        assert sum(int(found[1]) for found in check(lines[-1])) > 0
        end = said.index("\n")
        assert all(one.startswith("info") for one in said[1:end])
        assert said[end + 1 :] == (["= Ludus\n\n", OK] if stop != "\n" else [OK])
    assert stones(gtp) == {}


def test_an_analysis_waits_where_there_is_nothing_more_to_find_out(gtp, monkeypatch):
    monkeypatch.setattr(
        "workbench.engines.gtp_engine.most_simulations", lambda position, megabytes: 5
    )
    gtp.script = [("info move", "quit\n")]
    said = gtp.run("lz-analyze 10000\n")
    assert said[0] == "=\n"
    assert sum(int(found[1]) for found in check(said[1])) == 5
    assert said[2:] == ["\n", OK]


def test_an_analysis_looks_only_where_it_is_told_to(gtp):
    def analysed(words: str) -> set[str]:
        gtp.script = [("info move", "quit\n")]
        gtp.server._done = False
        said = gtp.run(f"lz-analyze {words}\n")
        return {found[0] for found in check(said[1])}

    assert analysed("b 20 allow b C3,D4 1") <= {"C3", "D4"}
    assert not analysed("20 avoid b C3,D4,PASS 1") & {"C3", "D4", "PASS"}
    assert len(analysed("w interval 20 maxmoves 2")) <= 2
    assert len(analysed("w 1 minmoves 30")) >= 30


@pytest.mark.parametrize(
    "words",
    [
        "green",
        "b fast",
        "b 10 20",
        "b -5",
        "allow b C3",
        "b allow w C3 1",
        "minmoves",
        "b allow b K10 1",
    ],
)
def test_analyses_that_cannot_be_are_refused_before_they_begin(gtp, words):
    (answer,) = gtp(f"9 lz-analyze {words}")
    assert answer.startswith("?9 ")
    assert answer.endswith("\n\n")


def test_a_move_with_its_analysis(gtp):
    gtp("play b e5")
    said = gtp("5 lz-genmove_analyze w 1")
    assert said[0] == "=5\n"
    found = check(said[-2])
    assert said[-1] == f"play {found[0][0]}\n\n"
    assert stones(gtp) == {"E5": "x"} | ({} if found[0][0] == "PASS" else {found[0][0]: "o"})
    assert gtp("lz-genmove_analyze green") == ["? syntax error\n\n"]


@pytest.mark.slow
@needs_gnugo
def test_gnugo_referees_a_handicap_game_of_it(gtp):
    """GNU Go plays White and must accept every move of ours; both see the same stones."""
    commands = ["boardsize 9", "komi 0.5", "fixed_handicap 3"]
    gtp(*commands)
    for _ in range(15):
        white = ask_gnugo([*commands, "genmove w"], "--level", "1", "--chinese-rules")[-1][2:]
        assert gtp(f"play w {white}") == [OK]
        black = gtp("genmove b")[0].split()[1]
        commands += [f"play w {white}", f"play b {black}"]
        answers = ask_gnugo([*commands, "list_stones black", "list_stones white"])
        assert answers[len(commands) - 1].startswith("="), black
        theirs = {v: c for c, one in zip("xo", answers[-2:], strict=True) for v in one[1:].split()}
        assert stones(gtp) == theirs
