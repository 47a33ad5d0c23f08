#!/usr/bin/env bash
# Gymnasium 1.4.0: a Text space without a charset contains no sentence.
#
# Expected: Text(max_length=40) contains any text of up to 40 characters, "open the red chest" too.
# Behaviour: the default charset is letters and digits only. A text with a blank is outside of the
#   space, so check_env fails for a world whose missions are sentences, and no sample has one.
# Output seen:
#   a word: True
#   a sentence: False
#   with a charset: True
# Exits 1 if that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON' | tee output
import string

from gymnasium.spaces import Text

print("a word:", Text(40).contains("chest"))
print("a sentence:", Text(40).contains("open the red chest"))
print("with a charset:", Text(40, charset=string.printable).contains("open the red chest"))
PYTHON
diff output - <<'SEEN'
a word: True
a sentence: False
with a charset: True
SEEN
