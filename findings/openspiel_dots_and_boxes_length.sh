#!/usr/bin/env bash
# open_spiel 2.0.2, dots_and_boxes on a board with more rows than columns.
#
# Guess:     max_game_length() is the number of lines, of which each move draws one, so no game is longer.
# Behaviour: it is 2 * columns * (rows + 1), right for squares only; on a tall board games are longer than they are
#            said to be at most. Whoever ends games there, ends them before the last boxes are closed.
# Seen:      rows 2, columns 1: said 6, played 7
#            rows 5, columns 2: said 24, played 27
#            rows 2, columns 2: said 12, played 12
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check open_spiel==2.0.2
"$folder/venv/bin/python" - <<'PYTHON'
import random
import sys

import pyspiel

random.seed(0)
seen = {}
for rows, columns in ((2, 1), (5, 2), (2, 2)):
    game = pyspiel.load_game(f"dots_and_boxes(num_rows={rows},num_cols={columns})")
    state = game.new_initial_state()
    while not state.is_terminal():
        state.apply_action(random.choice(state.legal_actions()))
    seen[rows, columns] = game.max_game_length(), state.move_number()
    print(f"rows {rows}, columns {columns}: said {seen[rows, columns][0]}, played {seen[rows, columns][1]}")
expected = {(2, 1): (6, 7), (5, 2): (24, 27), (2, 2): (12, 12)}
sys.exit("it has changed" if seen != expected else 0)
PYTHON
