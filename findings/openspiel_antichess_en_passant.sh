#!/usr/bin/env bash
# open_spiel 2.0.2 and python-chess 1.11.2, antichess after 1. e4 Nh6 2. e5 d5.
# Guess: captures are a duty, so 3. exd6 in passing is the only legal move of both.
# Seen: python-chess allows exd6 alone; OpenSpiel allows it among all quiet moves, so a game that
# was played by OpenSpiel's rules may be no game of antichess for other readers of its PGN.
# Exits 1 if that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet open_spiel==2.0.2 chess==1.11.2
"$folder/venv/bin/python" - <<'PY'
import chess.variant
import pyspiel

state, board = pyspiel.load_game("antichess").new_initial_state(), chess.variant.AntichessBoard()
for move in ("e4", "Nh6", "e5", "d5"):
    state.apply_action({state.action_to_string(a): a for a in state.legal_actions()}[move])
    board.push_san(move)
ours = sorted(state.action_to_string(action) for action in state.legal_actions())
theirs = sorted(board.san(move) for move in board.legal_moves)
print(f"OpenSpiel: {len(ours)} moves, {ours}\npython-chess: {theirs}")
raise SystemExit(0 if theirs == ["exd6"] and "exd6" in ours and len(ours) > 1 else 1)
PY
