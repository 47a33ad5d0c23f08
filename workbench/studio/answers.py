"""Responses that any browser can read, and queues for slow ones."""

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Answer(JSONResponse):
    """A JSON response in ASCII: names from disk may hold characters that UTF-8 cannot encode."""

    def render(self, content: Any) -> bytes:
        """Returns the bytes; raises ValueError for NaN and infinities."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class WorkQueue:
    """Threads of their own for requests that take long, so that they hold up no others."""

    def __init__(self, at_a_time: int, max_waiting: int = 100) -> None:
        """Answers 503 while `max_waiting` requests wait."""
        self._limiter = CapacityLimiter(at_a_time)
        self._most = at_a_time + max_waiting
        self._asked = 0

    def __call__(
        self, answer: Callable[[Request], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Returns an endpoint that answers by these threads."""

        async def answer_in_turn(request: Request) -> Response:
            if self._asked >= self._most:
                raise HTTPException(503, "the studio is busy; try again in a moment")
            self._asked += 1
            try:
                return await to_thread.run_sync(answer, request, limiter=self._limiter)
            finally:
                self._asked -= 1

        return answer_in_turn


def finite(value: Any) -> Any:
    """Returns `value`, which JSON was read into, with null for numbers that JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [finite(part) for part in value]
    return value
