#!/usr/bin/env bash
# safetensors 0.8.0: files are readable by their owner only, whatever the umask.
#
# Expected: like any other file, one written under umask 022 has the mode 0644.
# Behaviour: save_file makes it with 0600, also where a file of mode 0644 was there before, which it
#   replaces. So checkpoints on a shared disk cannot be read by anybody else.
# Output seen:
#   new file: 0600
#   in place of one of 0644: 0600
# Exits 1 if that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$folder"
umask 022
"$folder/venv/bin/python" - <<'PYTHON' | tee output
import os
import stat

import numpy as np
from safetensors.numpy import save_file


def mode(path):
    return f"{stat.S_IMODE(os.stat(path).st_mode):04o}"


save_file({"a": np.zeros(3)}, "new.safetensors")
print("new file:", mode("new.safetensors"))
open("old.safetensors", "w").close()
assert mode("old.safetensors") == "0644"
save_file({"a": np.zeros(3)}, "old.safetensors")
print("in place of one of 0644:", mode("old.safetensors"))
PYTHON
diff output - <<'SEEN'
new file: 0600
in place of one of 0644: 0600
SEEN
