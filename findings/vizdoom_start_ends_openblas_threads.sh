#!/usr/bin/env bash
# ViZDoom 1.3.2 beside NumPy 2.4.6: the start of a game ends OpenBLAS's threads.
#
# Expected: a game is a process of its own, so starting one leaves the threads of its parent alone,
#   as subprocess.run does.
# Behaviour: DoomGame.init() forks from a thread of its own and without Python's lock. OpenBLAS has a
#   handler that joins all its worker threads before each fork; the next matrix product starts them
#   again. So a start may not happen while another thread forks in the same way: two handlers at
#   once waited for ever (seen with glibc 2.36 and SciPy 1.17.1's OpenBLAS; not shown here). Start
#   games one after another. subprocess.run, which uses vfork, leaves the threads alone.
# Output seen, on 2 or more cores:
#   after a product: OpenBLAS has its thread
#   after subprocess.run: OpenBLAS has its thread
#   after DoomGame.init: OpenBLAS has no thread
#   after the next product: OpenBLAS has its thread
# Exits 1 if that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check vizdoom==1.3.2 numpy==2.4.6
cd "$folder"
OPENBLAS_NUM_THREADS=2 "$folder/venv/bin/python" - <<'PYTHON' | tee output
import os
import subprocess

before = set(os.listdir("/proc/self/task"))
import numpy as np

OPENBLAS = set(os.listdir("/proc/self/task")) - before
import vizdoom


def threads():
    return set(os.listdir("/proc/self/task"))


def report(when, alive):
    print(f"after {when}: OpenBLAS has", "its thread" if alive else "no thread")


matrix = np.ones((500, 500))
matrix @ matrix
report("a product", OPENBLAS & threads())
subprocess.run(["true"], check=True)
report("subprocess.run", OPENBLAS & threads())
game = vizdoom.DoomGame()
game.load_config(os.path.join(vizdoom.scenarios_path, "basic.cfg"))
game.set_window_visible(False)
game.init()
report("DoomGame.init", OPENBLAS & threads())
others = threads()
matrix @ matrix
report("the next product", threads() - others)
game.close()
PYTHON
diff output - <<'SEEN'
after a product: OpenBLAS has its thread
after subprocess.run: OpenBLAS has its thread
after DoomGame.init: OpenBLAS has no thread
after the next product: OpenBLAS has its thread
SEEN
