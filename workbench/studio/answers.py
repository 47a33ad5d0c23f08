"""Answers that any browser can read, whatever the files held."""

import json
import math
from typing import Any

from starlette.responses import JSONResponse


class Answer(JSONResponse):
    """JSON in ASCII alone: names from disk may hold what UTF-8 cannot carry."""

    def render(self, content: Any) -> bytes:
        """Returns the bytes; raises ValueError for NaN and infinities."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def finite(value: Any) -> Any:
    """Returns `value`, which JSON was read into, with null for numbers that JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [finite(part) for part in value]
    return value
