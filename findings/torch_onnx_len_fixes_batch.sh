#!/usr/bin/env bash
# torch.onnx.export with a dynamic batch: `len(x)` in a module makes a file for one size of batch.
#
# Versions: torch 2.13.0, onnx 1.23.2, onnxscript 0.7.2.
# Guess: dynamic_shapes with `torch.export.Dim` is kept or refused: torch.export.export says
#   "Constraints violated (batch)" to the same module and shapes.
# Behaviour: torch.onnx.export(dynamo=True) says nothing and writes the example's batch into the
#   file, so any other size is refused when it is run. `x.shape[0]` stays dynamic.
# Output seen: "ByShape: batch", "ByLen: 2", "torch.export: UserError".
# Exit status: 0 if it is still so, 1 if not.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "onnx==1.23.2" "onnxscript==0.7.2" "numpy==2.4.6"
cat > "$folder/export.py" << 'EOF'
import sys
import warnings

import torch

warnings.simplefilter("ignore")


class ByShape(torch.nn.Module):
    def forward(self, x):
        return x.reshape(x.shape[0], 4)


class ByLen(torch.nn.Module):
    def forward(self, x):
        return x.reshape(len(x), 4)


x, shapes, found = torch.zeros(2, 2, 2), ({0: torch.export.Dim("batch")},), []
for module in (ByShape(), ByLen()):
    program = torch.onnx.export(module, (x,), dynamo=True, dynamic_shapes=shapes, verbose=False)
    dim = program.model_proto.graph.input[0].type.tensor_type.shape.dim[0]
    found.append(dim.dim_param or dim.dim_value)
    print(f"{type(module).__name__}: {found[-1]}")
try:
    torch.export.export(ByLen(), (x,), dynamic_shapes=shapes)
    found.append("accepted")
except Exception as error:
    found.append(type(error).__name__)
print(f"torch.export: {found[-1]}")
sys.exit(found != ["batch", 2, "UserError"])
EOF
"$folder/venv/bin/python" "$folder/export.py" 2> "$folder/log" || { cat "$folder/log"; exit 1; }
