#!/usr/bin/env bash
# python-chess cannot start GNU Chess as an XBoard engine.
#
# Versions: chess 1.11.2 (PyPI), gnuchess 6.2.7 (Debian 12).
# Guess: `chess.engine.SimpleEngine.popen_xboard(["gnuchess", "--xboard"])` returns an engine.
# Behaviour: GNU Chess reads one line each time that its input becomes ready, so that it announces
#   its features only after more lines have come than `xboard` and `protover 2`. python-chess waits
#   2 seconds for them and gives up:
#     EngineError: xboard engine did not declare required feature: ping
# Exit status: 0 if it is still so, 1 if not, 77 if gnuchess is not installed.
set -euo pipefail
PATH="$PATH:/usr/games"
command -v gnuchess > /dev/null || { echo "install the Debian package gnuchess"; exit 77; }
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet chess==1.11.2
timeout 60 "$folder/venv/bin/python" - << 'PYTHON'
import sys

import chess.engine

try:
    engine = chess.engine.SimpleEngine.popen_xboard(["gnuchess", "--xboard"], timeout=20)
except chess.engine.EngineError as error:
    print(f"EngineError: {error}")
    sys.exit(0 if "did not declare required feature: ping" in str(error) else 1)
print("it starts")
engine.close()
sys.exit(1)
PYTHON
