#!/usr/bin/env bash
# stable-baselines3 2.9.2: SAC writes into the dict of policy_kwargs that it is given.
#
# Expected: policy_kwargs are read, so one dict can be handed to several algorithms, as in a table of
#   settings that a comparison loops over.
# Behaviour: SAC adds use_sde to the caller's own dict. TD3, given the same dict afterwards, raises
#   "unexpected keyword argument"; given it before SAC, it works. So the order decides.
# Output seen:
#   TD3 first: fine
#   after SAC: ['net_arch', 'use_sde']
#   TD3 after SAC: TypeError
# Exits 1 if that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 stable-baselines3==2.9.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON' | tee output
from stable_baselines3 import SAC, TD3

shared = {"net_arch": [8]}
TD3("MlpPolicy", "Pendulum-v1", policy_kwargs=shared)
print("TD3 first: fine")
SAC("MlpPolicy", "Pendulum-v1", policy_kwargs=shared)
print("after SAC:", sorted(shared))
try:
    TD3("MlpPolicy", "Pendulum-v1", policy_kwargs=shared)
    print("TD3 after SAC: fine")
except TypeError:
    print("TD3 after SAC: TypeError")
PYTHON
diff output - <<'SEEN'
TD3 first: fine
after SAC: ['net_arch', 'use_sde']
TD3 after SAC: TypeError
SEEN
