#!/usr/bin/env bash
# open_spiel 2.0.2 and sgfmill 1.1.1, a game of go with two handicap stones as FF[4] has it:
# `HA[2]AB[dd][pp]`, where HA is a number for people and AB puts the stones on the board.
# Guess: pyspiel.go.load_games_from_sgf_string reads it as sgfmill does, two black stones, White to move.
# Seen: OpenSpiel places HA's stones itself, then AB's again, and raises SpielError: the cell is
# already filled; with HA alone it plays on, and other readers have no stones then.
# Exits 1 if that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet open_spiel==2.0.2 sgfmill==1.1.1
"$folder/venv/bin/python" - <<'PY'
import pyspiel
from sgfmill import sgf, sgf_moves


def openspiel(text):
    try:
        return f"{len(pyspiel.go.load_games_from_sgf_string(text))} game"
    except pyspiel.SpielError as error:
        return f"SpielError: {error}"


def sgfmill(text):
    board, moves = sgf_moves.get_setup_and_moves(sgf.Sgf_game.from_string(text))
    return f"{len(list(board.list_occupied_points()))} stones, {len(moves)} move"


standard = "(;FF[4]GM[1]SZ[19]KM[0.5]HA[2]AB[dd][pp];W[qd])"
alone = standard.replace("AB[dd][pp]", "")
seen = {name: [read(text) for text in (standard, alone)] for name, read in
        (("OpenSpiel", openspiel), ("sgfmill", sgfmill))}
print(seen)
same = "already filled" in seen["OpenSpiel"][0] and seen["OpenSpiel"][1] == "1 game"
raise SystemExit(0 if same and seen["sgfmill"] == ["2 stones, 1 move", "0 stones, 1 move"] else 1)
PY
