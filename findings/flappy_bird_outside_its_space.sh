#!/usr/bin/env bash
# flappy-bird-gymnasium 0.4.0: what it shows first is outside of its own observation space.
#
# Expected: a world that is on PyPI for Gymnasium passes Gymnasium's checker: its lidar is declared as
#   180 numbers in 0..1, so all that it shows lies in there.
# Behaviour: the space does not contain the very first observation; some numbers are a little above
#   1. Gymnasium's own make() only warns, so nobody notices until something relies on the bounds.
# Output seen:
#   contained: False
#   above 1: True, below 1.1: True
# Exits 1 if that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check flappy-bird-gymnasium==0.4.0 gymnasium==1.4.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - 2>/dev/null <<'PYTHON' | grep -v -i pygame | tee output
import flappy_bird_gymnasium
import gymnasium

env = gymnasium.make("FlappyBird-v0", disable_env_checker=True)
seen, largest = True, 0.0
for seed in range(5):
    observation, _ = env.reset(seed=seed)
    seen &= env.observation_space.contains(observation)
    largest = max(largest, observation.max())
print("contained:", seen)
print(f"above 1: {largest > 1}, below 1.1: {largest < 1.1}")
PYTHON
diff output - <<'SEEN'
contained: False
above 1: True, below 1.1: True
SEEN
